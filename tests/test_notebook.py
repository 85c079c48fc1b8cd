"""docs/deepdream.ipynb runs from top to bottom with a bare kernel, and is stored small."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from PIL import Image

from ort_deepdream import DreamError

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "deepdream.ipynb"
SOURCE = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]["Source"]


def stored() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def cell(notebook: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == name)


def test_it_is_valid_and_small():
    nbformat.validate(stored())
    assert NOTEBOOK.stat().st_size < 300_000


def test_its_links_lead_to_this_repository():
    text = json.dumps(stored())
    repository = SOURCE.removeprefix("https://github.com/")
    assert f"colab.research.google.com/github/{repository}/blob/main/docs/{NOTEBOOK.name}" in text
    assert f"git+{SOURCE}" in cell(stored(), "install").source
    for path in re.findall(r"/(?:blob|raw)/main/([\w./-]+)", text):
        assert (ROOT / path).is_file()


def test_no_time_is_stored():
    """They are for the machine of who reads; `dream bench` measures for others."""
    assert cell(stored(), "timing").outputs == []


def test_a_photograph_that_is_not_there_is_not_another_one(tmp_path, monkeypatch):
    """The cat is downloaded where there is only the notebook, never for a mistyped name."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DreamError, match=r"mine\.jpg"):
        exec(cell(stored(), "photo").source, {"PHOTO": "mine.jpg"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_it_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("ORT_DEEPDREAM_CACHE", str(tmp_path / "cache"))
    (tmp_path / "examples").mkdir()
    (tmp_path / "docs").mkdir()
    with Image.open(ROOT / "examples" / "cat.jpg") as photo:
        photo.resize((150, 100)).save(tmp_path / "examples" / "cat.jpg")
    notebook = stored()
    parameters = cell(notebook, "parameters")
    parameters.source = re.sub(r"ITERATIONS = \d+", "ITERATIONS = 1", parameters.source)
    loaded = nbformat.v4.new_code_cell("import sys; sorted({n.split('.')[0] for n in sys.modules})")
    notebook.cells.append(loaded)
    resources = {"metadata": {"path": str(tmp_path / "docs")}}
    NotebookClient(notebook, timeout=300, resources=resources).execute()

    names = set(re.findall(r"'(\w+)'", loaded.outputs[0].data["text/plain"]))
    assert "onnxruntime" in names
    assert not names & {"torch", "onnx", "matplotlib", "scipy"}
    bar, dreamt = cell(notebook, "dream").outputs
    assert bar.data["text/plain"] == "100%, octave 4 of 4, 150×100"  # one line, changed in place
    assert re.search("4 steps, seed 7", dreamt.data["text/html"])
    for row, count in (("octaves", 4), ("layers", 4), ("channels", 4), ("zoom", 4)):
        assert cell(notebook, row).outputs[-1].data["text/html"].count("<img ") == count
    (timing,) = cell(notebook, "timing").outputs
    assert re.search(r"^cpu, .+: \d+\.\d\d s$", timing.text, re.MULTILINE)
    assert re.search(r"^(no GPU was measured here: |the GPU is )", timing.text, re.MULTILINE)
    with Image.open(tmp_path / "docs" / "deepdream.png") as picture:
        assert picture.size == (150, 100)


ENDLESS = """
import numpy as np

from ort_deepdream import Settings, dream, load_layer, watching

model = load_layer("inception_4c/output", backend="cpu")
with watching() as watch:
    grey = np.full((96, 128, 3), 120, np.float32)
    dreamt = dream(model, grey, Settings(iterations=10**6, octaves=1, seed=1), on_step=watch)
dreamt
"""


@pytest.mark.slow
def test_interrupting_the_kernel_keeps_what_was_dreamt(tmp_path):
    manager, client = start_new_kernel(cwd=str(tmp_path))
    shown = {}
    try:

        def look(message: dict[str, Any]) -> None:
            kind = message["msg_type"]
            if kind == "update_display_data" and kind not in shown:  # it dreams
                manager.interrupt_kernel()
            shown[kind] = message["content"]

        client.execute_interactive(ENDLESS, output_hook=look, timeout=300)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert "error" not in shown
    kept = shown["execute_result"]["data"]["text/plain"]
    assert re.fullmatch(r"<Dream 128x96, \d+ steps, seed 1, stopped>", kept)
