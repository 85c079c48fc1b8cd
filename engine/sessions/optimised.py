"""Graphs as ONNX Runtime's CPU provider has optimised them, kept for the next start.

To optimise a graph is three quarters of making a session. What comes of it is right for one ONNX
Runtime on one kind of processor (the blocks of its layout are 8 or 16 channels), so it is kept in a
folder whose name is made of both and of the graph: an ONNX file, and its weights in another. It is
made of weights that were those of the graph (engine/sessions/checking.py), so those are not read
again; and with it are its files' sums, for a disk may rot.

Source: https://onnxruntime.ai/docs/performance/model-optimizations/graph-optimizations.html, its
offline mode.
"""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from mmap import mmap
from pathlib import Path

import numpy as np
import onnxruntime

from ort_deepdream.engine.providers.devices import processor_features
from ort_deepdream.engine.sessions.beside import beside, map_file
from ort_deepdream.files import PREFIX, scratch_folder
from ort_deepdream.text import storable

SUMS = "sums.json"
BLOCK = 1 << 16  # bytes
MOST_KEPT = 4  # 17 MB each for inception_4c/output
ADDED = "shape names"  # to what ONNX Runtime writes, by engine/sessions/in_place.py


def folder_for(content: bytes, size: tuple[int, int] | None, graph_cache: Path) -> Path | None:
    """Return where in `graph_cache` the graph belongs that `content` becomes for `size`.

    Weights that lie beside a file are told by their sha256, which is in `content`: only those are
    ever optimised. Return None where it cannot be told what the processor can do, which is
    everywhere but on Linux, and for a folder whose name is no text, which ONNX Runtime asks for.
    """
    features = processor_features()
    if features is None or storable(str(graph_cache)) != str(graph_cache):
        return None
    import hashlib  # here, for it takes a while and no other backend needs it

    # What else leads to another graph, such as an option of the session, belongs here, too.
    build = onnxruntime.__version__, onnxruntime.get_build_info()
    parts = json.dumps([*build, features, size, ADDED]).encode()
    return graph_cache / hashlib.sha256(parts + content).hexdigest()[:24]


@contextmanager
def filling(folder: Path) -> Iterator[Path]:
    """Yield a folder to fill, which becomes `folder`, with sums; then drop those used longest ago.

    Raise OSError when it cannot be made. Nothing is left of one that was not filled to the end.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(folder.parent) as growing:
        yield growing
        sums = json.dumps(_sums(growing))
        (growing / SUMS).write_text(sums)
        try:
            growing.rename(folder)
        except OSError:
            if not folder.exists():  # another command was quicker
                raise
    for other in sorted(_kept(folder.parent), key=_last_used, reverse=True)[MOST_KEPT:]:
        drop(other)


@contextmanager
def intact(folder: Path) -> Iterator[None]:
    """Check the files in `folder` against their sums while the body uses them.

    Raise ValueError or OSError after the body when they are no longer what was put there.
    """

    def check() -> None:
        if json.loads((folder / SUMS).read_bytes()) != _sums(folder):
            raise ValueError(f"{folder} is damaged")

    with beside(check):
        yield


def _sums(folder: Path) -> dict[str, int]:
    """Return a sum of each file."""
    return {path.name: _sum(map_file(path)) for path in folder.iterdir() if path.name != SUMS}


def _sum(content: mmap) -> int:
    """Return a number that no accident leaves as it is.

    It is the CRC-32 of 64 sums for each block and of what is left over; that of the whole content
    would take twice as long.
    """
    blocks = len(content) // BLOCK
    whole, rest = memoryview(content)[: blocks * BLOCK], memoryview(content)[blocks * BLOCK :]
    numbers = np.frombuffer(whole, np.uint64).reshape(blocks, BLOCK // 8 // 64, 64)
    sums = numbers.sum(axis=1, dtype=np.uint64)
    return zlib.crc32(rest, zlib.crc32(sums.tobytes()))


def _kept(graph_cache: Path) -> Iterator[Path]:
    """Yield the folders that are filled."""
    return (path for path in graph_cache.iterdir() if not path.name.startswith(PREFIX))


def drop(folder: Path) -> None:
    """Delete a folder, as far as that can be done."""
    shutil.rmtree(folder, ignore_errors=True)


def _last_used(folder: Path) -> float:
    """Return when a folder was last used; 0 if another command has dropped it meanwhile."""
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0
