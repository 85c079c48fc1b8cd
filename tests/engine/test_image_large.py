"""Large pictures: read into a file without a name, written in bands, and refused beforehand."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ort_deepdream import DreamError, read_picture, write_picture
from ort_deepdream.engine.image import decoding, reading, writing
from ort_deepdream.engine.image.picture import to_image
from ort_deepdream.engine.machine import mapped
from ort_deepdream.engine.machine.memory import Room

RGB = np.random.default_rng(0).integers(0, 256, (37, 53, 3), np.uint8)


@pytest.fixture
def large(monkeypatch, tmp_path):
    """Every picture counts as large."""
    monkeypatch.setenv("ORT_DEEPDREAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(mapped, "BAND", 1000)
    monkeypatch.setattr(decoding, "LARGE", 0)
    monkeypatch.setattr(reading, "LARGE", 0)
    monkeypatch.setattr(writing, "LARGE", 0)
    return tmp_path


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_large_picture_is_read_as_a_small_one(mode, suffix, large, monkeypatch):
    path = large / f"a.{suffix}"
    image = Image.fromarray(RGB).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(RGB[..., 0]))
    image.save(path)
    found = read_picture(path)
    monkeypatch.setattr(decoding, "LARGE", 1 << 30)
    monkeypatch.setattr(reading, "LARGE", 1 << 30)
    expected = read_picture(path)
    np.testing.assert_array_equal(found.rgb, expected.rgb)
    assert found.rgb.dtype == np.float32
    assert (found.alpha is None) == (expected.alpha is None)
    if found.alpha is not None:
        np.testing.assert_array_equal(found.alpha, expected.alpha)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_a_large_picture_is_written_as_a_small_one(suffix, large, monkeypatch):
    rgb = RGB.astype(np.float32) + 0.4
    stored = {"deepdream.seed": "7"}
    write_picture(large / f"a.{suffix}", rgb, metadata=stored)
    monkeypatch.setattr(mapped, "BAND", 1 << 24)
    monkeypatch.setattr(writing, "LARGE", 1 << 30)
    write_picture(large / f"b.{suffix}", rgb, metadata=stored)
    assert (large / f"a.{suffix}").read_bytes() == (large / f"b.{suffix}").read_bytes()


def test_what_a_format_cannot_hold_leaves_nothing(large):
    wide = np.zeros((1, 16384, 3), np.float32)
    with pytest.raises(DreamError, match="does not fit WEBP"):
        write_picture(large / "a.webp", wide)
    assert not (large / "a.webp").exists()


def test_bands_are_checked_too(large):
    rgb = RGB.astype(np.float32)
    rgb[-1, -1, -1] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        to_image(rgb)


def test_a_damaged_png_that_is_not_read_into_memory(large):
    path = large / "a.png"
    Image.fromarray(RGB).save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DreamError, match="wrong checksum"):
        read_picture(path)


def test_more_pixels_than_pillow_takes_unasked(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "PILLOWS_LIMIT", 100)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    path = tmp_path / "a.png"
    Image.fromarray(RGB).save(path)
    np.testing.assert_array_equal(read_picture(path).rgb, RGB)
    assert Image.MAX_IMAGE_PIXELS == 100
    monkeypatch.setattr(reading, "available", lambda: Room(5000, "free here"))
    with pytest.raises(DreamError, match=r"53x37 pixels take about 0\.00 GB to read"):
        read_picture(path)
    monkeypatch.setattr(reading, "MOST_PIXELS", 900)
    with pytest.raises(DreamError, match="1961 pixels are more than the limit of 900"):
        read_picture(path)


def test_a_file_too_small_for_what_it_claims_is_not_decoded(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    Image.fromarray(RGB).save(path, compression="tiff_deflate")
    size = path.stat().st_size
    monkeypatch.setattr(reading, "PILLOWS_LIMIT", 100)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    monkeypatch.setattr(reading, "PIXELS_OF_A_BYTE", 1960 / size)
    with pytest.raises(DreamError, match=f"53x37 pixels are more than {size} bytes can hold"):
        read_picture(path)
    monkeypatch.setattr(reading, "PIXELS_OF_A_BYTE", 1961 / size)
    np.testing.assert_array_equal(read_picture(path).rgb, RGB)
