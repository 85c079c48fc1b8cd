from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training import debian


@pytest.mark.skipif(not debian.FONT.exists(), reason="needs Debian's fonts-noto-color-emoji")
def test_emoji_are_distinct_and_letters_are_left_out() -> None:
    pictures = debian.emoji(48)
    assert len(pictures) > 1000
    assert len({picture.tobytes() for picture in pictures.values()}) == len(pictures)
    assert 0x1F431 in pictures  # cat face
    for left_out in (0x1F170, 0x1F550, 0x2648, 0x1F6D1, 0x27A1):  # A, clock, zodiac, sign, arrow
        assert left_out not in pictures


@pytest.mark.skipif(
    not debian.wallpapers(held_out=False),
    reason="needs Debian's wallpapers",
)
def test_the_splits_share_no_wallpaper() -> None:
    train, held_out = (
        {debian._wallpaper(path) for path in debian.wallpapers(split)} for split in (False, True)
    )
    assert held_out
    assert not train & held_out


def test_crops_depend_on_the_seed(tmp_path: Path) -> None:
    path = tmp_path / "wallpaper.png"
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    Image.fromarray(noise).save(path)
    first, again, other = (
        debian.crops(np.random.default_rng(seed), path, 2, 40) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.shape(first) == (2, 40, 40, 3)
