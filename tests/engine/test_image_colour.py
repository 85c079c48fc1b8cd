"""Colours as browsers show them: PNG's gAMA, cHRM and cICP, profiles, and what turns a picture.

What is expected was read off Chromium 156, and is read off again where there is one.
"""

from __future__ import annotations

import base64
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin
from playwright.sync_api import sync_playwright

from ort_deepdream.engine.image import read_picture, write_picture
from ort_deepdream.errors import DreamError
from scripts.screenshot_report import find_chromium, sandbox_options

CHROMIUM = find_chromium()

ROWS, COLUMNS = np.mgrid[:16, :64]
RGB = np.stack([COLUMNS * 4, ROWS * 16, 255 - COLUMNS * 2 - ROWS * 4], axis=2).astype(np.uint8)
GREY = RGB[..., 0]
PALETTE = np.stack([np.arange(64) * 4, 255 - np.arange(64) * 3, np.arange(64) * 2], axis=1).astype(
    np.uint8
)

BT709 = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
ADOBE = (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
P3_D50 = (0.3457, 0.3585, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
ONE_POINT = (0.3127, 0.329, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(array, chunks=(), palette=None, behind=()):
    """A PNG of [H, W] or [H, W, 3], 8 or 16 bits, with chunks before or behind its pixels."""
    bits = array.dtype.itemsize * 8
    colour_type = 3 if palette is not None else 0 if array.ndim == 2 else 2
    height, width = array.shape[:2]
    rows = np.ascontiguousarray(array.astype(array.dtype.newbyteorder(">"))).reshape(height, -1)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *(chunk(*one) for one in chunks)]
    if palette is not None:
        parts.append(chunk(b"PLTE", palette.tobytes()))
    parts += [chunk(b"IDAT", zlib.compress(data)), *(chunk(*one) for one in behind)]
    return b"\x89PNG\r\n\x1a\n" + b"".join([*parts, chunk(b"IEND", b"")])


def gama(gamma):
    return b"gAMA", struct.pack(">I", round(gamma * 100_000))


def chrm(points):
    return b"cHRM", struct.pack(">8I", *(round(number * 100_000) for number in points))


def cicp(primaries, transfer, matrix=0, full_range=1):
    return b"cICP", bytes([primaries, transfer, matrix, full_range])


def iccp(profile):
    return b"iCCP", b"x\0\0" + zlib.compress(profile)


PLAIN = (80, 128, 183)  # the pixel at (8, 20)
LINEAR = (152, 188, 220)

# What the file has: (the file, Chromium's pixel at (8, 20)).
CASES = {
    "nothing": (png(RGB), PLAIN),
    "gamma 1": (png(RGB, [gama(1)]), LINEAR),
    "gamma 1/2.2 by itself is sRGB": (png(RGB, [gama(0.45455)]), PLAIN),
    "gamma 0.47 still is": (png(RGB, [gama(0.47)]), PLAIN),
    "gamma 0.43 is not": (png(RGB, [gama(0.43)]), (73, 124, 181)),
    "gamma 1/1.8": (png(RGB, [gama(0.55556)]), (99, 146, 196)),
    "gamma 0.2": (png(RGB, [gama(0.2)]), (10, 50, 121)),
    "gamma 0": (png(RGB, [gama(0)]), PLAIN),
    "gamma 5": (png(RGB, [gama(5)]), (230, 240, 248)),
    "two gammas": (png(RGB, [gama(1), gama(0.2)]), LINEAR),
    "gamma 1 behind the pixels": (png(RGB, behind=[gama(1)]), PLAIN),
    "gamma and its primaries": (png(RGB, [gama(0.45455), chrm(BT709)]), (79, 129, 184)),
    "Adobe RGB": (png(RGB, [gama(0.45455), chrm(ADOBE)]), (40, 129, 186)),
    "P3 under D50": (png(RGB, [gama(0.45455), chrm(P3_D50)]), (48, 130, 189)),
    "primaries without a gamma": (png(RGB, [chrm(ADOBE)]), PLAIN),
    "primaries of one point": (png(RGB, [gama(0.5), chrm(ONE_POINT)]), PLAIN),
    "primaries of nothing": (png(RGB, [gama(0.5), chrm([0] * 8)]), PLAIN),
    "sRGB beside a gamma": (png(RGB, [(b"sRGB", b"\0"), gama(1)]), PLAIN),
    "a profile beside a gamma": (png(RGB, [iccp(SRGB), gama(1)]), PLAIN),
    "a broken profile beside a gamma": (png(RGB, [iccp(b"nonsense" * 50), gama(1)]), LINEAR),
    "cICP Display P3": (png(RGB, [cicp(12, 13)]), (63, 130, 188)),
    "cICP sRGB": (png(RGB, [cicp(1, 13)]), PLAIN),
    "cICP BT.709": (png(RGB, [cicp(1, 1)]), (70, 121, 179)),
    "cICP BT.2020": (png(RGB, [cicp(9, 14)]), (0, 125, 185)),
    "cICP linear": (png(RGB, [cicp(1, 8)]), LINEAR),
    "cICP gamma 2.2": (png(RGB, [cicp(1, 4)]), (79, 129, 184)),
    "cICP gamma 2.8": (png(RGB, [cicp(1, 5)]), (56, 106, 169)),
    "cICP SMPTE 240M": (png(RGB, [cicp(1, 7)]), (97, 141, 191)),
    "cICP SMPTE 428": (png(RGB, [cicp(1, 17)]), (65, 118, 181)),
    "cICP BT.470 M": (png(RGB, [cicp(4, 4)]), (0, 135, 188)),
    "cICP film": (png(RGB, [cicp(8, 13)]), (50, 128, 187)),
    "cICP EBU": (png(RGB, [cicp(22, 13)]), (78, 130, 183)),
    "cICP beside a profile": (png(RGB, [iccp(SRGB), cicp(12, 13)]), (63, 130, 188)),
    "cICP beside a gamma": (png(RGB, [cicp(12, 13), gama(1)]), (63, 130, 188)),
    "cICP of a narrow range": (png(RGB, [cicp(12, 13, 0, 0)]), PLAIN),
    "cICP of a logarithm": (png(RGB, [cicp(12, 9), gama(1)]), LINEAR),
    "cICP unspecified": (png(RGB, [cicp(2, 2), gama(1)]), LINEAR),
    "cICP cut short": (png(RGB, [(b"cICP", b"\x0c\x0d"), gama(1)]), LINEAR),
    "grey gamma 1": (png(GREY, [gama(1)]), (152, 152, 152)),
    "grey 16 gamma 1": (png(GREY.astype(np.uint16) * 257, [gama(1)]), (152, 152, 152)),
    "rgb 16 gamma 1": (png(RGB.astype(np.uint16) * 257, [gama(1)]), LINEAR),
    "grey Adobe RGB": (png(GREY, [gama(0.4), chrm(ADOBE)]), (66, 66, 66)),
    "grey cICP": (png(GREY, [cicp(12, 5)]), (56, 56, 56)),
    "palette gamma 1": (png(COLUMNS.astype(np.uint8), [gama(1)], PALETTE), (152, 227, 110)),
}


@pytest.mark.parametrize("case", CASES)
def test_a_png_looks_as_in_a_browser(case, tmp_path):
    data, pixel = CASES[case]
    path = tmp_path / "a.png"
    path.write_bytes(data)
    picture = read_picture(path)
    np.testing.assert_allclose(picture.rgb[8, 20], pixel, atol=1)
    if pixel != PLAIN:
        assert picture.icc_profile is None  # it is sRGB now


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
def test_a_png_looks_as_in_this_browser_everywhere(tmp_path):
    """Every pixel of every case, and what was read is written and looks the same again."""
    again = {}
    for case, (data, _) in CASES.items():
        (tmp_path / "a.png").write_bytes(data)
        picture = read_picture(tmp_path / "a.png")
        write_picture(tmp_path / "b.png", picture.rgb, icc_profile=picture.icc_profile)
        again[case] = (tmp_path / "b.png").read_bytes()
    shown = in_browser([data for data, _ in CASES.values()] + list(again.values()))
    for number, case in enumerate(CASES):
        theirs, ours = shown[number], shown[len(CASES) + number]
        assert np.abs(theirs.astype(int) - ours).max() <= 1, case


def in_browser(files):
    """What Chromium shows of PNG files of this size, each uint8 [H, W, 3]."""
    height, width = ROWS.shape
    images = "".join(
        f'<img style="display:block" src="data:image/png;base64,{base64.b64encode(f).decode()}">'
        for f in files
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*sandbox_options(), "--force-color-profile=srgb"]
        )
        page = browser.new_page(viewport={"width": width, "height": height * len(files)})
        page.set_content(f"<body style='margin:0'>{images}")
        page.wait_for_function("[...document.images].every(i => i.complete && i.naturalWidth)")
        with Image.open(io.BytesIO(page.screenshot(full_page=True))) as image:
            sheet = np.asarray(image.convert("RGB"))
        browser.close()
    return np.split(sheet, len(files))


@pytest.mark.parametrize(
    ("block", "words"),
    [(cicp(9, 16), "HDR"), (cicp(9, 18), "HDR"), (cicp(1, 13, 1), "not RGB")],
    ids=["PQ", "HLG", "YCbCr"],
)
def test_a_colour_space_that_cannot_be_shown_is_refused(block, words, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(RGB, [block]))
    with pytest.raises(DreamError, match=rf"a.png: is .*{words}.*; save it as s?RGB first$"):
        read_picture(path)


def test_a_conversion_keeps_fractions(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png((COLUMNS * 1000).astype(np.uint16), [gama(1)]))
    assert len(np.unique(read_picture(path).rgb.round(2))) == 64


def test_a_transparent_colour_is_the_files_own(tmp_path):
    path = tmp_path / "a.png"
    key = (b"tRNS", struct.pack(">3H", *RGB[8, 20]))
    path.write_bytes(png(RGB, [gama(1), key]))
    picture = read_picture(path)
    assert picture.alpha[8, 20] == 0
    assert (picture.alpha == 0).sum() == (RGB[8, 20] == RGB).all(axis=2).sum()
    np.testing.assert_allclose(picture.rgb[8, 20], LINEAR, atol=1)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_a_grey_picture_keeps_an_rgb_profile(kind, tmp_path):
    """Programs that make a photograph grey leave its profile there; browsers heed it."""
    Image.fromarray(GREY).save(tmp_path / "a", kind, icc_profile=SRGB)
    assert read_picture(tmp_path / "a").icc_profile == SRGB


# ---------------------------------------------------------------- damage


def test_a_flipped_bit_in_the_pixels_of_a_png_is_seen(tmp_path):
    """Pillow alone sees some 99 of 100."""
    rough = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = png(rough)
    path = tmp_path / "a.png"
    start = data.index(b"IDAT") + 4
    for place in range(start, len(data) - 16, (len(data) - start) // 200):
        damaged = bytearray(data)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(DreamError, match="damaged"):
            read_picture(path)


# ---------------------------------------------------------------- orientation in XMP

XMP = '<x:xmpmeta><rdf:RDF><rdf:Description tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_an_orientation_in_xmp_alone_turns_nothing(kind, tmp_path):
    """As in browsers, which know EXIF's only."""
    options = {"xmp": XMP.encode()}
    if kind == "PNG":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_itxt("XML:com.adobe.xmp", XMP)
        options = {"pnginfo": chunks}
    Image.fromarray(RGB).save(tmp_path / "a", kind, **options)
    with Image.open(tmp_path / "a") as image:
        assert image.getexif()[274] == 6  # Pillow would
    assert read_picture(tmp_path / "a").rgb.shape == RGB.shape


# ---------------------------------------------------------------- GIFs smaller than their canvas

RED_GREEN_BLUE = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0])


