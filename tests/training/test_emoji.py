import numpy as np
import pytest

from training import emoji

pytestmark = pytest.mark.skipif(
    not emoji.FONT.exists(), reason="needs Debian's fonts-noto-color-emoji"
)


@pytest.fixture(scope="module")
def pictures() -> dict[int, np.ndarray]:
    return emoji.sprites(48)


def test_sprites_are_distinct_and_letters_are_left_out(pictures: dict[int, np.ndarray]) -> None:
    assert len(pictures) > 1000
    assert len({picture.tobytes() for picture in pictures.values()}) == len(pictures)
    assert 0x1F431 in pictures  # cat face
    for left_out in (0x1F170, 0x1F550, 0x2648, 0x1F6D1, 0x27A1):  # A, clock, zodiac, sign, arrow
        assert left_out not in pictures
