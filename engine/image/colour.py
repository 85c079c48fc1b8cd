"""Colour spaces: ICC profiles, and those that a PNG names by numbers, to sRGB."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from ort_deepdream.engine.image.picture import FloatArray, UnreadableError, to_image
from ort_deepdream.engine.machine.mapped import let_go

Curve = Callable[[FloatArray], FloatArray]  # from values in 0..1 to light, in 0..1 as well
Matrix = NDArray[np.float64]

BAND = 256  # rows that are converted at once: a large picture fits into memory only so often


# ---------------------------------------------------------------- ICC profiles


def profile_space(profile: bytes | None) -> str:
    """Return an ICC profile's colour space ("RGB", "GRAY", "CMYK"); "" for none or a broken one."""
    if not profile:
        return ""
    try:
        return ImageCms.ImageCmsProfile(BytesIO(profile)).profile.xcolor_space.strip()
    except OSError:
        return ""


def profile_to_srgb(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    """Convert an image from a profile to 8-bit sRGB."""
    target = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    assert converted is not None  # None is for inPlace=True
    return converted


def in_srgb(rgb: FloatArray, profile: bytes | None) -> FloatArray:
    """Convert RGB [H, W, 3] in 0..255 from an ICC profile to sRGB, which it is in without one."""
    if not profile:
        return rgb
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        return np.asarray(profile_to_srgb(to_image(rgb), source), np.float32)
    except ImageCms.PyCMSError:  # broken below its header
        return rgb


def through_grey_profile(grey: FloatArray, profile: bytes) -> FloatArray:
    """Convert float32 grey [H, W] in a grey profile to sRGB [H, W, 3], both 0..255.

    The colour engine takes 8 bits only; its answer to all 256 levels, with
    straight lines between them, keeps what a deeper picture has.
    """
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        curves = np.asarray(profile_to_srgb(ramp, source))[0]
    except ImageCms.PyCMSError:  # broken below its header
        return np.repeat(grey[:, :, None], 3, axis=2)
    channels = [np.interp(grey, np.arange(256), curve) for curve in curves.T]
    return np.stack(channels, axis=2).astype(np.float32)


# ---------------------------------------------------------------- by numbers: gAMA, cHRM, cICP


@dataclass(frozen=True)
class Colours:
    """A colour space of three primaries and a curve.

    light: what a value stands for. to_srgb: from its red, green and blue light to sRGB's. over_icc:
    whether it counts beside an ICC profile.
    """

    light: Curve
    to_srgb: Matrix
    over_icc: bool = False

    def convert(self, rgb: FloatArray) -> None:
        """Bring `rgb` [H, W, 3], 0..255, to sRGB where it lies; what sRGB has not is clipped."""
        matrix = self.to_srgb.T.astype(np.float32)
        for top in range(0, len(rgb), BAND):
            band = rgb[top : top + BAND]
            light = self.light(band / np.float32(255)) @ matrix
            band[:] = _from_light(np.clip(light, 0, 1)) * 255
            let_go(rgb)


def from_gamma(gamma: float, points: Sequence[float] = ()) -> Colours | None:
    """Return the colour space of a PNG's gAMA and, with `points`, its cHRM; None for sRGB.

    points: x and y of white, red, green and blue. Numbers that make no colour space are passed
    over, and so is a gamma by itself that is sRGB's but for 5%: as browsers do.
    """
    if gamma <= 0 or (not points and abs(gamma * 2.2 - 1) <= 0.05):
        return None
    matrix = _to_srgb(points) if points else np.eye(3)
    return None if matrix is None else Colours(_power(1 / gamma), matrix)


def from_cicp(primaries: int, transfer: int, matrix: int, full_range: int) -> Colours | None:
    """Return the colour space of a PNG's cICP; None when it says nothing that browsers heed.

    The numbers are ITU-T H.273's. Raise UnreadableError for high dynamic range, which 8 bits of
    sRGB cannot show, and for a picture that is not RGB.
    """
    if matrix != 0:
        raise UnreadableError("is not RGB, says its cICP block; save it as RGB first")
    if primaries not in PRIMARIES or not full_range:
        return None
    if transfer in (16, 18):
        raise UnreadableError("is of high dynamic range (HDR); save it as sRGB first")
    if transfer not in CURVES:
        return None
    to_srgb = _to_srgb(PRIMARIES[primaries])
    assert to_srgb is not None  # of the table
    return Colours(CURVES[transfer], to_srgb, over_icc=True)


def _power(exponent: float) -> Curve:
    return lambda values: values ** np.float32(exponent)


def _light_of_srgb(values: FloatArray) -> FloatArray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _from_light(light: FloatArray) -> FloatArray:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def _light_of_smpte_240m(values: FloatArray) -> FloatArray:
    return np.where(values < 0.0913, values / 4, ((values + 0.1115) / 1.1115) ** (1 / 0.45))


def _light_of_smpte_428(values: FloatArray) -> FloatArray:
    return values**2.6 * np.float32(52.37 / 48)


D65 = (0.3127, 0.329)
# By H.273's code: x and y of white, red, green and blue.
PRIMARIES: dict[int, Sequence[float]] = {
    1: (*D65, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06),  # BT.709, sRGB
    4: (0.31, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),  # BT.470 M
    5: (*D65, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),  # BT.601, 625 lines
    6: (*D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),  # BT.601, 525 lines
    7: (*D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),  # SMPTE 240M
    8: (0.31, 0.316, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),  # film
    9: (*D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),  # BT.2020
    10: (1 / 3, 1 / 3, 1, 0, 0, 1, 0, 0),  # XYZ
    11: (0.314, 0.351, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),  # DCI-P3
    12: (*D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),  # Display P3
    22: (*D65, 0.63, 0.34, 0.295, 0.605, 0.155, 0.077),  # EBU 3213
}
# By H.273's code. For the curves of cameras: that of the screens they are looked at on.
CURVES: dict[int, Curve] = {
    **dict.fromkeys((1, 6, 11, 14, 15), _power(2.4)),
    4: _power(2.2),
    5: _power(2.8),
    7: _light_of_smpte_240m,
    8: _power(1),
    13: _light_of_srgb,
    17: _light_of_smpte_428,
}
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def _to_srgb(points: Sequence[float]) -> Matrix | None:
    """Return what takes light of these primaries to sRGB's, white to white; None for no space."""
    ours, theirs = _to_xyz(PRIMARIES[1]), _to_xyz(points)
    if ours is None or theirs is None:
        return None
    white_there, white_here = BRADFORD @ theirs.sum(axis=1), BRADFORD @ ours.sum(axis=1)
    adapt = np.linalg.inv(BRADFORD) @ np.diag(white_here / white_there) @ BRADFORD
    matrix: Matrix = np.linalg.inv(ours) @ adapt @ theirs
    return matrix if np.isfinite(matrix).all() else None


def _to_xyz(points: Sequence[float]) -> Matrix | None:
    """Return what takes light of primaries to XYZ, white having a Y of 1; None for no space."""
    pairs = np.reshape(np.array(points), (4, 2))
    columns = np.array([pairs[:, 0], pairs[:, 1], 1 - pairs.sum(axis=1)])  # x, y, z
    white, primaries = columns[:, 0], columns[:, 1:]
    if white[1] <= 0 or abs(np.linalg.det(primaries)) < 1e-6:
        return None
    matrix: Matrix = primaries * np.linalg.solve(primaries, white / white[1])
    return matrix
