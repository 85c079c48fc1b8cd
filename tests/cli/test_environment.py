"""What surrounds the command: signals, streams that are closed or full, names, links, disks."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from synthetic_results import result, written

from ort_deepdream import read_metadata, read_picture

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-c", "from ort_deepdream.__main__ import run; run()")
UNIX = pytest.mark.skipif(os.name == "nt", reason="signals and streams of Unix")
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
QUICK = ("-b", "cpu", "--iterations", "1", "--octaves", "1", "--seed", "1")

pytestmark = UNIX


def command(*words: object) -> list[str]:
    return [*COMMAND, *map(os.fsdecode, map(os.fsencode, map(str, words)))]


def shell(line: str, *words: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run `dream WORDS LINE` in a shell, for its redirections."""
    quoted = 'exec "$@" ' + line
    return subprocess.run(
        ["sh", "-c", quoted, "sh", *command(*words)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        **options,
    )


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


# --- signals --------------------------------------------------------------------------------------

SIGNALS = {"INT": "interrupted", "TERM": "terminated", "HUP": "hung up"}


@contextmanager
def started(*words: object, **environment: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command(*words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(there: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("name", SIGNALS)
def test_each_signal_that_ends_a_dream_is_one_line_and_leaves_nothing(name, photo, model, cache):
    with started("run", photo, "-m", model, "-b", "cpu", "--iterations", 10**9) as process:
        wait_until(lambda: list(cache.glob("optimised/[0-9a-f]*")))  # and so it dreams
        time.sleep(0.3)
        process.send_signal(getattr(signal, f"SIG{name}"))
        stdout, stderr = process.communicate(timeout=30)
    assert (stdout, stderr) == ("", f"dream: {SIGNALS[name]}\n")
    assert process.returncode == 128 + getattr(signal, f"SIG{name}")
    assert list(photo.parent.iterdir()) == [photo]


@pytest.mark.parametrize("name", ["HUP", "INT"])
def test_a_signal_that_it_was_started_to_ignore_is_ignored(name, photo, model):
    """As `nohup` and a shell's background jobs do."""
    number = getattr(signal, f"SIG{name}")
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with started("run", photo, "-m", model, *QUICK) as process:
            while process.poll() is None:
                process.send_signal(number)
                time.sleep(0.05)
            assert process.stderr is not None
            assert process.stderr.read() == ""
    finally:
        signal.signal(number, before)
    assert process.returncode == 0


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_during_imports_is_one_line(name, photo):
    """At each of many moments."""
    number = getattr(signal, f"SIG{name}")
    code = (
        "import os, threading, time\n"
        "from ort_deepdream import signals\n"
        "def send():\n"
        "    time.sleep(float(os.environ['MOMENT']))\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        "signals.watch()\n"  # the first thing that the command does
        "threading.Thread(target=send, daemon=True).start()\n"
        "from ort_deepdream.__main__ import run; run()"
    )
    for moment in np.linspace(0.001, 0.5, 8):
        done = subprocess.run(
            [sys.executable, "-c", code, "run", photo, "-b", "cpu", "--iterations", "1000000"],
            env={**os.environ, "MOMENT": str(moment)},
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=60,
        )
        assert (done.stdout, done.stderr) == ("", f"dream: {SIGNALS[name]}\n"), moment
        assert done.returncode == 128 + number
    assert list(photo.parent.iterdir()) == [photo]


@pytest.mark.parametrize(
    "name",
    ["KILL", *(pytest.param(name, marks=pytest.mark.nightly) for name in ("INT", "TERM", "HUP"))],
)
def test_a_bench_ends_with_all_its_processes(name, photo, model, cache, tmp_path_factory):
    scratch = tmp_path_factory.mktemp("scratch")
    words = ("bench", photo, "-m", model, "-b", "cpu", "--size", "128x96", "--trials", 50)
    with started(*words, TMPDIR=str(scratch)) as process:
        wait_until(lambda: list(scratch.rglob("dream.png")) or process.poll() is not None)
        family = descendants(process.pid)
        process.send_signal(getattr(signal, f"SIG{name}"))
        _, stderr = process.communicate(timeout=30)
    assert family
    wait_until(lambda: not any(map(is_alive, family)), 10)
    if name == "KILL":
        assert names(scratch)
        shell("", *words[:-2], "--trials", 1, "--budget", 1, env={**os.environ, "TMPDIR": scratch})
    else:
        assert stderr.splitlines()[-1] == f"dream: {SIGNALS[name]}"
        assert "Traceback" not in stderr
        assert process.returncode == 128 + getattr(signal, f"SIG{name}")
    assert names(scratch) == set()


def descendants(pid: int) -> set[int]:
    import psutil

    return {child.pid for child in psutil.Process(pid).children(recursive=True)}


def is_alive(pid: int) -> bool:
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# --- streams --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "redirection",
    ["2>&-", "<&- 2>&-", ">&-", "<&- >&- 2>&-", pytest.param("2>/dev/full", marks=FULL)],
)
def test_a_dream_needs_no_stream(redirection, photo, model):
    done = shell(redirection, "run", photo, "-m", model, *QUICK)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    written = photo.with_name("photo-dream.png")
    assert read_picture(written).rgb.shape == (48, 64, 3)


@FULL
@pytest.mark.parametrize("line", ["run PHOTO -m MODEL -b cpu", "backends", "--help", "--version"])
def test_a_full_standard_output_is_one_line(line, photo, model):
    words = [{"PHOTO": photo, "MODEL": model}.get(word, word) for word in line.split()]
    done = shell(">/dev/full", *words)
    assert done.returncode == 2
    assert done.stderr == (
        "dream: error: the standard output cannot be written to (No space left on device)\n"
    )


@FULL
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "2>/dev/full >/dev/full"])
def test_a_mistake_without_a_standard_error_is_its_exit_code(redirection):
    done = shell(redirection, "run", "nothere.png")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


def test_a_terminal_that_is_gone_does_not_end_a_dream(photo, model):
    import pty

    ours, theirs = pty.openpty()
    words = ("run", photo, "-m", model, "-b", "cpu", "--iterations", 300, "--octaves", 1)
    process = subprocess.Popen(
        command(*words), cwd=ROOT, stderr=theirs, stdout=subprocess.DEVNULL, start_new_session=True
    )
    os.close(theirs)
    os.read(ours, 1)  # something moves
    os.close(ours)
    assert process.wait(timeout=120) == 0
    assert photo.with_name("photo-dream.png").exists()


# --- names ----------------------------------------------------------------------------------------


@pytest.fixture
def undecodable(photo: Path) -> Path:
    path = Path(os.fsdecode(os.fsencode(photo.parent) + b"/bad\xff.png"))
    try:
        return photo.rename(path)
    except OSError:
        pytest.skip("this disk has only names in UTF-8")


def test_a_name_that_is_not_utf8_is_dreamt_on(undecodable, model):
    done = shell("", "run", undecodable, "-m", model, *QUICK)
    assert done.returncode == 0, done.stderr
    assert "bad\N{REPLACEMENT CHARACTER}-dream.png: 64x48" in done.stdout
    written = Path(os.fsdecode(os.fsencode(undecodable.parent) + b"/bad\xff-dream.png"))
    stored = read_metadata(written)
    assert stored["deepdream.source"] == r"bad\xff.png"
    assert r"bad\xff.png" in stored["deepdream.command"]


def test_folders_whose_names_are_not_utf8(undecodable, tmp_path):
    """A cache, and one with a gradient file and its weights beside it."""
    folder = undecodable.with_name(os.fsdecode(b"d\xff"))
    folder.mkdir()
    for name in ("conv2-3x3.onnx", "weights.safetensors"):
        shutil.copy(ROOT / "weights" / "builtin" / name, folder)
    environment = {**os.environ, "ORT_DEEPDREAM_CACHE": str(folder / "cache")}
    pictures = []
    for source in (("-m", folder / "conv2-3x3.onnx"), ("-l", "conv2/3x3")):
        output = tmp_path / "dream.png"
        done = shell("", "run", undecodable, *source, *QUICK, "-o", output, env=environment)
        assert (done.returncode, done.stderr) == (0, "")
        pictures.append(read_picture(output).rgb)
    assert (pictures[0] == pictures[1]).all()


def test_a_name_that_is_not_utf8_is_measured(undecodable, model):
    words = ("-b", "cpu", "--size", "32x32", "--trials", 1, "--budget", 1)
    done = shell("", "bench", undecodable, "-m", model, *words)
    assert done.returncode == 0, done.stderr
    (result,) = undecodable.parent.glob("*-bench.json")
    assert r'"name": "bad\\xff.png"' in result.read_text("utf-8")


CLEAR = "\x1b[2J\x1b]0;owned\x07\u202e"


def test_nothing_of_a_name_reaches_the_terminal_raw(photo, model, tmp_path):
    named = photo.rename(photo.with_name(f"a{CLEAR}.png"))
    weights = tmp_path / f"w{CLEAR}.onnx"
    shutil.copy(model, weights)
    for words in (
        ("run", named, "-m", weights, *QUICK),
        ("run", named.with_name(f"x{CLEAR}.png")),
        ("run", named, "-m", named),
        ("run", named, "-o", f"{CLEAR}/x.png"),
        ("verify", f"x{CLEAR}"),
        ("report", f"x{CLEAR}"),
        ("compare", f"x{CLEAR}", "y"),
        ("layers", "--filter", CLEAR),
        ("weights", "get", CLEAR),
        (CLEAR,),
        ("run", "--layer", CLEAR, named),
        ("run", f"--{CLEAR}", named),
        ("run", named, CLEAR),
        ("run", named, "--iterations", CLEAR),
        ("run", named, "-b", CLEAR),
    ):
        done = shell("", *words)
        said = done.stdout + done.stderr
        assert said.count("\n") == 1, said
        assert said.replace("\n", "").isprintable(), said


# --- folders and links ----------------------------------------------------------------------------


def test_a_home_folder_of_nobody_is_one_line(photo):
    done = shell("", "run", photo, env={**os.environ, "ORT_DEEPDREAM_CACHE": "~nosuchuser"})
    assert done.returncode == 2
    assert done.stderr == (
        "dream: error: ORT_DEEPDREAM_CACHE is ~nosuchuser: there is no such home folder; "
        "name another folder\n"
    )


def test_a_missing_tmpdir_is_no_matter(photo, model, tmp_path):
    words = ("-m", model, "-b", "cpu", "--size", "32x32", "--trials", 1, "--budget", 1)
    missing = str(tmp_path / "nothere")
    done = shell("", "bench", photo, *words, env={**os.environ, "TMPDIR": missing})
    assert done.returncode == 0, done.stderr
    assert not Path(missing).exists()


def test_an_installation_of_links_dreams(photo, tmp_path):
    """Each file a link, as some installers make them to keep one copy of each."""
    package = tmp_path / "site" / "ort_deepdream"
    source = ROOT / "src" / "ort_deepdream"
    rooms = {path.name: ROOT / path.name for path in source.iterdir() if path.is_symlink()}
    for name, folder in {"": source, **rooms}.items():
        for path in folder.rglob("*"):
            link = package / name / path.relative_to(folder)
            if path.is_file() and path.suffix != ".pyc":
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(path)
    environment = {**os.environ, "PYTHONPATH": str(package.parent)}
    code = "import ort_deepdream; print(ort_deepdream.__file__); "
    for words in ((), ("--layer", "inception_4c/output:3")):
        _, _, ours, *line = command("run", photo, *QUICK, *words)
        done = subprocess.run(
            [sys.executable, "-c", code + ours, *line],
            env=environment,
            cwd=tmp_path,  # which Python looks into first
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"{package / '__init__.py'}\n")


@UNIX
def test_a_file_on_the_standard_output_is_the_file_alone(tmp_path):
    result_file = written(tmp_path, result(("cpu",), images=()))
    words = ("report", str(result_file), "-o", "/dev/stdout")
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True)
    assert done.stdout.rstrip().endswith("</html>")
    assert done.stderr.startswith("dream: note: /dev/stdout: ")
