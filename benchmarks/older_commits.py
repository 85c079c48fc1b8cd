"""Commits before 0.2 installed `engine`, `export` and others at the top: they are measured too.

asv runs these files from the checkout against the installed wheel of each commit, so what is new in
how the package is imported must be bridged here, and here alone.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from pathlib import Path

PACKAGE = "ort_deepdream"


def bridge() -> None:
    """Let `import ort_deepdream.engine` find an older commit's `engine`; do nothing otherwise."""
    if PACKAGE in sys.modules or importlib.util.find_spec(PACKAGE):
        return
    engine = importlib.util.find_spec("engine")
    if engine is None or engine.origin is None:
        return  # no package of ours at all: `prepare` says so
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(Path(engine.origin).parents[1])]
    package.__getattr__ = lambda name: getattr(importlib.import_module("engine"), name)  # type: ignore[method-assign]
    sys.modules[PACKAGE] = package


def spelled(code: str) -> str:
    """Return `code`, to be run in a process of its own, as this commit's package can import it."""
    if getattr(sys.modules.get(PACKAGE), "__spec__", True) is not None:
        return code
    return code.replace(f"from {PACKAGE} import", "from engine import").replace(f"{PACKAGE}.", "")
