"""Procedural textures: surfaces whose regularity photographs seldom have.

A family is a function `(rng, size, **settings) -> picture`, [size, size, 3] floats in 0..1. The
decorator `family` makes one class for each named group of settings. Colours, phases and fine
parameters are drawn anew from `rng` each time, so a class is about shape and not about colour.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

Array = npt.NDArray[np.float64]
Rng = np.random.Generator
Renderer = Callable[[Rng, int], Array]

CLASSES: dict[str, Renderer] = {}


def family(**variants: dict[str, Any]) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    """Make one class `<function>/<variant>` for each named group of settings.

    Raise ValueError when there is such a class already.
    """

    def register(render: Callable[..., Array]) -> Callable[..., Array]:
        for variant, settings in variants.items():
            name = f"{render.__name__}/{variant}"
            if name in CLASSES:
                raise ValueError(f"{name} is defined twice")
            CLASSES[name] = partial(render, **settings)
        return render

    return register


def render(name: str, rng: Rng, size: int) -> npt.NDArray[np.uint8]:
    """Draw one picture of a class: [size, size, 3] uint8."""
    return np.round(np.clip(CLASSES[name](rng, size), 0, 1) * 255).astype(np.uint8)


# --- tools -------------------------------------------------------------------------------------


def grid(rng: Rng, size: int, shift: float = 0.0, turn: float = 0.0) -> tuple[Array, Array]:
    """Return x (right), y (down) in -1..1, moved by up to `shift`, turned by up to `turn` (rad)."""
    line = np.linspace(-1, 1, size)
    y, x = np.meshgrid(line, line, indexing="ij")
    x, y = x - rng.uniform(-shift, shift), y - rng.uniform(-shift, shift)
    angle = rng.uniform(-turn, turn)
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def vary(rng: Rng, value: float, by: float = 1.25) -> float:
    """Multiply by a random factor between 1 / `by` and `by`."""
    return value * float(by ** rng.uniform(-1, 1))


def band(rng: Rng, size: int, low: float, high: float, stretch: float = 1.0) -> Array:
    """Draw noise with `low`..`high` waves across; `stretch` > 1 draws it out downwards."""
    fy = np.fft.fftfreq(size)[:, None] * size * stretch
    fx = np.fft.rfftfreq(size)[None] * size / stretch
    radius = np.hypot(fx, fy)
    keep = np.exp(-((radius / high) ** 4)) * (1 - np.exp(-((radius / low) ** 4)))
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((size, size))) * keep, s=(size, size))
    result: Array = field / (field.std() + 1e-9)
    return result


def noise(rng: Rng, size: int, waves: float) -> Array:
    """Draw smooth noise of deviation 1 with up to `waves` waves across."""
    return band(rng, size, 0.5, waves)


def fractal(rng: Rng, size: int, waves: float = 2, gain: float = 0.55) -> Array:
    """Draw five octaves of noise from `waves` up, each `gain` times as strong as the last."""
    total = np.zeros((size, size))
    for octave in range(5):
        high = waves * 2**octave
        total += gain**octave * band(rng, size, high / 3, high)
    result: Array = total / total.std()
    return result


def step(edge: float | Array, x: Array, soft: float = 0.05) -> Array:
    """Return 0 below `edge`, 1 above, with a soft border."""
    t = np.clip((x - edge) / soft + 0.5, 0, 1)
    result: Array = t * t * (3 - 2 * t)
    return result


def unit(x: Array) -> Array:
    """Stretch to 0..1, with a fiftieth of the values clipped at each end."""
    low, high = np.percentile(x, [2, 98])
    result: Array = np.clip((x - low) / (high - low + 1e-9), 0, 1)
    return result


def colour(rng: Rng, value: tuple[float, float] = (0.1, 1.0), hue: float | None = None) -> Array:
    """Draw an RGB colour of a brightness within `value`, of any hue or of one near `hue`."""
    h = rng.uniform() if hue is None else (hue + rng.normal(0, 0.05)) % 1
    return np.array(colorsys.hsv_to_rgb(h, rng.uniform(0.1, 0.9), rng.uniform(*value)))


def pair(rng: Rng, hue: float | None = None) -> tuple[Array, Array]:
    """Draw a dark and a light colour, mostly near `hue`."""
    natural = hue is not None and rng.uniform() < 0.7
    dark = colour(rng, (0.02, 0.4), hue if natural else None)
    return dark, colour(rng, (0.7, 1.0), hue if natural else None)


def ramp(t: Array, *colours: Array) -> Array:
    """Turn t in 0..1 [h, w] into RGB [h, w, 3], through evenly spaced colours."""
    stops = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(t, stops, [c[i] for c in colours]) for i in range(3)], axis=-1)


def mix(a: Array, b: Array, t: Array) -> Array:
    """Blend RGB `a` into `b` as t [h, w] goes from 0 to 1."""
    return a + (b - a) * t[..., None]


def relief(rng: Rng, rgb: Array, height: Array, depth: float = 0.8) -> Array:
    """Light `rgb` from one side as a surface of this height (0..1)."""
    gy, gx = np.gradient(height * depth * len(height) / 12)
    angle = rng.uniform(-np.pi, 0)
    light = (gx * np.cos(angle) + gy * np.sin(angle)) / np.sqrt(1 + gx**2 + gy**2)
    result: Array = rgb * (1 + 0.7 * light[..., None])
    return result


def hashed(rng: Rng, *integers: Array) -> Array:
    """Draw a number in 0..1 for each combination of integers."""
    table = rng.uniform(size=4096)
    key = np.zeros(integers[0].shape, np.int64)
    for i, value in enumerate(integers):
        key += value.astype(np.int64) * (131, 977, 3571)[i]
    return table[key % 4096]


def nearest(points: Array, x: Array, y: Array, count: int = 2) -> tuple[Array, npt.NDArray[Any]]:
    """Return distances [h, w, count] to the nearest of `points` [n, 2] (x, y) and their indices."""
    distance, index = cKDTree(points).query(np.stack([x, y], -1), k=count)
    return np.asarray(distance), np.asarray(index)


def scattered(rng: Rng, across: float, jitter: float = 0.9, margin: float = 1.3) -> Array:
    """Draw jittered grid points, about `across` on a side of the picture."""
    pitch = 2 / across
    line = np.arange(-margin, margin + pitch, pitch)
    points = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    result: Array = points + rng.uniform(-0.5, 0.5, points.shape) * pitch * jitter
    return result


def folded(angle: Array, count: int) -> Array:
    """Fold a circle's angles into one of `count` equal sectors, -1..1 from edge to edge."""
    turn = angle / (2 * np.pi) * count
    return 2 * (turn - np.round(turn))


