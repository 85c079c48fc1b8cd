"""Gradient ascent on one picture, which stays on the backend's device from `put` to `take`.

A step is one run of one graph: gradient, normalisation, ascent, limits, and the roll to where the
next step wants the picture. Two buffers of the device take turns as its input and its output. The
first step's input comes from the host; after that only scalars and the indices of the roll travel.

There are two ways to hold the buffers. `Ascent` lets ONNX Runtime allocate them, which every
provider can. `StaticAscent` allocates everything itself, once: a CUDA graph replays addresses, and
on the CPU pictures in ONNX Runtime's arena, which outlive a step, leave it in pieces.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from onnxruntime import IOBinding, OrtValue, RunOptions

from ort_deepdream.engine.model import Model
from ort_deepdream.engine.session import Session, running, uncaptured
from ort_deepdream.step import Array, Feed, limits_feed, move_feed

# A captured graph replays the buffers that it was captured with, so there is one ascent for a
# session. It goes with its session, which it must not hold itself.
CAPTURED: WeakKeyDictionary[Session, StaticAscent] = WeakKeyDictionary()


class Ascent:
    """Steps on pictures of one size, [1, 3, height, width] in the network's units.

    Whatever ONNX Runtime raises on the way, such as for want of memory, is a DreamError.

    Each of two bindings keeps the output that ONNX Runtime allocated for its first run, and reads
    what the other wrote. What `get_outputs` returns is a view of that output, so a binding's
    outputs are bound once and never again.
    """

    def __init__(self, model: Model, height: int, width: int) -> None:
        self.session = model.session(height, width).run
        self.backend, self.memory = model.backend, model.backend.memory
        self.height, self.width = height, width
        self.lent: dict[str, OrtValue] = {}  # what the bindings read must live as long
        self.bindings = self.session.io_binding(), self.session.io_binding()
        self.options = uncaptured(), uncaptured()  # of each binding's runs
        with self._running():
            self._bind(limits_feed(*model.limits()))

    def _running(self) -> AbstractContextManager[None]:
        return running(self.backend, self.height, self.width)

    def _bind(self, limits: Feed) -> None:
        """Bind what no step changes."""
        self._lend(limits, *self.bindings)
        for binding in self.bindings:
            binding.bind_output("next", self.memory)
            binding.bind_output("objective")
            binding.bind_output("mean")

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

    def step(self, length: float, down: int = 0, across: int = 0) -> tuple[float, float]:
        """Ascend by `length` on average, then roll the picture by `down` and `across` in all.

        Return the objective and the mean absolute gradient, both before the step. A gradient
        that is zero or not finite changes nothing.
        """
        with self._running():
            turned = down - self.shift[0], across - self.shift[1]
            objective, mean = self._step(move_feed(self.height, self.width, length, *turned))
        self.shift, self.turn = (down, across), 1 - self.turn
        return objective, mean

    def _step(self, move: Feed) -> tuple[float, float]:
        """Run the graph once; `picture` is then the new one."""
        binding = self.bindings[self.turn]
        self._lend(move, binding)
        binding.bind_ortvalue_input("image", self.picture)
        self.session.run_with_iobinding(binding, self.options[self.turn])
        self.picture, objective, mean = binding.get_outputs()
        return float(objective.numpy()), float(mean.numpy())

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

    A captured CUDA graph belongs to its addresses. The two pictures take turns, so there are two
    bindings and two graphs, told apart by `gpu_graph_id`.
    """

    def _bind(self, limits: Feed) -> None:
        picture = np.zeros((1, 3, self.height, self.width), np.float32)
        scalar = np.zeros((), np.float32)
        feed = {**limits, **move_feed(self.height, self.width)}
        self.inputs = {name: self._allocate(value) for name, value in feed.items()}
        self.scalars = {name: self._allocate(scalar) for name in ("objective", "mean")}
        self.pictures = self._allocate(picture), self._allocate(picture)
        self.options = self._bind_turn(0), self._bind_turn(1)

    def _allocate(self, value: NDArray[np.float32 | np.int64]) -> OrtValue:
        # A copy: on the host an OrtValue borrows the array, and writes into it.
        return OrtValue.ortvalue_from_numpy(value.copy(), self.memory)

    def _bind_turn(self, number: int) -> RunOptions:
        """Bind the step from picture `number` to the other; return what tells its graph apart."""
        binding, options = self.bindings[number], RunOptions()
        for name, value in {**self.inputs, "image": self.pictures[number]}.items():
            binding.bind_ortvalue_input(name, value)
        for name, value in {**self.scalars, "next": self.pictures[1 - number]}.items():
            binding.bind_ortvalue_output(name, value)
        options.add_run_config_entry("gpu_graph_id", str(number + 1))
        return options

    def _start(self, rolled: Array) -> None:
        self.picture = self.pictures[0]
        self.picture.update_inplace(rolled)

    def _step(self, move: Feed) -> tuple[float, float]:
        for name, value in move.items():
            self.inputs[name].update_inplace(value)
        self.session.run_with_iobinding(self.bindings[self.turn], self.options[self.turn])
        self.picture = self.pictures[1 - self.turn]
        return float(self.scalars["objective"].numpy()), float(self.scalars["mean"].numpy())


def make_ascent(model: Model, height: int, width: int) -> Ascent:
    """Return the kind of ascent that suits the backend and its options."""
    if model.backend.captures:
        session = model.session(height, width)
        if session not in CAPTURED:
            CAPTURED[session] = StaticAscent(model, height, width)
        return CAPTURED[session]
    on_cpu = model.backend.provider == "CPUExecutionProvider"
    return (StaticAscent if on_cpu else Ascent)(model, height, width)


def roll_into(target: Array, source: Array, down: int, across: int) -> None:
    """Fill `target` with `np.roll(source, (down, across), axis=(-2, -1))`, without new memory."""
    height, width = source.shape[-2:]
    down, across = down % height, across % width
    target[..., down:, across:] = source[..., : height - down, : width - across]
    target[..., down:, :across] = source[..., : height - down, width - across :]
    target[..., :down, across:] = source[..., height - down :, : width - across]
    target[..., :down, :across] = source[..., height - down :, width - across :]
