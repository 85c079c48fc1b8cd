"""What an extra brings is asked for before it is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ort_deepdream.cli.extras import EXTRAS, require_extra
from ort_deepdream.errors import DreamError

COMMANDS = {
    "bench": ("bench", "photo.jpg"),
    "compare": ("compare", "before.json", "after.json"),
    "report": ("report", "result.json"),
    "board": ("board", "results"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("module", EXTRAS["measure"][1])
def test_measuring_without_its_extra_is_one_line(dream, monkeypatch, command, module):
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    assert dream(*COMMANDS[command]).error == (
        f"this needs pydantic, psutil and jinja2 (not installed: {module}); "
        f"pip install 'ort-deepdream[measure]'"
    )


def test_all_that_is_missing_is_named_with_what_can_be_done_without(monkeypatch):
    for module in ("torch", "onnx"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        DreamError,
        match=r"\(not installed: torch, onnx\); pip install 'ort-deepdream\[export\]', or dream",
    ):
        require_extra("export", ", or dream of a shipped layer")


@pytest.mark.parametrize("name", EXTRAS)
def test_what_is_installed_is_not_missed(name):
    require_extra(name)


# Everything but what measures, as users of the export extra type it.
EXPORT_ONLY = """
import sys
for name in ("pydantic", "psutil", "jinja2"):
    sys.modules[name] = None
from ort_deepdream.cli.main import app
words = ["--weights", "seeded:0", "--layer", "inception_3a/output"]
for command in (
    ["export", *words, "--size", "64x48", "-o", "fixed.onnx"],
    ["verify", "fixed.onnx"],
    ["layers"],
    ["run", "photo.png", "--model", "fixed.onnx", "--octaves", "1", "--iterations", "1"],
):
    try:
        app(command)
    except SystemExit as end:
        assert not end.code, command
assert not {"ort_deepdream.measure", "ort_deepdream.report"} & set(sys.modules)
"""


def test_what_exports_needs_nothing_that_measures(photo):
    command = [sys.executable, "-c", EXPORT_ONLY]
    done = subprocess.run(command, cwd=photo.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert photo.with_name("photo-dream.png").exists()
