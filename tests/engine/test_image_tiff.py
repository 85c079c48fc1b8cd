"""TIFFs of every layout: the right pixels or one line, and nothing of libtiff's on stderr.

The files are written by tifffile and imagecodecs, which share no code with what reads them here.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import threading
import time
import warnings

import numpy as np
import pytest
import tifffile
from PIL import Image

from ort_deepdream.engine.image import read_picture
from ort_deepdream.errors import DreamError

HEIGHT, WIDTH = 24, 40
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
RGB = np.stack([COLUMNS * 6.0, ROWS * 10.0, (COLUMNS + ROWS) * 3.8], axis=2)  # 0..255
ALPHA = (COLUMNS * 5 + ROWS * 3) % 256

# By kind of number: what stands for white.
WHITE = {
    "u1": 255,
    "u2": 2**16 - 1,
    "u4": 2**32 - 1,
    "u8": 2**64 - 1,
    "i1": 2**7 - 1,
    "i2": 2**15 - 1,
    "i4": 2**31 - 1,
    "f2": 1,
    "f4": 1,
    "f8": 1,
}
INKS = {"rgb": 3, "minisblack": 1, "miniswhite": 1, "separated": 4}
EXTRAS = (None, "unspecified", "unassalpha", "assocalpha")
PACKED = ("lzma", "zstd", "lerc", "jpeg2000", "webp")  # in one way each, which is enough


def samples(ink, extra, number):
    """The picture [H, W, samples] as this kind of file has it."""
    if ink == "separated":
        colour = np.dstack([255 - RGB, np.zeros((HEIGHT, WIDTH))])
    else:
        colour = RGB[..., : INKS[ink]]
    if extra == "assocalpha":
        colour = colour * (ALPHA[..., None] / 255)
    if extra is not None:
        colour = np.dstack([colour, ALPHA])
    if ink == "miniswhite":
        colour = 255 - colour
    values = colour / 255 * WHITE[number]
    if number[0] != "f":
        values = np.minimum(values.round(), float(WHITE[number]))
    return values.astype(number)


def written(ink, extra, number, plane, compression, order, tile, predictor):
    """The bytes of a file, or None where tifffile cannot write it."""
    array = samples(ink, extra, number).astype(order + number)
    if plane == "separate":
        array = np.ascontiguousarray(array.transpose(2, 0, 1))
    elif array.shape[2] == 1:
        array = array[..., 0]
    buffer = io.BytesIO()
    try:
        tifffile.imwrite(
            buffer,
            array,
            photometric=ink,
            planarconfig=plane if array.ndim == 3 else None,
            extrasamples=[extra] if extra else None,
            compression=compression,
            byteorder=order,
            tile=tile,
            rowsperstrip=None if tile else 16,
            predictor=predictor,
            metadata=None,
        )
    except (ValueError, TypeError, KeyError, RuntimeError, NotImplementedError):
        return None
    return buffer.getvalue()


def layouts(ink, extra):
    numbers = WHITE if extra is None else ("u1", "u2", "i2", "u4", "f4")
    for number, plane, order, tile in itertools.product(
        numbers, ("contig", "separate"), "<>", (None, (16, 16))
    ):
        if plane == "separate" and INKS[ink] == 1 and extra is None:
            continue
        for compression in (None, "packbits"):
            yield number, plane, compression, order, tile, None
        for compression, predictor in itertools.product(("lzw", "zlib"), (None, True)):
            yield number, plane, compression, order, tile, predictor
        if order == "<" and tile is None:
            for compression in PACKED:
                yield number, plane, compression, order, tile, None


def wrong(picture, ink, extra):
    """What is wrong with a picture that was read; "" for nothing."""
    colour = RGB if ink in ("rgb", "separated") else np.repeat(RGB[..., :1], 3, axis=2)
    error = np.abs(picture.rgb - colour).max(axis=2)
    if extra == "assocalpha":
        if error[ALPHA > 60].max() > 6:  # the fewer levels it was multiplied to, the less is left
            return "pixels"
    elif error.max() > 1.3:  # 0.5 of rounding, and Pillow's low byte of 16 bits
        return "pixels"
    if extra in ("unassalpha", "assocalpha"):
        return "" if picture.alpha is not None and (picture.alpha == ALPHA).all() else "alpha"
    return "" if picture.alpha is None else "an alpha that is none"


def read(path):
    """The picture and "", or None and why it is refused."""
    try:
        return read_picture(path), ""
    except DreamError as error:
        return None, str(error)


# (numbers, planes) that have to be read: the rest may be refused.
ALWAYS = {
    ("rgb", None): {("u1", "contig"), ("u1", "separate"), ("u2", "contig")},
    ("rgb", "unassalpha"): {("u1", "contig"), ("u1", "separate"), ("u2", "contig")},
    ("rgb", "assocalpha"): {("u1", "contig"), ("u2", "contig")},
    ("rgb", "unspecified"): {("u1", "contig"), ("u2", "contig")},
    ("minisblack", None): {("u1", "contig"), ("u2", "contig"), ("i1", "contig")},
    ("minisblack", "unassalpha"): {("u1", "contig")},
    ("separated", None): {("u1", "contig"), ("u2", "contig")},
}


@pytest.mark.parametrize(
    ("ink", "extra"),
    [(ink, extra) for ink in INKS for extra in EXTRAS if ink != "miniswhite" or extra is None],
)
def test_a_layout_is_read_right_or_refused(ink, extra, tmp_path, capfd):
    path = tmp_path / "a.tif"
    found, mistakes = {"read": 0, "refused": 0}, []
    for layout in layouts(ink, extra):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tifffile's, of a predictor for such numbers
            data = written(ink, extra, *layout)
        if data is None:
            continue
        path.write_bytes(data)
        picture, refusal = read(path)
        found["refused" if refusal else "read"] += 1
        if refusal:
            always = layout[:2] in ALWAYS.get((ink, extra), ()) and layout[2] not in PACKED
            mistake = "refused" if always else "not one line" if "\n" in refusal else ""
        elif layout[2] == "webp":
            mistake = ""  # it is lossy
        else:
            mistake = wrong(picture, ink, extra)
        if mistake:
            mistakes.append((mistake, *layout))
    assert mistakes == []
    assert found["read"] + found["refused"] > 140
    assert found["read"] > 20 or (ink, extra) not in ALWAYS
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


# ---------------------------------------------------------------- other kinds


def saved(array, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, metadata=None, **options)
    return buffer.getvalue()


BYTES = RGB.astype(np.uint8)
FULL_INKS = np.dstack([255 - BYTES, np.zeros((HEIGHT, WIDTH), np.uint8)])


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("plane", ["contig", "separate"])
def test_lab_is_read_right_or_refused(plane, compression, tmp_path):
    lab = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    lab[..., 0] = 136  # L of 53.3
    lab[:, :20] = 136, 80, 67  # sRGB's red
    array = lab if plane == "contig" else np.ascontiguousarray(lab.transpose(2, 0, 1))
    path = tmp_path / "a.tif"
    path.write_bytes(
        saved(array, photometric="cielab", planarconfig=plane, compression=compression)
    )
    if plane == "separate":
        with pytest.raises(DreamError, match="separate planes of Lab"):
            read_picture(path)
        return
    rgb = read_picture(path).rgb
    np.testing.assert_allclose(rgb[0, 0], (255, 0, 0), atol=12)
    np.testing.assert_allclose(rgb[0, -1], 127, atol=2)


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 1), (2, 2)])
def test_jpeg_in_a_tiff(subsampling, tmp_path):
    luma = np.asarray(Image.fromarray(BYTES).convert("YCbCr"))
    path = tmp_path / "a.tif"
    path.write_bytes(saved(luma, photometric="ycbcr", compression="jpeg", subsampling=subsampling))
    assert np.abs(read_picture(path).rgb - RGB).mean() < 4


def test_a_preview_is_not_taken_for_the_picture(tmp_path):
    """Raw photographs begin so, and were once read as a picture of some 160 pixels."""
    for behind in ("page", "subifd"):
        with tifffile.TiffWriter(tmp_path / f"{behind}.tif") as file:
            nested = {"subifds": 1} if behind == "subifd" else {}
            small = BYTES[::4, ::4]
            file.write(small, photometric="rgb", subfiletype=1, metadata=None, **nested)
            file.write(BYTES, photometric="rgb", metadata=None)
        with pytest.raises(DreamError, match="preview"):
            read_picture(tmp_path / f"{behind}.tif")


def test_a_small_version_behind_the_picture_does_no_harm(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(BYTES, photometric="rgb", subifds=1, metadata=None)
        file.write(BYTES[::4, ::4], photometric="rgb", subfiletype=1, metadata=None)
    assert read_picture(tmp_path / "a.tif").rgb.shape == (HEIGHT, WIDTH, 3)


def test_inks_that_are_not_cmyk_are_refused(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(saved(FULL_INKS, photometric="separated", extratags=[(332, 3, 1, 2, True)]))
    with pytest.raises(DreamError, match="other inks than CMYK"):
        read_picture(path)


def test_an_orientation_in_xmp_alone_turns_nothing(tmp_path):
    xmp = b'<rdf:Description tiff:Orientation="6"/>'
    for compression in (None, "tiff_lzw"):
        Image.fromarray(BYTES).save(
            tmp_path / "a.tif", compression=compression, tiffinfo={700: xmp}
        )
        assert read_picture(tmp_path / "a.tif").rgb.shape == (HEIGHT, WIDTH, 3)


# ---------------------------------------------------------------- libtiff's own lines


def fax_with_damage():
    """A page that libtiff decodes to the end, and complains of on every line."""
    buffer = io.BytesIO()
    dots = np.add.outer(np.arange(60) * 9, np.arange(80) * 35) % 256
    page = Image.fromarray(dots.astype(np.uint8)).convert("1")
    page.save(buffer, "TIFF", compression="group4")
    data = bytearray(buffer.getvalue())
    with Image.open(io.BytesIO(data)) as image:
        start, count = image.tag_v2[273][0], image.tag_v2[279][0]
    data[start + count // 4 : start + count // 2] = bytes(count // 2 - count // 4)
    return bytes(data)


def test_damage_that_libtiff_passes_over_is_refused_in_one_line(tmp_path, capfd):
    path = tmp_path / "a.tif"
    path.write_bytes(fax_with_damage())
    Image.open(path).load()  # Pillow sees nothing wrong,
    assert b"Fax4Decode" in capfd.readouterr().err.encode()  # though libtiff says so
    with pytest.raises(DreamError, match=r"damaged.*Fax4Decode: .*again") as caught:
        read_picture(path)
    assert "\n" not in str(caught.value)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_what_others_write_to_stderr_meanwhile_comes_out(tmp_path, capfd):
    path = tmp_path / "a.tif"
    Image.fromarray(BYTES).save(path, compression="tiff_lzw")
    stop = threading.Event()
    said = 0

    def chatter():
        nonlocal said
        while not stop.is_set():
            os.write(2, b"somebody: says something\n")
            said += 1
            time.sleep(0.0005)

    thread = threading.Thread(target=chatter)
    thread.start()
    try:
        for _ in range(30):
            assert (read_picture(path).rgb == BYTES).all()
    finally:
        stop.set()
        thread.join()
    assert said > 10
    assert capfd.readouterr().err == "somebody: says something\n" * said


def test_stderr_may_be_closed(tmp_path):
    path = tmp_path / "a.tif"
    Image.fromarray(BYTES).save(path, compression="tiff_lzw")
    kept = os.dup(2)
    os.close(2)
    try:
        assert (read_picture(path).rgb == BYTES).all()
        with contextlib.suppress(OSError):
            os.close(2)  # nothing may have been left open in its place
            pytest.fail("something took the place of stderr")
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def test_nowhere_to_listen_is_no_reason_to_fail(tmp_path, monkeypatch):
    def none(*_, **__):
        raise FileNotFoundError("No usable temporary directory found")

    path = tmp_path / "a.tif"
    Image.fromarray(BYTES).save(path, compression="tiff_lzw")
    monkeypatch.setattr("tempfile.TemporaryFile", none)
    assert (read_picture(path).rgb == BYTES).all()