def flow_blur(rng: Rng, angle: Array, length: int, waves: float) -> Array:
    """Smear noise along a direction field (radians), as hair or grain lies. 0..1."""
    size = len(angle)
    source = band(rng, size, waves / 3, waves)
    y, x = np.indices((size, size))
    dx, dy = np.cos(angle), np.sin(angle)
    total = np.zeros((size, size))
    for t in range(-length, length + 1):
        weight = 1 - 0.8 * (t + length) / (2 * length + 1)  # strands that end somewhere
        xi, yi = (x + t * dx).astype(int) % size, (y + t * dy).astype(int) % size
        total += weight * source[yi, xi]
    return unit(total)


# --- noise -------------------------------------------------------------------------------------


@family(
    gradient={"kind": "gradient"}, smooth={"kind": "smooth"}, octaves={"kind": "octaves"},
    turbulence={"kind": "turbulence"}, marble={"kind": "marble"},
)  # fmt: skip
def clouds(rng: Rng, size: int, kind: str) -> Array:
    x, _ = grid(rng, size, turn=np.pi)
    if kind == "gradient":
        field = x
    elif kind == "smooth":
        field = noise(rng, size, rng.uniform(2, 8))
    elif kind == "octaves":
        field = fractal(rng, size, rng.uniform(2, 12), 0.6)
    elif kind == "turbulence":
        field = np.abs(fractal(rng, size, 3, 0.7)) + np.abs(fractal(rng, size, 5))
    else:
        field = np.abs(np.sin(vary(rng, 4) * x + 1.2 * fractal(rng, size, 2))) ** 0.35
    dark, light = pair(rng)
    return ramp(unit(field), dark, colour(rng), light)


