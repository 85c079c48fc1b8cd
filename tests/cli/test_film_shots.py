"""`dream film --workers`: shots at the same time make the frames of one process, bit for bit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import psutil
import pytest
from clips import draw_clip, facts
from dask_cluster import dask_cluster, wait_for
from pictures import contents, draw

from ort_deepdream import FilmSettings, Settings
from ort_deepdream.cli.commands.film_frames import Reading
from ort_deepdream.cli.commands.film_shot import Shooting, Shot, checksum
from ort_deepdream.cli.commands.film_shots import found
from ort_deepdream.cli.commands.filming import Filming
from ort_deepdream.cli.machine import Machine
from ort_deepdream.cli.options.loop import LoopSettings
from ort_deepdream.cli.sources import request
from ort_deepdream.cli.subject import Subject
from ort_deepdream.cli.tiles import Tiles
from ort_deepdream.errors import DreamError
from ort_deepdream.film.reading import Part, open_source
from scripts.make_clip import Sine

START = "from ort_deepdream.__main__ import run; run()"
QUICK = ("-b", "cpu", "--threads", 1, "--octaves", 1, "--iterations", 2, "--jitter", 2)
ONE_SHOT = "the film is one shot, whose frames are dreamt in their order: one worker is at work"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def test_two_workers_make_the_files_of_one_process_and_what_is_missing(dream, tiny):
    draw_clip("clip.mp4", shot=4, sound=Sine(0.16))
    draw("mask.png", 7)
    words = ("film", "clip.mp4", "-m", tiny, *QUICK, "--mask", "mask.png", "--size", 60)
    words += ("--from", "0.04", "--every", 2)
    assert dream(*words, "-o", "alone").exit_code == 0
    many = dream(*words, "-o", "many", "--workers", 2)
    assert many.stderr == "dream: note: 2 shots, of up to 2 frames\n"
    assert many.stdout.startswith("many: 4 frames of 60x45, tiny, cpu, seed 0, ")
    assert contents("many") == contents("alone")

    for number in (2, 3):
        Path(f"many/00000{number}.png").unlink()
    kept = Path("many/000001.png").stat().st_mtime_ns
    dream(*words, "-o", "many", "--workers", 2)
    assert contents("many") == contents("alone")
    assert Path("many/000001.png").stat().st_mtime_ns == kept
    whole = dream(*words, "-o", "many", "--workers", 2)
    assert whole.stdout.startswith("many: 4 frames of 60x45, 4 of them before, ")


def test_a_film_of_one_shot_has_one_worker_and_is_written_as_usual(dream, tiny):
    source = draw_clip("clip.mp4", sound=Sine(0.12))
    words = ("film", "clip.mp4", "-m", tiny, *QUICK)
    one = dream(*words, "--workers", 3, "--to", 0.12)
    assert one.stderr == f"dream: note: {ONE_SHOT}\n"
    assert names() == ["clip-dream.mp4", "clip-dream.mp4.json", "clip.mp4"]
    before = Path("clip-dream.mp4.json").read_text()
    assert facts("clip-dream.mp4").times == facts(source).times[:3]
    dream(*words, "--to", 0.12, "-o", "clip-dream.mp4")
    assert Path("clip-dream.mp4.json").read_text() == before


# --- the frames of a shot -------------------------------------------------------------------------


def shooting(path: Path, part: Part) -> tuple[Shooting, list[Shot]]:
    """Return the work that a film's shots are, and these."""
    look = open_source(path).look
    reading = Reading(open_source(path), part, look.width, look.height)
    subject, wanted = Subject(path), request(None, None, ())
    machine, tiles = Machine("cpu"), Tiles("auto", None)
    film = FilmSettings(every=part.every)
    start = part.start or None
    asked = Filming(
        subject, wanted, film, start, part.stop, True, machine, tiles, Path("out"), False
    )
    loop = LoopSettings(Settings(seed=0), "", {})
    work = Shooting(
        Path("none.onnx"), wanted, machine, subject, loop, tiles, "",
        asked=asked, width=look.width, height=look.height,
    )  # fmt: skip
    return work, found(reading, Path("out"))


