"""Pictures of every kind in and out, and every error on the way.

The pictures are encoded here: by Pillow, and byte by byte (PNG, TIFF, ICC)
where Pillow cannot write what it reads.
"""

from __future__ import annotations

import errno
import io
import itertools
import logging
import os
import struct
import warnings
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms

from ort_deepdream.engine.image import (
    Picture,
    check_writable,
    read_metadata,
    read_picture,
    write_picture,
)
from ort_deepdream.errors import DreamError

HEIGHT, WIDTH = 24, 36
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
# Smooth (JPEG keeps it), and different under every turn and channel swap.
RGB = np.stack([COLUMNS * 7, ROWS * 10, 60 + 2 * COLUMNS + 3 * ROWS], axis=2).astype(np.uint8)
ALPHA = (255 - 5 * COLUMNS - 2 * ROWS).astype(np.uint8)
GREY = RGB[:, :, 0]
GREY16 = (COLUMNS * 1800 + ROWS * 17).astype(np.uint16)
RGB16 = (RGB.astype(np.uint16) << 8) + 77
INKS = np.dstack([RGB, ROWS.astype(np.uint8)])
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


# ---------------------------------------------------------------- files made by hand


def png_bytes(array, bits, transparent=()):
    """A PNG of [H, W] or [H, W, channels] with `bits` a sample, and a tRNS chunk."""
    height, width = array.shape[:2]
    channels = 1 if array.ndim == 2 else array.shape[2]
    if bits == 16:
        rows = array.astype(">u2").reshape(height, -1).view(np.uint8)
    else:
        samples = array.astype(np.uint8).reshape(height, -1)
        planes = np.unpackbits(samples[:, :, None], axis=2)[:, :, 8 - bits :]
        rows = np.packbits(planes.reshape(height, -1), axis=1)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header)]
    if transparent:
        chunks.append((b"tRNS", struct.pack(f">{len(transparent)}H", *transparent)))
    chunks += [(b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def tiff_bytes(array, photometric, sample_format=1, order="<", extra_samples=None, bits=None):
    """An uncompressed TIFF of [H, W] or [H, W, channels]; `bits` may be 12 instead of 16."""
    height, width = array.shape[:2]
    channels = 1 if array.ndim == 2 else array.shape[2]
    data = array.astype(array.dtype.newbyteorder(order)).tobytes()
    if bits == 12:
        hexadecimal = "".join(f"{value:03x}" for value in array.flat)
        data = bytes.fromhex(hexadecimal)
    entries = {
        256: [width],
        257: [height],
        258: [bits or array.itemsize * 8] * channels,
        259: [1],
        262: [photometric],
        273: [8],
        277: [channels],
        278: [height],
        279: [len(data)],
        339: [sample_format] * channels,
    }
    if extra_samples is not None:
        entries[338] = [extra_samples]
    directory_at = 8 + len(data)
    overflow_at = directory_at + 2 + 12 * len(entries) + 4
    directory, overflow = struct.pack(order + "H", len(entries)), b""
    for tag, values in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        if len(values) > 1:
            packed, overflow = (
                struct.pack(order + "I", overflow_at + len(overflow)),
                overflow + packed,
            )
        directory += struct.pack(order + "HHI", tag, 4, len(values)) + packed
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", directory_at)
    return start + data + directory + bytes(4) + overflow


def icc_bytes(space, connection, tags):
    """A version 2 ICC profile."""
    body, table = b"", struct.pack(">I", len(tags))
    for name, data in tags.items():
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(body), len(data))
        body += data
    header = struct.pack(">I4xI4s4s4s12x4s28x", 128 + len(table + body), 0x02400000, b"prtr",
                         space, connection, b"acsp")  # fmt: skip
    header += struct.pack(">III48x", 0xF6D6, 0x10000, 0xD32D)
    return header + table + body


def grey_profile(gamma):
    white = struct.pack(">4s4xIII", b"XYZ ", 0xF6D6, 0x10000, 0xD32D)
    curve = struct.pack(">4s4xIH2x", b"curv", 1, round(gamma * 256))
    return icc_bytes(b"GRAY", b"XYZ ", {b"wtpt": white, b"kTRC": curve})


def cmyk_profile():
    """A profile of impossible inks: the first one, cyan by rights, prints a red."""
    identity = struct.pack(">9I", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    ramp = bytes(range(256))
    lab = []
    for cyan, magenta, yellow, black in itertools.product((0, 1), repeat=4):
        lightness = 0 if black else 255 - 120 * cyan - 60 * magenta - 20 * yellow
        lab += [max(lightness, 0), 128 + 70 * cyan * (1 - black), 128 + 50 * cyan * (1 - black)]
    table = struct.pack(">4s4xBBBx", b"mft1", 4, 3, 2) + identity + ramp * 4 + bytes(lab) + ramp * 3
    return icc_bytes(b"CMYK", b"Lab ", {b"A2B0": table})


# ---------------------------------------------------------------- reading: the table


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pillow(array, mode=None):
    image = Image.fromarray(array)
    return image.convert(mode) if mode else image


def in_mode(array, mode):
    """An image whose samples already are in `mode`."""
    size = (array.shape[1], array.shape[0])
    return Image.frombytes(mode, size, np.ascontiguousarray(array).tobytes())


def palette_image():
    """A palette image of 36 colours, one a column; the palette."""
    palette = np.stack([np.arange(36) * 7, 255 - np.arange(36) * 5, np.arange(36) * 3], axis=1)
    image = Image.fromarray(COLUMNS.astype(np.uint8))
    image.putpalette(palette.astype(np.uint8).tobytes())
    return image, palette


def grey_rgb(grey):
    return np.repeat(np.asarray(grey, np.float64)[:, :, None], 3, axis=2)


PALETTED, PALETTE = palette_image()
PALETTED_ALPHA = PALETTED.convert("PA")
PALETTED_ALPHA.putalpha(pillow(ALPHA))
PALETTE_RGB = PALETTE[COLUMNS]
PALETTE_ALPHA = np.where(COLUMNS == 5, 0, 255)
PARTLY = bytes([0, 80, 160]) + bytes([255]) * 33
STRIPES = np.where(COLUMNS // 3 % 2, 255, 0).astype(np.uint8)
NAIVE_CMYK = (255.0 - INKS[:, :, :3]) * (255.0 - INKS[:, :, 3:]) / 255
RGBA = np.dstack([RGB, ALPHA])
LA = np.dstack([GREY, ALPHA])
LOW = (COLUMNS % 4).astype(np.uint8)
EXACT, ROUNDED, LOSSY = 1e-3, 1.01, 8.0

# what it is: (the file, rgb, alpha or None, largest difference in levels of 255)
CASES = {
    "jpeg grey": (saved(pillow(GREY), "JPEG", quality=95), grey_rgb(GREY), None, LOSSY),
    "jpeg rgb": (saved(pillow(RGB), "JPEG", quality=95, subsampling=0), RGB, None, LOSSY),
    "jpeg cmyk": (saved(in_mode(INKS, "CMYK"), "JPEG", quality=98), NAIVE_CMYK, None, LOSSY),
    "png 1-bit": (saved(pillow(STRIPES, "1"), "PNG"), grey_rgb(STRIPES), None, EXACT),
    "png grey": (saved(pillow(GREY), "PNG"), grey_rgb(GREY), None, EXACT),
    "png grey 16": (saved(pillow(GREY16), "PNG"), grey_rgb(GREY16 / 257), None, EXACT),
    "png grey alpha": (saved(in_mode(LA, "LA"), "PNG"), grey_rgb(GREY), ALPHA, EXACT),
    "png grey alpha 16": (
        png_bytes(LA.astype(np.uint16) * 257, 16), grey_rgb(GREY), ALPHA, EXACT),
    "png grey key": (
        png_bytes(GREY, 8, (35,)), grey_rgb(GREY), np.where(GREY == 35, 0, 255), EXACT),
    "png grey 16 key": (
        png_bytes(GREY16, 16, (1800,)),
        grey_rgb(GREY16 / 257), np.where(GREY16 == 1800, 0, 255), EXACT),
    "png grey 2-bit": (png_bytes(LOW, 2), grey_rgb(LOW * 85.0), None, EXACT),
    "png grey 2-bit key": (
        png_bytes(LOW, 2, (2,)), grey_rgb(LOW * 85.0), np.where(LOW == 2, 0, 255), EXACT),
    "png grey 4-bit key": (
        png_bytes(LOW, 4, (3,)), grey_rgb(LOW * 17.0), np.where(LOW == 3, 0, 255), EXACT),
    "png 1-bit key": (
        png_bytes(LOW % 2, 1, (1,)),
        grey_rgb(LOW % 2 * 255.0), np.where(LOW % 2 == 1, 0, 255), EXACT),
    "png rgb": (saved(pillow(RGB), "PNG"), RGB, None, EXACT),
    "png rgb key": (
        png_bytes(RGB, 8, (14, 10, 67)),
        RGB, np.where((RGB == (14, 10, 67)).all(axis=2), 0, 255), EXACT),
    "png rgb 16": (png_bytes(RGB16, 16), RGB16 / 257, None, ROUNDED),
    "png rgb 16 key": (
        png_bytes(RGB16, 16, tuple(RGB16[1, 2])),
        RGB16 / 257, np.where((RGB[1, 2] == RGB).all(axis=2), 0, 255), ROUNDED),
    "png rgba": (saved(pillow(RGBA), "PNG"), RGB, ALPHA, EXACT),
    "png rgba 16": (png_bytes(RGBA.astype(np.uint16) * 257, 16), RGB, ALPHA, EXACT),
    "png palette": (saved(PALETTED, "PNG"), PALETTE_RGB, None, EXACT),
    "png palette key": (
        saved(PALETTED, "PNG", transparency=5), PALETTE_RGB, PALETTE_ALPHA, EXACT),
    "png palette alpha": (
        saved(PALETTED, "PNG", transparency=PARTLY),
        PALETTE_RGB, np.frombuffer(PARTLY, np.uint8)[COLUMNS], EXACT),
    "webp rgb": (saved(pillow(RGB), "WEBP", quality=98), RGB, None, LOSSY * 2),
    "webp lossless": (saved(pillow(RGB), "WEBP", lossless=True), RGB, None, EXACT),
    "webp rgba": (saved(pillow(RGBA), "WEBP", lossless=True, exact=True), RGB, ALPHA, EXACT),
    "webp grey": (saved(pillow(GREY), "WEBP", lossless=True), grey_rgb(GREY), None, EXACT),
    "tiff 1-bit": (saved(pillow(STRIPES, "1"), "TIFF"), grey_rgb(STRIPES), None, EXACT),
    "tiff grey": (saved(pillow(GREY), "TIFF"), grey_rgb(GREY), None, EXACT),
    "tiff grey inverted": (tiff_bytes(255 - GREY, 0), grey_rgb(GREY), None, EXACT),
    "tiff grey alpha": (saved(in_mode(LA, "LA"), "TIFF"), grey_rgb(GREY), ALPHA, EXACT),
    "tiff grey 16": (tiff_bytes(GREY16, 1), grey_rgb(GREY16 / 257), None, EXACT),
    "tiff grey 16 big-endian": (
        tiff_bytes(GREY16, 1, order=">"), grey_rgb(GREY16 / 257), None, EXACT),
    "tiff grey 16 inverted": (
        tiff_bytes(65535 - GREY16, 0), grey_rgb(GREY16 / 257), None, EXACT),
    "tiff grey 16 signed": (
        tiff_bytes((GREY16 // 2).astype(np.int16), 1, 2),
        grey_rgb(GREY16 // 2 * (255 / 32767)), None, EXACT),
    "tiff grey 12": (
        tiff_bytes(GREY16 // 16, 1, bits=12), grey_rgb(GREY16 // 16 * (255 / 4095)), None, EXACT),
    "tiff grey alpha premultiplied": (
        tiff_bytes(np.dstack([GREY * (ALPHA / 255.0), ALPHA]).astype(np.uint8), 1, extra_samples=1),
        grey_rgb(GREY), ALPHA, 6),
    "tiff grey 16 in 32": (
        saved(pillow(GREY16.astype(np.int32)), "TIFF"), grey_rgb(GREY16 / 257), None, EXACT),
    "tiff grey 8 in 32": (
        saved(pillow(GREY.astype(np.int32)), "TIFF"), grey_rgb(GREY), None, EXACT),
    "tiff grey unsigned 32": (
        tiff_bytes(GREY16.astype(np.uint32) * 65537, 1), grey_rgb(GREY16 / 257), None, EXACT),
    "tiff grey 20 in unsigned 32": (
        tiff_bytes(GREY16.astype(np.uint32) * 16, 1),
        grey_rgb(GREY16 * (255.0 / GREY16.max())), None, EXACT),
    "tiff grey signed 8": (
        tiff_bytes((GREY // 2).astype(np.int8), 1, 2),
        grey_rgb(GREY // 2 * (255 / 127)), None, EXACT),
    "tiff float 0..1": (
        saved(pillow((GREY16 / 65535).astype(np.float32)), "TIFF"),
        grey_rgb(GREY16 / 257), None, EXACT),
    "tiff float 0..255": (
        saved(pillow(GREY.astype(np.float32)), "TIFF"), grey_rgb(GREY), None, EXACT),
    "tiff float 0..65535": (
        saved(pillow(GREY16.astype(np.float32)), "TIFF"), grey_rgb(GREY16 / 257), None, EXACT),
    "tiff rgb": (saved(pillow(RGB), "TIFF", compression="tiff_lzw"), RGB, None, EXACT),
    "tiff rgb 16": (tiff_bytes(RGB16, 2), RGB16 / 257, None, ROUNDED),
    "tiff rgb 16 big-endian": (tiff_bytes(RGB16, 2, order=">"), RGB16 / 257, None, ROUNDED),
    "tiff rgba": (saved(pillow(RGBA), "TIFF"), RGB, ALPHA, EXACT),
    "tiff rgba 16": (
        tiff_bytes(RGBA.astype(np.uint16) * 257, 2, extra_samples=2), RGB, ALPHA, EXACT),
    "tiff palette": (saved(PALETTED, "TIFF"), PALETTE_RGB, None, EXACT),
    "tiff palette alpha": (
        saved(PALETTED_ALPHA, "TIFF"), PALETTE_RGB, ALPHA, EXACT),
    "tiff cmyk": (saved(in_mode(INKS, "CMYK"), "TIFF"), NAIVE_CMYK, None, ROUNDED),
    "tiff ycbcr": (saved(pillow(RGB, "YCbCr"), "TIFF"), RGB, None, 3),
    "tiff lab": (saved(in_mode(np.full((4, 4, 3), (255, 0, 0), np.uint8), "LAB"), "TIFF"),
        np.full((4, 4, 3), 255), None, ROUNDED),
    "bmp grey": (saved(pillow(GREY), "BMP"), grey_rgb(GREY), None, EXACT),
    "bmp rgb": (saved(pillow(RGB), "BMP"), RGB, None, EXACT),
    "bmp palette": (saved(PALETTED, "BMP"), PALETTE_RGB, None, EXACT),
    "bmp 1-bit": (saved(pillow(STRIPES, "1"), "BMP"), grey_rgb(STRIPES), None, EXACT),
    "gif grey": (saved(pillow(GREY), "GIF"), grey_rgb(GREY), None, EXACT),
    "gif palette": (saved(PALETTED, "GIF"), PALETTE_RGB, None, EXACT),
    "gif palette key": (
        saved(PALETTED, "GIF", transparency=5), PALETTE_RGB, PALETTE_ALPHA, EXACT),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_picture_is_read(case, tmp_path):
    data, rgb, alpha, tolerance = CASES[case]
    path = tmp_path / "picture"  # the content tells the kind, not the name
    path.write_bytes(data)
    picture = read_picture(path)
    assert picture.rgb.dtype == np.float32
    assert picture.rgb.flags.c_contiguous
    np.testing.assert_allclose(picture.rgb, rgb, rtol=0, atol=tolerance)
    if alpha is None:
        assert picture.alpha is None
    else:
        assert picture.alpha.dtype == np.uint8
        assert (picture.alpha == alpha).all()


def test_the_table_covers_these_modes(tmp_path):
    """The table is only worth what Pillow makes of its files."""
    modes = {Image.open(io.BytesIO(case[0])).mode for case in CASES.values()}
    wanted = "1 L LA P RGB RGBA CMYK YCbCr LAB I F I;16 I;16B"
    assert modes >= set(wanted.split())


def test_grey_of_16_bits_keeps_its_precision(tmp_path):
    (tmp_path / "a.png").write_bytes(png_bytes(GREY16, 16))
    assert len(np.unique(read_picture(tmp_path / "a.png").rgb)) > 256


def test_a_float_picture_with_holes_is_read(tmp_path):
    values = (GREY / 255).astype(np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    pillow(values).save(tmp_path / "a.tif")
    rgb = read_picture(tmp_path / "a.tif").rgb
    assert (rgb[0, :3] == 0).all()
    np.testing.assert_allclose(rgb[1:], grey_rgb(GREY)[1:], atol=EXACT)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_the_first_of_several_frames_is_read(kind, tmp_path):
    other = pillow(255 - GREY)
    options = {"lossless": True} if kind == "WEBP" else {}
    pillow(GREY).save(tmp_path / "a", kind, save_all=True, append_images=[other], **options)
    np.testing.assert_allclose(read_picture(tmp_path / "a").rgb, grey_rgb(GREY), atol=EXACT)


# ---------------------------------------------------------------- reading: turned pictures

UPRIGHT = {
    1: lambda array: array,
    2: lambda array: array[:, ::-1],
    3: lambda array: array[::-1, ::-1],
    4: lambda array: array[::-1],
    5: lambda array: array.swapaxes(0, 1),
    6: lambda array: np.rot90(array, -1),
    7: lambda array: array[::-1, ::-1].swapaxes(0, 1),
    8: lambda array: np.rot90(array),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_turned_pictures_come_out_upright_and_stay_so(kind, orientation, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    pillow(RGB).save(tmp_path / "a", kind, exif=exif, **options)
    picture = read_picture(tmp_path / "a")
    tolerance = LOSSY if kind == "JPEG" else EXACT
    np.testing.assert_allclose(picture.rgb, UPRIGHT[orientation](RGB), atol=tolerance)
    write_picture(tmp_path / "b.png", picture.rgb, metadata={"seed": "1"})
    np.testing.assert_allclose(read_picture(tmp_path / "b.png").rgb, picture.rgb, atol=0.5)


def test_alpha_is_turned_with_its_picture(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    pillow(RGBA).save(tmp_path / "a.png", exif=exif)
    assert (read_picture(tmp_path / "a.png").alpha == UPRIGHT[6](ALPHA)).all()


def test_16_bits_are_turned_too(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 8
    pillow(GREY16).save(tmp_path / "a.png", exif=exif)
    expected = grey_rgb(UPRIGHT[8](GREY16) / 257)
    np.testing.assert_allclose(read_picture(tmp_path / "a.png").rgb, expected, atol=EXACT)


def test_a_broken_exif_block_does_not_spoil_the_picture(tmp_path):
    pillow(RGB).save(tmp_path / "a.png", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01")
    np.testing.assert_allclose(read_picture(tmp_path / "a.png").rgb, RGB, atol=EXACT)


# ---------------------------------------------------------------- reading: colour profiles


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_rgb_profile_is_kept(kind, tmp_path):
    pillow(RGB).save(tmp_path / "a", kind, icc_profile=SRGB)
    assert read_picture(tmp_path / "a").icc_profile == SRGB


@pytest.mark.parametrize("profile", [b"nonsense", grey_profile(1.0), cmyk_profile(), SRGB[:200]])
def test_a_profile_that_does_not_fit_is_dropped(profile, tmp_path):
    pillow(RGB).save(tmp_path / "a.png", icc_profile=profile)
    picture = read_picture(tmp_path / "a.png")
    assert picture.icc_profile is None
    np.testing.assert_allclose(picture.rgb, RGB, atol=EXACT)


@pytest.mark.parametrize("levels", [GREY, GREY16], ids=["8", "16"])
def test_a_grey_profile_is_applied_and_dropped(levels, tmp_path):
    pillow(levels).save(tmp_path / "a.png", icc_profile=grey_profile(1.0))
    picture = read_picture(tmp_path / "a.png")
    assert picture.icc_profile is None
    linear = levels / np.iinfo(levels.dtype).max
    curve = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    # Near black the colour engine's steps of 8 bits are coarse.
    bright = linear > 0.05
    np.testing.assert_allclose(picture.rgb[bright], grey_rgb(255 * curve)[bright], atol=2)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_a_cmyk_profile_is_applied_and_dropped(kind, tmp_path):
    cyan = np.zeros((16, 16, 4), np.uint8)
    cyan[:, 8:, 0] = 255
    in_mode(cyan, "CMYK").save(tmp_path / "a", kind, icc_profile=cmyk_profile())
    picture = read_picture(tmp_path / "a")
    assert picture.icc_profile is None
    red, green, _ = picture.rgb[8, 12]
    assert red > 150 > 100 > green  # Pillow's own conversion makes it (0, 255, 255)
    np.testing.assert_allclose(picture.rgb[8, 2], 255, atol=4)


def test_a_broken_grey_profile_is_passed_over(tmp_path):
    broken = icc_bytes(b"GRAY", b"XYZ ", {})
    pillow(GREY).save(tmp_path / "a.png", icc_profile=broken)
    np.testing.assert_allclose(read_picture(tmp_path / "a.png").rgb, grey_rgb(GREY), atol=EXACT)


def test_a_broken_cmyk_profile_is_passed_over(tmp_path):
    broken = cmyk_profile()[:400]
    in_mode(INKS, "CMYK").save(tmp_path / "a.tif", icc_profile=broken)
    np.testing.assert_allclose(read_picture(tmp_path / "a.tif").rgb, NAIVE_CMYK, atol=ROUNDED)


# ---------------------------------------------------------------- reading: errors


def assert_refused(action, *words):
    """`action` raises a DreamError of one line with `words` in it."""
    with pytest.raises(DreamError) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert str(word) in message
    return message


def test_a_missing_file(tmp_path):
    path = tmp_path / "nothing.jpg"
    assert_refused(lambda: read_picture(path), path, "no such file", "check its name")


def test_a_folder(tmp_path):
    assert_refused(lambda: read_picture(tmp_path), tmp_path, "is a folder")


def test_a_file_below_a_file(tmp_path):
    (tmp_path / "a.png").write_bytes(png_bytes(RGB, 8))
    path = tmp_path / "a.png" / "b.png"
    assert_refused(lambda: read_picture(path), path, "Not a directory")


def test_no_permission(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(png_bytes(RGB, 8))

    # Tests may run as root, to whom nothing is forbidden.
    def forbidden(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", forbidden)
    assert_refused(lambda: read_picture(path), path, "permission", "chmod")


def test_an_empty_file(tmp_path):
    path = tmp_path / "a.jpg"
    path.touch()
    assert_refused(lambda: read_picture(path), path, "empty")


@pytest.mark.parametrize("data", [b"hello, world", b"%PDF-1.7", b"RIFF\0\0\0\0WAVEfmt ", b"\0"])
def test_not_a_picture(data, tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    assert_refused(lambda: read_picture(path), path, "not a picture", "use JPEG, PNG")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.8])
@pytest.mark.parametrize(
    "case", ["jpeg rgb", "png rgb", "webp lossless", "tiff rgb 16", "bmp rgb", "gif palette"]
)
def test_a_truncated_picture(case, share, tmp_path):
    data = CASES[case][0]
    path = tmp_path / "a"
    path.write_bytes(data[: max(12, int(len(data) * share))])
    assert_refused(lambda: read_picture(path), path, "damaged, cut short", "again")


@pytest.mark.parametrize(
    "data",
    [
        png_bytes(np.zeros((3, 0), np.uint8), 8),
        b"GIF89a" + bytes(7) + b"," + bytes(9) + b"\x02\0;",
        b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, 0, 4, 1, 24, 0, 0, 0, 0, 0, 0),
    ],
    ids=["png", "gif", "bmp"],
)
def test_a_picture_without_pixels(data, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(data)
    assert_refused(lambda: read_picture(path), path, "no pixels")


@pytest.mark.parametrize("factor", [1.5, 3])  # Pillow warns of the first, refuses the second
def test_a_decompression_bomb(factor, tmp_path, monkeypatch):
    limit = int(HEIGHT * WIDTH / factor)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    path = tmp_path / "a.png"
    path.write_bytes(png_bytes(RGB, 8))
    assert_refused(lambda: read_picture(path), path, f"{HEIGHT * WIDTH} pixels", limit, "smaller")


def test_not_enough_memory(tmp_path, monkeypatch):
    def exhausted(*_, **__):
        raise MemoryError

    path = tmp_path / "a.png"
    path.write_bytes(png_bytes(RGB, 8))
    monkeypatch.setattr(Image, "open", exhausted)
    assert_refused(lambda: read_picture(path), path, "memory")


@pytest.mark.parametrize("case", [name for name in CASES if "lossless" not in name][::3])
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_damaged_pictures_raise_nothing_else(case, data, tmp_path_factory):
    damaged = bytearray(CASES[case][0])
    places = st.integers(0, len(damaged) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=6)):
        damaged[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(damaged)
    with suppress(DreamError):
        picture = read_picture(path)
        assert picture.rgb.shape[2] == 3
        assert np.isfinite(picture.rgb).all()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_no_warning_escapes(suffix, tmp_path, recwarn):
    """Pillow warns of this EXIF block."""
    path = tmp_path / f"a{suffix}"
    pillow(RGB).save(path, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x09\x01")
    warnings.simplefilter("always")  # otherwise they would be errors here, which are caught
    read_picture(path)
    assert read_metadata(path) == {}
    assert [str(warning.message) for warning in recwarn] == []


def test_nothing_is_printed_beside_the_error(tmp_path, capfd, monkeypatch):
    """Pillow logs an error of its own about this file."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest has one, users have none
    path = tmp_path / "a.tif"
    path.write_bytes(tiff_bytes(np.zeros((4, 4, 9), np.uint8), 2))
    assert_refused(lambda: read_picture(path), path)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


# ---------------------------------------------------------------- writing

SUFFIXES = [".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".PNG"]
FLOATS = RGB.astype(np.float32)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_each_format_is_written_with_profile_and_metadata(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    metadata = {"seed": "7", "layer": "inception_4c/output", "note": 'ünï 漢字 "quoted"\nline'}
    write_picture(path, FLOATS, icc_profile=SRGB, metadata=metadata)
    kind = {".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF"}.get(suffix, suffix[1:].upper())
    with Image.open(path) as image:
        assert image.format == kind
    picture = read_picture(path)
    exact = kind in ("PNG", "TIFF")
    np.testing.assert_allclose(picture.rgb, RGB, atol=EXACT if exact else LOSSY)
    assert picture.alpha is None
    assert picture.icc_profile == SRGB
    assert read_metadata(path) == metadata


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_alpha_is_written(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    write_picture(path, FLOATS, alpha=ALPHA)
    picture = read_picture(path)
    assert (picture.alpha == ALPHA).all()
    if suffix != ".webp":
        assert (picture.rgb == RGB).all()


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_colours_under_transparent_pixels_are_kept(suffix, tmp_path):
    write_picture(tmp_path / f"a{suffix}", FLOATS, alpha=np.zeros_like(ALPHA))
    rgb = read_picture(tmp_path / f"a{suffix}").rgb
    np.testing.assert_allclose(rgb, RGB, atol=LOSSY * 2 if suffix == ".webp" else EXACT)


def test_jpeg_takes_an_alpha_only_when_nothing_is_lost(tmp_path):
    path = tmp_path / "a.jpg"
    assert_refused(lambda: write_picture(path, FLOATS, alpha=ALPHA), path, ".png", ".webp")
    assert_refused(lambda: check_writable(path, alpha=ALPHA), path, ".png", ".webp")
    assert list(tmp_path.iterdir()) == []
    write_picture(path, FLOATS, alpha=np.full_like(ALPHA, 255))
    np.testing.assert_allclose(read_picture(path).rgb, RGB, atol=LOSSY)


def test_values_are_rounded_half_to_even_and_clipped(tmp_path):
    values = np.array([-300, -0.5, 0.5, 1.5, 2.5, 254.5, 255.5, 999, 100.49], np.float32)
    write_picture(tmp_path / "a.png", np.repeat(values[None, :, None], 3, axis=2))
    assert read_picture(tmp_path / "a.png").rgb[0, :, 0].tolist() == [
        0, 0, 0, 2, 2, 254, 255, 255, 100]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    with_alpha=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_lossless_formats_give_back_what_was_written(
    height, width, with_alpha, seed, tmp_path_factory
):
    random = np.random.default_rng(seed)
    rgb = random.uniform(-20, 280, (height, width, 3)).astype(np.float32)
    alpha = random.integers(0, 256, (height, width), np.uint8) if with_alpha else None
    path = tmp_path_factory.getbasetemp() / "lossless"
    for suffix in (".png", ".tif"):
        write_picture(path.with_suffix(suffix), rgb, alpha=alpha)
        picture = read_picture(path.with_suffix(suffix))
        assert (picture.rgb == np.clip(np.rint(rgb), 0, 255)).all()
        assert (picture.alpha is None) == (alpha is None)
        assert alpha is None or (picture.alpha == alpha).all()


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=79)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
@settings(max_examples=15, deadline=None)
@given(metadata=st.dictionaries(KEYS, TEXT, max_size=4))
def test_metadata_is_read_back(suffix, metadata, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / f"metadata{suffix}"
    write_picture(path, FLOATS, metadata=metadata)
    assert read_metadata(path) == metadata


@pytest.mark.parametrize("key", ["", "x" * 80, "ü", "a\nb"])
def test_metadata_keys_are_checked(key, tmp_path):
    with pytest.raises(ValueError, match="printable ASCII"):
        write_picture(tmp_path / "a.jpg", FLOATS, metadata={key: "1"})


@pytest.mark.parametrize("description", ["a holiday picture", "[1, 2]", "7"])
def test_a_description_that_is_not_ours_is_no_metadata(description, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = description
    pillow(RGB).save(tmp_path / "a.jpg", exif=exif)
    assert read_metadata(tmp_path / "a.jpg") == {}


def test_metadata_of_something_else_is_an_error(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("hello")
    assert_refused(lambda: read_metadata(path), path, "not a picture")


def test_the_same_picture_gives_the_same_bytes(tmp_path):
    for name, suffix in itertools.product("ab", [".png", ".jpg", ".webp", ".tif"]):
        write_picture(tmp_path / (name + suffix), FLOATS, metadata={"seed": "1"})
    for suffix in [".png", ".jpg", ".webp", ".tif"]:
        first, second = (tmp_path / (name + suffix) for name in "ab")
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("rgb", "alpha"),
    [
        (FLOATS[:, :, 0], None),
        (FLOATS[:0], None),
        (FLOATS[:, :, [0, 1, 2, 0]], None),
        (FLOATS, ALPHA[1:]),
        (FLOATS, ALPHA.astype(np.float32)),
        (np.full_like(FLOATS, np.nan), None),
    ],
)
def test_arrays_that_are_no_pictures_are_the_callers_mistake(rgb, alpha, tmp_path):
    with pytest.raises(ValueError, match=r"rgb|alpha"):
        write_picture(tmp_path / "a.png", rgb, alpha=alpha)


# ---------------------------------------------------------------- writing: errors


def assert_not_writable(path, *words):
    """Writing to `path` is refused, and so is asking beforehand, in the same words."""
    message = assert_refused(lambda: write_picture(path, FLOATS), path, *words)
    assert assert_refused(lambda: check_writable(path)) == message


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("a.jpgg", ".jpg"), ("a.pgn", ".png"), ("a.wepb", ".webp"), ("a", ".png"), ("a.x", ".png")],
)
def test_an_unknown_suffix(name, nearest, tmp_path):
    assert_not_writable(tmp_path / name, f"did you mean {nearest}?", ".tiff")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [".png", ".JPG"])
def test_a_suffix_without_a_name(name, tmp_path):
    assert_not_writable(tmp_path / name, f"did you mean {tmp_path / 'dream'}{name}?")


def test_a_folder_is_no_name(tmp_path):
    """With and without a slash, and whether it is there or not."""
    (tmp_path / "there").mkdir()
    for name in ("there", "there/", "not there/"):
        path = f"{tmp_path}/{name}"
        message = assert_refused(lambda path=path: write_picture(path, FLOATS), "is a folder")
        assert f"such as {Path(path) / 'dream.png'}" in message
        assert_refused(lambda path=path: check_writable(path), message)


def test_a_missing_folder(tmp_path):
    assert_not_writable(tmp_path / "no" / "a.png", tmp_path / "no", "does not exist", "create it")


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    assert_not_writable(tmp_path / "file" / "a.png", "is not a folder")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc here")
def test_a_folder_that_is_not_writable_even_for_root():
    assert_not_writable(Path("/proc/a.png"), "folder /proc cannot be written to")


def test_a_folder_that_is_not_writable(tmp_path, monkeypatch):
    def forbidden(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", forbidden)
    assert_not_writable(tmp_path / "a.png", f"folder {tmp_path} cannot be written to", "denied")


def test_a_name_that_is_a_folder(tmp_path):
    (tmp_path / "a.png").mkdir()
    assert_not_writable(tmp_path / "a.png", "is a folder")
    assert list(tmp_path.iterdir()) == [tmp_path / "a.png"]


def test_a_protected_file_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"precious")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert_not_writable(path, "write-protected")
    assert path.read_bytes() == b"precious"


@pytest.mark.parametrize("there_before", [True, False])
@pytest.mark.parametrize(
    ("failure", "expected", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), DreamError, "disk is full"),
        (OSError(errno.EIO, "Input/output error"), DreamError, "Input/output error"),
        (KeyboardInterrupt("stop"), KeyboardInterrupt, "stop"),
    ],
    ids=["disk full", "disk broken", "interrupt"],
)
def test_a_failure_leaves_everything_as_it_was(
    failure, expected, words, there_before, tmp_path, monkeypatch
):
    path = tmp_path / "a.png"
    if there_before:
        path.write_bytes(b"precious")

    def fail(_):
        raise failure

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(expected, match=words):
        write_picture(path, FLOATS)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"] * there_before
    assert not there_before or path.read_bytes() == b"precious"


def test_a_picture_too_large_for_its_format(tmp_path):
    wide = np.zeros((1, 17000, 3), np.float32)
    path = tmp_path / "a.webp"
    assert_refused(lambda: write_picture(path, wide), path, "WEBP", "choose .png")
    assert list(tmp_path.iterdir()) == []


def test_check_writable_leaves_no_trace(tmp_path):
    check_writable(tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.png").write_bytes(b"precious")
    check_writable(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"precious"


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "other").touch()
    write_picture(tmp_path / "a.png", FLOATS)
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "a.png").symlink_to(tmp_path / "real" / "b.png")
    write_picture(tmp_path / "a.png", FLOATS)
    assert (tmp_path / "a.png").is_symlink()
    assert (read_picture(tmp_path / "real" / "b.png").rgb == RGB).all()


def test_a_picture_is_shown_in_few_words():
    assert repr(Picture(FLOATS)) == f"<Picture {WIDTH}x{HEIGHT}>"
    words = repr(Picture(FLOATS, ALPHA, SRGB))
    assert words == f"<Picture {WIDTH}x{HEIGHT}, with alpha, ICC profile of {len(SRGB)} bytes>"


def test_a_pictures_image_is_what_is_written(tmp_path):
    picture = Picture(FLOATS + 0.4, ALPHA, SRGB)
    assert (np.asarray(picture.image) == RGBA).all()
    picture.image.save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").icc_profile == SRGB
    assert Picture(FLOATS).image.mode == "RGB"


def test_a_picture_is_frozen():
    picture = Picture(FLOATS)
    with pytest.raises(AttributeError):
        picture.alpha = ALPHA
