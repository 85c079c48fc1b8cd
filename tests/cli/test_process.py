"""The command as a process of its own: what it imports, interrupts, pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "onnx", "onnx_ir", "safetensors")
START = "import sys; from ort_deepdream.__main__ import run; sys.argv[0] = 'dream'; run()"


def python(code: str, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)


OURS = "ort_deepdream."


def loaded_by(code: str) -> set[str]:
    """Return what is loaded once `code` has run: packages, and of our own their rooms."""
    names = f"{{name.removeprefix({OURS!r}).partition('.')[0] for name in sys.modules}}"
    outcome = python(f"{code}; import sys; print(*{names})")
    assert outcome.returncode == 0, outcome.stderr
    return set(outcome.stdout.splitlines()[-1].split())


def test_the_public_names_load_neither_torch_nor_onnx_nor_typer():
    assert not loaded_by("import ort_deepdream") & {*HEAVY, "engine", "numpy", "typer"}
    code = "import ort_deepdream as d; [getattr(d, name) for name in d.__all__]"
    assert not loaded_by(code) & {*HEAVY, "typer", "export"}


def test_the_command_starts_light():
    loaded = loaded_by("import ort_deepdream.cli.main")
    assert not loaded & {*HEAVY, "onnxruntime", "numpy", "PIL", "export", "weights"}
    code = "import ort_deepdream.cli.main, sys; print(*sys.modules)"
    modules = python(code).stdout.split()
    ours = {name for name in modules if name.startswith(f"{OURS}engine.")}
    light = "settings", "presets", "visualise", "visualise.settings"
    assert ours == {f"{OURS}engine.{name}" for name in light}


def test_no_module_of_the_command_loads_pytorch_before_it_is_needed():
    files = [path.relative_to(ROOT) for path in (ROOT / "cli").rglob("[!_]*.py")]
    modules = ", ".join(OURS + ".".join(file.with_suffix("").parts) for file in files)
    assert not loaded_by(f"import {modules}") & {*HEAVY, "export"}


def test_the_way_to_a_dream_loads_nothing_that_measures():
    loaded = loaded_by("import ort_deepdream.cli.commands.photo, ort_deepdream.cli.sources")
    assert not loaded & {"measure", "report", "psutil"}


def test_the_model_is_on_its_way_before_pillow_is_there():
    """It is imported meanwhile; what imports it sooner makes every dream wait."""
    assert "PIL" not in loaded_by("from ort_deepdream.cli import loading, machine, sources")


def test_a_dream_starts_light(photo, model):
    """Neither what draws progress, where nobody sees it, nor what reads result files."""
    words = ["run", str(photo), "--model", str(model), "--iterations", "1", "-b", "cpu"]
    code = START.replace("run()", "atexit.register(lambda: print(*sys.modules)); run()")
    outcome = python(f"import atexit; {code}", *words)
    assert "ort_deepdream.engine.deepdream" in outcome.stdout.split()
    assert not {"rich", "pydantic"} & set(outcome.stdout.split())


def test_a_dream_with_a_gradient_file_needs_no_torch(photo, model):
    hide = f"import sys; sys.modules.update(dict.fromkeys({HEAVY})); "
    outcome = python(hide + START, "run", photo, "--model", model, "--iterations", 1, "-b", "cpu")
    assert outcome.returncode == 0, outcome.stderr
    assert photo.with_name("photo-dream.png").exists()
    assert outcome.stderr == ""


@pytest.mark.skipif(os.name == "nt", reason="signals and terminals are others on Windows")
def test_ctrl_c_leaves_no_file_and_exit_code_130(photo, model):
    import pty

    ours, theirs = pty.openpty()
    words = ["run", photo, "--model", model, "--iterations", 100000, "--octaves", 1, "-b", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-c", START, *map(str, words)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    )
    os.close(theirs)
    shown = read_until(ours, b"step")
    assert b"octave 1/1, 64x48" in shown  # on a terminal there is a progress bar
    process.send_signal(signal.SIGINT)
    last = read_until(ours, b"interrupted\r\n")
    stdout, _ = process.communicate(timeout=20)
    os.close(ours)
    assert process.returncode == 130
    assert last.endswith(b"dream: interrupted\r\n")
    assert b"Traceback" not in last
    assert stdout == b""
    assert list(photo.parent.iterdir()) == [photo]


def read_until(terminal: int, words: bytes, seconds: float = 30) -> bytes:
    """What a terminal shows, up to where it shows `words`."""
    text = b""
    end = time.monotonic() + seconds
    while words not in text:
        assert time.monotonic() < end, text
        text += os.read(terminal, 4096)
    return text


def test_a_closed_pipe_is_no_error():
    process = subprocess.Popen(
        [sys.executable, "-c", START, "backends"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    process.wait(timeout=20)


def test_a_mistake_in_a_process_is_one_line_and_2(photo):
    outcome = python(START, "run", photo.with_name("nothere.jpg"))
    assert outcome.returncode == 2
    assert outcome.stdout == ""
    assert outcome.stderr.startswith("dream: error: ")
    assert outcome.stderr.count("\n") == 1


# --- ONNX Runtime tells nobody what it runs ---------------------------------------------------


@pytest.mark.parametrize("module", ["engine.sessions.session", "cli.record"])
def test_onnx_runtime_leaves_nothing_in_the_users_home(module, tmp_path):
    environment = {
        name: value
        for name, value in os.environ.items()
        # In CI it is quiet anyhow; XDG_CACHE_HOME would be another place than the one looked at.
        if name not in ("CI", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")
    }
    command = [sys.executable, "-c", f"import {OURS}{module}"]
    subprocess.run(command, check=True, cwd=ROOT, env=environment | {"HOME": str(tmp_path)})
    assert not list(tmp_path.iterdir())
