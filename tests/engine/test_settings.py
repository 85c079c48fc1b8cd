"""Settings of each kind: what they may be, and how they are typed and stored."""

from __future__ import annotations

from dataclasses import fields

import pytest
from kinds_of_settings import Kinds

from ort_deepdream import DreamError, Settings
from ort_deepdream.engine.settings import chosen, off_by_default, option_words

NOTEBOOK = ["iterations", "octaves", "octave_scale", "step", "jitter", "seed"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"fade": 1.5}, "fade must be 0 to 1, not 1.5"),
        ({"keep_it": "yes"}, "keep-it must be True or False, not 'yes'"),
        ({"keep_it": 1}, "keep-it must be True or False, not 1"),
        ({"colour_space": "oklub"}, "colour-space cannot be 'oklub': did you mean oklab?"),
        ({"colour_space": "x"}, "colour-space cannot be 'x': choose luma or oklab"),
        ({"rounds": (5, 0)}, "rounds must be 1 or more, not 0"),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_one_line(given, said):
    with pytest.raises(DreamError) as caught:
        Kinds(**given)
    assert str(caught.value) == said


def test_what_is_off_is_neither_typed_nor_stored():
    off = Kinds(seed=3)
    assert list(chosen(off)) == [*NOTEBOOK, "whole"]
    assert option_words(off)[-2:] == ["--seed=3", "--whole"]
    assert [one.name for one in fields(Kinds) if not off_by_default(one)] == [*NOTEBOOK, "whole"]


def test_what_is_on_is_typed_and_stored():
    on = Kinds(
        seed=3, fade=0.5, keep_it=True, whole=False, colour_space="luma", rounds=(5, 10), octaves=1
    )
    assert option_words(on)[5:] == [
        "--seed=3",
        "--fade=0.5",
        "--keep-it",
        "--no-whole",
        "--colour-space=luma",
        "--rounds=5,10",
    ]
    assert chosen(on)["rounds"] == (5, 10)


def test_json_has_no_tuples():
    assert Kinds(rounds=[5, 10], seed=1) == Kinds(rounds=(5, 10), seed=1)


@pytest.mark.parametrize(
    ("given", "octaves", "expected"),
    [
        ((), 3, [10, 10, 10]),
        ((7,), 2, [7, 7]),
        ((5, 10, 20), 3, [5, 10, 20]),
        ((5, 10, 20), 5, [5, 5, 5, 10, 20]),
        ((5, 10, 20), 2, [10, 20]),
        ((5, 10, 20), 1, [20]),
    ],
)
def test_the_last_of_the_iterations_is_for_the_pictures_own_size(given, octaves, expected):
    assert Settings(octave_iterations=given).iterations_of(octaves) == expected
