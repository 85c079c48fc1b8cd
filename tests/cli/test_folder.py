"""`dream folder`: what is made, what is done already, what fails, and workers that die."""

from __future__ import annotations

import itertools
import operator
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
from pictures import contents, draw
from PIL import Image

from ort_deepdream.cli.commands.folder_place import Place
from ort_deepdream.cli.crew import crew
from ort_deepdream.cli.crew.pool import Pool
from ort_deepdream.cli.machine import Machine
from ort_deepdream.engine.image import read_metadata, write_picture
from ort_deepdream.engine.image.reading import peek_metadata
from ort_deepdream.engine.machine import memory
from ort_deepdream.errors import DreamError

START = "from ort_deepdream.__main__ import run; run()"
QUICK = ("-b", "cpu", "--octaves", 1, "--iterations", 1, "--threads", 1)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pixels(path: Path | str) -> bytes:
    with Image.open(path) as image:
        return image.tobytes()


def made(folder: str) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file()
    )


# --- what is made ---------------------------------------------------------------------------------


def test_a_folder_is_dreamt_once_and_what_cannot_be_is_listed(dream, tiny):
    for seed, name in enumerate(("b.png", "a/deep/c.jpg", "a/d.bmp", "a/d.png")):
        draw(f"in/{name}", seed)
    draw("in/small.png", side=2)
    Path("in/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    Path("in/notes.txt").write_text("no picture")
    draw("in/.hidden.png")
    words = ("folder", "in", "in/out", "-m", tiny, *QUICK)

    first = dream(*words, "--workers", 2)
    assert first.exit_code == 1
    assert first.stdout.startswith("in/out: 4 dreamt, 2 failed, ")
    left_out, broken, small = first.stderr.splitlines()
    assert left_out == "dream: note: left out, as no pictures by their names: 1 (.txt)"
    assert broken.startswith("dream: error: in/broken.png: the picture is damaged")
    assert small.startswith("dream: error: in/small.png: the picture is 6x2 pixels, too small")
    names = ["a/d.bmp.png", "a/d.png.png", "a/deep/c.png", "b.png"]
    assert made("in/out") == names
    dream("run", "in/a/deep/c.jpg", "-m", tiny, *QUICK, "--seed", 0, "-o", "alone.png")
    assert pixels("in/out/a/deep/c.png") == pixels("alone.png")

    before = {name: Path("in/out", name).stat().st_mtime_ns for name in names}
    Path("in/broken.png").unlink()
    Path("in/small.png").unlink()
    assert dream(*words).stdout.startswith("in/out: 0 dreamt, 4 done before, ")
    assert before == {name: Path("in/out", name).stat().st_mtime_ns for name in names}

    draw("in/b.png", seed=9)  # another picture, and only that
    again = dream(*words)
    assert again.stdout.startswith("in/out: 1 dreamt, 3 done before, ")
    assert again.exit_code == 0
    assert dream(*words, "--step", 2).stdout.startswith("in/out: 4 dreamt, ")


def test_what_nobody_dreamt_is_not_replaced_unless_that_is_said(dream, tiny):
    draw("in/a.png")
    own = draw("out/a.png", seed=1).read_bytes()
    words = ("folder", "in", "out", "-m", tiny, *QUICK)
    refused = dream(*words)
    assert refused.exit_code == 1
    assert refused.stderr == (
        "dream: error: in/a.png: out/a.png is there already, and not of `dream folder`; move it "
        "away, or replace it with --force\n"
    )
    assert Path("out/a.png").read_bytes() == own
    assert dream(*words, "--force").exit_code == 0
    assert Path("out/a.png").read_bytes() != own


def test_a_model_that_cannot_be_loaded_is_one_line_and_no_picture(dream):
    draw("in/a.png")
    Path("no.onnx").write_text("no model")
    assert dream("folder", "in", "out", "-m", "no.onnx", *QUICK).error.startswith("no.onnx: ")
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("nothere out", "nothere: no such folder; check its name"),
        ("in/a.png out", "in/a.png: is no folder; `dream run` takes pictures"),
        ("in in", "in: holds the pictures themselves, which dreams would replace"),
        ("in .", ".: holds the pictures themselves"),
        ("empty out", "empty: holds no pictures (.bmp, "),
        ("in out --shard 3/2", "--shard 3/2: I goes from 1 to N"),
        ("in out --shard half", "--shard must be I/N, such as 1/4, not 'half'"),
        ("in out --workers 0", "--workers must be 1 to 256, not 0"),
        ("in out --format gif", "--format cannot be 'gif': did you mean tif?"),
        ("in out --mask nothere.png", "nothere.png: cannot be read"),
        ("in out --size 5 --scale 2", "--size and --scale exclude each other"),
        pytest.param(
            "in /proc/out",
            "/proc/out: the folder /proc cannot be written to",
            marks=pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc here"),
        ),
        ("in text", "text: is not a folder; choose another place for the dreams"),
    ],
)
def test_mistakes(dream, tiny, words, error):
    draw("in/a.png")
    Path("text").write_text("no folder")
    Path("empty").mkdir()
    assert error in dream("folder", *words.split(), "-m", tiny, *QUICK).error


