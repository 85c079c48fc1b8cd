"""What of the photograph a dream leaves as it is, by choice: masked parts, colours, contrast.

All of it is done between octaves, on the host: the steps stay as they are, on every backend, and
each octave begins with a picture that keeps what is to be kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.engine.model import Model
from ort_deepdream.engine.octaves import resize
from ort_deepdream.engine.settings import Settings
from ort_deepdream.errors import DreamError
from ort_deepdream.step import Array

FLAT = 1e-6  # a spread below this, in the network's units, is that of one colour


class Keeping:
    """What one dream keeps of its photograph.

    mask: float32 [H, W], 1 where it dreams and 0 where nothing may change; None for everywhere.
    """

    def __init__(self, model: Model, settings: Settings, mask: Array | None) -> None:
        self.model = model
        self.colours, self.contrast = settings.keep_colours, settings.keep_contrast
        self.mask = mask
        self.begun: Array | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether anything of the photograph is kept."""
        return self.mask is not None or self.colours or self.contrast

    def begin(self, image: Array) -> Array:
        """Take note of the picture [1, 3, h, w] that an octave begins with, and return it."""
        if self.mask is not None:
            self.begun = image
        return image

    def end(self, image: Array, photo: Array) -> Array:
        """Return an octave's picture, with what is kept; `photo` is the photograph at its size."""
        image = self.tones(image, photo)
        if self.mask is not None and self.begun is not None:
            # Only what this octave changed: half of it where the mask is grey.
            image = self.begun + (image - self.begun) * resize(self.mask, *image.shape[2:])
        return image

    def tones(self, image: Array, photo: Array) -> Array:
        """Return the picture with the photograph's contrast and colours, where they are kept."""
        if self.contrast:
            image = _with_contrast(image, photo, self._weights(image))
        if self.colours:
            from ort_deepdream.engine.image.oklab import recolour  # for the few that keep them

            rgb = recolour(self.model.deprocess(image), self.model.deprocess(photo))
            image = self.model.preprocess(rgb)
        return image

    def untouched(self, rgb: Array, photo: Array) -> Array:
        """Return the finished dream [H, W, 3]; where the mask is 0 it is the photograph itself."""
        if self.mask is not None:
            np.copyto(rgb, photo, where=(self.mask == 0)[..., np.newaxis])
        return rgb

    def _weights(self, image: Array) -> Array:
        """Return what counts of the picture, [h, w]: where it dreams."""
        height, width = image.shape[2:]
        everywhere = np.ones((height, width), np.float32)
        if self.mask is None:
            return everywhere
        weights = resize(self.mask, height, width)
        return weights if weights.any() else everywhere  # what is thin may vanish in a small octave


def _with_contrast(image: Array, photo: Array, weights: Array) -> Array:
    """Return `image` with each channel's mean and spread as they are in `photo`."""
    made = np.empty_like(image)
    for channel, (ours, theirs) in enumerate(zip(image[0], photo[0], strict=True)):
        (mean, spread), (wanted, wide) = _moments(ours, weights), _moments(theirs, weights)
        factor = wide / spread if spread > FLAT else 1.0
        made[0, channel] = (ours - np.float32(mean)) * np.float32(factor) + np.float32(wanted)
    return made


def _moments(plane: Array, weights: Array) -> tuple[float, float]:
    """Return the mean and the standard deviation of `plane`, both weighted."""
    total = weights.sum(dtype=np.float64)
    mean = float((plane * weights).sum(dtype=np.float64) / total)
    variance = float((np.square(plane - np.float32(mean)) * weights).sum(dtype=np.float64) / total)
    return mean, variance**0.5


def as_mask(mask: object, height: int, width: int) -> Array | None:
    """Return a mask as float32 [height, width]; None stays None.

    Raise DreamError for what is none: another shape, values outside 0..1, or 0 everywhere.
    """
    if mask is None:
        return None
    array: NDArray[np.generic] = np.asarray(mask)
    if array.shape != (height, width) or array.dtype.kind not in "bfiu":
        given = f"{array.dtype} {list(array.shape)}"
        raise DreamError(
            f"mask must be an array of numbers [{height}, {width}], as the picture is, "
            f"not {given}; `read_mask(path, {width}, {height})` is one"
        )
    values = array.astype(np.float32)
    if not (values.min() >= 0 and values.max() <= 1):
        raise DreamError(
            f"mask must be 0 to 1, not {values.min():g} to {values.max():g}; divide bytes by 255"
        )
    if not values.any():
        raise DreamError("the mask is 0 everywhere, so nothing would dream; 1 is where it dreams")
    return values
