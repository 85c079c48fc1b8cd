"""What the page consists of: its own files, ONNX Runtime Web, gradient files and their weights.

`site_files` names them all, by their paths beside index.html; `build` writes them into a folder for
any server, and `dream web` serves them as they lie. Nothing is compiled or bundled.

The weights are cut into pieces, for a layer needs only their beginning: 4 of 12 MB by default.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ort_deepdream.engine.settings import Settings, off_by_default
from ort_deepdream.version import VERSION
from ort_deepdream.web import runtime
from ort_deepdream.web.graphs import (
    DEFAULT_LAYER,
    TARGET,
    WEBGPU_TARGET,
    ascent_file,
    ascent_path,
    common_info,
    description,
    graph_path,
    guided_graph,
    guided_path,
    layer_names,
)
from ort_deepdream.weights.builtin import WEIGHTS_FILE, shipped_file

PAGE = Path(__file__).parent / "page"
PIECE = 1 << 20  # bytes of the weights in each file
SOURCES = (".css", ".html", ".js", ".mjs")
RELEASE = "release.js"  # what the page knows of its own files; made here
MEANWHILE = "sw.js"  # the service worker: found by its address, and kept by nobody


@dataclass(frozen=True)
class Part:
    """The bytes of a file from `start` to `end`."""

    path: Path
    start: int = 0
    end: int | None = None

    def read(self) -> bytes:
        """Return the bytes. Raise OSError when the file is not there."""
        with self.path.open("rb") as file:
            file.seek(self.start)
            return file.read() if self.end is None else file.read(self.end - self.start)


def site_files(runtime_folder: Path, offline: bool) -> dict[str, bytes | Part]:
    """Return every file of the site, by its path.

    `offline`: whether the page keeps itself in the browser, to be opened without the server.
    """
    own = {str(path.relative_to(PAGE)): Part(path) for path in _own_files()}
    layers = layer_names()
    pieces = _pieces()
    large: dict[str, bytes | Part] = {
        **_programs(runtime_folder),
        **{
            graph_path(layer, target): Part(shipped_file(layer, target))
            for layer in layers
            for target in (TARGET, WEBGPU_TARGET)
        },
        **{guided_path(layer): guided_graph(layer) for layer in layers},
        **{ascent_path(target): Part(ascent_file(target)) for target in (TARGET, WEBGPU_TARGET)},
        **pieces,
    }
    release = {
        "version": VERSION,
        "offline": offline,
        "policy": policy(),
        "settings": _settings(),
        "defaultLayer": DEFAULT_LAYER,
        "info": common_info(),
        "layers": list(map(description, layers)),
        "pieces": list(pieces),
        "pieceSize": PIECE,
        "runtime": runtime.VERSION,
        "backends": {
            "wasm": _backend(runtime.WASM, TARGET),
            "webgpu": _backend(runtime.WEBGPU, WEBGPU_TARGET),
        },
        "shell": [path for path in own if path != MEANWHILE],
        "files": {path: _known(part) for path, part in {**own, **large}.items()},
    }
    return {**own, RELEASE: _script(release), **large}


def build(folder: Path, runtime_folder: Path) -> int:
    """Write the site into `folder`, which is made; return its size in bytes. Raise OSError."""
    files = site_files(runtime_folder, offline=True)
    size = 0
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        size += target.write_bytes(content if isinstance(content, bytes) else content.read())
    return size


def policy() -> str:
    """Return the page's Content-Security-Policy, which is written in index.html."""
    text = (PAGE / "index.html").read_text("utf-8")
    found = re.search(r'http-equiv="Content-Security-Policy"\s+content="([^"]+)"', text)
    assert found is not None
    return " ".join(found[1].split())


def page_sources() -> set[Path]:
    """Return what every visit fetches of the page itself, pictures apart."""
    return {path for path in PAGE.iterdir() if path.suffix in SOURCES}


def later_sources() -> set[Path]:
    """Return what a visit fetches when it is wanted: for a guide, a bench, to save a picture."""
    return set((PAGE / "later").glob("*.mjs"))


def _programs(folder: Path) -> dict[str, Part]:
    both = (runtime.WASM, runtime.WEBGPU)
    names = [getattr(files, one.name) for files in both for one in fields(files)]
    return {f"onnxruntime/{name}": Part(folder / name) for name in names}


def _backend(files: runtime.Files, target: str) -> dict[str, str]:
    programs = {one.name: f"onnxruntime/{getattr(files, one.name)}" for one in fields(files)}
    return {"target": target, "ascent": ascent_path(target), **programs}


def _own_files() -> list[Path]:
    return sorted(path for path in PAGE.rglob("*") if path.is_file())


def _pieces() -> dict[str, Part]:
    size = WEIGHTS_FILE.stat().st_size
    return {
        f"models/weights-{number:02}.bin": Part(
            WEIGHTS_FILE, number * PIECE, min((number + 1) * PIECE, size)
        )
        for number in range(math.ceil(size / PIECE))
    }


def _settings() -> list[Mapping[str, Any]]:
    """Describe each setting of the page's own loop, with what a form can hold the visitor to.

    It has those that no dream is without; the others are numbers, words and switches that are off.
    """
    declared = [setting for setting in fields(Settings) if not off_by_default(setting)]
    drawn = Settings()
    return [
        {
            "name": one.name,
            "integer": isinstance(getattr(drawn, one.name), int),
            "default": one.default if isinstance(one.default, int | float) else None,
            "help": one.metadata["help"],
            **_limits(one.metadata["limits"]),
        }
        for one in declared
    ]


def _limits(limits: Any) -> dict[str, float]:
    ends = {"least": limits.least, "most": limits.most, "above": limits.above}
    return {name: end for name, end in ends.items() if math.isfinite(end)}


def _known(content: bytes | Part) -> dict[str, Any]:
    content = content if isinstance(content, bytes) else content.read()
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _script(release: Mapping[str, Any]) -> bytes:
    """Return a script for pages, workers and service workers alike, which changes as they do."""
    text = json.dumps(release, indent=1, ensure_ascii=True)
    number = hashlib.sha256(text.encode()).hexdigest()
    return f"self.RELEASE = {text};\nself.RELEASE.id = {json.dumps(number)};\n".encode()
