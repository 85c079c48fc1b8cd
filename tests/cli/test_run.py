"""`dream run`: what it writes, says and stores."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ort_deepdream.cli.commands.photo
from ort_deepdream import Settings, read_metadata, read_picture


@pytest.fixture
def quick(dream, photo, model) -> Callable[..., object]:
    """`dream run` on the picture, two steps in each of two octaves, on the CPU."""
    settings = ["--iterations", 2, "--octaves", 2, "--backend", "cpu", "--threads", 1]

    def run(*words: object) -> object:
        outcome = dream("run", photo, "--model", model, *settings, *words)
        assert outcome.exit_code == 0, outcome.stderr
        return outcome

    return run


def beside(photo: Path) -> set[str]:
    return {path.name for path in photo.parent.iterdir()} - {photo.name}


def test_it_writes_beside_the_photo_and_says_so_in_one_line(quick, photo):
    outcome = quick()
    assert beside(photo) == {"photo-dream.png"}
    written = photo.with_name("photo-dream.png")
    assert re.fullmatch(
        rf"{re.escape(str(written))}: 64x48, inception_3a/output, cpu, seed \d+, [\d.]+ s\n",
        outcome.stdout,
    )
    assert outcome.stderr == ""  # no progress bar where there is no terminal
    assert np.abs(read_picture(written).rgb - read_picture(photo).rgb).mean() > 1


def test_it_says_how_many_nodes_were_left_to_the_cpu_where_they_may_be(quick):
    assert ", cpu (nodes left to the CPU: 0), seed " in quick("--allow-cpu-nodes").stdout


def test_the_optimised_graph_is_kept_for_the_next_dream(quick, cache, monkeypatch):
    quick()
    (folder,) = (cache / "optimised").iterdir()
    monkeypatch.setattr("ort_deepdream.engine.sessions.session._optimise", None)
    quick()
    assert list((cache / "optimised").iterdir()) == [folder]


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(quick, photo):
    for name, seed in (("a.png", 7), ("b.png", 7), ("c.png", 8)):
        quick("--seed", seed, "-o", photo.with_name(name))
    a, b, c = (photo.with_name(name).read_bytes() for name in ("a.png", "b.png", "c.png"))
    assert a == b
    assert a != c


def test_a_dream_without_a_seed_can_be_made_again_from_what_it_stores(
    quick, dream, photo, model, monkeypatch
):
    quick()
    first = photo.with_name("photo-dream.png")
    stored = read_metadata(first)
    photo.with_name(model.name).write_bytes(model.read_bytes())
    monkeypatch.chdir(photo.parent)
    program, *words = shlex.split(stored["deepdream.command"])
    assert program == "dream"
    assert dream(*words, "-o", "again.png").exit_code == 0
    assert (read_picture("again.png").rgb == read_picture(first).rgb).all()
    assert read_metadata("again.png") == stored


def test_everything_that_made_a_dream_is_stored_in_it(quick, photo):
    quick("--seed", 3, "--step", 2.5)
    stored = read_metadata(photo.with_name("photo-dream.png"))
    assert stored["Software"].startswith("ort-deepdream ")
    values = {key.removeprefix("deepdream."): value for key, value in stored.items()}
    for name, value in dataclasses.asdict(
        Settings(iterations=2, octaves=2, step=2.5, seed=3)
    ).items():
        if value:  # what is off made nothing
            assert values[name] == str(value)
    assert values["source"] == "photo.png"
    assert values["architecture"] == "bvlc"
    assert json.loads(values["layers"]) == ["inception_3a/output"]
    assert values["weights"] == "seeded:0"
    assert len(values["weights_sha256"]) == 64
    assert (values["backend"], values["threads"], values["target"]) == ("cpu", "1", "cpu")
    assert {"onnxruntime", "numpy"} <= values.keys()
    assert str(photo.parent) not in " ".join(stored.values())  # no folders of the maker's


def test_octaves_are_written_smallest_first(quick, photo):
    quick("--save-octaves", "-o", photo.with_name("out.webp"))
    assert beside(photo) == {"out.webp", "out-octave1.png", "out-octave2.png"}
    sizes = [read_picture(photo.with_name(f"out-octave{n}.png")).rgb.shape for n in (1, 2)]
    assert sizes == [(34, 46, 3), (48, 64, 3)]


def test_an_octave_never_replaces_the_photo(dream, photo, model):
    first = photo.rename(photo.with_name("out-octave1.png"))
    words = ["run", first, "--model", model, "--save-octaves", "-o", photo.with_name("out.png")]
    assert f"would replace {first}, which this command reads" in dream(*words).error


@pytest.mark.parametrize("name", ["out.jpg", "out.webp", "out.tif"])
def test_other_formats_store_the_settings_too(quick, photo, name):
    quick("--seed", 5, "-o", photo.with_name(name))
    assert read_metadata(photo.with_name(name))["deepdream.seed"] == "5"


def test_alpha_and_an_existing_dream_are_minded(quick, photo):
    with Image.open(photo) as picture:
        picture.putalpha(128)
        picture.save(photo)
    quick()
    quick("--step", 5)  # replaces the first
    assert set(np.unique(read_picture(photo.with_name("photo-dream.png")).alpha)) == {128}


def test_left_out_octaves_are_noted(quick, photo):
    with Image.open(photo) as picture:
        picture.resize((13, 12)).save(photo)
    outcome = quick("--octaves", 4)
    (line,) = outcome.stderr.splitlines()
    assert line.startswith("dream: note: 2 of 4 octaves left out: below 8 pixels")


def test_steps_without_a_gradient_are_noted(quick, monkeypatch):
    real = ort_deepdream.cli.commands.photo.dream

    def idle(*arguments, **options):
        return dataclasses.replace(real(*arguments, **options), idle_steps=3)

    monkeypatch.setattr(ort_deepdream.cli.commands.photo, "dream", idle)
    outcome = quick()
    assert outcome.stderr == "dream: note: 3 of 4 steps had no gradient and changed nothing\n"


@pytest.mark.parametrize(
    ("objective", "words"),
    [(0.5, "answers to this picture"), (math.nan, "is not finite on cpu in float32")],
)
def test_a_dream_of_nothing_is_refused(objective, words, dream, photo, model, monkeypatch):
    real = ort_deepdream.cli.commands.photo.dream

    def idle(*arguments, **options):
        made = real(*arguments, **options)
        objectives = tuple((objective,) * len(values) for values in made.objectives)
        return dataclasses.replace(
            made, idle_steps=sum(map(len, objectives)), objectives=objectives
        )

    monkeypatch.setattr(ort_deepdream.cli.commands.photo, "dream", idle)
    outcome = dream("run", photo, "-m", model, "-b", "cpu", "--octaves", 1, "--iterations", 2)
    assert words in outcome.error
    assert list(photo.parent.iterdir()) == [photo]


def test_auto_says_what_it_took(quick):
    assert quick("--backend", "auto").stderr.startswith("dream: note: running on ")
    assert quick("--backend", "cpu").stderr == ""
