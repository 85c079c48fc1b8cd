"""The loop: from noise to the picture that a layer, a channel or a neuron answers to most.

A step goes through the network as any gradient does, on whatever backend; the rest is numpy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ort_deepdream.engine.machine.memory import enough_memory
from ort_deepdream.engine.model import Model
from ort_deepdream.engine.sessions.session import running, uncaptured
from ort_deepdream.engine.visualise.adam import Adam
from ort_deepdream.engine.visualise.settings import VisualiseSettings
from ort_deepdream.engine.visualise.spectrum import SpectralPicture, Spectrum
from ort_deepdream.engine.visualise.views import View, random_placement
from ort_deepdream.errors import DreamError
from ort_deepdream.step import GRADIENT_OUTPUTS, OWN, Array
from ort_deepdream.weights import receptive_field
from ort_deepdream.weights.architectures import ARCHITECTURES

MARGIN = 12  # pixels of a view around the picture in all, so that a turned one's corners are seen
LOUDER = 16  # times the usual noise: the loudest that a channel is woken with

OnDraw = Callable[[int, float], bool | None]  # the step, from 1, and the objective before it


@dataclass(frozen=True, repr=False)
class Visualisation:
    """A finished visualisation."""

    rgb: Array  # [H, W, 3], 0..255
    settings: VisualiseSettings
    objectives: tuple[float, ...]  # of each step
    idle_steps: int  # steps without a gradient: with noise that the channel does not answer to
    stopped: bool  # by `on_step`

    def __repr__(self) -> str:
        height, width = self.rgb.shape[:2]
        seed = self.settings.seed
        return f"<Visualisation {width}x{height}, {len(self.objectives)} steps, seed {seed}>"


def visualise(
    model: Model, settings: VisualiseSettings | None = None, on_step: OnDraw | None = None
) -> Visualisation:
    """Draw what the layer or channel of a model answers to most, from noise.

    `on_step` hears of each step; when it returns False the picture is returned as it is. A channel
    that does not answer is shown other and louder noise, and a picture of which nothing came is
    noise: `idle_steps` tells.

    Raise DreamError for a picture that is too small for the layer or takes more memory than there
    is, and for a neuron of a layer whose size cannot be told.
    """
    settings = settings or VisualiseSettings()
    size = settings.size
    if size < model.least_side:
        raise DreamError(
            f"a picture of {size}x{size} pixels is too small for {', '.join(model.info.layers)}: "
            f"--size must be {model.least_side} or more"
        )
    view = model.info.size or (size + MARGIN, size + MARGIN)
    on_cpu = model.backend.provider == "CPUExecutionProvider"
    with enough_memory(*view, model.info.stride, on_cpu):
        return _Drawing(model, settings, view).finish(on_step)


class _Drawing:
    """A spectrum on its way."""

    def __init__(self, model: Model, settings: VisualiseSettings, view: tuple[int, int]) -> None:
        self.model, self.settings, self.view = model, settings, view
        self.random = np.random.default_rng(settings.seed)
        self.picture = SpectralPicture(settings.size, settings.size)
        self.spectrum = self.start()
        self.adam = Adam(settings.rate)
        self.own = middle_unit(model, view) if settings.neuron else None
        self.objectives: list[float] = []
        self.idle = 0

    def start(self, loudness: float = 1.0) -> Spectrum:
        noise = self.picture.noise(self.random) * np.float32(loudness)
        return noise + self.picture.flat(self.settings.colour) if self.settings.colour else noise

    def finish(self, on_step: OnDraw | None) -> Visualisation:
        stopped = False
        for step in range(1, self.settings.steps + 1):
            self.objectives.append(self.step())
            if on_step is not None and on_step(step, self.objectives[-1]) is False:
                stopped = True
                break
        return Visualisation(
            rgb=self.picture.rgb(self.spectrum),
            settings=self.settings,
            objectives=tuple(self.objectives),
            idle_steps=self.idle,
            stopped=stopped,
        )

    def step(self) -> float:
        """Change the spectrum once, and return the objective before."""
        rgb = self.picture.rgb(self.spectrum)
        placement = random_placement(self.random, self.settings.transforms)
        view = View(rgb.shape[:2], self.view, placement)
        objective, gradient = self.gradient(view.show(rgb))
        by_colours = self.picture.unmixed(rgb, view.back(gradient))
        ascent = self.picture.spectrum_of(by_colours)
        strength = float(np.sqrt(np.mean(np.abs(ascent) ** 2)))
        if 0 < strength < math.inf:
            self.spectrum = self.spectrum + self.adam.change(ascent / np.float32(strength))
        else:
            self.idle += 1
            if not self.adam.steps:  # nothing is drawn yet that could be lost
                self.spectrum = self.start(min(2.0**self.idle, LOUDER))
        return objective

    def gradient(self, rgb: Array) -> tuple[float, Array]:
        """Return the objective, and its gradient by an RGB picture [H, W, 3]."""
        image = self.model.preprocess(rgb)
        if self.own is None:
            objective, gradient = self.model.gradient(image)
        else:
            objective, gradient = gradient_of_units(self.model, image, self.own)
        by_rgb = np.empty_like(rgb)
        info = self.model.info
        for plane, channel, scale in zip(gradient[0], info.order, info.scale.flat, strict=True):
            by_rgb[..., channel] = plane * scale
        return objective, by_rgb


def middle_unit(model: Model, view: tuple[int, int]) -> Array:
    """Return which units of the layer count, [1, 1, rows, columns]: the one in the middle.

    Raise DreamError for several layers, and for one whose size cannot be told.
    """
    layer, *others = [name.partition("=")[0].partition(":")[0] for name in model.info.layers]
    architecture = ARCHITECTURES.get(model.info.architecture)
    shape = architecture.layers.get(layer) if architecture else None
    windows = shape.windows if shape else None
    if others or not windows or model.info.guides:
        raise DreamError(
            f"{', '.join(model.info.layers)}: it is not known which unit is in the middle; leave "
            f"--neuron out"
        )
    rows, columns = (receptive_field.side(windows, side) for side in view)
    own = np.zeros((1, 1, rows, columns), np.float32)
    own[0, 0, rows // 2, columns // 2] = 1
    return own


def gradient_of_units(model: Model, image: Array, own: Array) -> tuple[float, Array]:
    """Return what `model.gradient` does, of those units of the layer alone that `own` counts."""
    height, width = image.shape[2:]
    session = model.session(height, width, own_units=True).run
    with running(model.backend, height, width):
        feed = {"image": image, OWN: own}
        objective, gradient = session.run([*GRADIENT_OUTPUTS], feed, uncaptured())
    return float(objective), gradient
