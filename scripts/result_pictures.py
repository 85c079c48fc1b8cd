"""What was dreamt of a result that is handed in, and its pictures against those made again here.

The photograph has to be one of the examples, the gradient files of shipped weights the shipped
ones. Resized, the photograph is made again to the level. The dream on
the CPU is made again where its network is shipped: on a processor with other instructions it is
alike, though not equal.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ort_deepdream.engine.deepdream import dream
from ort_deepdream.engine.image import read_picture
from ort_deepdream.engine.loading import load_model
from ort_deepdream.engine.sessions.gradient_file import read_gradient_file
from ort_deepdream.engine.settings import Settings
from ort_deepdream.files import scratch_folder
from ort_deepdream.measure.agreement import psnr
from ort_deepdream.measure.checks import LARGEST
from ort_deepdream.measure.pictures import resize_photo
from ort_deepdream.measure.plan import is_plain_cpu
from ort_deepdream.measure.result import Image, Result
from ort_deepdream.weights.builtin import shipped_model

Array = NDArray[np.float32]

CPU = "cpu"
MOST_LEVELS = 2  # of 255, that decoders of JPEG differ by
# Whole dreams of one seed were alike to 28.3 dB by another graph, to 33.0 dB by another library; of
# two seeds to 24.9 dB at most, and the photograph itself to 25.1 dB, at 182x158.
LEAST_ALIKE = 26.5
CHUNKS = {b"IHDR", b"IDAT", b"IEND"}  # of a PNG: all that a picture needs


def wrong_sources(result: Result, photos: Path) -> Iterator[str]:
    """Yield what is wrong with the photograph and the gradient files that are named."""
    if _photo(result, photos) is None:
        yield f"{result.photo.name}: is none of the photographs in {photos.name}/, by its SHA-256"
    yield from _files(result)


def wrong_pictures(result: Result, photos: Path) -> Iterator[str]:
    """Yield what is wrong with the pictures; `photos` is the folder of the examples."""
    shown = {}
    for image in result.images:
        name = image.contender or "the photograph"
        found = _decoded(image)
        if isinstance(found, str):
            yield f"the picture of {name}: {found}"
        else:
            shown[image.contender] = found
    photo = _photo(result, photos)
    if None not in shown:
        yield "the photograph is not in it"
    elif photo is not None:
        yield from _photograph(result, photo, shown[None])
    yield from _dreams(result, shown)
    if CPU in result.model.files and None in shown:
        yield from _dream_again(result, shown)


def _decoded(image: Image) -> Array | str:
    """Return the levels [H, W, 3] of a PNG, or why it is not one that `dream bench` keeps."""
    content = base64.b64decode(image.png)
    if image.size.pixels > LARGEST:
        return f"has {image.size.pixels:,} pixels; dreams are compared at {LARGEST:,} at most"
    try:
        with Pillow.open(io.BytesIO(content), formats=["PNG"]) as opened:
            if opened.size != (image.size.width, image.size.height):
                return f"has {opened.width}x{opened.height} pixels, and says {image.size}"
            levels = np.asarray(opened.convert("RGB"), np.float32)
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
        return f"is no PNG ({type(error).__name__})"
    extra = sorted(set(_chunks(content)) - CHUNKS)
    if extra:
        return f"has more than a picture in it: {b', '.join(extra).decode('ascii', 'replace')}"
    return levels


def _chunks(content: bytes) -> Iterator[bytes]:
    """Yield the kinds of a PNG's chunks; what follows the last one is a chunk `rest`."""
    at = 8  # behind the signature
    kind = b""
    while at + 8 <= len(content) and kind != b"IEND":
        length, kind = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        yield kind
        at += 12 + length
    if at != len(content):
        yield b"rest"


def _photo(result: Result, photos: Path) -> Path | None:
    for path in sorted(photos.iterdir()):
        if hashlib.sha256(path.read_bytes()).hexdigest() == result.photo.sha256:
            return path
    return None


def _photograph(result: Result, photo: Path, shown: Array) -> Iterator[str]:
    size = next(image.size for image in result.images if image.contender is None)
    with scratch_folder() as folder:
        again = read_picture(resize_photo(photo, size, folder)).rgb
    if np.abs(again - shown).max() > MOST_LEVELS:
        yield f"the photograph is not {photo.name} at {size}"


def _dreams(result: Result, shown: dict[str | None, Array]) -> Iterator[str]:
    """Yield the dreams that are missing, and those that no dream is."""
    photo = shown.get(None)
    for name in dict.fromkeys(one.contender for one in result.series if one.kind == "warm"):
        found = shown.get(name)
        if found is None:
            yield f"{name}: dreamt, and its dream is not in it"
        elif photo is not None and found.shape == photo.shape and _is(found, photo):
            yield f"{name}: its dream is the photograph"


def _is(one: Array, other: Array) -> bool:
    return bool(np.abs(one - other).mean() < 1)


def _files(result: Result) -> Iterator[str]:
    """Yield gradient files that say to be of shipped weights, and are none of the shipped ones."""
    model = result.model
    for target, digest in model.files.items():
        shipped = _shipped(result, target)
        if shipped is not None and hashlib.sha256(shipped.read_bytes()).hexdigest() != digest:
            yield f"its gradient file for {target} is not the shipped one of {model.layers[0]}"


def _shipped(result: Result, target: str) -> Path | None:
    """Return the shipped gradient file that was run; None where other weights were."""
    model = result.model
    if len(model.layers) != 1:
        return None
    path = shipped_model(model.layers[0], target, model.architecture)
    if path is None or read_gradient_file(path).info.weights_sha256 != model.weights_sha256:
        return None
    return path


def _dream_again(result: Result, shown: dict[str | None, Array]) -> Iterator[str]:
    """Yield the plain CPU's dreams that are not what comes out here."""
    names = [one.name for one in result.contenders if is_plain_cpu(one) and one.name in shown]
    path = _shipped(result, CPU)
    photo = shown[None]
    if path is None or not names:
        return
    asked = {one.name: getattr(result.settings, one.name) for one in fields(Settings)}
    again = dream(load_model(path, CPU), photo, Settings(**asked)).rgb
    for name in names:
        found = shown[name]
        alike = psnr(found, again) if found.shape == again.shape else 0.0
        if alike is not None and alike < LEAST_ALIKE:
            yield f"{name}: its dream is not what these settings dream here ({alike:.1f} dB)"