def gif(canvas, box, background=0, transparent=None):
    """A GIF of one frame: columns of green and blue at `box` of the canvas."""
    left, top, width, height = box
    data = b"GIF89a" + struct.pack("<HHBBB", *canvas, 0xF1, background, 0) + RED_GREEN_BLUE
    if transparent is not None:
        data += b"!\xf9\x04" + struct.pack("<BHBB", 1, 0, transparent, 0)
    data += b"," + struct.pack("<HHHHB", left, top, width, height, 0)
    codes = []
    for number in range(width * height):
        codes += [4] * (number % 2 == 0) + [1 + number % width % 2]  # 4 begins anew
    packed = sum(code << 3 * place for place, code in enumerate([*codes, 5]))
    body = packed.to_bytes((3 * len(codes) + 3 + 7) // 8, "little")
    assert len(body) < 256
    return data + b"\x02" + bytes([len(body)]) + body + b"\0;"


@pytest.mark.parametrize(
    ("canvas", "box", "size"),
    [
        ((20, 16), (4, 3, 8, 6), (16, 20)),
        ((6, 6), (4, 4, 8, 6), (10, 12)),  # beyond the canvas, which grows
        ((20, 16), (0, 0, 8, 6), (16, 20)),
    ],
)
@pytest.mark.parametrize("background", [0, 3])
@pytest.mark.parametrize("transparent", [None, 1, 3])
def test_nothing_is_around_a_small_frame(canvas, box, size, background, transparent, tmp_path):
    path = tmp_path / "a.gif"
    path.write_bytes(gif(canvas, box, background, transparent))
    picture = read_picture(path)
    left, top, width, height = box
    expected = np.zeros(size, np.uint8)
    expected[top : top + height, left : left + width] = 255
    if transparent == 1:
        expected[:, left : left + width : 2] = 0
    assert (picture.alpha == expected).all()
    assert picture.rgb[top, left + 1].tolist() == [0, 0, 255]


@pytest.mark.parametrize("canvas", [(8, 6), (0, 0)])
def test_a_frame_as_large_as_the_canvas_has_no_alpha(canvas, tmp_path):
    path = tmp_path / "a.gif"
    path.write_bytes(gif(canvas, (0, 0, 8, 6), background=3))
    picture = read_picture(path)
    assert picture.alpha is None
    assert picture.rgb[0, 0].tolist() == [0, 255, 0]
