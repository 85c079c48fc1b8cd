"""Paint the sample pictures in examples/: a lake among hills, under clouds.

    python scripts/draw_samples.py [FOLDER]

Everything is fractal noise from one seed, shaded and layered from the sky to
the near shore. The pictures are the project's own, and rich in texture at every
scale, which is what a dream feeds on.

Throughout, a painting is float64 [H, W, 3], 0..1; x runs 0..width/height and
y 0..1 downwards.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float64]

# file: height, width, seed
SAMPLES = {"sky-182x158.png": (158, 182, 28), "landscape.jpg": (427, 640, 30)}

SHORE = 0.66  # y of the far shore, where the lake begins
SUN = (0.80, 0.40)  # x as a share of the width, y
FINE = 2  # painted this many times larger, then averaged: no jagged edges

HAZE = np.array([0.93, 0.83, 0.74])
ZENITH = np.array([0.16, 0.36, 0.66])
SUNLIGHT = np.array([1.0, 0.93, 0.78])
CLOUD_SHADE = np.array([0.50, 0.54, 0.66])


class Noise:
    """Smooth fractal noise from a seed."""

    def __init__(self, seed: int) -> None:
        self.lattice: Array = np.random.default_rng(seed).random((256, 256))

    def smooth(self, u: Array, v: Array) -> Array:
        """Return noise 0..1 that varies over a distance of 1."""
        column, row = np.floor(u).astype(np.int32), np.floor(v).astype(np.int32)
        s, t = u - column, v - row
        s, t = s * s * (3 - 2 * s), t * t * (3 - 2 * t)
        left, right, above, below = column & 255, (column + 1) & 255, row & 255, (row + 1) & 255
        upper = self.lattice[above, left] * (1 - s) + self.lattice[above, right] * s
        lower = self.lattice[below, left] * (1 - s) + self.lattice[below, right] * s
        blended: Array = upper * (1 - t) + lower * t
        return blended

    def fractal(self, u: Array, v: Array, octaves: int = 6, roughness: float = 0.5) -> Array:
        """Return noise 0..1 with detail at `octaves` scales, each half as wide as the last."""
        total, weight, weights = np.zeros_like(u), 1.0, 0.0
        for octave in range(octaves):
            total += weight * self.smooth(u, v)
            weights += weight
            weight *= roughness
            # Turned a little each time, so that the lattice does not show.
            u, v = 1.6 * u - 1.2 * v + 17.3 * octave, 1.2 * u + 1.6 * v + 5.1
        return total / weights


@dataclass(frozen=True)
class Range:
    """A range of hills: where its crest lies, how far it is, and what it is made of."""

    crest: float  # mean y
    relief: float  # how far the crest rises and falls
    frequency: float
    distance: float  # 0 near .. 1 lost in the haze
    lit: tuple[float, float, float]
    shaded: tuple[float, float, float]


RANGES = (
    Range(0.44, 0.24, 2.4, 0.66, (0.78, 0.76, 0.80), (0.30, 0.36, 0.52)),
    Range(0.53, 0.16, 2.9, 0.42, (0.66, 0.62, 0.50), (0.20, 0.28, 0.36)),
    Range(0.585, 0.13, 3.3, 0.20, (0.56, 0.58, 0.28), (0.10, 0.20, 0.18)),
    Range(0.635, 0.08, 4.2, 0.06, (0.50, 0.52, 0.18), (0.05, 0.14, 0.09)),
)


def paint(height: int, width: int, seed: int) -> Array:
    """Return the whole landscape, [height, width, 3]."""
    noise = Noise(seed)
    rows, columns = height * FINE, width * FINE
    x, y = np.meshgrid((np.arange(columns) + 0.5) / rows, (np.arange(rows) + 0.5) / rows)
    painting = np.zeros((rows, columns, 3))

    def band(top: float, bottom: float) -> tuple[Array, Array, Array]:
        """Return a view of part of the painting, with its x and y: noise is slow to make."""
        part = slice(int(max(top, 0) * rows), int(bottom * rows))
        return painting[part], x[part], y[part]

    part, part_x, part_y = band(0, SHORE + 0.01)
    part[:] = sky(noise, part_x, part_y)
    for number, hills in enumerate(RANGES):
        part, part_x, part_y = band(hills.crest - hills.relief, SHORE + 0.01)
        part[:] = add_hills(part, noise, part_x, part_y, hills, 31.0 * number)
    part, part_x, part_y = band(SHORE - 0.10, SHORE + 0.01)
    part[:] = add_tree_line(part, noise, part_x, part_y)
    part, part_x, part_y = band(SHORE, 1)
    part[:] = add_lake(part, painting, noise, part_x, part_y)
    part[:] = add_meadow(part, noise, part_x, part_y)
    painting = add_pines(painting, noise, x, y, seed)
    averaged: Array = painting.reshape(height, FINE, width, FINE, 3).mean(axis=(1, 3))
    return averaged.clip(0, 1)


def blend(below: Array, above: Array, cover: Array) -> Array:
    """Return `above` over `below` where cover [H, W] is 1."""
    return below + (above - below) * cover[:, :, None]


def mix(first: Array, second: Array, share: Array) -> Array:
    """Return colours [H, W, 3] between two colours, by share [H, W]."""
    return first + (second - first) * share[:, :, None]


def step(value: Array, start: float, end: float) -> Array:
    """Return 0 before `start`, 1 after `end`, smooth between."""
    t = np.clip((value - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)


def sky(noise: Noise, x: Array, y: Array) -> Array:
    """Return the sky: blue above, hazy at the horizon, the sun's glow, and two layers of clouds."""
    sun_x, sun_y = SUN[0] * x.max(), SUN[1]
    glow = np.exp(-3.2 * np.hypot(x - sun_x, (y - sun_y) * 1.3))
    painting = mix(ZENITH, HAZE, step(y, -0.15, 0.52))
    painting = blend(painting, np.broadcast_to(SUNLIGHT, painting.shape), 0.75 * glow)
    # A flat layer of clouds seen from below: it runs together at the horizon.
    depth = 0.16 / (0.62 - np.minimum(y, 0.55))
    u, v = (x - 0.5) * depth * 7 + 3, depth * 9
    veil = step(noise.fractal(u * 0.7, v * 1.4 + 50, 6, 0.55), 0.50, 0.74)
    painting = blend(painting, mix(HAZE, SUNLIGHT, glow), 0.45 * veil * step(-y, -0.45, -0.05))
    return add_clouds(painting, noise, x, y, glow)


