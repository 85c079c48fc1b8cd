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


def test_every_sprite_is_in_one_class_and_look_alikes_share_one(
    pictures: dict[int, np.ndarray],
) -> None:
    groups = emoji.classes(pictures, 880)
    assert len(groups) == 880
    members = [code for group in groups for code in group.codepoints]
    assert sorted(members) == sorted(pictures)
    of = {code: group.name for group in groups for code in group.codepoints}
    assert of[0x1F600] == of[0x1F603]  # two smiling faces
    assert of[0x1F431] != of[0x1F418]  # cat, elephant
