"""`--tile` and `--halo`: what is said, stored and refused."""

from __future__ import annotations

import shlex

import numpy as np
import pytest
from PIL import Image

from ort_deepdream import read_metadata, read_picture
from ort_deepdream.engine import model as model_module
from ort_deepdream.engine.machine.memory import Room
from ort_deepdream.engine.tiles import tiling

SETTINGS = shlex.split("--backend cpu --threads 1 --iterations 1 --octaves 1 --seed 1")


@pytest.fixture
def photo(photo):
    """160x120: tiles of 16 pixels with their halos are smaller."""
    with Image.open(photo) as image:
        image.resize((160, 120)).save(photo)
    return photo


def test_tiles_are_said_stored_and_made_again(dream, photo, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole, tiled, again = (tmp_path / f"{name}.png" for name in ("whole", "tiled", "again"))
    run = "run", photo, "--model", model, *SETTINGS
    assert dream(*run, "-o", whole).stderr == ""
    outcome = dream(*run, "-o", tiled, "--tile", 16)
    assert outcome.stderr == (
        "dream: note: tiles of 16 pixels with a halo of 28, exact; they take 0.00 GB of memory, "
        "the whole picture would take 0.01 GB\n"
    )
    assert np.abs(read_picture(whole).rgb - read_picture(tiled).rgb).mean() < 0.1
    stored = read_metadata(tiled)
    assert stored["deepdream.tiling"] == "tiles of 16 pixels with a halo of 28, exact"
    words = shlex.split(stored["deepdream.command"])[1:]
    assert "--tile=16" in words
    words = [model if word == model.name else word for word in words]
    assert dream(*words, "-o", again).exit_code == 0
    np.testing.assert_array_equal(read_picture(again).rgb, read_picture(tiled).rgb)
    assert "deepdream.tiling" not in read_metadata(whole)


def test_a_smaller_halo_is_said_to_be_one(dream, photo, model, tmp_path):
    target = tmp_path / "a.png"
    words = *SETTINGS, "--tile", 16, "--halo", 8, "-o", target
    outcome = dream("run", photo, "--model", model, *words)
    assert "a halo of 8; 28 would be exact" in outcome.stderr
    assert "--tile=16 --halo=8" in read_metadata(target)["deepdream.command"]


def test_auto_divides_what_does_not_fit(dream, photo, model, monkeypatch):
    for module in (model_module, tiling):
        monkeypatch.setattr(module, "available", lambda: Room(10_000_000, "free here"))
    monkeypatch.setattr(tiling, "FOR_THE_REST", 0)
    outcome = dream("run", photo, "--model", model, *SETTINGS)
    assert outcome.exit_code == 0
    assert "dream: note: tiles of" in outcome.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--tile 7", "too small for inception_3a/output: choose 8 or more"),
        ("--tile 0", "--tile must be 1 to 100000, not 0"),
        ("--tile large", "auto, off or a number of pixels, not 'large'"),
        ("--tile off --halo 8", "a halo is one of tiles, which are off"),
        ("--halo=-1", "--halo must be 0 to 100000, not -1"),
        ("--tile 16 --smooth 1", "--smooth"),
    ],
)
def test_refusals(dream, photo, model, words, said):
    before = set(photo.parent.iterdir())
    error = dream("run", photo, "--model", model, *SETTINGS, *words.split()).error
    assert said in error
    assert set(photo.parent.iterdir()) == before