def add_clouds(painting: Array, noise: Noise, x: Array, y: Array, glow: Array) -> Array:
    """Add heaped clouds, lit from the sun's side."""

    def thickness(x: Array, y: Array) -> Array:
        # Warped by other noise, which rolls the edges into billows.
        warp = noise.fractal(x * 6 + 9, y * 6 + 4, 4)
        u, v = x * 2.3 + 0.35 * warp, y * 4.4 + 0.45 * warp
        billows = np.abs(noise.fractal(u * 3.1 + 70, v * 2.4, 6, 0.58) - 0.5) * 2
        heap = noise.fractal(u + 20.4, v + 11.7, 3, 0.45)
        return heap + 0.20 * (1 - billows) - 0.10

    here = thickness(x, y)
    toward_sun = thickness(x + 0.022, y - 0.030)
    cover = step(here, 0.505, 0.60) * step(-y, -0.50, -0.36)
    light = np.clip(0.60 + 7.0 * (here - toward_sun) - 1.6 * (here - 0.56), 0, 1)
    colour = mix(CLOUD_SHADE, SUNLIGHT, light)
    colour = blend(colour, np.broadcast_to(HAZE, colour.shape), step(y, 0.10, 0.60))
    return blend(painting, colour * (1 + 0.10 * glow[:, :, None]), cover * 0.96)


