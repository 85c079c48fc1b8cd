"""What is no picture, has no end, or is damaged: one line, soon, and nothing else."""

from __future__ import annotations

import io
import os
import re
import struct
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ort_deepdream.engine.image import check_writable, read_metadata, read_picture, write_picture
from ort_deepdream.errors import DreamError

ROWS, COLUMNS = np.mgrid[:24, :36]
RGB = np.stack([COLUMNS * 7, ROWS * 10, 60 + 2 * COLUMNS + 3 * ROWS], axis=2).astype(np.uint8)


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def refusal(path):
    with pytest.raises(DreamError) as caught:
        read_picture(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message


# ---------------------------------------------------------------- no end


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev here")
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom", "/dev/null"])
def test_a_device(device):
    assert "is a device or a pipe; save the picture to a file first" in refusal(device)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes of this kind here")
def test_a_pipe_that_nobody_writes_to(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    started = threading.Thread(target=refusal, args=[tmp_path / "a.png"], daemon=True)
    started.start()
    started.join(timeout=5)
    assert not started.is_alive()
    assert "pipe" in refusal(tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "GIF"])
def test_a_huge_file_with_holes(kind, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(saved(Image.fromarray(RGB), kind))
    os.truncate(path, 100 * 2**30)
    started = time.perf_counter()
    assert "is 100.0 GiB, above the limit of 1 GiB" in refusal(path)
    assert time.perf_counter() - started < 1


# ---------------------------------------------------------------- no picture


@pytest.mark.parametrize(
    ("beginning", "name"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC picture"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heic", "a HEIC picture"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "an AVIF picture"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01", "a raw photograph"),
        (b"FUJIFILMCCD-RAW 0201", "a raw photograph"),
        (b"\0\0\0\x20ftypisom\0\0\x02\0", "a film (for `dream film`)"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
        (b"8BPS\0\x01", "a Photoshop file"),
        (b"%PDF-1.7", "a PDF file"),
        (b"<!DOCTYPE html><html>", "a web page or drawing"),
        (b'\n<svg xmlns="http://www.w3.org/2000/svg">', "a web page or drawing"),
    ],
)
def test_another_kind_of_file_is_named(beginning, name, tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(beginning + bytes(100))
    assert f"is {name}, not a picture that can be read; use JPEG, PNG" in refusal(path)


@pytest.mark.parametrize("address", ["https://example.org/cat.jpg", "HTTP://example.org/cat.jpg"])
def test_an_address_on_the_web(address):
    with pytest.raises(DreamError, match=f"^{address}: is an address on the web; download"):
        read_picture(address)


def test_a_name_that_is_too_long(tmp_path):
    path = tmp_path / f"{'x' * 300}.png"
    assert "the name is too long" in refusal(path)
    with pytest.raises(DreamError, match="the name is too long"):
        check_writable(path)
    with pytest.raises(DreamError, match="the name is too long"):
        write_picture(path, RGB.astype(np.float32))


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_a_name_that_is_not_utf8(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.png")
    Image.fromarray(RGB).save(path)
    picture = read_picture(path)
    for suffix in (".png", ".jpg", ".tif", ".webp"):
        written = Path(path).with_suffix(suffix)
        write_picture(written, picture.rgb, metadata={"photo": Path(path).name})
        assert read_metadata(written) == {"photo": "bad\N{REPLACEMENT CHARACTER}.png"}


def test_no_permission_in_earnest(tmp_path):
    """Root may read everything, so the tests' own user may have to be left."""
    path = tmp_path / "a.png"
    Image.fromarray(RGB).save(path)
    path.chmod(0)
    if os.name == "nt" or not hasattr(os, "geteuid"):
        pytest.skip("no permissions of this kind here")
    if os.geteuid() != 0:
        assert "no permission to read it; change that (chmod u+r)" in refusal(path)
        return
    user = as_nobody("from ort_deepdream import read_picture\nread_picture(sys.argv[1])", path)
    assert user.returncode == 1
    last = user.stderr.splitlines()[-1]
    assert "no permission to read it; change that (chmod u+r)" in last


def as_nobody(code, path):
    """Run code as the user nobody, once all is imported that root may read alone."""
    for folder in [path.parent, *path.parent.parents]:
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    start = "import sys, os, ort_deepdream.engine.image\nos.setuid(65534)\n"
    return subprocess.run(
        [sys.executable, "-c", start + code, str(path)], capture_output=True, text=True
    )


# ---------------------------------------------------------------- damaged


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize("transparency", [b"", b"\0\x80"])
def test_a_palette_picture_without_its_palette(transparency, tmp_path):
    path = tmp_path / "a.png"
    chunks = [chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 3, 0, 0, 0))]
    if transparency:
        chunks.append(chunk(b"tRNS", transparency))
    chunks += [chunk(b"IDAT", zlib.compress(bytes(20))), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    assert "damaged, cut short or of a rare kind" in refusal(path)


SMALL = Image.fromarray(RGB)
EXIF = Image.Exif()
EXIF[274], EXIF[270] = 6, '{"seed": "1"}'
VALID = {
    "jpeg": saved(SMALL, "JPEG", exif=EXIF),
    "jpeg progressive": saved(SMALL, "JPEG", progressive=True),
    "jpeg cmyk": saved(SMALL.convert("CMYK"), "JPEG"),
    "png": saved(SMALL, "PNG", exif=EXIF),
    "png palette": saved(SMALL.quantize(16), "PNG", transparency=3),
    "png grey": saved(SMALL.convert("I;16"), "PNG"),
    "webp": saved(SMALL, "WEBP", exif=EXIF),
    "webp lossless": saved(SMALL.convert("RGBA"), "WEBP", lossless=True),
    "tiff": saved(SMALL, "TIFF"),
    "tiff lzw": saved(SMALL, "TIFF", compression="tiff_lzw", exif=EXIF),
    "tiff jpeg": saved(SMALL, "TIFF", compression="jpeg"),
    "tiff deflate": saved(SMALL.convert("F"), "TIFF", compression="tiff_deflate"),
    "tiff fax": saved(SMALL.convert("1"), "TIFF", compression="group4"),
    "bmp": saved(SMALL, "BMP"),
    "gif": saved(SMALL.quantize(16), "GIF", save_all=True, append_images=[SMALL.quantize(4)]),
}
SECONDS = 15  # for all of them together
ENDS = []


@st.composite
def damaged(draw):
    """A file of any kind with bytes changed, cut out or put in; a PNG's sums put right."""
    data = bytearray(VALID[draw(st.sampled_from(sorted(VALID)))])
    for _ in range(draw(st.integers(1, 4))):
        # Headers are where what is read later is decided.
        end = draw(st.sampled_from([64, 256, len(data)]))
        place = draw(st.integers(0, min(end, len(data)) - 1))
        kind = draw(st.sampled_from(["byte", "word", "cut", "insert", "end"]))
        if kind == "byte":
            data[place] = draw(st.sampled_from([0, 1, 2, 127, 128, 255]) | st.integers(0, 255))
        elif kind == "word":
            data[place : place + 4] = draw(st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff"]))
        elif kind == "cut":
            del data[place : place + draw(st.integers(1, 16))]
        elif kind == "insert":
            data[place:place] = draw(st.binary(max_size=16))
        else:
            del data[max(place, 16) :]
        if not data:
            return b""
    return with_sums(bytes(data)) if draw(st.booleans()) else bytes(data)


def with_sums(data):
    """A PNG with its checksums put right, so that what they protect is read; others as they are."""
    if not data.startswith(b"\x89PNG"):
        return data
    parts, at = [data[:8]], 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            break
        parts.append(chunk(kind, data[at + 8 : at + 8 + length]))
        at += 12 + length
    return b"".join([*parts, data[at:]])


@settings(
    max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=damaged())
def test_a_damaged_picture_is_a_picture_or_one_line(data, tmp_path, capfd):
    """For at most 15 seconds: what comes after them is not tried."""
    if not ENDS:
        ENDS.append(time.monotonic() + SECONDS)
    if time.monotonic() > ENDS[0]:
        return
    path = tmp_path / "damaged"
    path.write_bytes(data)
    try:
        picture = read_picture(path)
    except DreamError as error:
        assert re.fullmatch(r"[^\n]+", str(error))  # noqa: PT017 (either is right)
    else:
        height, width = picture.rgb.shape[:2]
        assert picture.rgb.dtype == np.float32
        assert picture.rgb.shape == (height, width, 3)
        assert picture.rgb.min() >= 0
        assert picture.rgb.max() <= 255
        assert picture.alpha is None or picture.alpha.shape == (height, width)
    try:
        read_metadata(path)
    except DreamError as error:
        assert "\n" not in str(error)  # noqa: PT017
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""
