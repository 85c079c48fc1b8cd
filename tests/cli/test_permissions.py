"""What this user may not read, write or look into is one line, whatever command asks for it."""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from synthetic_results import result, written

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no permissions of this kind there")

DROP = 24  # PR_CAPBSET_DROP, of Linux's prctl
READ_ALL, SEARCH_ALL = 1, 2  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, what makes root root
# By command line: what is said, and what to do.
LINES = {
    "run no.png": ("no.png", "no permission to read it; change that (chmod u+r)"),
    "run shut/photo.png": ("shut/photo.png", "no permission to read it"),
    "run photo.png -m no.onnx": ("no.onnx", "no permission to read it"),
    "run photo.png -m apart/m.onnx -b cpu": ("weights.safetensors", "no permission to read it"),
    "run photo.png -w no.onnx": ("no.onnx", "no permission to read it"),
    "run photo.png -w shut": ("shut", "7x7_s2_filter.bin cannot be read"),
    "run photo.png -w shut/x.pth": ("shut/x.pth", "no permission to read it"),
    "run photo.png -o shut/x.png": ("shut/x.png", "cannot be written to"),
    "run photo.png -o shut/sub/x.png": ("shut/sub/x.png", "cannot be written to"),
    "run photo.png -o kept.png": ("kept.png", "is write-protected; choose another name"),
    "shut/photo": ("there is no command 'shut/photo'",),
    "bench no.png": ("no.png", "no permission to read it"),
    "bench photo.png -b cpu -o kept.json": ("kept.json", "is write-protected"),
    "compare no.json result.json": ("no.json", "no permission to read it"),
    "report no.json": ("no.json", "no permission to read it"),
    "report shut/x.json": ("shut/x.json", "no permission to read it"),
    "report result.json -o shut/x.html": ("shut/x.html", "cannot be written to"),
    "report result.json -o kept.html": ("kept.html", "is write-protected"),
    "report result.json --asv shut": ("shut: cannot be looked into", "chmod"),
    "report result.json --asv asv": ("asv/machine: cannot be looked into", "chmod"),
    "report result.json --asv photo.png": ("photo.png: is not a folder",),
    "verify no.onnx": ("no.onnx", "no permission to read it"),
    "export -w no.onnx -o x.onnx": ("no.onnx", "no permission to read it"),
}
IN_A_SHUT_CACHE = (
    "weights",
    "web --no-open",
    "run photo.png -b cpu -l conv2/3x3 -w seeded:0",
    "run photo.png -b cpu -l conv1/7x7_s2 -w seeded:0",
)
EACH = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from ort_deepdream.cli.main import app
for line in json.loads(sys.argv[1]):
    said, code = io.StringIO(), None
    with redirect_stderr(said), redirect_stdout(said):
        try:
            app(line)
        except SystemExit as end:
            code = end.code
        except Exception as error:
            code = repr(error)
    print(json.dumps([code, said.getvalue()]))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files that may be used, and others that may not."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("permissions")
    written(folder, result(("cpu",), images=()))
    Image.new("RGB", (32, 24)).save(folder / "photo.png")
    shut, apart, machine = (folder / name for name in ("shut", "apart", "asv/machine"))
    for made in (shut, apart, machine):
        made.mkdir(parents=True)
    builtin = Path(__file__).parents[2] / "weights/builtin"
    shutil.copy(builtin / "conv2-3x3.onnx", apart / "m.onnx")
    shutil.copy(folder / "photo.png", shut)
    for name in ("no.png", "no.json", "no.onnx", "apart/weights.safetensors"):
        (folder / name).write_text("x")
        (folder / name).chmod(0)
    for name in ("kept.png", "kept.json", "kept.html"):
        (folder / name).touch(0o444)
    (folder / "asv/machine/x.json").touch()
    for closed in (shut, machine):
        closed.chmod(0)
    return folder


def as_any_user() -> None:
    """Give up what lets root read and write whatever it wants to."""
    if os.geteuid() == 0:
        for ability in (READ_ALL, SEARCH_ALL):
            ctypes.CDLL(None).prctl(DROP, ability, 0, 0, 0)


def outcomes(place: Path, lines: list[str], cache: Path) -> list[tuple[object, str]]:
    """What each line comes to, one after the other in a process that permissions bind."""
    words = json.dumps([shlex.split(line) for line in lines])
    done = subprocess.run(
        [sys.executable, "-c", EACH, words],
        cwd=place,
        capture_output=True,
        text=True,
        env={**os.environ, "ORT_DEEPDREAM_CACHE": str(cache)},
        preexec_fn=as_any_user,
    )
    if (place / "shut").is_dir() and done.returncode:
        raise AssertionError(done.stderr)
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def require_bound(place: Path) -> None:
    words = [sys.executable, "-c", "open('no.json')"]
    if subprocess.run(words, cwd=place, capture_output=True, preexec_fn=as_any_user).returncode:
        return
    pytest.skip("nothing binds this user")


def test_what_may_not_be_used_is_one_line(place: Path, tmp_path: Path) -> None:
    require_bound(place)
    before = sorted(place.iterdir())
    told = dict(zip(LINES, outcomes(place, list(LINES), tmp_path), strict=True))
    for line, words in LINES.items():
        code, said = told[line]
        assert said, (line, code)
        *notes, last = said.splitlines()
        assert code == 2, (line, code)
        assert last.startswith("dream: error: "), line
        assert all(note.startswith("dream: note: ") for note in notes), line
        assert all(word in last for word in words), (line, last)
    assert sorted(place.iterdir()) == before


def test_a_cache_that_may_not_be_looked_into_is_one_line(place: Path) -> None:
    require_bound(place)
    told = outcomes(place, list(IN_A_SHUT_CACHE), place / "shut")
    for line, (code, said) in zip(IN_A_SHUT_CACHE, told, strict=True):
        assert code == 2, (line, code)
        assert "shut" in said, line
        assert "cannot be used" in said.splitlines()[-1], (line, said)
