"""A picture as its spectrum: what is changed when a channel is drawn from noise.

    colours = irfft2(spectrum / frequency) * sqrt(H * W) / 4        for three decorrelated colours
    rgb     = 255 * sigmoid(MIX @ colours)

This is Lucid's parametrisation (https://distill.pub/2017/feature-visualization/). A step along a
gradient by pixels makes fine patterns first; here all sizes, and all colours as photographs have
them, are changed alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.step import Array

Spectrum = NDArray[np.complex64]  # [3, H, W // 2 + 1]

# A square root of the covariance of RGB over ImageNet, Lucid's, with columns of at most 1.
MIX = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], np.float32)
MIX /= np.linalg.norm(MIX, axis=0).max()
NOISE = 0.01  # standard deviation of a spectrum to start from
DARKEST = 1 / 255  # of a colour to begin with: black is infinitely far
CALM = 4  # what Lucid divides pictures by, for a contrast that suits a step of 0.05


class SpectralPicture:
    """RGB pictures of one size, [H, W, 3] in 0..255, made of spectra."""

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)
        frequency = np.maximum(np.hypot(down, across), 1 / max(height, width))
        scale = np.sqrt(height * width) / (CALM * frequency)
        self.scale = scale.astype(np.float32)
        # Columns that stand for two of the whole spectrum, which is its own mirror image.
        twice = np.full(across.shape, 2.0)
        twice[0] = 1
        if width % 2 == 0:
            twice[-1] = 1
        self.back = (scale * twice / (height * width)).astype(np.float32)

    def noise(self, random: np.random.Generator) -> Spectrum:
        """Return the spectrum of a nearly grey picture."""
        shape = (2, 3, self.height, self.width // 2 + 1)
        real, imaginary = random.normal(0, NOISE, shape)
        noise: Spectrum = (real + 1j * imaginary).astype(np.complex64)
        return noise

    def flat(self, colour: Sequence[float]) -> Spectrum:
        """Return the spectrum of a picture of one colour, red, green and blue in 0..255."""
        shares = np.clip(np.asarray(colour) / 255, DARKEST, 1 - DARKEST)
        spectrum = np.zeros((3, self.height, self.width // 2 + 1), np.complex64)
        colours = np.linalg.solve(MIX, np.log(shares / (1 - shares)))
        spectrum[:, 0, 0] = colours * self.height * self.width / self.scale[0, 0]
        return spectrum

    def rgb(self, spectrum: Spectrum) -> Array:
        """Return the picture of a spectrum."""
        return self.mixed(self.colours(spectrum))

    def colours(self, spectrum: Spectrum) -> Array:
        """Return the three decorrelated colours [3, H, W] of a spectrum; linear in it."""
        colours = np.fft.irfft2(spectrum * self.scale, s=(self.height, self.width))
        return colours.astype(np.float32, copy=False)

    def spectrum_of(self, gradient: Array) -> Spectrum:
        """Return the gradient by the spectrum, from that by `colours`: the adjoint of `colours`."""
        spectrum: Spectrum = np.fft.rfft2(gradient) * self.back
        return spectrum.astype(np.complex64, copy=False)

    @staticmethod
    def mixed(colours: Array) -> Array:
        """Return the picture of decorrelated colours."""
        rgb: Array = 255 / (1 + np.exp(-np.einsum("rc,chw->hwr", MIX, colours)))
        return rgb

    @staticmethod
    def unmixed(rgb: Array, gradient: Array) -> Array:
        """Return the gradient by `colours`, from that by the picture `rgb` that is made of them."""
        slope = rgb * (1 - rgb / 255)
        colours: Array = np.einsum("rc,hwr->chw", MIX, gradient * slope)
        return colours
