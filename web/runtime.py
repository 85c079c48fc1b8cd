"""ONNX Runtime Web: fetched once into the cache from its npm package, checked, at a pinned version.

It is neither in the repository nor in the wheel. npm's registry has it as one archive; where that
cannot be had, its files are fetched one by one from a mirror of npm's packages.
"""

from __future__ import annotations

import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from ort_deepdream.errors import DreamError
from ort_deepdream.files import replacing_folder
from ort_deepdream.weights.catalogue import Entry, Folder
from ort_deepdream.weights.download import Progress, fetch

VERSION = "1.30.0"


@dataclass(frozen=True)
class Files:
    """The names of ONNX Runtime Web's files for a backend."""

    module: str  # what the page imports
    loader: str  # what starts the program, in each of its threads
    program: str


WASM = Files("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
WEBGPU = Files(
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)

PACKAGE = f"onnxruntime-web-{VERSION}"
INSIDE = "package/dist"  # of the archive

RUNTIME = Entry(
    name=PACKAGE,
    kind="program",
    architecture="",
    file_name=f"{PACKAGE}.tgz",
    source="npm: onnxruntime-web",
    licence="MIT",
    urls=(f"https://registry.npmjs.org/onnxruntime-web/-/{PACKAGE}.tgz",),
    size=33_106_585,
    # npm's own "integrity" of it is sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7sv...
    sha256="d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71",
    folder=Folder(
        name=PACKAGE,
        bases=(
            f"https://cdn.jsdelivr.net/npm/onnxruntime-web@{VERSION}/dist/",
            f"https://unpkg.com/onnxruntime-web@{VERSION}/dist/",
        ),
        table=Path(__file__).parent / "onnxruntime_web.tsv",
    ),
)


def fetch_runtime(progress: Progress = lambda done, total: None, entry: Entry = RUNTIME) -> Path:
    """Return the folder of ONNX Runtime Web's files, downloaded if need be.

    Raise DreamError when no mirror has it, or the cache cannot be used.
    """
    found = fetch(entry, progress)
    if found.is_dir():
        return found
    with FileLock(f"{found}.unpacking.lock"):
        here = fetch(entry)
        return here if here.is_dir() else _unpacked(here, entry)


def _unpacked(archive: Path, entry: Entry) -> Path:
    """Put the files that the page needs beside the archive, which is then not needed any more."""
    assert entry.folder is not None
    folder = archive.with_name(entry.folder.name)
    try:
        with replacing_folder(folder) as made, tarfile.open(archive) as packed:
            for piece in entry.folder.pieces():
                _extract(packed, f"{INSIDE}/{piece.name}", made / piece.name)
        archive.unlink()
    except (OSError, tarfile.TarError, KeyError) as error:
        raise DreamError(f"{archive}: cannot be unpacked ({error}): delete it") from None
    return fetch(entry)  # checks each file


def _extract(packed: tarfile.TarFile, name: str, target: Path) -> None:
    source = packed.extractfile(name)
    if source is None:
        raise KeyError(f"{name} is no file")
    with source, target.open("wb") as file:
        shutil.copyfileobj(source, file)
