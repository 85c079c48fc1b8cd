"""Gradient ascent on one picture, which stays on the backend's device from `put` to `take`.

A step is one run of one graph: gradient, normalisation, ascent, limits, and the roll to where the
next step wants the picture. Two buffers of the device take turns as its input and its output. The
first step's input comes from the host; after that only scalars and the indices of the roll travel.

There are two ways to hold the buffers. `Ascent` lets ONNX Runtime allocate them, which every
provider can. `StaticAscent` allocates everything itself, once: a CUDA graph replays addresses, and
on the CPU pictures in ONNX Runtime's arena, which outlive a step, leave it in pieces.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from onnxruntime import IOBinding, OrtValue, RunOptions

from ort_deepdream.engine.model import Model
from ort_deepdream.engine.sessions.session import Session, running, uncaptured
from ort_deepdream.engine.shaping import PLAIN, Shaping
from ort_deepdream.step import Array, Feed

# A captured graph replays the buffers that it was captured with, so there is one ascent for a
# session. It goes with its session, which it must not hold itself.
CAPTURED: WeakKeyDictionary[Session, StaticAscent] = WeakKeyDictionary()


class UnfinishedStepError(Exception):
    """A step was stopped between two tiles (engine/tiles/ascent.py); the picture is as before."""


class Ascent:
    """Steps on pictures of one size, [1, 3, height, width] in the network's units.

    Whatever ONNX Runtime raises on the way, such as for want of memory, is a DreamError.

    Each of two bindings keeps the output that ONNX Runtime allocated for its first run, and reads
    what the other wrote. What `get_outputs` returns is a view of that output, so a binding's
    outputs are bound once and never again.
    """

    def __init__(self, model: Model, height: int, width: int, shaping: Shaping = PLAIN) -> None:
        self.session = model.session(height, width, shaping.stages).run
        self.shaping = shaping
        self.backend, self.memory = model.backend, model.backend.memory
        self.height, self.width = height, width
        self.lent: dict[str, OrtValue] = {}  # what the bindings read must live as long
        self.bindings = [self.session.io_binding(), self.session.io_binding()]
        self.options = uncaptured()
        with self._running():
            self._bind(model.constants)

    def _running(self) -> AbstractContextManager[None]:
        return running(self.backend, self.height, self.width)

    def _bind(self, constants: Feed) -> None:
        """Bind what no step changes."""
        self._lend(constants, *self.bindings)
        for binding in self.bindings:
            binding.bind_output("next", self.memory)
            for name in self.backend.scalars:
                binding.bind_output(name)

    def put(self, image: Array, down: int = 0, across: int = 0) -> None:
        """Take a copy of `image`, rolled by `down` and `across` pixels."""
        rolled = np.empty(image.shape, np.float32)
        roll_into(rolled, image, down, across)
        with self._running():
            self._start(rolled)
        self.shift, self.turn = (down, across), 0

    def _start(self, rolled: Array) -> None:
        """Make `rolled` the picture."""
        self.picture = OrtValue.ortvalue_from_numpy(rolled)

    def step(
        self, length: float, down: int = 0, across: int = 0, done: float = 0.0
    ) -> tuple[float, float]:
        """Ascend by `length` on average, then roll the picture by `down` and `across` in all.

        `done` is the share of the steps that were taken already, for a shaping that falls with it.
        Return the objective and the mean absolute gradient, both before the step. A gradient
        that is zero or not finite changes nothing.
        """
        with self._running():
            turned = down - self.shift[0], across - self.shift[1]
            move = self.backend.move(self.height, self.width, length, *turned)
            objective, mean = self._step({**move, **self.shaping.feed(done)})
        self.shift, self.turn = (down, across), (self.turn + 1) % len(self.bindings)
        return objective, mean

    def _step(self, move: Feed) -> tuple[float, float]:
        """Run the graph once; `picture` is then the new one."""
        binding = self.bindings[self.turn]
        self._lend(move, binding)
        binding.bind_ortvalue_input("image", self.picture)
        self.session.run_with_iobinding(binding, self.options)
        self.picture, *scalars = binding.get_outputs()
        return numbers(scalars)

    def take(self) -> Array:
        """Return a copy of the picture as it is now, rolled back."""
        with self._running():
            rolled: Array = self.picture.numpy()
        image = np.empty_like(rolled)
        roll_into(image, rolled, -self.shift[0], -self.shift[1])
        return image

    def _lend(self, feed: Feed, *bindings: IOBinding) -> None:
        """Bind small inputs: a device gets a copy now, the host reads them where they lie."""
        for name, value in feed.items():
            self.lent[name] = OrtValue.ortvalue_from_numpy(value)
            for binding in bindings:
                binding.bind_ortvalue_input(name, self.lent[name])


class StaticAscent(Ascent):
    """An Ascent whose buffers stay where they are.

    A captured CUDA graph belongs to its addresses. On the GPU kernels run one after the other, and
    the last one writes the new picture when all that read the old one have ended: one buffer is
    both, and one graph is captured. Elsewhere two pictures take turns.
    """

    def _bind(self, constants: Feed) -> None:
        picture = np.zeros((1, 3, self.height, self.width), np.float32)
        move = self.backend.move(self.height, self.width)
        feed = {**constants, **move, **self.shaping.feed()}
        self.inputs = {name: self._allocate(value) for name, value in feed.items()}
        names = self.backend.scalars
        scalar = np.zeros(() if len(names) == 2 else 2, np.float32)
        self.scalars = {name: self._allocate(scalar) for name in names}
        self.pictures = [self._allocate(picture) for _ in range(1 if self._in_place else 2)]
        self.bindings = self.bindings[: len(self.pictures)]
        for number in range(len(self.pictures)):
            self._bind_turn(number)
        if self.backend.captures:
            self.options = RunOptions()
            self.options.add_run_config_entry("gpu_graph_id", "1")

    @property
    def _in_place(self) -> bool:
        return self.memory == "cuda"

    def _allocate(self, value: NDArray[np.float32 | np.int64]) -> OrtValue:
        # A copy: on the host an OrtValue borrows the array, and writes into it.
        return OrtValue.ortvalue_from_numpy(value.copy(), self.memory)

    def _bind_turn(self, number: int) -> None:
        """Bind the step from picture `number` to the next one."""
        binding, following = self.bindings[number], self._following(number)
        for name, value in {**self.inputs, "image": self.pictures[number]}.items():
            binding.bind_ortvalue_input(name, value)
        for name, value in {**self.scalars, "next": following}.items():
            binding.bind_ortvalue_output(name, value)

    def _following(self, number: int) -> OrtValue:
        return self.pictures[(number + 1) % len(self.pictures)]

    def _start(self, rolled: Array) -> None:
        self.picture = self.pictures[0]
        self.picture.update_inplace(rolled)

    def _step(self, move: Feed) -> tuple[float, float]:
        for name, value in move.items():
            self.inputs[name].update_inplace(value)
        self.session.run_with_iobinding(self.bindings[self.turn], self.options)
        self.picture = self._following(self.turn)
        return numbers(self.scalars.values())


def make_ascent(model: Model, height: int, width: int, shaping: Shaping = PLAIN) -> Ascent:
    """Return the kind of ascent that suits the backend and its options."""
    if model.backend.captures:
        session = model.session(height, width, shaping.stages)
        captured = CAPTURED.get(session)
        if captured is None:
            captured = CAPTURED[session] = StaticAscent(model, height, width, shaping)
        captured.shaping = shaping
        return captured
    static = model.backend.provider in ("CPUExecutionProvider", "CUDAExecutionProvider")
    return (StaticAscent if static else Ascent)(model, height, width, shaping)


def numbers(scalars: Iterable[OrtValue]) -> tuple[float, float]:
    """Return the objective and the mean gradient, from a value for each or one for both."""
    objective, mean = (float(number) for value in scalars for number in value.numpy().flat)
    return objective, mean


def roll_into(target: Array, source: Array, down: int, across: int) -> None:
    """Fill `target` with `np.roll(source, (down, across), axis=(-2, -1))`, without new memory."""
    height, width = source.shape[-2:]
    down, across = down % height, across % width
    target[..., down:, across:] = source[..., : height - down, : width - across]
    target[..., down:, :across] = source[..., : height - down, width - across :]
    target[..., :down, across:] = source[..., height - down :, : width - across]
    target[..., :down, :across] = source[..., height - down :, width - across :]
