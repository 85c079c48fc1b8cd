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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import ort_deepdream.engine
from ort_deepdream.engine.gradient_file import read_gradient_file
from ort_deepdream.engine.settings import Settings, off_by_default
from ort_deepdream.gradient_format import KEY, VALUE
from ort_deepdream.protobuf import fields as fields_of
from ort_deepdream.protobuf import text_of
from ort_deepdream.version import VERSION
from ort_deepdream.web import runtime
from ort_deepdream.weights.builtin import WEIGHTS_FILE, shipped_file, shipped_layers
from ort_deepdream.weights.rewriting import (
    CHANNELS,
    EXTERNAL_DATA,
    GRAPH,
    INITIALIZER,
    NAME,
    RAW_DATA,
)

PAGE = Path(__file__).parent / "page"
GRAPHS = Path(ort_deepdream.engine.__path__[0]) / "graphs"

TARGET = "cpu"  # the graph target that is quickest in WebAssembly, and smallest in memory
PIECE = 1 << 20  # bytes of the weights in each file
SOURCES = (".css", ".html", ".js", ".mjs")
RELEASE = "release.js"  # what the page knows of its own files; made here
MEANWHILE = "sw.js"  # the service worker: found by its address, and kept by nobody

# The order of the network, and what the layers draw.
GROUPS = (
    ("conv", "Lines and waves"),
    ("inception_3", "Textures"),
    ("inception_4", "Patterns and figures"),
    ("inception_5", "Whole things"),
)
DEFAULT_LAYER = "inception_4c/output"


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
    layers = {layer: f"models/{layer.replace('/', '-')}.onnx" for layer in _layers()}
    graphs = {path: Part(shipped_file(layer, TARGET)) for layer, path in layers.items()}
    ascent = f"graphs/ascent.{TARGET}.pb"
    pieces = _pieces()
    programs = {
        f"onnxruntime/{name}": Part(runtime_folder / name)
        for name in (runtime.MODULE, runtime.LOADER, runtime.PROGRAM)
    }
    large = {**programs, **graphs, ascent: Part(GRAPHS / Path(ascent).name), **pieces}
    release = {
        "version": VERSION,
        "offline": offline,
        "policy": policy(),
        "settings": _settings(),
        "defaultLayer": DEFAULT_LAYER,
        "layers": [_layer(layer, path) for layer, path in layers.items()],
        "ascent": ascent,
        "pieces": list(pieces),
        "pieceSize": PIECE,
        "runtime": {
            "version": runtime.VERSION,
            "module": f"onnxruntime/{runtime.MODULE}",
            "loader": f"onnxruntime/{runtime.LOADER}",
            "program": f"onnxruntime/{runtime.PROGRAM}",
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
    """Return what a visit fetches when it is wanted: for a network of the visitor's own."""
    return set((PAGE / "later").glob("*.mjs"))


def _own_files() -> list[Path]:
    return sorted(path for path in PAGE.rglob("*") if path.is_file())


def _layers() -> list[str]:
    """Name the layers in the order of the network, which within a block is also the alphabet's."""
    return sorted(shipped_layers(), key=lambda layer: (_group(layer), layer))


def _group(layer: str) -> int:
    return next(i for i, (beginning, _) in enumerate(GROUPS) if layer.startswith(beginning))


def _layer(layer: str, path: str) -> dict[str, Any]:
    """Describe a layer's gradient file, so that the page need not read protobuf."""
    file = read_gradient_file(shipped_file(layer, TARGET))
    info = file.info
    return {
        "name": layer,
        "group": GROUPS[_group(layer)][1],
        "graph": path,
        "weightsEnd": _weights_end(file.content),
        "channels": _channels(file.content),
        "info": {
            "architecture": info.architecture,
            "stride": info.stride,
            "order": info.order,
            "mean": info.mean.ravel().tolist(),
            "scale": info.scale.ravel().tolist(),
            "weights": info.weights,
            "weightsSha256": info.weights_sha256,
            "target": info.target,
            "precision": info.precision,
        },
    }


def _weights_end(model: bytes) -> int:
    """Return how many bytes of its weights file a model needs: they lie in the network's order."""
    ends = [0]
    for graph in _messages(memoryview(model), GRAPH):
        for tensor in _messages(graph, INITIALIZER):
            entries = _messages(tensor, EXTERNAL_DATA)
            place = {text_of(entry, KEY): text_of(entry, VALUE) for entry in entries}
            if place:
                ends.append(int(place["offset"]) + int(place["length"]))
    return max(ends)


def _channels(model: bytes) -> dict[str, int]:
    """Return at which byte of a model its channels' factors begin, and how many there are."""
    for graph in _messages(memoryview(model), GRAPH):
        for tensor in _messages(graph, INITIALIZER):
            if text_of(tensor, NAME) == CHANNELS:
                (factors,) = _messages(tensor, RAW_DATA)
                start = model.index(tensor) + tensor.tobytes().index(factors)
                return {"at": start, "count": len(factors) // 4}
    raise ValueError("a shipped gradient file without a choice of channels")


def _messages(message: memoryview, number: int) -> Iterator[memoryview]:
    for this, _, value in fields_of(message):
        if this == number and not isinstance(value, int):
            yield value


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


def _known(part: Part) -> dict[str, Any]:
    content = part.read()
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _script(release: Mapping[str, Any]) -> bytes:
    """Return a script for pages, workers and service workers alike, which changes as they do."""
    text = json.dumps(release, indent=1, ensure_ascii=True)
    number = hashlib.sha256(text.encode()).hexdigest()
    return f"self.RELEASE = {text};\nself.RELEASE.id = {json.dumps(number)};\n".encode()
