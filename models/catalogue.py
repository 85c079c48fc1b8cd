"""The weights that have a name: where they come from, and how their file is known.

`builtin` is shipped inside this package. The others are downloaded on first use into the user's
cache folder (`ORT_DEEPDREAM_CACHE` names another).
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

from models.errors import ModelsError

CACHE_VARIABLE = "ORT_DEEPDREAM_CACHE"
SHIPPED = Path(__file__).parent / "builtin"


@dataclass(frozen=True)
class Entry:
    """One set of weights. Without `urls` it is shipped with the package."""

    name: str
    architecture: str
    file_name: str
    source: str
    licence: str
    top1: float | None = None  # published ImageNet accuracy in percent, one centre crop
    urls: tuple[str, ...] = ()  # mirrors of the same file, in the order to try them
    size: int = 0  # bytes
    size_tolerance: int = 0  # where only a rounded size is published
    sha256: str = ""  # hexadecimal; its beginning where no more is published

    @property
    def shipped(self) -> bool:
        return not self.urls


_ZOO = "validated/vision/classification/inception_and_googlenet/googlenet/model/googlenet-12.onnx"

CATALOGUE = (
    Entry(
        name="builtin",
        architecture="bvlc",
        file_name="weights.safetensors",
        source="trained by this project (docs/model-card.md)",
        licence="MIT",
    ),
    Entry(
        name="bvlc",
        architecture="bvlc",
        file_name="googlenet-12.onnx",
        source="ONNX model zoo, from Caffe's bvlc_googlenet (ImageNet)",
        licence="BSD-3-Clause; Caffe's weights: unrestricted use",
        top1=68.7,  # models/bvlc_googlenet/readme.md in BVLC/caffe
        urls=(
            "https://huggingface.co/onnxmodelzoo/googlenet-12/resolve/main/googlenet-12.onnx",
            f"https://huggingface.co/onnxmodelzoo/legacy_models/resolve/main/{_ZOO}",
            f"https://github.com/onnx/models/raw/main/{_ZOO}",
            f"https://media.githubusercontent.com/media/onnx/models/main/{_ZOO}",
        ),
        size=28_021_836,
        sha256="c99c507058eaf41de8723408fdda7db8325cb57f0a89f2ee07a716d6e963e14e",
    ),
    Entry(
        name="torchvision",
        architecture="torchvision",
        file_name="googlenet-1378be20.pth",
        source="torchvision, ported from TensorFlow (ImageNet)",
        licence="BSD-3-Clause",
        top1=69.778,  # torchvision's documentation, GoogLeNet_Weights.IMAGENET1K_V1
        urls=("https://download.pytorch.org/models/googlenet-1378be20.pth",),
        size=52_100_000,  # published as "49.7 MB"
        size_tolerance=3_000_000,
        sha256="1378be20",  # torch.hub's convention: the file's name carries it
    ),
)


@dataclass(frozen=True)
class Row:
    """An entry as `dream weights` lists it."""

    name: str
    source: str
    licence: str
    size: int | None  # bytes; None when it is not in this installation
    top1: float | None
    path: Path  # where the file is, or would be
    present: bool


def find(name: str) -> Entry:
    """The entry of this name. Raises ModelsError with the nearest names."""
    names = [entry.name for entry in CATALOGUE]
    for entry in CATALOGUE:
        if entry.name == name:
            return entry
    near = difflib.get_close_matches(name, names, n=1) or names
    raise ModelsError(f"there are no weights named '{name}': did you mean {' or '.join(near)}?")


def cache_folder() -> Path:
    """The folder of what is downloaded, and of what is made to be used again; it need not exist."""
    override = os.environ.get(CACHE_VARIABLE)
    if override:
        return Path(override).expanduser()
    import platformdirs  # here, for a dream with a shipped model needs it not

    return platformdirs.user_cache_path("ort-deepdream", appauthor=False)


def location(entry: Entry) -> Path:
    """Where the entry's file is, or would be."""
    return (SHIPPED if entry.shipped else cache_folder()) / entry.file_name


def size_fits(entry: Entry, size: int) -> bool:
    return entry.shipped or abs(size - entry.size) <= entry.size_tolerance


def catalogue_rows(entries: tuple[Entry, ...] = CATALOGUE) -> list[Row]:
    """What `dream weights` shows. A file counts as present by its size; `fetch` checks its sum."""
    return [_row(entry) for entry in entries]


def _row(entry: Entry) -> Row:
    path = location(entry)
    found = path.stat().st_size if path.is_file() else None
    present = found is not None and size_fits(entry, found)
    size = found if present else entry.size or None
    return Row(entry.name, entry.source, entry.licence, size, entry.top1, path, present)