# --- coats -------------------------------------------------------------------------------------


@family(
    short={"length": 6, "waves": 42}, long={"length": 22, "waves": 30},
    curly={"length": 14, "waves": 26, "curl": 5.0},
    tiger={"length": 9, "waves": 40, "marks": "stripes"},
    leopard={"length": 6, "waves": 44, "marks": "rosettes"},
)  # fmt: skip
def fur(
    rng: Rng, size: int, length: int, waves: float, curl: float = 0.5, marks: str = ""
) -> Array:
    angle = rng.uniform(0, 6.28) + curl * 0.6 * noise(rng, size, 2.5 if curl < 3 else 5)
    hair = flow_blur(rng, angle, length, vary(rng, waves))
    dark, light = pair(rng, 0.08)
    rgb = ramp(0.25 + 0.75 * hair, dark, (dark + light) / 2, light)
    if marks:
        mask = _stripes(rng, size) if marks == "stripes" else _rosettes(rng, size)
        rgb = mix(rgb, colour(rng, (0.0, 0.2), 0.08) * (0.4 + hair[..., None]), 0.9 * mask)
    return rgb


def _stripes(rng: Rng, size: int) -> Array:
    return step(0.45, band(rng, size, 3, vary(rng, 5), stretch=2.6), 0.4)


def _rosettes(rng: Rng, size: int) -> Array:
    x, y = grid(rng, size)
    distance, _ = nearest(scattered(rng, vary(rng, 5), 0.6), x, y + 0.05 * noise(rng, size, 6), 1)
    ring = step(0.09, distance, 0.03) - step(0.15, distance, 0.03)
    return ring * step(-0.5, noise(rng, size, 9), 0.3)


@family(
    zebra={"low": 3, "high": 5, "stretch": 2.4}, labyrinth={"low": 6, "high": 8},
    labyrinth_fine={"low": 13, "high": 16}, fingerprint={"low": 14, "high": 17, "stretch": 1.7},
    cow={"low": 1.5, "high": 3, "edge": 0.2}, cheetah={"low": 7, "high": 10, "edge": 1.1},
    camouflage={"low": 2, "high": 6, "levels": 4},
)  # fmt: skip
def pattern(
    rng: Rng, size: int, low: float, high: float, stretch: float = 1.0, edge: float = 0.0,
    levels: int = 0,
) -> Array:  # fmt: skip
    """Cut bands of noise at a level, as on animals (Turing patterns look like this)."""
    factor = vary(rng, 1, 1.15)
    field = band(rng, size, low * factor, high * factor, stretch)
    dark, light = pair(rng)
    if levels:
        return ramp(np.floor(unit(field) * levels) / levels, dark, colour(rng), light)
    return ramp(step(edge, field, 0.5), dark, light)


