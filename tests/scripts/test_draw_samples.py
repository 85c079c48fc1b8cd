"""The script paints the sample pictures that lie in examples/."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "draw_samples.py"))


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize(
    "name", ["sky-182x158.png", pytest.param("landscape.jpg", marks=pytest.mark.slow)]
)
def test_the_samples_are_what_the_script_paints(name, tmp_path):
    height, width, seed = SCRIPT["SAMPLES"][name]
    SCRIPT["save"](SCRIPT["paint"](height, width, seed), tmp_path / name)
    difference = np.abs(pixels(tmp_path / name) - pixels(ROOT / "examples" / name))
    # Another processor or JPEG library may round a level otherwise here and there.
    assert difference.mean() < 0.1
    assert np.percentile(difference, 99.9) <= 3


def test_the_samples_have_their_sizes():
    assert set(SCRIPT["SAMPLES"]) <= {path.name for path in (ROOT / "examples").iterdir()}
    assert pixels(ROOT / "examples" / "sky-182x158.png").shape == (158, 182, 3)
    assert pixels(ROOT / "examples" / "landscape.jpg").shape == (427, 640, 3)
    assert (ROOT / "examples" / "landscape.jpg").stat().st_size < 150_000


def test_another_seed_paints_another_picture():
    paint = SCRIPT["paint"]
    first, again, other = paint(40, 60, 1), paint(40, 60, 1), paint(40, 60, 2)
    assert (first == again).all()
    assert np.abs(first - other).mean() > 0.02