def add_hills(
    painting: Array, noise: Noise, x: Array, y: Array, hills: Range, offset: float
) -> Array:
    """Add one range, its slopes lit from the right and covered with rock and wood."""
    line = noise.fractal(x[0] * hills.frequency + offset, np.full_like(x[0], offset), 8, 0.47)
    crest = hills.crest - hills.relief * (line - 0.42) * 1.7
    below = y - crest
    cover = step(below, -0.001, 0.001)

    def ground(x: Array, below: Array) -> Array:
        # Gullies run downhill, so the noise is drawn out along y.
        ridges = 1 - np.abs(noise.fractal(x * 9 + offset, below * 6 + x * 2, 7, 0.56) - 0.5) * 2
        return ridges + 0.35 * noise.fractal(x * 42, below * 48 + offset, 4, 0.6)

    slope = ground(x, below) - ground(x + 0.006, below - 0.003)
    light = np.clip(0.46 + 3.4 * slope, 0, 1)
    colour = mix(np.array(hills.shaded), np.array(hills.lit), light)
    woods = step(noise.fractal(x * 13 + offset, y * 26, 6, 0.6), 0.48, 0.56) * (1 - hills.distance)
    colour = blend(colour, colour * np.array([0.55, 0.68, 0.60]), woods)
    # Haze gathers with distance and towards the foot of the range.
    haze = hills.distance * (0.55 + 0.45 * step(below, 0.0, 0.14))
    return blend(painting, blend(colour, np.broadcast_to(HAZE, colour.shape), haze), cover)


def add_tree_line(painting: Array, noise: Noise, x: Array, y: Array) -> Array:
    """Add a wood along the far shore."""
    row = np.zeros_like(x[0])
    crowns = noise.fractal(x[0] * 60, row + 3, 4, 0.7) * 0.035
    top = SHORE - 0.012 - crowns * (0.3 + 1.4 * noise.fractal(x[0] * 3 + 8, row, 3))
    leaves = noise.fractal(x * 95, y * 95, 4, 0.7)
    light = np.clip(2.6 * (leaves - 0.42) + 9 * (top + 0.012 - y), 0, 1)
    colour = mix(np.array([0.05, 0.11, 0.07]), np.array([0.48, 0.50, 0.18]), light)
    return blend(painting, colour, step(y - top, 0.0, 0.003))


def add_lake(part: Array, painting: Array, noise: Noise, x: Array, y: Array) -> Array:
    """Add the mirror of what is above the shore, broken by ripples that widen towards us."""
    near = np.clip((y - SHORE) / (1 - SHORE), 0, 1)
    # Equal waves look smaller far away: the far rows see more of them.
    along = 1 / (near + 0.09)
    ripples = noise.fractal(x * along * 5, along * 34, 5, 0.6) - 0.5
    rows, columns = painting.shape[:2]
    mirrored = 2 * SHORE - y + ripples * (0.02 + 0.16 * near)
    row = np.clip(mirrored * rows, 0, SHORE * rows - 1).astype(np.int64)
    shift = ripples * near * 0.05 * rows
    column = np.clip(np.arange(columns) + shift, 0, columns - 1).astype(np.int64)
    water = painting[row, column]
    # The steeper we look down, the less is mirrored and the more is deep water.
    water = blend(water * 0.93, np.broadcast_to(np.array([0.06, 0.20, 0.26]), water.shape),
                  0.12 + 0.45 * near)  # fmt: skip
    glints = step(ripples, 0.10, 0.24) * np.exp(-(((x / x.max() - SUN[0]) / 0.16) ** 2))
    water = blend(water, np.broadcast_to(SUNLIGHT, water.shape), 0.65 * glints)
    return blend(part, water, step(y - SHORE, 0.0, 0.002))