@family(
    fish={"shape": "round", "rows": 10}, pointed={"shape": "pointed", "rows": 7},
    roof={"shape": "flat", "rows": 7}, feathers={"shape": "round", "rows": 5, "barbs": True},
    plumage={"shape": "pointed", "rows": 6, "barbs": True, "ratio": 0.6},
)  # fmt: skip
def scales(
    rng: Rng, size: int, shape: str, rows: float, ratio: float = 1.0, barbs: bool = False
) -> Array:
    """Draw rows that overlap like fish scales, roof tiles or a bird's coat."""
    x, y = grid(rng, size, turn=0.15)
    warp = 0.04 * noise(rng, size, 2)
    rows = vary(rng, rows, 1.2)
    v, u = (y + warp + 2) * rows / 2, (x + warp.T) * rows / 2 / ratio + 50
    inside = np.zeros((size, size), bool)
    row_of, column, along, across = np.zeros((4, size, size))
    for row in (np.floor(v) - 1, np.floor(v)):  # the row above hangs over this one
        s = u + 0.5 * (row % 2)
        aside = s - np.floor(s) - 0.5
        bow = {
            "round": np.sqrt(1 - 4 * aside**2),
            "pointed": 1 - 2 * np.abs(aside),
            "flat": np.full_like(u, 0.25),
        }[shape]
        down = (v - row) / (0.55 + 0.75 * bow)
        take = ~inside & (down < 1)
        inside |= take
        found = ((row_of, row), (column, np.floor(s)), (along, down), (across, aside))
        for store, value in found:
            store[take] = value[take]
    dark, light = pair(rng)
    shade = 0.25 + 0.75 * along - 0.45 * (along > 0.9) - 0.5 * across**2
    shade *= 0.75 + 0.35 * hashed(rng, row_of, column)
    if barbs:
        shade *= 0.8 + 0.3 * np.sin(60 * (along * 0.5 + np.abs(across)))
        shade += 0.3 * (np.abs(across) < 0.035)
    return ramp(np.clip(shade, 0, 1), dark, (dark + light) / 2 * 1.1, light)


# --- eyes --------------------------------------------------------------------------------------


@family(
    human={"pupil": "round", "lids": 0.55}, cat={"pupil": "slit", "lids": 0.75},
    goat={"pupil": "bar", "lids": 0.7}, owl={"pupil": "round", "around": "feathers"},
    reptile={"pupil": "slit", "around": "scales"},
)  # fmt: skip
def eye(rng: Rng, size: int, pupil: str, lids: float = 0.0, around: str = "skin") -> Array:
    """Draw an eye: between lids that open by `lids`, or round in what is `around` it."""
    x, y = (1.25 * value for value in grid(rng, size, shift=0.15, turn=0.25))
    r, angle = np.hypot(x, y), np.arctan2(y, x)
    iris = vary(rng, 0.6, 1.12) if lids else vary(rng, 0.75, 1.1)
    inner, outer = colour(rng, (0.5, 1.0)), colour(rng, (0.2, 0.8))
    fibres = 0.12 * np.sin(40 * angle + 3 * noise(rng, size, 4))
    rgb = ramp(np.clip(r / iris + fibres, 0, 1), inner, outer, outer * 0.3)
    hole = iris * rng.uniform(0.3, 0.55)
    wide, high = {"round": (1, 1), "slit": (0.37, 1.85), "bar": (1.4, 0.36)}[pupil]
    rgb = mix(rgb, np.zeros(3), 1 - step(hole, np.hypot(x / wide, y / high), 0.06))
    shine = np.hypot(x + iris * 0.3, y + iris * 0.3)
    rgb = mix(rgb, np.ones(3), 1 - step(iris * 0.17, shine, 0.06))
    skin = colour(rng, (0.3, 0.9)) * np.ones((size, size, 1))
    if lids:
        rgb = mix(rgb, np.array([0.95, 0.94, 0.92]), step(iris, r, 0.05))
        gap = np.abs(y) - lids * vary(rng, 1, 1.1) * (1 - np.clip(np.abs(x) / 1.15, 0, 1) ** 2)
    else:
        gap = r - iris
        if around == "feathers":
            skin *= 0.8 + 0.4 * (np.sin(angle * 40 + 6 * r) * np.clip(r, 0, 1))[..., None]
        else:
            skin *= 0.8 + 0.4 * (np.sin(angle * 16) * np.sin(r * 22))[..., None]
    rgb = mix(rgb, skin * 0.25, step(0, gap, 0.05))
    return mix(rgb, skin, step(0.08, gap, 0.06))