def test_shards_are_all_pictures_once():
    names = [f"in/{n}.png" for n in range(7)]
    for name in names:
        draw(name)
    shards = [
        [str(task.photo) for task in Place(Path("in"), Path("out"), ".png", (part, 3)).tasks()]
        for part in (1, 2, 3)
    ]
    assert sorted(itertools.chain(*shards)) == names
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_metadata_can_be_read_without_the_pixels(suffix):
    path = f"picture.{suffix}"
    write_picture(path, np.zeros((8, 8, 3), np.float32), metadata={"deepdream.task": "ä key"})
    assert peek_metadata(path) == read_metadata(path) == {"deepdream.task": "ä key"}


# --- several photographs --------------------------------------------------------------------------


def test_several_photographs_are_dreamt_on_each_beside_itself(dream, tiny):
    for seed, name in enumerate(("a.png", "sub/b.png", "sub/c.jpg")):
        draw(name, seed)
    words = ("-m", tiny, *QUICK)
    first = dream("a.png", "sub/*", "nothere.png", *words)  # no shell has made names of it
    assert first.exit_code == 1
    assert first.stdout.startswith("4 photos: 3 dreamt, 1 failed, ")
    assert first.stderr.startswith("dream: error: nothere.png: ")
    assert dream("run", "a.png", "sub/b.png", "sub/c.jpg", *words).stdout.startswith(
        "3 photos: 0 dreamt, 3 done before, "
    )
    dream("run", "sub/b.png", *words, "--seed", 0, "-o", "alone.png")
    assert pixels("alone.png") == pixels("sub/b-dream.png")
    assert dream("a.png", "sub/b.png", *words, "--seed", 5).stdout.startswith("2 photos: 2 dreamt")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("a.png b.png -o c.png", "--output is for one photo, and there are several"),
        ("a.png b.png --open", "--open is for one photo, and there are several"),
        ("a.png a.jpg", "a.png and a.jpg: would both be a-dream.png; rename one"),
        ("*.gif", "*.gif: there is no such picture; check the names"),
    ],
)
def test_what_several_photographs_cannot_have(dream, tiny, words, error):
    assert error in dream("run", *words.split(), "-m", tiny, *QUICK).error


# --- the machine that is shared -------------------------------------------------------------------


def test_workers_share_the_memory_out(monkeypatch):
    monkeypatch.setattr(crew, "available", lambda: memory.Room(3000, "free here"))
    processes = crew.Processes(4)
    processes.settle(Machine("cpu"), count=3)
    assert processes.memory == 1000
    monkeypatch.setattr(memory, "_most", None)
    memory.limit_to(processes.memory)
    assert memory.available() == memory.Room(1000, "this worker's share")