@pytest.mark.parametrize(
    "part", [Part(), Part(every=2), Part(Fraction(1, 25), Fraction(10, 25), 3)], ids=str
)
def test_a_shot_has_its_frames_wherever_a_jump_into_the_film_leads(part):
    path = draw_clip("clip.mp4", shot=6)
    work, shots = shooting(path, part)
    frames = [frame.rgb for frame in open_source(path).frames(part)]
    assert [shot.first for shot in shots] == [1, 1 + len([*shots[0].numbers])]
    assert len(frames) == sum(len(shot.sums) for shot in shots)
    for shot in shots:
        wanted = [checksum(frames[number - 1]) for number in shot.numbers]
        for at in (shot.at, 0, shot.at + 3600, 1 << 40):
            seen = work._frames(replace(shot, at=at))
            assert [checksum(frame) for frame in seen] == wanted


def test_a_film_that_was_changed_meanwhile_is_refused():
    work, (first, _) = shooting(draw_clip("clip.mp4", shot=3), Part())
    seen = work._frames(replace(first, sums=(*first.sums[:2], 1)))
    with pytest.raises(DreamError, match="is read as another film than when its cuts"):
        list(seen)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("--workers 0", "--workers must be 1 to 256, not 0"),
        ("--workers 2 --scheduler tcp://127.0.0.1:9", "--workers and --scheduler exclude each"),
        ("--workers 2 --mask none.png", "none.png: "),
        ("--workers 2 --mask alpha", "--mask alpha: films have no transparency"),
        ("--workers 2 -o clip.mp4", "clip.mp4: would replace clip.mp4, which this command"),
        ("--workers 2 -o text", "text: is a file, not a folder; name another one"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(dream, tiny, words, error):
    draw_clip("clip.mp4", shot=1)
    Path("text").write_text("no folder")
    before = names()
    outcome = dream("film", "clip.mp4", "-m", tiny, *QUICK, *words.split())
    assert outcome.exit_code == 2
    assert outcome.stderr.splitlines()[-1].startswith(f"dream: error: {error}")
    assert names() == before


def test_a_model_that_no_worker_can_load_leaves_nothing(dream):
    draw_clip("clip.mp4", shot=1)
    Path("no.onnx").write_text("no model")
    outcome = dream("film", "clip.mp4", "-m", "no.onnx", *QUICK, "--workers", 2)
    assert outcome.exit_code == 2
    assert outcome.stderr.splitlines()[-1].startswith("dream: error: no.onnx: ")
    assert names() == ["clip.mp4", "no.onnx"]


# --- workers that die -----------------------------------------------------------------------------


def killed(words: list[str], kills: int, workers, seed: int) -> str:
    """Dream on clip.mp4 with workers of which one is killed now and then; return the errors."""
    chance, killed = random.Random(seed), 0
    with subprocess.Popen(
        [sys.executable, "-c", START, *words], stderr=subprocess.PIPE, text=True
    ) as process:
        for number in range(kills):
            wanted = 4 + number * 5
            wait_for(lambda: process.poll() is not None or frames_there() >= wanted, 300)  # noqa: B023
            assert process.poll() is None, process.communicate()
            wait_for(lambda: workers(process))
            chance.choice(workers(process)).send_signal(signal.SIGKILL)
            killed += 1
        _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert killed == kills
    return errors


def frames_there() -> int:
    return len([*Path("many").glob("*.png")])


def children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children()


KILLS = [
    pytest.param("processes", 1, marks=pytest.mark.slow),
    pytest.param("processes", 20, marks=pytest.mark.nightly),
    pytest.param("Dask", 20, marks=pytest.mark.nightly),
]


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
@pytest.mark.parametrize(("where", "kills"), KILLS)
def test_killed_workers_change_nothing(dream, tiny, tmp_path, where, kills):
    draw_clip("clip.mp4", shot=10 if kills == 1 else 60)
    words = ["film", "clip.mp4", "-m", tiny, "-b", "cpu", "--threads", 1, "--iterations"]
    words += [60 if kills == 1 else 250]
    words = [str(word) for word in words]
    if where == "Dask":
        with dask_cluster(tmp_path, 2) as made:
            wait_for(lambda: len(made.workers()) == 2)
            more = ["--scheduler", made.file.name]
            killed([*words, "-o", "many", *more], kills, lambda process: made.workers(), 2)
    else:
        killed([*words, "-o", "many", "--workers", "2"], kills, children, 1)
    assert dream(*words, "-o", "alone").exit_code == 0
    alone, many = contents("alone"), contents("many")
    assert many.keys() == alone.keys()
    assert [name for name in alone if many[name] != alone[name]] == []
