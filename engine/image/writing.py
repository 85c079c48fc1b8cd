"""Pictures written: the format that a suffix names, whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from PIL import ExifTags, Image, PngImagePlugin

from ort_deepdream.engine.image.picture import ByteArray, FloatArray, to_image
from ort_deepdream.errors import DreamError, nearest
from ort_deepdream.files import replacing, require_writable, write_bytes, writing

WRITABLE = {
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
# Pixels of a picture that is encoded into its file; the bytes of others are made before.
LARGE = 1 << 25


def check_writable(path: str | os.PathLike[str], *, alpha: ByteArray | None = None) -> None:
    """Raise the DreamError that `write_picture` would raise, without leaving a file.

    For calling before a long computation. `alpha` is the one to be written.
    """
    _check_format(Path(path), path, alpha)
    with writing(Path(path)):
        require_writable(path)


def write_picture(
    path: str | os.PathLike[str],
    rgb: FloatArray,
    *,
    alpha: ByteArray | None = None,
    icc_profile: bytes | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write rgb (float [H, W, 3], 0..255) in the format that the suffix of `path` names.

    Values are rounded half to even and clipped. alpha: uint8 [H, W]. metadata:
    keys of 1 to 79 printable ASCII characters; text chunks in PNG, otherwise
    one JSON object in EXIF's ImageDescription. An existing file is replaced in
    one step; on any failure, an interrupt too, it stays as it was.

    Raise DreamError for a suffix that names no writable format, an alpha
    channel in JPEG, a picture too large for its format, a folder that is
    missing or not writable, and a full disk.
    """
    _check_format(Path(path), path, alpha)
    image, stored = to_image(rgb, alpha), _storable(metadata or {})
    if image.width * image.height > LARGE:
        with writing(Path(path)), replacing(path) as temporary, temporary.open("wb") as file:
            _encode(Path(path), image, icc_profile, stored, file)
        return
    buffer = BytesIO()
    _encode(Path(path), image, icc_profile, stored, buffer)
    with writing(Path(path)):
        write_bytes(path, buffer.getvalue())


def _check_format(path: Path, given: str | os.PathLike[str], alpha: ByteArray | None) -> None:
    """Raise DreamError when `path` names no format, or one that cannot hold `alpha`.

    `given` is the name as it was given: a Path has lost the slash at its end.
    """
    kind = WRITABLE.get(path.suffix.lower())
    if kind is None:
        raise DreamError(_no_format(path, os.fspath(given)))
    # An alpha channel that is opaque everywhere is not missed.
    if kind == "JPEG" and alpha is not None and alpha.min() < 255:
        raise DreamError(
            f"{path}: JPEG has no transparency, and the picture has; choose .png or .webp"
        )


def _no_format(path: Path, given: str) -> str:
    """Return the message about a name that no picture can be written to."""
    if given.endswith(("/", os.sep)) or os.path.isdir(path):  # noqa: PTH112 (an unreadable one too)
        return f"{path}: is a folder; name a file in it, such as {path / 'dream.png'}"
    if path.name.lower() in WRITABLE:
        named = path.with_name(f"dream{path.name}")
        return f"{path}: is a suffix without a name; did you mean {named}?"
    written = f"as {path.suffix}" if path.suffix else "without a suffix"
    meant = nearest(path.suffix.lower(), WRITABLE, otherwise="did you mean .png?")
    return f"{path}: a picture cannot be written {written}; {meant} ({', '.join(WRITABLE)})"


def _storable(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return metadata in UTF-8: bytes of a file's name that are not are replaced."""
    return {
        key: value.encode(errors="surrogateescape").decode(errors="replace")
        for key, value in metadata.items()
    }


def _encode(
    path: Path,
    image: Image.Image,
    icc_profile: bytes | None,
    metadata: dict[str, str],
    file: IO[bytes],
) -> None:
    """Write the content of the file at `path` to `file`: the only errors left are the disk's."""
    kind = WRITABLE[path.suffix.lower()]
    quality: dict[str, dict[str, Any]] = {
        # Dreams are full of fine saturated colour, which JPEG's usual halving of
        # the colour channels would blur.
        "JPEG": {"quality": 95, "subsampling": 0},
        # exact: the colours under transparent pixels stay.
        "WEBP": {"quality": 95, "exact": True},
        "TIFF": {"compression": "tiff_lzw"},
        # Pillow's usual 6 takes half as long again, for files that are at most 2% smaller.
        "PNG": {"compress_level": 4},
    }
    options = quality[kind]
    if kind == "JPEG" and image.mode != "RGB":
        image = image.convert("RGB")  # drops an alpha that is opaque everywhere
    if icc_profile:
        options["icc_profile"] = icc_profile
    if metadata:
        options |= _metadata_option(kind, metadata)
    try:
        image.save(file, format=kind, **options)
    except (OSError, ValueError) as error:
        if getattr(error, "errno", None) is not None:
            raise
        # Size limits: 65500 pixels a side in JPEG, 16383 in WebP.
        raise DreamError(f"{path}: does not fit {kind} ({error}); choose .png") from error


def _metadata_option(kind: str, metadata: dict[str, str]) -> dict[str, Any]:
    """Return the option of Pillow's save that stores `metadata` in a file of this kind."""
    for key in metadata:
        if not (1 <= len(key) <= 79 and key.isascii() and key.isprintable()):
            raise ValueError(f"not 1 to 79 printable ASCII characters: {key!r}")
    if kind != "PNG":
        exif = Image.Exif()
        # The tag holds ASCII, and so does JSON as Python writes it.
        exif[ExifTags.Base.ImageDescription] = json.dumps(metadata)
        return {"exif": exif}
    chunks = PngImagePlugin.PngInfo()
    for key, value in metadata.items():
        # iTXt: text chunks of the older kind hold Latin-1 only.
        chunks.add_itxt(key, value)
    return {"pnginfo": chunks}
