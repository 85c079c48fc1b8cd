"""Pictures are shown as they are, and whatever else a file holds is named and not shown."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image as Pillow
from synthetic_results import SEED_SIZE, check, png, result

from ort_deepdream.measure.result import Image, Size
from ort_deepdream.report.page.pictures import amplification, decoded, galleries


def one_colour(level: int, size: Size = SEED_SIZE) -> str:
    buffer = io.BytesIO()
    Pillow.new("RGB", (size.width, size.height), (level, level, level)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def pictures(**levels: int) -> tuple[Image, ...]:
    return tuple(
        Image(contender=None if name == "original" else name, size=SEED_SIZE, png=one_colour(level))
        for name, level in levels.items()
    )


def shown(source: str) -> np.ndarray:
    data = base64.b64decode(source.partition(",")[2])
    with Pillow.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))


def test_dreams_are_set_against_the_cpus_which_is_set_against_the_original(runs):
    images = pictures(original=10, cpu=100, cuda=103)
    (gallery,) = galleries(runs(result(("cpu", "cuda"), images=images))[0])
    cpu, cuda = gallery.rows
    assert gallery.original is not None
    assert (shown(gallery.original.source) == 10).all()
    assert cpu.difference.caption == "difference from the original"
    assert cpu.difference.says == "amplified 2 times; on average 90 levels of 255, at most 90"
    assert (shown(cpu.difference.source) == 180).all()
    assert cuda.difference.caption == "difference from the dream of cpu"
    assert cuda.difference.says == "amplified 64 times; on average 3.0 levels of 255, at most 3"
    assert (shown(cuda.difference.source) == 3 * 64).all()


def test_equal_pictures_have_no_difference(runs):
    images = pictures(original=10, cpu=100, cuda=100)
    (gallery,) = galleries(runs(result(("cpu", "cuda"), images=images))[0])
    assert gallery.rows[1].difference.source == ""
    assert gallery.rows[1].difference.says == "none: the two are equal in every pixel"


def test_a_failed_dream_is_marked_and_no_measure_for_others(runs):
    checks = (check("cpu", passed=False), check("cuda"))
    images = pictures(original=10, cpu=200, cuda=100)
    (gallery,) = galleries(runs(result(("cpu", "cuda"), images=images, checks=checks))[0])
    assert [row.title for row in gallery.rows] == ["cpu (check failed)", "cuda"]
    assert {row.difference.caption for row in gallery.rows} == {"difference from the original"}


@pytest.mark.parametrize(
    ("largest", "factor"), [(1, 64), (3, 64), (4, 32), (90, 2), (127, 2), (128, 1), (255, 1)]
)
def test_the_amplification_never_clips(largest, factor):
    assert amplification(largest) == factor
    assert largest * factor <= 255


def test_a_large_picture_is_scaled_down_and_says_so(runs):
    size = Size(width=2000, height=1000)
    image = Image(contender=None, size=size, png=one_colour(50, size))
    (gallery,) = galleries(runs(result(("cpu",), images=(image,)))[0])
    assert gallery.original is not None
    assert (gallery.original.width, gallery.original.height) == (960, 480)
    assert gallery.original.says == "scaled down for this page"


def cut() -> str:
    return base64.b64encode(base64.b64decode(png(SEED_SIZE, 1))[:2000]).decode()


def bomb() -> str:
    """A header that promises 100000x100000 pixels."""
    data = bytearray(base64.b64decode(one_colour(1)))
    data[16:24] = (100_000).to_bytes(4, "big") * 2
    return base64.b64encode(data).decode()


def jpeg() -> str:
    buffer = io.BytesIO()
    Pillow.new("RGB", (182, 158)).save(buffer, "JPEG")
    return base64.b64encode(buffer.getvalue()).decode()


SVG = base64.b64encode(b"<svg onload=alert(1)>").decode()


@pytest.mark.parametrize("content", ["", "AAA", SVG, jpeg(), cut(), bomb()])
def test_what_is_no_png_is_not_shown(runs, content):
    images = (
        Image(contender=None, size=SEED_SIZE, png=content),
        Image(contender="cpu", size=SEED_SIZE, png=one_colour(9)),
    )
    (gallery,) = galleries(runs(result(("cpu",), images=images))[0])
    assert gallery.original is not None
    assert gallery.original.source == ""
    assert gallery.original.says == "cannot be shown: what the result file holds is no whole PNG"
    assert gallery.rows[0].difference.source == ""


def test_a_picture_of_another_size_is_not_shown(runs):
    wrong = Image(contender=None, size=Size(width=18, height=15), png=one_colour(9))
    (gallery,) = galleries(runs(result(("cpu",), images=(wrong,)))[0])
    assert gallery.original is not None
    assert gallery.original.says == "cannot be shown: it is 182×158 instead of 18×15"


def test_huge_sizes_are_refused_unread():
    image = Image(contender=None, size=Size(width=100_000, height=100_000), png=one_colour(9))
    with pytest.raises(Exception, match="too large"):
        decoded(image)
