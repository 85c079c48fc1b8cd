"""An option follows from each kind of setting: how it is typed, refused, and shown in the help."""

from __future__ import annotations

import pytest
import typer
from kinds_of_settings import Kinds
from typer.testing import CliRunner

from ort_deepdream import DreamError
from ort_deepdream.cli.options import loop


@pytest.fixture
def typed(monkeypatch):
    """Runs a command with these settings, and returns what it was called with."""
    monkeypatch.setattr(loop, "Settings", Kinds)
    app = typer.Typer()
    seen = []

    @app.command()
    @loop.with_loop_settings()
    def command(*, settings: Kinds) -> None:
        seen.append(settings)

    def run(*words):
        outcome = CliRunner().invoke(app, ["--seed=3", *words], env={"COLUMNS": "80"})
        if outcome.exception and not isinstance(outcome.exception, SystemExit):
            raise outcome.exception
        return seen[-1] if seen else outcome.stdout

    return run


def test_each_kind_is_typed(typed):
    assert typed() == Kinds(seed=3)
    words = ["--fade=0.5", "--keep-it", "--no-whole", "--colour-space=luma", "--rounds=5,10"]
    assert typed(*words) == Kinds(
        seed=3, fade=0.5, keep_it=True, whole=False, colour_space="luma", rounds=(5, 10)
    )
    assert typed("--rounds", "7", "--no-keep-it") == Kinds(seed=3, rounds=(7,))


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("--fade=2", "--fade must be 0 to 1, not 2"),
        ("--colour-space=oklub", "--colour-space cannot be 'oklub': did you mean oklab?"),
        ("--rounds=5,0", "--rounds must be 1 or more, not 0"),
        ("--rounds=5,", "--rounds must be a whole number, not ''"),
        ("--rounds=5,x", "--rounds must be a whole number, not 'x'"),
    ],
)
def test_a_word_that_cannot_be_is_refused_in_one_line(typed, word, said):
    with pytest.raises(DreamError) as caught:
        typed(word)
    assert str(caught.value) == said


def test_the_help_shows_them(typed):
    shown = " ".join(typed("--help").replace("│", " ").split())
    for words in (
        "--fade X How much of each step is lost.",
        "--keep-it --no-keep-it Keep it.",
        "--whole --no-whole All of it. [default: whole]",
        "--colour-space NAME Where colours are.",
        "--rounds N,... Steps in each octave.",
    ):
        assert words in shown
