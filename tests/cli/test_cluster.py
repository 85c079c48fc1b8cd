"""Folders and films with `--scheduler`: as with processes, and with workers that die.

The cluster of the quick tests is in this process; those that kill start one as a user does.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import distributed
import psutil
import pytest
from clips import draw_clip
from dask_cluster import dask_cluster, wait_for
from pictures import contents, draw

from ort_deepdream import Settings, dream_folder
from ort_deepdream.cli.crew import cluster

START = "from ort_deepdream.__main__ import run; run()"
QUICK = ("-b", "cpu", "--octaves", 1, "--iterations", 1, "--threads", 1)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Dask's own


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory) -> Iterator[str]:
    """The address of a scheduler with one worker, both in this process."""
    folder = tmp_path_factory.mktemp("dask")
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        dashboard_address="127.0.0.1:0",
        local_directory=folder,
    ) as made:
        yield made.scheduler_address


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- as with processes ----------------------------------------------------------------------------


@pytest.mark.parametrize("send", [(), ("--send-pictures",)], ids=["by path", "sent"])
def test_a_cluster_makes_the_same_files_as_a_process(dream, tiny, scheduler, send):
    for number, name in enumerate(("a.png", "b/a.jpg", "b/c.png")):
        draw(f"in/{name}", number)
    Path("in/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    draw("mask.png", 7)
    words = ("-m", tiny, *QUICK, "--mask", "mask.png")
    alone = dream("folder", "in", "alone", *words)
    many = dream("folder", "in", "many", *words, "--scheduler", scheduler, *send)
    assert many.exit_code == alone.exit_code == 1
    assert many.stdout.startswith("many: 3 dreamt, 1 failed, ")
    assert contents("many") == contents("alone")
    note, error = many.stderr.splitlines()
    assert note.startswith("dream: note: the cluster's dashboard: ")
    assert error == alone.stderr.strip()

    Path("in/broken.png").unlink()
    Path("many/b/a.png").unlink()
    again = dream("folder", "in", "many", *words, "--scheduler", scheduler, *send)
    assert again.stdout.startswith("many: 1 dreamt, 2 done before, ")
    assert contents("many") == contents("alone")


def test_python_has_it_too(tiny, scheduler):
    draw("in/a.png")
    Path("in/broken.jpg").write_bytes(b"no picture")
    seen = []
    for who in ({"scheduler": scheduler}, {"workers": 1}):
        done = dream_folder(
            "in",
            "out",
            model=tiny,
            backend="cpu",
            on_picture=lambda t: seen.append(t.answered),
            **who,
        )
        assert (done.count, done.dreamt + done.done) == (2, 1)
        ((photo, reason),) = done.failures
        assert photo == Path("in/broken.jpg")
        assert reason.startswith("in/broken.jpg: ")
    assert seen == [0, 1, 2] * 2


def test_a_cluster_makes_the_frames_of_a_film(dream, tiny, scheduler):
    draw_clip("clip.mp4")
    words = ("film", "clip.mp4", "-m", tiny, *QUICK)
    assert dream(*words, "-o", "alone").exit_code == 0
    many = dream(*words, "-o", "many", "--scheduler", scheduler)
    assert many.stdout.startswith("many: 6 frames of 64x48, "), many.stderr
    assert contents("many") == contents("alone")


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (
            "--scheduler tcp://127.0.0.1:9 --workers 2",
            "--workers and --scheduler exclude each other",
        ),
        ("--send-pictures", "--send-pictures is for the workers of a cluster"),
        ("--scheduler tcp://127.0.0.1:9", "no scheduler of Dask's answers there"),
        ("--scheduler nowhere.json", "no scheduler of Dask's answers there"),
        ("--scheduler what://is:this", "no scheduler of Dask's answers there"),
    ],
)
def test_mistakes(dream, tiny, monkeypatch, words, error):
    monkeypatch.setattr(cluster, "PATIENCE", 0.2)
    draw("in/a.png")
    assert error in dream("folder", "in", "out", "-m", tiny, *QUICK, *words.split()).error
    assert not Path("out").exists()


def refusal(outcome) -> str:
    assert outcome.exit_code == 2
    *_, line = outcome.stderr.splitlines()
    return line


def test_other_versions_and_a_model_that_no_worker_can_load_are_one_line(
    dream, tiny, scheduler, monkeypatch
):
    draw("in/a.png")
    words = ("folder", "in", "out", *QUICK, "--scheduler", scheduler)
    Path("no.onnx").write_text("no model")
    assert "a worker cannot begin: " in refusal(dream(*words, "-m", "no.onnx"))
    monkeypatch.setattr(cluster, "versions", lambda: {"onnxruntime": "0.1"})
    assert re.search(
        r"worker tcp://\S+: has onnxruntime [\d.]+, and here it is 0.1; install the same on all",
        refusal(dream(*words, "-m", tiny)),
    )
    assert not Path("out").exists()


def test_the_extra_is_named_when_it_is_missing(dream, tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    draw("in/a.png")
    words = ("folder", "in", "out", "-m", tiny, "--scheduler", "tcp://127.0.0.1:9")
    assert "pip install 'ort-deepdream[cluster]'" in dream(*words).error


# --- workers that die -----------------------------------------------------------------------------

# What a worker imports first: a picture of this name ends it, as one that takes all memory does.
KILLER = """
import os
from ort_deepdream.cli.commands.folder_task import Dreaming