# --- workers that die -----------------------------------------------------------------------------


def test_a_task_that_ends_workers_is_an_error_and_the_others_are_answered():
    pool = Pool(partial(operator.itemgetter, 0), 2)
    found = dict(
        pool.answers([(1,), (), (2,), (3,)], lambda task: "known" if task == (3,) else None)
    )
    assert {task: found[task] for task in ((1,), (2,), (3,))} == {(1,): 1, (2,): 2, (3,): "known"}
    assert isinstance(found[()], DreamError)
    assert "IndexError" in str(found[()])
    assert "so did 3 others before" in str(found[()])


def test_workers_that_cannot_begin_end_it():
    with pytest.raises(DreamError, match=r"a worker cannot begin: .*ValueError"):
        list(Pool(partial(int, "x"), 1).answers([1], lambda task: None))


class Pictures:
    """A folder of 24 pictures, and the command that dreams of them on two workers."""

    def __init__(self, tiny: Path, cache: Path) -> None:
        for number in range(24):
            draw(f"in/{number % 3}/{number:02}.png", number, side=64)
        self.words = ("folder", "in", "-m", str(tiny), "-b", "cpu", "--iterations", "60")
        self.environment = {**os.environ, "ORT_DEEPDREAM_CACHE": str(cache)}

    def start(self, output: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", START, *self.words[:2], output, *self.words[2:], "--workers=2"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )


@pytest.mark.slow
def test_the_files_are_the_same_by_one_two_and_four_workers(dream, tiny):
    for number in range(8):
        draw(f"in/{number}.png", number, side=64)
    for count in (1, 2, 4):
        words = ("-m", tiny, *QUICK, "--workers", count)
        assert dream("folder", "in", count, *words).stdout.startswith(f"{count}: 8 dreamt, ")
    assert contents("1") == contents("2") == contents("4")


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children()
    except psutil.NoSuchProcess:
        return []


def wait_for(true, seconds: float = 30) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
def test_killed_workers_and_killed_commands_lose_a_picture_each_at_most(tiny, cache):
    place, chance = Pictures(tiny, cache), random.Random(1)
    with place.start("whole") as process:
        said, errors = process.communicate(timeout=60)
    assert said.startswith("whole: 24 dreamt, "), errors
    names = made("whole")
    assert len(names) == 24

    with place.start("killed") as process:
        for _ in range(4):
            wanted = len(made("killed")) + 2 if Path("killed").exists() else 2
            wait_for(lambda: Path("killed").exists() and len(made("killed")) >= wanted)  # noqa: B023
            chance.choice(workers_of(process)).kill()
        said, errors = process.communicate(timeout=60)
    assert said.startswith("killed: 24 dreamt, "), errors
    assert made("killed") == names  # nothing half-written, either
    assert all(pixels(f"killed/{name}") == pixels(f"whole/{name}") for name in names)

    for number in (signal.SIGKILL, signal.SIGTERM):
        output = number.name
        with place.start(output) as process:
            wait_for(lambda: Path(output).exists() and len(made(output)) >= 5)  # noqa: B023
            workers = workers_of(process)
            process.send_signal(number)
            said, errors = process.communicate(timeout=60)
        assert process.returncode == (-number if number is signal.SIGKILL else 128 + number)
        assert said == ""
        assert errors == ("" if number is signal.SIGKILL else "dream: terminated\n")
        wait_for(lambda: not any(worker.is_running() for worker in workers), 10)  # noqa: B023
        before = {name: Path(output, name).stat().st_mtime_ns for name in made(output)}
        assert set(before) < set(names)  # all of them whole: their names are
        with place.start(output) as process:
            said, errors = process.communicate(timeout=60)
        assert said.startswith(f"{output}: {24 - len(before)} dreamt, {len(before)} done before")
        assert before == {name: Path(output, name).stat().st_mtime_ns for name in before}
        assert all(pixels(f"{output}/{name}") == pixels(f"whole/{name}") for name in names)