def add_meadow(painting: Array, noise: Noise, x: Array, y: Array) -> Array:
    """Add the near shore: grass with flowers, higher at the left."""
    share = x[0] / x.max()
    row = np.zeros_like(share)
    edge = 0.80 + 0.17 * step(share, 0.05, 0.75) - 0.10 * step(share, 0.72, 1.0)
    edge = edge - 0.05 * (noise.fractal(x[0] * 5, row + 2, 4) - 0.5)
    blades = edge - 0.014 * noise.fractal(x[0] * 150, row + 6, 3, 0.8)
    # Blades stand upright and lean a little; turning the noise would fell them.
    grass = (
        0.2 * noise.smooth(x * 60, y * 16 + x * 9)
        + 0.4 * noise.smooth(x * 140, y * 30 + x * 25)
        + 0.4 * noise.smooth(x * 310, y * 44 - x * 40)
    )
    patches = noise.fractal(x * 7 + 3, y * 16, 5)
    light = np.clip(1.8 * (grass - 0.36) + 2.2 * (patches - 0.42), 0, 1)
    colour = mix(np.array([0.06, 0.14, 0.05]), np.array([0.62, 0.64, 0.22]), light)
    colour = colour * (1 - 0.35 * step(y - edge, 0.0, 0.35))[:, :, None]
    blossom = step(noise.smooth(x * 130, y * 190), 0.86, 0.91) * step(patches, 0.50, 0.60)
    petals = mix(np.array([0.93, 0.86, 0.90]), np.array([0.80, 0.26, 0.36]),
                 step(noise.fractal(x * 6, y * 9 + 60, 2), 0.47, 0.53))  # fmt: skip
    return blend(blend(painting, colour, step(y - blades, 0.0, 0.002)), petals,
                 blossom * step(y - edge, 0.004, 0.012))  # fmt: skip


def add_pines(painting: Array, noise: Noise, x: Array, y: Array, seed: int) -> Array:
    """Add pines on the near shore: a stand at the left, two at the right, the far ones first."""
    random = np.random.default_rng(seed + 1)
    width = x.max()
    left = [(0.015 + 0.036 * n + random.uniform(-0.012, 0.012), 0.0) for n in range(6)]
    right = [(0.955, 0.03), (0.90, 0.05)]
    for share, lower in sorted(left + right, key=lambda pine: random.random()):
        foot = 0.86 + lower + random.uniform(0.0, 0.05)
        tall = random.uniform(0.34, 0.58) * (1.0 if share < 0.5 else 0.75)
        # Only the part of the painting where the pine stands is painted anew.
        rows = (y[:, 0] > foot - tall) & (y[:, 0] < foot)
        columns = np.abs(x[0] - share * width) < 0.35 * tall
        part = np.ix_(rows, columns)
        painting[part] = add_pine(
            painting[part], noise, x[part], y[part], share * width, foot, tall
        )
    return painting


def add_pine(
    painting: Array, noise: Noise, x: Array, y: Array, centre: float, foot: float, tall: float
) -> Array:
    """Add one pine of height `tall`: ragged tiers of branches about a trunk."""
    down = (y - (foot - tall)) / tall  # 0 at the tip, 1 at the foot
    aside = x - centre
    tiers = down * 11 + 1.6 * noise.smooth(x * 9 + centre * 90, y * 5)
    droop = tiers - np.floor(tiers)
    reach = tall * 0.20 * np.clip(down, 0, 1) ** 0.85 * (0.42 + 0.58 * droop)
    ragged = noise.fractal(x * 70 + centre * 50, y * 70, 4, 0.75)
    crown = step(reach * (0.55 + 0.9 * ragged) - np.abs(aside), 0.0, 0.004)
    crown *= (down > 0) * (down < 0.93) * step(ragged, 0.22, 0.36)
    trunk = (np.abs(aside) < 0.011 * tall * (0.3 + down)) & (down > 0.1) & (down < 1)
    bark = np.broadcast_to(np.array([0.17, 0.11, 0.08]), painting.shape)
    light = np.clip(2.2 * (ragged - 0.46) + 4.5 * aside / tall + 0.5 * (droop - 0.35), 0, 1)
    needles = mix(np.array([0.02, 0.07, 0.06]), np.array([0.38, 0.44, 0.17]), light)
    return blend(blend(painting, bark, trunk.astype(np.float64)), needles, crown)


def save(painting: Array, path: Path) -> None:
    """Write a painting in 8 bits (the quality is JPEG's; PNG has none)."""
    Image.fromarray(np.rint(painting * 255).astype(np.uint8)).save(path, quality=90)


def main(folder: Path) -> None:
    """Paint the samples into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (height, width, seed) in SAMPLES.items():
        save(paint(height, width, seed), folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "examples"))