Dreaming.dream = lambda self, model, task, dream=Dreaming.dream: (
    os._exit(9) if task.photo.name == "0killer.png" else dream(self, model, task)
)
"""


def start(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", START, "folder", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str], seconds: float = 120) -> tuple[str, str]:
    try:
        return process.communicate(timeout=seconds)
    finally:
        process.kill()


def kill_one(workers, chance: random.Random) -> None:
    """Kill a worker that is there, once there is one."""
    wait_for(workers)
    chance.choice(workers()).send_signal(signal.SIGKILL)


WORDS = ("-b", "cpu", "--iterations", 40, "--threads", 1)


@pytest.mark.nightly
@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
def test_a_killed_worker_is_replaced_and_its_picture_done_again(tmp_path, tiny):
    for number in range(8):
        draw(f"in/{number}.png", number, side=64)
    with (
        dask_cluster(tmp_path, 2) as made,
        start("in", "many", "-m", tiny, *WORDS, "--scheduler", made.file) as many,
    ):
        wait_for(Path("many").exists)
        kill_one(made.workers, random.Random(1))
        said, errors = finish(many)
    assert said.startswith("many: 8 dreamt, "), errors
    dream_folder("in", "alone", Settings(seed=0, iterations=40), model=tiny, threads=1)
    assert contents("many") == contents("alone")


@pytest.mark.nightly
@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
def test_a_picture_that_kills_its_workers_is_a_failure_and_no_other_is(tmp_path, tiny):
    for number in range(8):
        draw(f"in/{number}.png", number, side=64)
    draw("in/0killer.png")
    Path("killer.py").write_text(KILLER)
    with (
        dask_cluster(tmp_path, 2, "--preload", "killer.py") as made,
        start("in", "many", "-m", tiny, *WORDS, "--scheduler", made.file) as many,
    ):
        said, errors = finish(many, 300)
    assert many.returncode == 1
    assert said.startswith("many: 8 dreamt, 1 failed, "), errors
    assert "dream: error: in/0killer.png: 4 workers died of it, one after the other" in errors


@pytest.mark.nightly
def test_a_scheduler_that_is_gone_is_one_line(tmp_path, tiny):
    for number in range(8):
        draw(f"in/{number}.png", number, side=64)
    words = ("in", "out", "-m", tiny, "-b", "cpu", "--iterations", 400)
    with dask_cluster(tmp_path, 1) as made, start(*words, "--scheduler", made.file) as process:
        wait_for(Path("out").exists)
        made.scheduler.kill()
        _, errors = finish(process)
    assert process.returncode == 2
    *notes, line = errors.splitlines()
    assert line.startswith("dream: error: the scheduler at ")
    assert all(note.startswith("dream: note: ") for note in notes)


@pytest.mark.nightly
@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
@pytest.mark.parametrize("where", ["processes", "Dask"])
def test_twenty_kills_change_nothing(tmp_path, tiny, where):
    chance = random.Random(where)
    for number in range(200):
        draw(f"in/{number % 7}/{number:03}.png", number, side=64)
    for number in range(5):
        Path(f"in/broken{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    words = ("-m", tiny, "-b", "cpu", "--iterations", 150, "--threads", 1)
    with start("in", "1", *words) as alone:
        assert finish(alone, 600)[0].startswith("1: 200 dreamt, 5 failed, ")
    for count in (2, 4):
        kills = 20 if count == 2 else 2
        if where == "Dask":
            folder = tmp_path / f"dask{count}"
            folder.mkdir()
            with dask_cluster(folder, count) as made:
                wait_for(lambda: len(made.workers()) == count)  # noqa: B023
                killed = killed_often(made.workers, kills, chance, count, words, made.file)
        else:
            killed = killed_often(None, kills, chance, count, words, None)
        assert killed == kills
        assert contents(str(count)) == contents("1")


def killed_often(workers, kills, chance, count, words, file) -> int:
    """Dream with workers that are killed now and then; return how often they were."""
    more = ("--scheduler", file) if file else ("--workers", count)
    with start("in", count, *words, *more) as process:
        if workers is None:

            def workers() -> list[psutil.Process]:
                return psutil.Process(process.pid).children()

        killed = 0

        def kill() -> None:
            nonlocal killed
            for number in range(kills):
                wanted = (number + 1) * 180 // kills
                wait_for(lambda: len(list(Path(str(count)).rglob("*.png"))) >= wanted, 600)  # noqa: B023
                kill_one(workers, chance)
                killed += 1

        beside = threading.Thread(target=kill)
        beside.start()
        said, errors = finish(process, 600)
        beside.join()
    assert said.startswith(f"{count}: 200 dreamt, 5 failed, "), errors
    return killed
