"""The weights that have a name: where they come from, and how their file is known.

`builtin` is shipped inside this package. The others are downloaded on first use into the user's
cache folder (`ORT_DEEPDREAM_CACHE` names another).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ort_deepdream.errors import DreamError, nearest
from ort_deepdream.files import is_missing

CACHE_VARIABLE = "ORT_DEEPDREAM_CACHE"
SHIPPED = Path(__file__).parent / "builtin"


class Known(Protocol):
    """What is known of a file before it is here."""

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    @property
    def size_tolerance(self) -> int:
        """By how many bytes the size may differ, where only a rounded one is published."""
        ...

    @property
    def sha256(self) -> str:
        """In hexadecimal; its beginning where no more is published."""
        ...


@dataclass(frozen=True)
class Piece:
    """One file of a folder, by its path in it."""

    name: str
    size: int
    sha256: str
    size_tolerance: int = 0


@dataclass(frozen=True)
class Folder:
    """The same weights in another form: a folder of files."""

    name: str
    bases: tuple[str, ...]  # mirrors, in the order to try them; a file's path follows
    table: Path  # tab-separated: file, bytes, sha256

    def pieces(self) -> list[Piece]:
        """List the folder's files."""
        _, *lines = self.table.read_text("utf-8").splitlines()
        rows = (line.split("\t") for line in lines)
        return [Piece(name, int(size), sha256) for name, size, sha256 in rows]


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
    folder: Folder | None = None  # taken where the file cannot be had
    kind: str = "weights"  # what it is called in messages

    @property
    def shipped(self) -> bool:
        """Whether it comes with the package."""
        return not self.urls


_ZOO = "validated/vision/classification/inception_and_googlenet/googlenet/model/googlenet-12.onnx"
_CAFFEJS = "d161d610145d6ce1ee4b9e44b10de780e8ecec2d"  # a commit of github.com/chaosmail/caffejs
_LAYERS = "models/bvlc_googlenet/weights/"

CATALOGUE = (
    Entry(
        name="builtin",
        architecture="bvlc",
        file_name="weights.safetensors",
        source="trained by this project (docs/model-card.md)",
        licence="MIT",
        sha256="03054a00dcb454916a251c082e2917e2db95b8cabe27f2f97f3718f633b14d7b",
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
        folder=Folder(
            name="bvlc_googlenet",
            bases=(
                f"https://raw.githubusercontent.com/chaosmail/caffejs/{_CAFFEJS}/{_LAYERS}",
                f"https://cdn.jsdelivr.net/gh/chaosmail/caffejs@{_CAFFEJS}/{_LAYERS}",
                f"https://chaosmail.github.io/caffejs/{_LAYERS}",
            ),
            table=Path(__file__).parent / "bvlc_layers.tsv",
        ),
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
    path: Path  # where the file or the folder is, or the file would be
    present: bool


def find(name: str) -> Entry:
    """Return the entry of this name. Raise DreamError, with the nearest name, for another."""
    entries = {entry.name: entry for entry in CATALOGUE}
    if name not in entries:
        raise DreamError(f"there are no weights named '{name}': {nearest(name, entries)}")
    return entries[name]


def told(identity: str, sha256: str) -> str:
    """Return what weights are, to be shown: their name here, if they have one, and their file's.

    Of all files that are called weights.safetensors, only one is the built-in network's.
    """
    for entry in CATALOGUE:
        if entry.sha256 and sha256.startswith(entry.sha256):
            what = "the built-in network, " if entry.shipped else ""
            return f"{entry.name} ({what}{identity}, sha256 {sha256[:8]})"
    return identity


def cache_folder() -> Path:
    """Return the folder of what is downloaded or made to be used again; it need not exist.

    Raise DreamError when it would be in a home folder, and there is none.
    """
    override = os.environ.get(CACHE_VARIABLE)
    if override:
        folder = Path(os.path.expanduser(override))  # noqa: PTH111  it raises for nobody's home
        if override.startswith("~") and not folder.is_absolute():
            raise DreamError(
                f"{CACHE_VARIABLE} is {override}: there is no such home folder; name another folder"
            )
        return folder
    import platformdirs  # here, for a dream with a shipped model needs it not

    folder = platformdirs.user_cache_path("ort-deepdream", appauthor=False)
    if not folder.is_absolute():
        raise DreamError(f"this user has no home folder: set {CACHE_VARIABLE} to a folder")
    return folder


@contextmanager
def cache_errors() -> Iterator[None]:
    """Make a DreamError, which says what to do, of what the system refuses in the cache folder."""
    try:
        yield
    except OSError as error:
        raise DreamError(
            f"the cache folder {cache_folder()} cannot be used ({error.strerror or error}); "
            f"set {CACHE_VARIABLE} to another one"
        ) from error


def location(entry: Entry) -> Path:
    """Return where the entry's file is, or would be; its folder, where only that is here."""
    path = (SHIPPED if entry.shipped else cache_folder()) / entry.file_name
    if entry.folder is not None and is_missing(path):
        folder = path.with_name(entry.folder.name)
        return folder if folder.is_dir() else path
    return path


def size_fits(known: Known, size: int) -> bool:
    """Return whether a file of `size` bytes may be the one that is known."""
    return abs(size - known.size) <= known.size_tolerance


def catalogue_rows(entries: tuple[Entry, ...] = CATALOGUE) -> list[Row]:
    """List what `dream weights` shows. A file is present by its size; `fetch` checks its sum."""
    return [_row(entry) for entry in entries]


def _row(entry: Entry) -> Row:
    path = location(entry)
    with cache_errors():
        found = _size_here(entry, path)
    size = found or entry.size or None
    return Row(entry.name, entry.source, entry.licence, size, entry.top1, path, found is not None)


def _size_here(entry: Entry, path: Path) -> int | None:
    """Return the bytes of what is here; None where it is not, or not whole."""
    if entry.folder is not None and path.is_dir():
        pieces = entry.folder.pieces()
        whole = all(_has_size(path / piece.name, piece) for piece in pieces)
        return sum(piece.size for piece in pieces) if whole else None
    if (entry.shipped and path.is_file()) or _has_size(path, entry):
        return path.stat().st_size
    return None


def _has_size(path: Path, known: Known) -> bool:
    return path.is_file() and size_fits(known, path.stat().st_size)
