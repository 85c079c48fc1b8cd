"""Graphs as ONNX Runtime's CPU provider has optimised them, kept for the next start.

To optimise a graph is three quarters of making a session. What comes of it is right for one ONNX
Runtime on one kind of processor (the blocks of its layout are 8 or 16 channels), so it is kept in a
folder whose name is made of both and of the graph: an ONNX file, and its weights in another.

Source: https://onnxruntime.ai/docs/performance/model-optimizations/graph-optimizations.html, its
offline mode.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnxruntime

from ort_deepdream.engine.devices import processor_features

MOST_KEPT = 4  # 17 MB each for inception_4c/output


def folder_for(content: bytes, size: tuple[int, int] | None, graph_cache: Path) -> Path | None:
    """Return where in `graph_cache` the graph belongs that `content` becomes for `size`.

    Weights that lie beside a file are told by their sha256, which is in `content`. Return None
    where it cannot be told what the processor can do, which is everywhere but on Linux.
    """
    features = processor_features()
    if features is None:
        return None
    import hashlib  # here, for it takes a while and no other backend needs it

    # What else leads to another graph, such as an option of the session, belongs here, too.
    build = onnxruntime.__version__, onnxruntime.get_build_info()
    parts = json.dumps([*build, features, size]).encode()
    return graph_cache / hashlib.sha256(parts + content).hexdigest()[:24]


@contextmanager
def filling(folder: Path) -> Iterator[Path]:
    """Yield a folder to fill, which becomes `folder`; then drop those used longest ago.

    Raise OSError when it cannot be made. Nothing is left of one that was not filled to the end.
    """
    beside = folder.with_name(f"{folder.name}.{os.getpid()}")
    beside.mkdir(parents=True, exist_ok=True)
    try:
        yield beside
        beside.rename(folder)
    except OSError:
        if not folder.exists():  # another command was quicker
            raise
    finally:
        drop(beside)
    for other in sorted(folder.parent.iterdir(), key=_last_used, reverse=True)[MOST_KEPT:]:
        drop(other)


def drop(folder: Path) -> None:
    """Delete a folder, as far as that can be done."""
    shutil.rmtree(folder, ignore_errors=True)


def _last_used(folder: Path) -> float:
    """Return when a folder was last used; 0 if another command has dropped it meanwhile."""
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0