@family(few={"across": 3}, many={"across": 6})
def eyes(rng: Rng, size: int, across: float) -> Array:
    x, y = grid(rng, size)
    across = vary(rng, across)
    d, which = nearest(scattered(rng, across, 0.45), x, y, 1)
    r = d * across / 2
    skin, white = pair(rng)
    iris = ramp(hashed(rng, which), colour(rng, (0.4, 1)), colour(rng, (0.4, 1)))
    rgb = mix(skin + 0.15, white, 1 - step(0.42, r, 0.06))
    rgb = mix(rgb, iris, 1 - step(0.28, r, 0.05))
    return mix(rgb, np.zeros(3), 1 - step(0.13, r, 0.05))


# --- curves ------------------------------------------------------------------------------------


@family(
    two={"arms": 2, "tight": 5}, five={"arms": 5, "tight": 5}, shell={"arms": 1, "log": 5.0},
    pinwheel={"arms": 10, "log": 25.0},
)  # fmt: skip
def spiral(rng: Rng, size: int, arms: int, tight: float = 0, log: float = 0) -> Array:
    x, y = grid(rng, size, shift=0.35)
    r, angle = np.hypot(x, y) + 0.02, np.arctan2(y, x) * rng.choice([-1, 1])
    swirl = vary(rng, log, 1.15) * np.log(r) + vary(rng, tight, 1.2) * np.pi * r
    wave = np.sin(arms * angle + swirl + rng.uniform(0, 6.28) + 0.2 * noise(rng, size, 3))
    dark, light = pair(rng)
    rgb = ramp(step(0, wave, rng.uniform(0.1, 2)), dark, light)
    return relief(rng, rgb, 0.5 + 0.5 * wave, 0.4)


@family(
    target={"waves": 4, "rough": 0.0}, onion={"waves": 8, "rough": 0.1},
    agate={"waves": 9, "rough": 1.3},
)  # fmt: skip
def rings(rng: Rng, size: int, waves: float, rough: float) -> Array:
    x, y = grid(rng, size, shift=0.3)
    r = np.hypot(x, y * vary(rng, 1, 1.2)) + 0.1 * rough * noise(rng, size, 3)
    dark, light = pair(rng)
    wave = np.sin(6.28 * vary(rng, waves, 1.15) * r)
    return ramp(step(0, wave, rng.uniform(0.3, 1.5)), dark, colour(rng), light)


@family(five={"count": 5}, eight={"count": 8})
def mandala(rng: Rng, size: int, count: int) -> Array:
    """Mirror noise in `count` sectors, as a kaleidoscope does."""
    x, y = grid(rng, size, turn=3.14)
    r, across = np.hypot(x, y), np.abs(folded(np.arctan2(y, x), count))
    source = fractal(rng, size, 3, 0.5)
    rows = np.clip(r / 1.42 * (size - 1), 0, size - 1).astype(int)
    columns = np.clip(across * size * 4 / count, 0, size - 1).astype(int)
    field = unit(source[rows, columns] + 0.6 * np.sin(r * vary(rng, 14)))
    return ramp(np.round(field * 6) / 6, *(colour(rng) for _ in range(5)))


# --- built things ------------------------------------------------------------------------------


@family(
    running={"shift": 0.5}, stacked={"shift": 0.0}, thin={"shift": 0.5, "aspect": 5.0}
)  # fmt: skip
def bricks(rng: Rng, size: int, shift: float, aspect: float = 2.4) -> Array:
    x, y = grid(rng, size, turn=0.08)
    rows = vary(rng, 7, 1.25)
    v = (y + 3) * rows / 2
    u = (x + 3) * rows / 2 / aspect + shift * (np.floor(v) % 2)
    gap = np.minimum((0.5 - np.abs(u % 1 - 0.5)) * aspect, 0.5 - np.abs(v % 1 - 0.5))
    tint = hashed(rng, np.floor(v), np.floor(u))
    dark, light = pair(rng, 0.04)
    stone = ramp(np.clip(0.2 + 0.6 * tint + 0.1 * fractal(rng, size, 8), 0, 1), dark, light)
    joint = step(0.08, gap, 0.08)
    return relief(rng, mix(colour(rng, (0.4, 0.9)), stone, joint), joint, 0.25)


