"""`dream film`: what is written and when it is shown, what goes on, what is refused."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import draw_clip, facts, has_sound, length
from PIL import Image

from ort_deepdream import FilmSettings, Settings, dream_film, load_model
from ort_deepdream.film.encoding import Look
from ort_deepdream.film.reading import open_source
from scripts.make_clip import Sine

START = "from ort_deepdream.__main__ import run; run()"
QUICK = ("-b", "cpu", "--threads", 1, "--octaves", 1, "--iterations", 2, "--jitter", 2)
SAME = Settings(octaves=1, iterations=2, jitter=2, seed=0)
TICKS = [0, 3600, 7300, 10_800, 20_000, 21_001]  # a rate that varies


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def pictures(path: str) -> list[np.ndarray]:
    return [frame.rgb for frame in open_source(Path(path)).frames()]


def numbered(folder: str) -> list[np.ndarray]:
    return [np.asarray(Image.open(path)) for path in sorted(Path(folder).glob("*.png"))]


def test_frames_times_and_sound_are_those_of_the_film(dream, tiny):
    source = draw_clip("clip.mp4", ticks=TICKS, sound=Sine(0.2))
    outcome = dream("film", "clip.mp4", "-m", tiny, *QUICK)
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout.startswith("clip-dream.mp4: 6 frames of 64x48, ")
    assert names() == ["clip-dream.mp4", "clip-dream.mp4.json", "clip.mp4"]
    assert facts("clip-dream.mp4") == facts(source)

    dreamt = list(dream_film(load_model(tiny, "cpu", 1), pictures("clip.mp4"), SAME))
    for frame, wanted in zip(pictures("clip-dream.mp4"), dreamt, strict=True):
        assert np.abs(frame.astype(float) - wanted).mean() < 4  # the codec's loss

    about = json.loads(Path("clip-dream.mp4.json").read_text())
    with av.open("clip-dream.mp4") as film:
        stored = json.loads(film.metadata["comment"])
    assert about["command"] == stored["deepdream.command"]
    assert about["made"]["blend"] == stored["deepdream.blend"] == "0.7"
    assert dream("info", "clip-dream.mp4").stdout.endswith(f"{about['command']}\n")
    assert dream("info", "clip.mp4").error.startswith("clip.mp4: holds no settings of a dream")


def test_the_command_beside_a_film_makes_the_same_frames(dream, tiny):
    draw_clip("clip.mp4", shot=2)
    words = ("film", "clip.mp4", "-m", tiny, "--blend", 0.5, *QUICK, "--from", "0.04", "--size", 60)
    assert dream(*words, "-o", "frames").exit_code == 0
    about = json.loads(Path("frames/film.json").read_text())
    assert " --from=0.04" in about["command"]
    again = shlex.split(about["command"].replace(tiny.name, str(tiny)))[1:]
    assert dream(*again, "-o", "again").exit_code == 0
    repeated = dream("film", "clip.mp4", "--repeat", "frames/film.json", "-m", tiny, "-o", "third")
    assert repeated.exit_code == 0, repeated.stderr
    first = numbered("frames")
    assert len(first) == 3
    assert first[0].shape == (45, 60, 3)
    for folder in ("again", "third"):
        assert all(map(np.array_equal, numbered(folder), first))


def test_a_part_of_a_film_begins_at_nothing_with_its_sound(dream, tiny):
    source = draw_clip("clip.mp4", sound=Sine(0.2))
    words = ("--from", "0:00.04", "--to", "0.2", "--every", 2)
    outcome = dream("film", "clip.mp4", "-m", tiny, *QUICK, *words, "-o", "part.mp4")
    assert outcome.exit_code == 0, outcome.stderr
    start, stop = Fraction(1, 25), Fraction(5, 25)
    times, sound = facts("part.mp4")
    assert times == [0, 2 * start]
    assert length("part.mp4") == 4 * start
    wanted = [(at - start, one) for at, one in facts(source).sound if start <= at < stop]
    assert sound == wanted


@pytest.mark.parametrize("suffix", [".webm", ".mkv", ".mov"])
def test_other_kinds_of_films_are_written_without_sound_if_that_is_asked(dream, tiny, suffix):
    draw_clip("clip.mp4", shot=1, sound=Sine(0.1))
    outcome = dream("film", "clip.mp4", "-m", tiny, *QUICK, "--no-sound", "-o", f"a{suffix}")
    assert outcome.exit_code == 0, outcome.stderr
    assert len(pictures(f"a{suffix}")) == 2
    assert not has_sound(f"a{suffix}")


def test_a_film_of_one_frame_with_odd_sides_and_without_sound(dream, tiny):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (21, 33, 3), np.uint8)).save("a.png")
    outcome = dream("film", "a.png", "-m", tiny, *QUICK)
    assert outcome.stdout.startswith("a-dream.mp4: 1 frame of 33x21, ")
    assert [frame.shape for frame in pictures("a-dream.mp4")] == [(22, 34, 3)]


def test_frames_that_are_there_are_not_dreamt_again(dream, tiny):
    draw_clip("clip.mp4")
    words = ("film", "clip.mp4", "-m", tiny, *QUICK)
    assert dream(*words, "-o", "whole").exit_code == 0
    whole = numbered("whole")
    for name in ("000003.png", "000004.png", "000005.png", "000006.png"):
        Path("whole", name).unlink()
    before = Path("whole/000002.png").stat().st_mtime_ns
    outcome = dream(*words, "-o", "whole")
    assert ": 6 frames of 64x48, 2 of them before, " in outcome.stdout
    assert Path("whole/000002.png").stat().st_mtime_ns == before
    assert all(map(np.array_equal, numbered("whole"), whole))
    assert dream(*words, "--blend", 0.5, "-o", "whole").error == (
        "whole: holds frames of another film; name another folder, or begin anew with --force"
    )


def end_midway(words: list[str], number: int) -> str:
    """Begin a command and send it a signal when four frames are there; return what it said.

    On a busy machine it may be done before the signal comes: then once more.
    """
    for _ in range(10):
        worker = subprocess.Popen(
            [sys.executable, "-c", START, *words], stderr=subprocess.PIPE, text=True
        )
        while worker.poll() is None and not Path("clip-dream.mp4.frames/000004.png").exists():
            time.sleep(0.01)
        worker.send_signal(number)
        _, said = worker.communicate()
        if Path("clip-dream.mp4.frames").exists():
            return said
        assert worker.returncode == 0, said
        Path("clip-dream.mp4").unlink()
    raise AssertionError("it was always done before the signal came")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows sends no signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_film_that_was_killed_goes_on_with_the_same_frames(dream, tiny, number):
    draw_clip("clip.mp4", shot=20, sound=Sine(0.8))
    words = [str(word) for word in ("film", "clip.mp4", "-m", tiny, *QUICK)]
    said = end_midway(words, number)
    kept = len(list(Path("clip-dream.mp4.frames").glob("*.png")))
    if number == signal.SIGINT:
        assert f"{kept} frames are in clip-dream.mp4.frames; the same command goes on after" in said

    outcome = dream(*words)
    assert f", {kept} of them before, " in outcome.stdout
    assert names() == ["clip-dream.mp4", "clip-dream.mp4.json", "clip.mp4"]
    assert dream(*words, "-o", "whole.mp4").exit_code == 0
    assert all(map(np.array_equal, pictures("clip-dream.mp4"), pictures("whole.mp4")))
    assert facts("clip-dream.mp4") == facts("clip.mp4")


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.mp4"], "none.mp4: there is no such file; check its name and folder"),
        (["text.mp4"], "text.mp4: is no film that FFmpeg can read (Invalid data found when"),
        (["clip.mp4", "-o", "a.gif"], "a.gif: a film cannot be written so; did you mean .mp4?"),
        (["clip.mp4", "-o", "clip.mp4"], "clip.mp4: would replace clip.mp4, which this command"),
        (["clip.mp4", "-o", "a.webm"], "clip.mp4: its sound is aac, which a webm file cannot hold"),
        (["clip.mp4", "--mask", "alpha"], "--mask alpha: films have no transparency; name a"),
        (["clip.mp4", "--from", "9"], "clip.mp4: there is no frame in that part: the film is 0."),
        (["clip.mp4", "--from", "2", "--to", "1"], "the part from 2 to 1 seconds is empty; the"),
        (["clip.mp4", "--from", "a"], "--from must be seconds or M:SS, such as 90 or 1:30, not"),
        (["clip.mp4", "--blend", "1"], "--blend must be 0 to 0.95, not 1"),
        (["https://a.example/b.mp4"], "https://a.example/b.mp4: is an address, not a file;"),
    ],
)
def test_what_is_wrong_is_one_line_and_leaves_nothing(dream, tiny, words, said):
    draw_clip("clip.mp4", shot=1, sound=Sine(0.1))
    Path("text.mp4").write_text("not a film, only some words")
    before = names()
    assert dream("film", *words, "-m", tiny, *QUICK).error.startswith(said)
    assert names() == before


def test_somebodys_own_json_beside_the_film_is_not_replaced(dream, tiny):
    draw_clip("clip.mp4", shot=1)
    Path("clip-dream.mp4.json").write_text("{}")
    error = dream("film", "clip.mp4", "-m", tiny, *QUICK).error
    assert error.startswith("clip-dream.mp4.json: is not about a film")


def test_pixels_that_are_not_square_stay_so(dream, tiny):
    look = Look(64, 48, Fraction(25), Fraction(1, 12_800), Fraction(4, 3), True, 6, 6, 6)
    draw_clip("clip.mp4", shot=1, ticks=[0, 512], look=look)
    assert dream("film", "clip.mp4", "-m", tiny, *QUICK).exit_code == 0
    assert open_source(Path("clip-dream.mp4")).look == look
    assert "which .webm cannot keep" in dream("film", "clip.mp4", "-m", tiny, "-o", "a.webm").error


def test_without_the_extra_it_is_named(dream, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert dream("film", "clip.mp4").error == (
        "this needs PyAV and OpenCV (not installed: av, cv2); pip install 'ort-deepdream[film]'"
    )


def test_the_settings_of_a_film_have_limits():
    assert FilmSettings().blend == 0.7
    with pytest.raises(Exception, match="every must be 1 or more, not 0"):
        FilmSettings(every=0)
