"""A gradient file on a backend: a picture in, the objective and its gradient out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from pathlib import Path

import numpy as np
from onnxruntime import RunOptions

from ort_deepdream.engine import guide
from ort_deepdream.engine.backends import Backend
from ort_deepdream.engine.machine.mapped import Store, bands, let_go
from ort_deepdream.engine.machine.memory import available, bytes_needed
from ort_deepdream.engine.sessions.gradient_file import GradientFile, ModelInfo
from ort_deepdream.engine.sessions.session import Session, Size, make_session, running, uncaptured
from ort_deepdream.errors import DreamError
from ort_deepdream.step import GRADIENT_OUTPUTS, Array, Feed, limits_feed

# Of all pictures that a model has sessions for. Each session for one size holds its own memory, on
# a GPU a kilobyte for each pixel; a dream on 1024x1024 pixels has 2**21 in all its octaves.
KEPT_PIXELS = 2**22


class Model:
    """A gradient file on a backend. Made by `load_model`."""

    def __init__(
        self,
        file: GradientFile,
        backend: Backend,
        threads: int | None = None,
        allow_cpu_nodes: bool = False,
        graph_cache: Path | None = None,
    ) -> None:
        self.file = file
        self.backend = backend
        self.threads = threads
        self.allow_cpu_nodes = allow_cpu_nodes
        self.graph_cache = graph_cache
        self.guide: Feed = {}  # its features, if there is one
        self.sessions: dict[tuple[Size | None, tuple[str, ...], bool], Session] = {}
        if not backend.fixed_sizes:
            # So that a file that cannot be run is refused now.
            self.session(*(self.info.size or (1, 1)))

    def __repr__(self) -> str:
        return f"<Model {', '.join(self.info.layers)} on {self.backend.name}>"

    def _repr_html_(self) -> str:
        from ort_deepdream.engine.notebook import table_html
        from ort_deepdream.weights.catalogue import told

        facts = {
            "layers": ", ".join(self.info.layers),
            "architecture": self.info.architecture,
            "weights": told(self.info.weights, self.info.weights_sha256),
            "backend": self.backend.name,
            "device": self.device or "not known",
            "precision": self.precision,
            "smallest picture": f"{self.least_side}x{self.least_side}",
            "gradient file": self.file.path.name,
        }
        return table_html(facts)

    @property
    def info(self) -> ModelInfo:
        """What the gradient file says of itself."""
        return self.file.info

    @property
    def device(self) -> str | None:
        """The name of what it runs on, where that can be told."""
        return self.backend.device

    @property
    def least_side(self) -> int:
        """Pixels of the smallest picture that can be dreamt on here."""
        return self.info.least_side + self.backend.margin(self.info.stride)

    @property
    def placement(self) -> Mapping[str, int]:
        """Nodes of a step by execution provider, in the session used last."""
        return next((session.placement for session in reversed(self.sessions.values())), {})

    @property
    def precision(self) -> str:
        """The type that the network is computed in, such as float16."""
        if self.info.precision == "float32" and self.backend.uses_tf32:
            return "float32 (TF32)"
        return self.backend.rounding or self.info.precision

    @property
    def constants(self) -> Feed:
        """What every step is fed with that none changes: black, white and a guide's features.

        Raise DreamError when the file wants a guide and there is none.
        """
        self.require_guide()
        return {**limits_feed(*self.limits()), **self.guide}

    def require_guide(self) -> None:
        """Raise DreamError when the file wants a guide and there is none."""
        if self.info.guides and not self.guide:
            raise DreamError(
                f"{self.file.path.name}: is for dreams with a guide; name a picture with --guide, "
                f"or pass its pixels as `guide`"
            )

    def with_guide(self, rgb: Array) -> Model:
        """Return this model led by a guide, an RGB picture [H, W, 3] in 0..255 of any size.

        Its features are computed here, once. A guide of more than a million pixels, or 16384
        positions in a layer, is made smaller first.

        Raise DreamError when the file is for dreams without one, or the guide is too small.
        """
        if not self.info.guides:
            raise DreamError(
                f"{self.file.path.name}: is for dreams without a guide; name the layer with "
                f"--guide-layer, or load it with `guided=True`"
            )
        led = copy(self)
        led.guide = guide.guide_feed(self.info.guides, self._features(rgb))
        if self.backend.fixed_sizes:  # what is captured or compiled may belong to one guide
            led.sessions = {}
        return led

    def _features(self, rgb: Array) -> dict[str, Array]:
        """Return the features [1, C, h, w] of a guide at each layer that one leads."""
        layers = self.info.guides
        image = self.preprocess(guide.fitted(rgb, layers))
        height, width = image.shape[2:]
        if min(height, width) < self.least_side:
            raise guide.too_small(height, width, self.least_side, layers)
        options = uncaptured()
        options.only_execute_path_to_fetches = True  # without the way back
        if self.backend.memory == "cpu":  # a guide may be larger than the picture
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        constants = {**limits_feed(*self.limits()), **guide.blank_feed(layers)}
        values = self._run([layer.output for layer in layers], image, constants, options)
        return {layer.name: value for layer, value in zip(layers, values, strict=True)}

    def session(
        self, height: int, width: int, stages: tuple[str, ...] = (), own_units: bool = False
    ) -> Session:
        """Return the session for pictures of this size; it is made once and kept for a while.

        Its steps have `stages` that shape the gradient, each one of `Shaping.stages`. With
        `own_units` it is for tiles of this size.
        Raise DreamError when the file is for another size.
        """
        only = self.info.size
        if only is not None and only != (height, width):
            raise DreamError(
                f"{self.file.path}: is for pictures of {only[1]}x{only[0]} pixels alone, not of "
                f"{width}x{height}; dream with one octave on such a picture, or export a file for "
                f"any size"
            )
        size = (height, width) if self.backend.fixed_sizes or only else None
        key = size, stages, own_units
        if key in self.sessions:
            self.sessions[key] = self.sessions.pop(key)  # the last is the one used last
        else:
            self._make_room(height * width)
            self.sessions[key] = make_session(
                self.file,
                self.backend,
                self.threads,
                size,
                self.allow_cpu_nodes,
                graph_cache=self.graph_cache,
                stages=stages,
                own_units=own_units,
            )
        return self.sessions[key]

    def _make_room(self, pixels: int) -> None:
        """Drop the sessions used longest ago, for all together hold memory for KEPT_PIXELS."""
        kept = {key: key[0][0] * key[0][1] for key in self.sessions if key[0] is not None}
        held = sum(kept.values())
        for key, its_pixels in kept.items():
            if held + pixels <= KEPT_PIXELS:
                break
            del self.sessions[key]
            held -= its_pixels

    def fits(self, height: int, width: int) -> bool:
        """Tell whether a step on a picture of this size fits into the memory, as far as is known.

        It is of the CPU; other devices do not tell how much they have.
        """
        if self.backend.provider != "CPUExecutionProvider":
            return True
        more = guide.bytes_per_pixel(self.info.guides, self.guide)
        room = available()
        needed = bytes_needed(height, width, self.info.stride) + int(height * width * more)
        return room is None or needed <= room.free

    def preprocess(self, rgb: Array, store: Store | None = None) -> Array:
        """Turn RGB [H, W, 3] in 0..255 into the network's image [1, 3, H, W], in `store`."""
        rgb = np.asarray(rgb)
        height, width = rgb.shape[:2]
        image = (store or Store()).empty(1, 3, height, width)
        for rows in bands(height, width * 12):
            part = np.asarray(rgb[rows], np.float32)
            for plane, channel, mean, scale in self._planes(image[..., rows, :]):
                np.subtract(part[..., channel], mean, out=plane)
                plane *= scale
            let_go(image, rgb)
        return image

    def deprocess(self, image: Array, store: Store | None = None) -> Array:
        """Turn the network's image [1, 3, H, W] into RGB [H, W, 3] in 0..255, in `store`."""
        height, width = image.shape[2:]
        rgb = (store or Store()).empty(height, width, 3)
        for rows in bands(height, width * 12):
            for plane, channel, mean, scale in self._planes(image[..., rows, :]):
                np.divide(plane, scale, out=rgb[rows, :, channel])
                rgb[rows, :, channel] += mean
            let_go(image, rgb)
        return rgb

    def limit(self, image: Array) -> None:
        """Clip an image [1, 3, H, W] to black and white, where it lies."""
        low, high = self.limits()
        height, width = image.shape[2:]
        for rows in bands(height, width * 12):
            np.clip(image[..., rows, :], low, high, out=image[..., rows, :])
            let_go(image)

    def _planes(self, image: Array) -> Iterator[tuple[Array, int, np.float32, np.float32]]:
        """Yield for each of the network's channels its plane, number in RGB, mean and scale."""
        mean, scale = self.info.mean.flat, self.info.scale.flat
        return zip(image[0], self.info.order, mean, scale, strict=True)

    def limits(self) -> tuple[Array, Array]:
        """Return black and white in the network's units, each [3, 1, 1]."""
        low, high = (np.float32(end) - self.info.mean for end in (0, 255))
        return low * self.info.scale, high * self.info.scale

    def gradient(self, image: Array) -> tuple[float, Array]:
        """Return the objective, and its gradient in the shape of `image` [1, 3, H, W].

        Raise DreamError when the backend fails, such as for want of memory.
        """
        objective, gradient = self._run([*GRADIENT_OUTPUTS], image, self.constants, uncaptured())
        return float(objective), gradient

    def _run(
        self, outputs: list[str], image: Array, constants: Feed, options: RunOptions
    ) -> list[Array]:
        """Return some outputs of the graph for an image [1, 3, H, W]."""
        height, width = image.shape[2:]
        # The graph is a whole step's: this one leads nowhere.
        feed = {"image": image, **constants, **self.backend.move(height, width)}
        session = self.session(height, width).run
        with running(self.backend, height, width):
            values: list[Array] = session.run(outputs, feed, options)
        return values