@family(office={"tall": 1.2}, tower={"tall": 2.5}, arches={"tall": 1.6, "arch": True})
def facade(rng: Rng, size: int, tall: float, arch: bool = False) -> Array:
    """Draw windows in a wall, some of them lit."""
    x, y = grid(rng, size, turn=0.06)
    columns = vary(rng, 5, 1.2)
    u, v = (x + 2) * columns / 2, (y + 2) * columns / 2 / vary(rng, tall, 1.15)
    fu, fv = u % 1 - 0.5, v % 1 - 0.5
    half = rng.uniform(0.24, 0.32)
    gap = np.maximum(np.abs(fu) - half, np.abs(fv) - 0.33)
    if arch:
        rise = np.hypot(fu / half, (fv + 0.1) / 0.35) - 1
        gap = np.where(fv < -0.1, rise * half, np.maximum(np.abs(fu) - half, fv - 0.4))
    lit = hashed(rng, np.floor(u), np.floor(v))
    dark, light = pair(rng)
    wall = light * (0.8 + 0.05 * fractal(rng, size, 6)[..., None])
    pane = ramp(np.where(lit > 0.75, 1.0, lit * 0.3), dark * 0.5, colour(rng, (0.7, 1), 0.13))
    bars = 1 - step(0.02, np.minimum(np.abs(fu), np.abs(fv + 0.08)), 0.02)
    rgb = mix(wall, wall * 0.55, 1 - step(0.05, gap, 0.03))
    return mix(rgb, mix(pane, wall, bars), 1 - step(0, gap, 0.03))


@family(plain={"kind": "plain"}, twill={"kind": "twill"}, knit={"kind": "knit"})
def weave(rng: Rng, size: int, kind: str) -> Array:
    x, y = grid(rng, size, turn=0.2)
    n = vary(rng, 7, 1.2)
    u, v = (x + 3) * n, (y + 3) * n
    dark, light = pair(rng)
    if kind == "knit":
        lean = np.abs(u % 1 - 0.5) * 2
        strand = np.sqrt(np.sin(np.pi * ((v * 1.4 - lean * 0.9) % 1)))
        strand *= np.clip(np.sin(np.pi * (u % 1)) + 0.25, 0, 1)
        fibre = 0.12 * noise(rng, size, 40)
        return relief(rng, ramp(np.clip(strand + fibre, 0, 1), dark, light), strand, 0.6)
    turned = (np.floor(u) + np.floor(v)) % (2 if kind == "plain" else 4)
    over = turned < (1 if kind == "plain" else 2)
    across, along = np.where(over, v % 1, u % 1), np.where(over, u % 1, v % 1)
    bulge = np.sin(np.pi * across) * (0.55 + 0.45 * np.sin(np.pi * along))
    thread = 0.1 * np.sin(across * 25)
    tone = np.where(over[..., None], light, light * 0.7 + dark * 0.5)
    return relief(rng, tone * (0.25 + 0.75 * np.clip(bulge + thread, 0, 1))[..., None], bulge, 0.5)


@family(
    checks={"kind": "checks"}, triangles={"kind": "triangles"}, truchet={"kind": "truchet"},
    maze={"kind": "maze"},
)  # fmt: skip
def tiles(rng: Rng, size: int, kind: str) -> Array:
    x, y = grid(rng, size, turn=0.5)
    n = vary(rng, 3, 1.3)
    u, v = (x + 3) * n, (y + 3) * n
    iu, iv = np.floor(u), np.floor(v)
    fu, fv = u - iu, v - iv
    chance, dark, light = hashed(rng, iu, iv), *pair(rng)
    if kind == "checks":
        return ramp((iu + iv) % 2 * 0.8 + 0.2 * chance, dark, light)
    if kind == "triangles":
        return ramp(hashed(rng, iu, iv, (fu > fv).astype(float)), dark, colour(rng), light)
    fu = np.where(chance > 0.5, fu, 1 - fu)
    if kind == "truchet":
        arcs = (np.hypot(fu, fv), np.hypot(1 - fu, 1 - fv))
        d = np.minimum(*(np.abs(arc - 0.5) for arc in arcs))
    else:
        d = np.abs(fu - fv) * 0.7
    return ramp(1 - step(0.14, d, 0.06), dark, light)


