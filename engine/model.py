"""A gradient file, loaded on a backend: a picture in, the objective and its gradient out.

The file's contract is in docs/model-file.md.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from engine.backends import FATAL_ONLY, Backend, find_backend
from engine.errors import DreamError

Array = NDArray[np.float32]

FORMAT = "1"
PREFIX = "deepdream."
MOST_THREADS = 1024  # ONNX Runtime would start a million, and hang


@dataclass(frozen=True)
class ModelInfo:
    """What a gradient file says of itself."""

    architecture: str
    layers: tuple[str, ...]  # each `LAYER[:CHANNEL][=WEIGHT]`
    stride: int  # pixels of the picture for one step in the deepest layer
    order: tuple[int, ...]  # channels of RGB, in the network's order
    mean: Array  # [3, 1, 1], in 0..255, after reordering
    scale: Array  # [3, 1, 1]
    weights: str  # their identity, such as `googlenet-12.onnx`
    weights_sha256: str
    target: str


class Model:
    """A gradient file on a backend. Made by `load_model`."""

    def __init__(
        self, session: onnxruntime.InferenceSession, info: ModelInfo, backend: Backend
    ) -> None:
        self.session = session
        self.info = info
        self.backend = backend

    def preprocess(self, rgb: Array) -> Array:
        """RGB [H, W, 3] in 0..255 -> the network's image [1, 3, H, W]."""
        planes = np.moveaxis(np.asarray(rgb, np.float32), 2, 0)[list(self.info.order)]
        return np.ascontiguousarray((planes - self.info.mean) * self.info.scale)[np.newaxis]

    def deprocess(self, image: Array) -> Array:
        """The inverse of `preprocess`."""
        planes = image[0] / self.info.scale + self.info.mean
        return np.ascontiguousarray(np.moveaxis(planes[np.argsort(self.info.order)], 0, 2))

    def limits(self) -> tuple[Array, Array]:
        """Black and white in the network's units, each [3, 1, 1]."""
        low, high = (np.float32(end) - self.info.mean for end in (0, 255))
        return low * self.info.scale, high * self.info.scale

    def gradient(self, image: Array) -> tuple[float, Array]:
        """The objective, and its gradient in the shape of `image` [1, 3, H, W]."""
        objective, gradient = self.session.run(["objective", "gradient"], {"image": image})
        return float(objective), gradient


def load_model(path: str | Path, backend: str = "auto", threads: int | None = None) -> Model:
    """Load the gradient file at `path` on a backend; `threads` (CPU) defaults to every core.

    Raises DreamError when the file is not one, or the backend cannot be used.
    """
    if threads is not None and not 1 <= threads <= MOST_THREADS:
        raise DreamError(f"threads must be 1 to {MOST_THREADS}, not {threads}")
    if not Path(path).is_file():
        raise DreamError(f"{path}: there is no such model file; `dream export` makes one")
    chosen = find_backend(backend)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    # A memory pattern keeps a block for a whole run beside the arena's own: twice the memory
    # (2170 against 1170 MB at 1024x1024), and no faster.
    options.enable_mem_pattern = False
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=[(chosen.provider, chosen.provider_options)]
        )
    except Exception as error:  # ONNX Runtime's exceptions share no base but this
        reason = " ".join(str(error).split())[:200]
        raise DreamError(f"{path}: ONNX Runtime cannot load this file ({reason})") from error
    if session.get_providers()[0] != chosen.provider:
        raise DreamError(
            f"backend {chosen.name} was asked for, but ONNX Runtime gave "
            f"{session.get_providers()[0]}; check the driver's version, or use --backend cpu"
        )
    info = _read_info(session, path)
    inputs = [value.name for value in session.get_inputs()]
    outputs = {value.name for value in session.get_outputs()}
    if inputs != ["image"] or not {"objective", "gradient"} <= outputs:
        raise DreamError(
            f"{path}: takes {', '.join(inputs)} and gives {', '.join(sorted(outputs))}, not "
            f"image and objective, gradient; export it again"
        )
    return Model(session, info, chosen)


def _read_info(session: onnxruntime.InferenceSession, path: str | Path) -> ModelInfo:
    properties: dict[str, str] = session.get_modelmeta().custom_metadata_map
    if PREFIX + "format" not in properties:
        raise DreamError(f"{path} is an ONNX file, but not one that `dream export` made")
    found = properties[PREFIX + "format"]
    if found != FORMAT:
        raise DreamError(
            f"{path} has format {found}, and this version reads {FORMAT}; export it again"
        )

    def structured(key: str) -> Any:
        return json.loads(properties[PREFIX + key])

    try:
        preprocessing, weights = structured("preprocessing"), structured("weights")
        info = ModelInfo(
            architecture=properties[PREFIX + "architecture"],
            layers=tuple(_describe(layer) for layer in structured("layers")),
            stride=int(structured("stride")),
            order=tuple(preprocessing["order"]),
            mean=_per_channel(preprocessing["mean"]),
            scale=_per_channel(preprocessing["scale"]),
            weights=weights["identity"],
            weights_sha256=weights["sha256"],
            target=properties[PREFIX + "target"],
        )
        _check(info)
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise DreamError(
            f"{path}: its description is damaged ({error!r}); export it again"
        ) from error
    return info


def _check(info: ModelInfo) -> None:
    """Raises ValueError for numbers that a dream cannot work with."""
    if not info.layers or info.stride < 1 or sorted(info.order) != [0, 1, 2]:
        raise ValueError(f"layers {info.layers}, stride {info.stride}, order {info.order}")
    if not (np.isfinite(info.mean).all() and np.isfinite(info.scale).all()):
        raise ValueError("mean or scale is not finite")
    if not (info.scale > 0).all():
        raise ValueError("a scale is not above zero")


def _describe(layer: dict[str, Any]) -> str:
    channel = "" if layer["channel"] is None else f":{layer['channel']}"
    number = repr(float(layer["weight"])).removesuffix(".0")  # every digit
    weight = "" if number == "1" else f"={number}"
    return f"{layer['layer']}{channel}{weight}"


def _per_channel(values: list[float]) -> Array:
    return np.array(values, np.float32).reshape(3, 1, 1)