# --- cells and grain ---------------------------------------------------------------------------


@family(
    cracks={"across": 7, "kind": "cracks"}, bark={"across": 5, "kind": "cracks", "stretch": 3.2},
    pebbles={"across": 6, "kind": "domes"}, leather={"across": 18, "kind": "domes"},
    crocodile={"across": 6, "kind": "domes", "jitter": 0.35},
    giraffe={"across": 5, "kind": "patches"}, mosaic={"across": 9, "kind": "glass"},
    caustics={"across": 4, "kind": "light"},
)  # fmt: skip
def cells(
    rng: Rng, size: int, across: float, kind: str, stretch: float = 1.0, jitter: float = 0.9
) -> Array:
    """Draw what lies nearest to each of scattered points: plates, stones, panes."""
    x, y = grid(rng, size)
    across = vary(rng, across)
    points = scattered(rng, across, jitter, 1.5 + np.log(stretch))
    wobble = 0.25 / across * noise(rng, size, across * 1.5)
    d, which = nearest(points, x * np.sqrt(stretch) + wobble, y / np.sqrt(stretch) + wobble.T, 3)
    d *= across / 2
    border, tint = d[..., 1] - d[..., 0], hashed(rng, which[..., 0])
    dark, light = pair(rng)
    if kind == "cracks":
        tone = 0.55 + 0.3 * tint + 0.06 * fractal(rng, size, 10)
        plate = mix(dark * 0.4, ramp(np.clip(tone, 0, 1), dark, light), step(0.08, border, 0.1))
        return relief(rng, plate, step(0.15, border, 0.3), 0.3)
    if kind == "domes":
        dome = np.clip(1 - (d[..., 0] / 0.6) ** 2, 0, 1) * step(0.06, border, 0.15)
        tone = ramp(tint, colour(rng, (0.4, 0.9)), colour(rng, (0.4, 0.9)), light)
        return relief(rng, tone * (0.15 + 0.85 * np.sqrt(dome))[..., None], dome, 0.8)
    if kind == "patches":
        return ramp(step(0.16, border, 0.05), light, dark + 0.15)
    if kind == "glass":
        panes = np.stack([colour(rng, (0.3, 1)) for _ in range(12)])
        return mix(dark * 0.2, panes[(tint * 12).astype(int)], step(0.09, border, 0.05))
    glow = np.exp(-7 * border) + 0.4 * np.exp(-4 * (d[..., 2] - d[..., 1]))
    return ramp(np.clip(glow, 0, 1), dark + 0.1, light)


@family(grid={"across": 6, "jitter": 0.0}, random={"across": 9, "jitter": 0.9})
def dots(rng: Rng, size: int, across: float, jitter: float) -> Array:
    x, y = grid(rng, size, turn=0.8)
    across = vary(rng, across, 1.2)
    d, which = nearest(scattered(rng, across, jitter, 1.6), x, y, 1)
    radius = (0.22 + 0.12 * jitter * hashed(rng, which)) * 2 / across
    return ramp(step(1, d / radius, 0.15), *rng.permutation(pair(rng)))


@family(straight={"knots": 0}, knotty={"knots": 3})
def wood(rng: Rng, size: int, knots: int) -> Array:
    x, y = grid(rng, size)
    field = x * 7 + 0.5 * band(rng, size, 0.5, 3, stretch=2)
    for kx, ky in rng.uniform(-0.8, 0.8, (knots, 2)):
        field += 2.5 * np.exp(-(((x - kx) / 0.25) ** 2) - ((y - ky) / 0.4) ** 2)
    dark, light = pair(rng, 0.07)
    fibres = 0.35 * band(rng, size, 10, 40, stretch=4)
    return ramp(unit(np.sin(field * 4) + fibres), dark + 0.1, light)
