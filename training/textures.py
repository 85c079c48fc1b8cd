"""Procedural textures and objects: about 200 classes, each a family with its own settings.

A family is a function `(rng, size, **settings) -> picture`, [size, size, 3] for a surface that
fills the square or [size, size, 4] for an object with its outline (straight alpha), float in 0..1.
The decorator `family` makes one class for each named group of settings. Colours, phases and fine
parameters are drawn anew from `rng` each time, so a class is about shape and not about colour.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy.spatial import cKDTree

Array = npt.NDArray[np.float64]
Rng = np.random.Generator
Renderer = Callable[[Rng, int], Array]

CLASSES: dict[str, Renderer] = {}


def family(**variants: dict[str, Any]) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    """Make one class `<function>/<variant>` for each named group of settings."""

    def register(render: Callable[..., Array]) -> Callable[..., Array]:
        for variant, settings in variants.items():
            name = f"{render.__name__.rstrip('_')}/{variant}"
            if name in CLASSES:
                raise ValueError(f"{name} is defined twice")
            CLASSES[name] = partial(render, **settings)
        return render

    return register


# --- tools -------------------------------------------------------------------------------------


def grid(rng: Rng, size: int, shift: float = 0.0, turn: float = 0.0) -> tuple[Array, Array]:
    """x (right) and y (down) in -1..1, moved by up to `shift` and turned by up to `turn` (rad)."""
    line = np.linspace(-1, 1, size)
    y, x = np.meshgrid(line, line, indexing="ij")
    x, y = x - rng.uniform(-shift, shift), y - rng.uniform(-shift, shift)
    angle = rng.uniform(-turn, turn)
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def vary(rng: Rng, value: float, by: float = 1.25) -> float:
    return value * float(by ** rng.uniform(-1, 1))


def band(rng: Rng, size: int, low: float, high: float, stretch: float = 1.0) -> Array:
    """Noise with `low`..`high` waves across the picture; `stretch` > 1 draws it out downwards."""
    fy = np.fft.fftfreq(size)[:, None] * size * stretch
    fx = np.fft.rfftfreq(size)[None] * size / stretch
    radius = np.hypot(fx, fy)
    keep = np.exp(-((radius / high) ** 4)) * (1 - np.exp(-((radius / max(low, 1e-6)) ** 4)))
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((size, size))) * keep, s=(size, size))
    result: Array = field / (field.std() + 1e-9)
    return result


def noise(rng: Rng, size: int, waves: float) -> Array:
    return band(rng, size, 0.5, waves)


def fractal(rng: Rng, size: int, waves: float = 2, gain: float = 0.55, stretch: float = 1) -> Array:
    total = np.zeros((size, size))
    for octave in range(5):
        high = waves * 2**octave
        total += gain**octave * band(rng, size, high / 3, high, stretch)
    result: Array = total / total.std()
    return result


def step(edge: float | Array, x: Array, soft: float = 0.05) -> Array:
    """0 below `edge`, 1 above, with a soft border."""
    t = np.clip((x - edge) / soft + 0.5, 0, 1)
    result: Array = t * t * (3 - 2 * t)
    return result


def unit(x: Array) -> Array:
    low, high = np.percentile(x, [2, 98])
    result: Array = np.clip((x - low) / (high - low + 1e-9), 0, 1)
    return result


def colour(rng: Rng, value: tuple[float, float] = (0.1, 1.0), hue: float | None = None) -> Array:
    h = rng.uniform() if hue is None else (hue + rng.normal(0, 0.05)) % 1
    return np.array(colorsys.hsv_to_rgb(h, rng.uniform(0.1, 0.9), rng.uniform(*value)))


def pair(rng: Rng, hue: float | None = None) -> tuple[Array, Array]:
    """A dark and a light colour."""
    natural = hue is not None and rng.uniform() < 0.7
    dark = colour(rng, (0.02, 0.4), hue if natural else None)
    return dark, colour(rng, (0.7, 1.0), hue if natural else None)


def ramp(t: Array, *colours: Array) -> Array:
    """t in 0..1 [h, w] to RGB [h, w, 3], through evenly spaced colours."""
    stops = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(t, stops, [c[i] for c in colours]) for i in range(3)], axis=-1)


def mix(a: Array, b: Array, t: Array) -> Array:
    return a + (b - a) * t[..., None]


def relief(rng: Rng, rgb: Array, height: Array, depth: float = 0.8) -> Array:
    """Light `rgb` from one side as a surface of this height (0..1)."""
    gy, gx = np.gradient(height * depth * len(height) / 12)
    angle = rng.uniform(-np.pi, 0)
    light = (gx * np.cos(angle) + gy * np.sin(angle)) / np.sqrt(1 + gx**2 + gy**2)
    result: Array = np.clip(rgb * (1 + 0.7 * light[..., None]), 0, 1)
    return result


def hashed(rng: Rng, *integers: Array) -> Array:
    """A number in 0..1 for each combination of integers."""
    table = rng.uniform(size=4096)
    key = np.zeros(integers[0].shape, np.int64)
    for i, value in enumerate(integers):
        key += value.astype(np.int64) * (131, 977, 3571)[i]
    return table[key % 4096]


def nearest(points: Array, x: Array, y: Array, count: int = 2) -> tuple[Array, npt.NDArray[Any]]:
    """Distances [h, w, count] to the nearest of `points` [n, 2] (x, y) and their indices."""
    distance, index = cKDTree(points).query(np.stack([x, y], -1), k=count)
    return np.asarray(distance), np.asarray(index)


def scattered(rng: Rng, across: float, jitter: float = 0.9, margin: float = 1.3) -> Array:
    """Jittered grid points, about `across` on a side of the picture."""
    pitch = 2 / across
    line = np.arange(-margin, margin + pitch, pitch)
    points = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    result: Array = points + rng.uniform(-0.5, 0.5, points.shape) * pitch * jitter
    return result


def folded(angle: Array, count: int) -> Array:
    """Angle within one of `count` equal sectors, -1..1 from edge to edge."""
    turn = angle / (2 * np.pi) * count
    return 2 * (turn - np.round(turn))


def cut_out(rgb: Array, alpha: Array) -> Array:
    return np.concatenate([np.clip(rgb, 0, 1), np.clip(alpha, 0, 1)[..., None]], axis=-1)


def flow_blur(rng: Rng, angle: Array, length: int, waves: float) -> Array:
    """Noise smeared along a direction field (radians): hair, grain, brush strokes. 0..1."""
    size = len(angle)
    source = band(rng, size, waves / 3, waves)
    y, x = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    dx, dy = np.cos(angle), np.sin(angle)
    total = np.zeros((size, size))
    for t in range(-length, length + 1):
        weight = 1 - 0.8 * (t + length) / (2 * length + 1)  # strands that end somewhere
        xi, yi = (x + t * dx).astype(int) % size, (y + t * dy).astype(int) % size
        total += weight * source[yi, xi]
    return unit(total)


Canvas = tuple[Image.Image, ImageDraw.ImageDraw]


def canvas(size: int, background: Array | None = None) -> Canvas:
    """A PIL picture at twice the size; RGBA and clear without a background."""
    if background is None:
        image = Image.new("RGBA", (2 * size, 2 * size))
    else:
        image = Image.new("RGB", (2 * size, 2 * size), rgb8(background))
    return image, ImageDraw.Draw(image)


def finish(image: Image.Image) -> Array:
    """Back to size, straight alpha."""
    half = (image.width // 2, image.height // 2)
    if image.mode == "RGB":
        return np.asarray(image.resize(half, Image.Resampling.BOX)) / 255
    small = image.convert("RGBa").resize(half, Image.Resampling.BOX)
    return np.asarray(small.convert("RGBA")) / 255


def rgb8(c: Array) -> tuple[int, int, int]:
    r, g, b = (int(v) for v in np.clip(c * 255, 0, 255))
    return r, g, b


def disc(draw: ImageDraw.ImageDraw, x: float, y: float, rx: float, ry: float, c: Array) -> None:
    """A filled ellipse; coordinates in -1..1 of the canvas."""
    w = draw.im.size[0] / 2
    draw.ellipse([w * (1 + x - rx), w * (1 + y - ry), w * (1 + x + rx), w * (1 + y + ry)], rgb8(c))


def poly(draw: ImageDraw.ImageDraw, points: list[tuple[float, float]], c: Array) -> None:
    w = draw.im.size[0] / 2
    draw.polygon([(w * (1 + x), w * (1 + y)) for x, y in points], rgb8(c))


def line(draw: ImageDraw.ImageDraw, points: Any, c: Array, width: float) -> None:
    """`width` in the units of -1..1."""
    w = draw.im.size[0] / 2
    path = [(w * (1 + x), w * (1 + y)) for x, y in points]
    draw.line(path, rgb8(c), max(1, round(width * w)), joint="curve")


# --- coats: fur, stripes, spots, scales, feathers ------------------------------------------------


@family(
    short={"length": 6, "waves": 42}, long={"length": 22, "waves": 30},
    curly={"length": 14, "waves": 26, "curl": 5.0},
    swirled={"length": 18, "waves": 30, "curl": 2.0},
    tiger={"length": 9, "waves": 40, "marks": "stripes"},
    leopard={"length": 6, "waves": 44, "marks": "rosettes"},
    spotted={"length": 7, "waves": 44, "marks": "spots"},
)  # fmt: skip
def fur(
    rng: Rng, size: int, length: int, waves: float, curl: float = 0.5, marks: str = ""
) -> Array:
    angle = rng.uniform(0, 6.28) + curl * 0.6 * noise(rng, size, 2.5 if curl < 3 else 5)
    hair = flow_blur(rng, angle, length, vary(rng, waves))
    dark, light = pair(rng, 0.08)
    rgb = ramp(0.25 + 0.75 * hair, dark, (dark + light) / 2, light)
    if marks:
        mask = {"stripes": _stripe_mask, "rosettes": _rosette_mask, "spots": _spot_mask}[marks]
        ink = colour(rng, (0.0, 0.2), 0.08)
        rgb = mix(rgb, ink * (0.4 + hair[..., None]), 0.9 * mask(rng, size))
    return rgb


def _stripe_mask(rng: Rng, size: int) -> Array:
    field = band(rng, size, 3, vary(rng, 5), stretch=2.6)
    return step(0.45, field, 0.4)


def _spot_mask(rng: Rng, size: int) -> Array:
    x, y = grid(rng, size)
    distance, _ = nearest(scattered(rng, vary(rng, 7)), x + 0.03 * noise(rng, size, 8), y, 1)
    return 1 - step(0.075, distance, 0.03)


def _rosette_mask(rng: Rng, size: int) -> Array:
    x, y = grid(rng, size)
    distance, _ = nearest(scattered(rng, vary(rng, 5), 0.6), x, y + 0.05 * noise(rng, size, 6), 1)
    ring = step(0.09, distance, 0.03) - step(0.15, distance, 0.03)
    return ring * step(-0.5, noise(rng, size, 9), 0.3)


@family(
    zebra={"low": 3, "high": 5, "stretch": 2.4, "edge": 0.0},
    zebra_fine={"low": 7, "high": 10, "stretch": 2.4, "edge": 0.0},
    labyrinth={"low": 6, "high": 8, "edge": 0.0},
    labyrinth_fine={"low": 13, "high": 16, "edge": 0.0},
    coral={"low": 5, "high": 7, "edge": 0.0, "solid": True},
    cow={"low": 1.5, "high": 3, "edge": 0.2}, cheetah={"low": 7, "high": 10, "edge": 1.1},
    islands={"low": 3, "high": 9, "edge": 0.7}, camouflage={"low": 2, "high": 6, "levels": 4},
    contour={"low": 1, "high": 3, "levels": 14},
    fingerprint={"low": 14, "high": 17, "stretch": 1.7},
)  # fmt: skip
def pattern(
    rng: Rng, size: int, low: float, high: float, stretch: float = 1.0, edge: float = 0.0,
    levels: int = 0, solid: bool = False,
) -> Array:  # fmt: skip
    """Bands of noise cut at a level, as on animals (Turing patterns look like this)."""
    factor = vary(rng, 1, 1.15)
    field = band(rng, size, low * factor, high * factor, stretch)
    dark, light = pair(rng)
    if levels:
        steps = np.floor(unit(field) * levels)
        if levels > 6:
            return ramp(steps % 2, dark, light)
        return ramp(steps / levels, dark, colour(rng), colour(rng), light)
    rgb = ramp(step(edge, field, 0.5), dark, light)
    return relief(rng, ramp(unit(field), dark, light), unit(field), 1.2) if solid else rgb


@family(
    round_={"shape": "round", "rows": 7}, fine={"shape": "round", "rows": 14},
    pointed={"shape": "pointed", "rows": 7}, tall={"shape": "pointed", "rows": 4, "ratio": 0.45},
    roof={"shape": "flat", "rows": 7}, feathers={"shape": "round", "rows": 5, "barbs": True},
    plumage={"shape": "pointed", "rows": 6, "barbs": True, "ratio": 0.6},
    seigaiha={"shape": "round", "rows": 6, "rings": True},
    dragon={"shape": "pointed", "rows": 6, "keel": True},
)  # fmt: skip
def scales(
    rng: Rng, size: int, shape: str, rows: float, ratio: float = 1.0, barbs: bool = False,
    rings: bool = False, keel: bool = False,
) -> Array:  # fmt: skip
    """Rows that overlap like fish scales, roof tiles or a bird's coat."""
    x, y = grid(rng, size, turn=0.15)
    warp = 0.04 * noise(rng, size, 2)
    rows = vary(rng, rows, 1.2)
    v, u = (y + warp + 2) * rows / 2, (x + warp.T) * rows / 2 / ratio + 50
    top = np.floor(v)
    inside = np.zeros((size, size), bool)
    column, along, across, row_of = (np.zeros((size, size)) for _ in range(4))
    for row in (top - 1, top):  # the row above hangs over this one
        s = u + 0.5 * (row % 2)
        across_here = (s - np.floor(s)) - 0.5
        bow = {
            "round": np.sqrt(np.maximum(1 - 4 * across_here**2, 0)),
            "pointed": 1 - 2 * np.abs(across_here),
            "flat": np.full_like(u, 0.25),
        }[shape]
        along_here = (v - row) / (0.55 + 0.75 * bow)
        take = ~inside & (along_here < 1)
        inside |= take
        for store, value in ((column, np.floor(s)), (along, along_here), (across, across_here)):
            store[take] = value[take]
        row_of[take] = row[take]
    dark, light = pair(rng)
    tint = hashed(rng, row_of, column)
    shade = 0.25 + 0.75 * along - 0.45 * (along > 0.9) - 0.5 * np.abs(across) ** 2
    shade = shade * (0.75 + 0.35 * tint)
    if barbs:
        shade *= 0.8 + 0.3 * np.sin(60 * (along * 0.5 + np.abs(across)))
        shade += 0.3 * (np.abs(across) < 0.035)
    if rings:
        shade = 0.5 + 0.5 * np.sign(np.sin(vary(rng, 18, 1.1) * along))
    if keel:
        shade += 0.35 * (np.abs(across) < 0.08) - 0.25 * (across > 0)
    return ramp(np.clip(shade, 0, 1), dark, (dark + light) / 2 * 1.1, light)


@family(
    plain={"bars": 0}, barred={"bars": 7}, peacock={"bars": 0, "eye": True}, downy={"loose": 0.25}
)
def feather(rng: Rng, size: int, bars: int = 0, eye: bool = False, loose: float = 0.06) -> Array:
    x, y = grid(rng, size, turn=0.5)
    x = x + rng.uniform(-0.35, 0.35) * y**2
    width = vary(rng, 0.42, 1.3) * np.sqrt(np.clip(1 - y**2, 0, 1)) * np.clip(1.25 - 0.5 * y, 0, 2)
    barbs = np.sin(vary(rng, 55) * (y + 0.9 * np.abs(x))) + 0.5 * noise(rng, size, 30)
    dark, light = pair(rng)
    shade = 0.5 + 0.2 * barbs
    if bars:
        shade = (
            0.75 * step(0, np.sin(vary(rng, bars * 3) * (y + 0.5 * np.abs(x))), 0.4) + 0.1 * barbs
        )
    rgb = ramp(np.clip(shade, 0, 1), dark, light)
    if eye:
        r = np.hypot(x / 0.9, y + 0.45) / vary(rng, 0.34, 1.1)
        for radius in (1.0, 0.75, 0.5, 0.28):
            rgb = mix(rgb, colour(rng, (0.1, 1)), 1 - step(radius, r, 0.08))
    stem = np.abs(x) < 0.025
    rgb[stem] = light
    alpha = 1 - step(0.0, np.abs(x) - width + loose * (barbs > 0.3), 0.03)
    return cut_out(rgb, np.maximum(alpha, stem & (np.abs(y) < 0.98)))


# --- eyes and faces ---------------------------------------------------------------------------


@family(
    human={"pupil": "round", "lids": 0.55}, cat={"pupil": "slit", "lids": 0.75},
    goat={"pupil": "bar", "lids": 0.7}, owl={"pupil": "round", "lids": 1.0, "ring": "feathers"},
    frog={"pupil": "bar", "lids": 1.0, "ring": "bumps"},
    reptile={"pupil": "slit", "lids": 0.9, "ring": "scales"},
    fish={"pupil": "round", "lids": 1.0, "iris": 0.95},
    bird={"pupil": "small", "lids": 1.0, "ring": "bare"},
)  # fmt: skip
def eye(rng: Rng, size: int, pupil: str, lids: float, ring: str = "", iris: float = 0.62) -> Array:
    x, y = grid(rng, size, turn=0.25)
    x, y = x * 1.25, y * 1.25
    look_x, look_y = rng.uniform(-0.12, 0.12, 2)
    px, py = x - look_x, y - look_y
    r, angle = np.hypot(px, py), np.arctan2(py, px)
    edge = iris * vary(rng, 0.85, 1.12) if lids < 1 or iris > 0.9 else vary(rng, 0.75, 1.1)
    fibres = noise(rng, size, 20)[
        (np.clip(r, 0, 1) * (size - 1) * 0.3).astype(int),
        ((angle + 3.15) / 6.3 * (size - 1)).astype(int),
    ]
    inner, outer = colour(rng, (0.5, 1.0)), colour(rng, (0.2, 0.8))
    iris_rgb = ramp(np.clip(r / edge + 0.12 * fibres, 0, 1), inner, outer, outer * 0.3)
    white = np.array([0.95, 0.94, 0.92]) * (1 - 0.25 * (r[..., None] / 1.3) ** 2)
    rgb = mix(white * (1 if ring == "" else 0.5), iris_rgb, 1 - step(edge, r, 0.05))
    hole = edge * rng.uniform(0.3, 0.55)
    shape = {
        "round": r / hole,
        "small": r / (hole * 0.8),
        "slit": np.hypot(px * 4.5, py * 0.9) / hole * 0.6,
        "bar": np.hypot(px * 0.9, py * 3.5) / hole * 0.8,
    }[pupil]
    rgb = mix(rgb, np.array([0.03, 0.02, 0.02]), 1 - step(1, shape, 0.12))
    gx, gy = look_x - edge * 0.3, look_y - edge * 0.3
    rgb = mix(rgb, np.ones(3), 1 - step(edge * 0.17, np.hypot(x - gx, y - gy), 0.06))
    skin = colour(rng, (0.3, 0.9))
    if lids < 1:
        opening = lids * vary(rng, 0.9, 1.1) * (1 - np.clip(np.abs(x) / 1.15, 0, 1) ** 2)
        gap = np.abs(y + 0.12 * x * rng.uniform(-1, 1)) - opening
        rgb = mix(rgb, skin * 0.25, step(-0.03, gap, 0.05))
        rgb = mix(rgb, np.broadcast_to(skin, rgb.shape), step(0.08, gap, 0.06))
        return cut_out(rgb, 1 - step(0.3, gap, 0.1))
    around = {
        "": np.full_like(r, 0.2),
        "feathers": 0.5 + 0.5 * np.sin(angle * 40 + 6 * r) * np.clip(r, 0, 1),
        "bumps": unit(noise(rng, size, 14)),
        "scales": 0.5 + 0.5 * np.sin(angle * 16) * np.sin(r * 22),
        "bare": 0.5 + 0.5 * np.sin(r * 30),
    }[ring]
    rim = step(edge + 0.04, r, 0.05)
    rgb = mix(rgb, skin * (0.4 + 0.8 * around[..., None]), rim)
    rgb = mix(rgb, skin * 0.1, rim * (1 - step(edge + 0.1, r, 0.04)))
    return cut_out(rgb, 1 - step(1.2 if ring else edge + 0.1, r, 0.06))


@family(few={"across": 3}, many={"across": 6}, compound={"across": 13, "pupils": False})
def eyes(rng: Rng, size: int, across: float, pupils: bool = True) -> Array:
    x, y = grid(rng, size)
    across = vary(rng, across)
    pitch = 2 / across
    d, which = nearest(scattered(rng, across, 0.45 if pupils else 0.1), x, y)
    r, tint = d[..., 0] / pitch, hashed(rng, which[..., 0])
    skin, white = pair(rng)
    if not pupils:
        return relief(rng, ramp(tint * 0.4 + 0.3, skin, white), 1 - r**2, 1.5)
    rgb = mix(np.broadcast_to(skin + 0.15, (size, size, 3)), white, 1 - step(0.42, r, 0.06))
    rgb = mix(
        rgb, ramp(tint, colour(rng, (0.4, 1)), colour(rng, (0.4, 1))), 1 - step(0.28, r, 0.05)
    )
    return mix(rgb, np.zeros(3), 1 - step(0.13, r, 0.05))


def _eye_on(
    draw: ImageDraw.ImageDraw, x: float, y: float, r: float, iris: Array, slit: bool
) -> None:
    disc(draw, x, y, r, r, np.array([0.97, 0.97, 0.95]))
    disc(draw, x, y, r * 0.8, r * 0.8, iris)
    disc(draw, x, y, r * (0.2 if slit else 0.45), r * (0.7 if slit else 0.45), np.zeros(3))
    disc(draw, x - r * 0.25, y - r * 0.3, r * 0.18, r * 0.18, np.ones(3))


@family(
    cat={"ears": "pointed", "slit": True, "whiskers": True},
    dog={"ears": "hanging", "muzzle": 0.34},
    bear={"ears": "round", "muzzle": 0.28}, fox={"ears": "pointed", "chin": True},
    owl={"ears": "tufts", "eyes": 0.27, "beak": True}, mouse={"ears": "huge", "whiskers": True},
    rabbit={"ears": "long", "whiskers": True}, pig={"ears": "folded", "snout": True},
    monkey={"ears": "side", "mask": True}, chick={"ears": "", "beak": True},
    frog={"ears": "", "bulging": True}, panda={"ears": "round", "patches": True},
    bug={"ears": "antennae", "eyes": 0.3}, skull={"ears": "", "bone": True},
)  # fmt: skip
def face(
    rng: Rng, size: int, ears: str, eyes: float = 0.13, slit: bool = False, muzzle: float = 0.0,
    whiskers: bool = False, chin: bool = False, beak: bool = False, snout: bool = False,
    mask: bool = False, bulging: bool = False, patches: bool = False, bone: bool = False,
) -> Array:  # fmt: skip
    """A schematic animal's head seen from the front, drawn over fur or skin."""
    image, draw = canvas(size)
    dark, light = pair(rng, 0.09)
    coat = dark + (light - dark) * rng.uniform(0.3, 0.9)
    coat = np.array([0.92, 0.9, 0.84]) if bone or patches else coat
    inner = coat * 0.5 + np.array([0.45, 0.2, 0.2])
    w, h = rng.uniform(0.6, 0.75), rng.uniform(0.55, 0.7)
    cy = 0.18
    for s in (-1, 1):
        ex = s * w * 0.72
        if ears == "pointed":
            poly(draw, [(s * w, 0), (ex * 1.15, -0.92), (s * 0.1, -0.35)], coat)
            poly(draw, [(s * w * 0.85, -0.1), (ex * 1.1, -0.75), (s * 0.28, -0.35)], inner)
        elif ears == "tufts":
            poly(draw, [(s * w * 0.9, 0), (ex * 1.2, -0.75), (s * 0.1, -0.35)], coat * 0.7)
        elif ears in ("round", "huge"):
            r = 0.22 if ears == "round" else 0.36
            disc(draw, ex * 1.05, -0.42, r, r, dark if patches else coat)
            disc(draw, ex * 1.05, -0.42, r * 0.65, r * 0.65, dark if patches else inner)
        elif ears == "long":
            disc(draw, s * 0.3, -0.6, 0.13, 0.38, coat)
            disc(draw, s * 0.3, -0.6, 0.07, 0.3, inner)
        elif ears == "side":
            disc(draw, s * w, cy - 0.1, 0.22, 0.26, coat)
            disc(draw, s * w, cy - 0.1, 0.14, 0.17, inner)
        elif ears == "antennae":
            line(draw, [(s * 0.15, -0.3), (s * 0.3, -0.7), (s * 0.55, -0.85)], dark, 0.05)
            disc(draw, s * 0.55, -0.85, 0.07, 0.07, dark)
    disc(draw, 0, cy, w, h, coat)
    for s in (-1, 1):
        if ears == "hanging":
            disc(draw, s * w * 0.95, cy, 0.2, 0.48, coat * 0.55)
        elif ears == "folded":
            poly(draw, [(s * w * 0.95, -0.1), (s * w * 0.75, -0.6), (s * 0.2, -0.3)], coat * 0.8)
    if mask:
        for s in (-1, 1):
            disc(draw, s * 0.22, cy - 0.05, 0.28, 0.28, inner + 0.15)
        disc(draw, 0, cy + 0.28, 0.42, 0.3, inner + 0.15)
    if chin:
        poly(
            draw, [(-w * 0.95, cy + 0.1), (0, cy + 0.15), (w * 0.95, cy + 0.1), (0, cy + h)], light
        )
    if muzzle:
        disc(draw, 0, cy + 0.25, muzzle * 1.15, muzzle, light)
    iris, gap, high = colour(rng, (0.3, 0.9)), rng.uniform(0.26, 0.34), cy - rng.uniform(0.08, 0.2)
    for s in (-1, 1):
        if bone:
            disc(draw, s * gap, high, 0.19, 0.2, np.zeros(3) + 0.05)
            continue
        if patches:
            disc(draw, s * gap, high + 0.02, 0.2, 0.24, dark)
        if bulging:
            disc(draw, s * 0.4, -0.4, 0.27, 0.27, coat)
            _eye_on(draw, s * 0.4, -0.42, 0.2, iris, False)
        else:
            _eye_on(draw, s * gap, high, eyes * vary(rng, 1, 1.15), iris, slit)
    if beak:
        tone = colour(rng, (0.7, 1), 0.11)
        poly(draw, [(-0.13, cy + 0.05), (0.13, cy + 0.05), (0, cy + 0.38)], tone)
    elif snout:
        disc(draw, 0, cy + 0.25, 0.27, 0.2, inner)
        for s in (-1, 1):
            disc(draw, s * 0.1, cy + 0.25, 0.05, 0.09, dark)
    elif bone:
        poly(draw, [(-0.08, cy + 0.25), (0.08, cy + 0.25), (0, cy + 0.08)], np.zeros(3))
        for t in np.linspace(-0.3, 0.3, 6):
            line(draw, [(t, cy + 0.38), (t, cy + 0.55)], np.zeros(3) + 0.1, 0.03)
    elif bulging:
        line(draw, [(-0.5, cy + 0.2), (0, cy + 0.36), (0.5, cy + 0.2)], dark, 0.04)
    else:
        nose = cy + 0.17
        poly(draw, [(-0.1, nose - 0.06), (0.1, nose - 0.06), (0, nose + 0.08)], dark * 0.5)
        line(draw, [(-0.2, nose + 0.2), (0, nose + 0.08), (0.2, nose + 0.2)], dark * 0.5, 0.04)
    if whiskers:
        for s in (-1, 1):
            for t in (-0.12, 0.02, 0.16):
                line(draw, [(s * 0.18, cy + 0.25), (s * 0.85, cy + 0.22 + 1.3 * t)], light, 0.02)
    rgba = finish(image)
    hair = 0.8 + 0.4 * flow_blur(rng, 1.6 + noise(rng, size, 2), 5, 40)
    rgba[..., :3] = np.clip(rgba[..., :3] * hair[..., None], 0, 1)
    return rgba


# --- plants -----------------------------------------------------------------------------------


@family(
    lance={"lobes": 0, "width": 0.3}, oval={"lobes": 0, "width": 0.55}, heart={"lobes": -1},
    maple={"lobes": 5}, oak={"lobes": 0, "width": 0.5, "waves": 5}, ivy={"lobes": 3},
    toothed={"lobes": 0, "width": 0.5, "waves": 18}, lily={"lobes": -2},
)  # fmt: skip
def leaf(rng: Rng, size: int, lobes: int, width: float = 0.5, waves: int = 0) -> Array:
    x, y = grid(rng, size, turn=0.6)
    dark, light = pair(rng, 0.3)
    if lobes:
        r, angle = np.hypot(x, y - 0.2), np.arctan2(x, -(y - 0.2))
        if lobes == -1:
            outline = 0.75 * (1 - 0.55 * np.abs(np.sin(angle / 2)) ** 12 + 0.1 * np.cos(angle))
        elif lobes == -2:
            outline = np.where(np.abs(angle) > 2.9, 0.1, 0.85)
        else:
            outline = 0.45 + 0.42 * np.abs(np.cos(lobes * angle / 2 * 0.9)) ** 1.5
            outline *= 1 - 0.3 * np.abs(angle) / np.pi
            outline += 0.04 * np.sin(angle * lobes * 6)
        gap = r - outline
        sectors = max(abs(lobes) * 2 + 3, 7)
        veins = np.abs(folded(angle, sectors)) * r
    else:
        half = (
            vary(rng, width) * np.clip(np.sin(np.pi * np.clip((y + 0.95) / 1.9, 0, 1)), 0, 1) ** 0.8
        )
        half = (
            half * (1 + (0.25 if waves < 8 else 0.08) * np.sin(np.pi * waves * y))
            if waves
            else half
        )
        gap = np.where(np.abs(y) < 0.95, np.abs(x) - half, 0.3)
        slope = vary(rng, 1.0)
        veins = np.minimum(np.abs(x) * 2, np.abs(folded((y + slope * np.abs(x)) * 6.28, 4)) * 0.3)
    shade = 0.45 + 0.15 * noise(rng, size, 6) + 0.5 * (1 - step(0.05, veins, 0.06))
    rgb = relief(rng, ramp(np.clip(shade, 0, 1), dark, light), np.clip(veins * 3, 0, 0.6))
    return cut_out(rgb, 1 - step(0, gap, 0.03))


def _grow(
    draw: ImageDraw.ImageDraw, rng: Rng, x: float, y: float, angle: float, length: float,
    depth: int, tone: Array, tip: Array, spread: float, leaves: bool, splits: int,
) -> None:  # fmt: skip
    """A branching stem, drawn from thick to thin."""
    bend = angle + rng.normal(0, 0.12)
    x2, y2 = x + length * np.cos(bend), y + length * np.sin(bend)
    line(draw, [(x, y), (x2, y2)], tone, 0.018 * (depth + 0.5))
    if depth == 0:
        if leaves:
            disc(draw, x2, y2, 0.07, 0.05, tip * rng.uniform(0.7, 1.1))
        return
    for k in range(splits):
        turn = spread * (2 * k / (splits - 1) - 1) + rng.normal(0, 0.1)
        shorter = length * rng.uniform(0.65, 0.85)
        _grow(draw, rng, x2, y2, bend + turn, shorter, depth - 1, tone, tip, spread, leaves, splits)


@family(
    tree={"leaves": True, "spread": 0.5}, bare={"leaves": False, "spread": 0.45},
    coral={"leaves": True, "spread": 0.65, "splits": 3},
    roots={"leaves": False, "spread": 0.4, "down": True},
)  # fmt: skip
def branches(
    rng: Rng, size: int, leaves: bool, spread: float, splits: int = 2, down: bool = False
) -> Array:
    image, draw = canvas(size)
    dark, light = pair(rng, 0.08)
    sign = 1 if down else -1
    tone = (dark + light) / 2 if not leaves else dark + 0.1
    depth = 4 if splits == 3 else 6
    tip = colour(rng, (0.4, 1), 0.3)
    _grow(
        draw, rng, 0, -0.9 * sign, sign * np.pi / 2, 0.48, depth, tone, tip, spread, leaves, splits
    )
    return finish(image)


@family(plain={"curl": 0.0}, curled={"curl": 2.6}, palm={"curl": 0.6, "gap": 0.16})
def fern(rng: Rng, size: int, curl: float, gap: float = 0.075) -> Array:
    image, draw = canvas(size)
    dark, light = pair(rng, 0.3)
    tone = (dark + light) / 2
    x, y, heading = rng.uniform(-0.3, 0.3), 0.95, -np.pi / 2 + rng.normal(0, 0.15)
    side = rng.choice([-1.0, 1.0])
    steps = 48
    for i in range(steps):
        t = i / steps
        dx, dy = np.cos(heading) * 0.042, np.sin(heading) * 0.042
        line(draw, [(x, y), (x + dx, y + dy)], dark, 0.03)
        if i % max(1, round(gap / 0.042)) == 0:
            reach = 0.55 * (1 - t) ** 0.7 * (0.5 if curl > 1 else 1)
            for s in (-1, 1):
                a = heading + s * 1.1
                tip = (x + reach * np.cos(a), y + reach * np.sin(a))
                nx, ny = -np.sin(a) * 0.035, np.cos(a) * 0.035
                mid = (x + 0.4 * reach * np.cos(a), y + 0.4 * reach * np.sin(a))
                shape = [(x, y), (mid[0] + nx, mid[1] + ny), tip, (mid[0] - nx, mid[1] - ny)]
                poly(draw, shape, tone * rng.uniform(0.8, 1.2))
        x, y = x + dx, y + dy
        heading += side * curl * (0.01 + 0.12 * t**2)
    return finish(image)


@family(
    five={"petals": 5}, daisy={"petals": 14, "heart": 0.3}, six_pointed={"petals": 6, "point": 2.2},
    rose={"petals": 5, "layers": 5}, lotus={"petals": 8, "layers": 3, "point": 2.0},
    four={"petals": 4}, star={"petals": 8, "point": 3.5, "heart": 0.15},
    dandelion={"petals": 28, "point": 1.5},
)  # fmt: skip
def flower(
    rng: Rng, size: int, petals: int, layers: int = 1, point: float = 0.7, heart: float = 0.22
) -> Array:
    x, y = grid(rng, size, turn=3.14)
    r, angle = np.hypot(x, y * vary(rng, 1.0, 1.2)), np.arctan2(y, x)
    inner, outer = colour(rng, (0.5, 1)), colour(rng, (0.6, 1))
    rgb, alpha = np.zeros((size, size, 3)), np.zeros((size, size))
    for layer in range(layers):
        reach = 0.95 * (1 - layer / layers * 0.85)
        across = folded(angle + layer * np.pi / petals + rng.normal(0, 0.1), petals)
        outline = reach * (0.35 + 0.65 * np.clip(1 - np.abs(across) ** 2, 0, 1) ** point)
        mask = 1 - step(0, r - outline, 0.03)
        streaks = 0.12 * np.sin(across * 14) + 0.3 * np.abs(across) ** 2
        shade = np.clip(r / reach * 0.9 + streaks * 0.5, 0, 1)
        petal = ramp(shade, inner * 0.6, outer, outer * 0.8) * (
            1 - 0.35 * np.abs(across)[..., None] ** 3
        )
        rgb, alpha = mix(rgb, petal, mask), np.maximum(alpha, mask)
    if layers == 1:
        seeds = ramp(
            unit(noise(rng, size, 30)), colour(rng, (0.1, 0.5)), colour(rng, (0.6, 1), 0.13)
        )
        rgb = mix(rgb, seeds, 1 - step(vary(rng, heart, 1.15), r, 0.05))
    return cut_out(rgb, alpha)


@family(
    sunflower={"count": 260, "pointed": False}, pinecone={"count": 110, "pointed": True},
    succulent={"count": 45, "pointed": True}, dahlia={"count": 80, "pointed": False},
)  # fmt: skip
def phyllotaxis(rng: Rng, size: int, count: int, pointed: bool) -> Array:
    """Seeds, scales or leaves set at the golden angle."""
    x, y = grid(rng, size, turn=3.14)
    k = np.arange(int(vary(rng, count, 1.15)))
    power = 0.75 if pointed else 0.5
    radius = 1.05 * (k / len(k)) ** power
    turns = k * 2.39996 * rng.choice([-1, 1])
    d, which = nearest(np.stack([radius * np.cos(turns), radius * np.sin(turns)], -1), x, y)
    border = d[..., 1] - d[..., 0]
    r = np.hypot(x, y)
    dark, light = pair(rng)
    tip = np.clip(0.5 + (r - radius[which[..., 0]]) * np.sqrt(len(k)) * 0.5, 0, 1)
    lobe = np.clip(border * np.sqrt(len(k)) * 0.8, 0, 1)
    shade = (
        lobe * (0.35 + 0.65 * tip) if pointed else lobe * (0.5 + 0.4 * hashed(rng, which[..., 0]))
    )
    middle = colour(rng, (0.3, 0.9))
    rgb = relief(rng, ramp(shade, dark, middle, light), lobe, 0.6)
    return cut_out(rgb, 1 - step(1.0, r + 0.04 * (1 - lobe), 0.04))


@family(
    blades={"length": 0.5, "bend": 0.2},
    reeds={"length": 1.3, "bend": 0.06},
    tufts={"length": 0.35, "bend": 0.6},
)
def grass(rng: Rng, size: int, length: float, bend: float) -> Array:
    dark, light = pair(rng, 0.28)
    image, draw = canvas(size, dark)
    for base in np.sort(rng.uniform(-1, 1.4, 170)):  # from far to near
        x, lean = rng.uniform(-1.1, 1.1), rng.normal(0, bend)
        reach = length * rng.uniform(0.6, 1.2)
        tone = dark + (light - dark) * rng.uniform(0.1, 1)
        top = (x + lean * reach * 2, base - reach)
        middle = (x + lean * reach * 0.6, base - reach * 0.55)
        poly(
            draw,
            [
                (x - 0.025, base),
                (middle[0] - 0.02, middle[1]),
                top,
                (middle[0] + 0.02, middle[1]),
                (x + 0.025, base),
            ],
            tone,
        )
    return finish(image)


# --- shells, insects, fish --------------------------------------------------------------------


@family(
    scallop={"kind": "fan"}, nautilus={"kind": "chambers"}, snail={"kind": "coil"},
    ammonite={"kind": "ribs"},
)  # fmt: skip
def shell(rng: Rng, size: int, kind: str) -> Array:
    x, y = grid(rng, size, turn=0.7)
    dark, light = pair(rng, 0.07)
    if kind == "fan":
        r, angle = np.hypot(x, y - 0.8), np.arctan2(x, -(y - 0.8))
        ribs = np.cos(angle * vary(rng, 17, 1.15))
        shade = np.clip(0.5 + 0.3 * ribs + 0.2 * np.sin(r * 22), 0, 1)
        gap = np.maximum(r - 1.6 - 0.04 * ribs, np.abs(angle) - 0.75)
        return cut_out(relief(rng, ramp(shade, dark, light), shade), 1 - step(0, gap, 0.03))
    r, angle = np.hypot(x, y) + 1e-3, np.arctan2(y, x)
    growth = vary(rng, {"chambers": 0.175, "coil": 0.13, "ribs": 0.1}[kind], 1.1)
    turn = np.log(r / 0.95) / growth - angle
    across = turn / (2 * np.pi) - np.floor(turn / (2 * np.pi))  # 0..1 within the tube
    whorl = np.floor(turn / (2 * np.pi)) * 2 * np.pi + angle
    tube = np.sqrt(np.clip(1 - (2 * across - 1) ** 2, 0, 1))
    marks = {
        "chambers": step(0.75, np.cos(whorl * 2.4 * 2 + 2.5 * across), 0.3) * -0.5,
        "coil": 0.15 * noise(rng, size, 12),
        "ribs": 0.35 * np.cos(whorl * 11),
    }[kind]
    shade = np.clip(0.15 + 0.7 * tube + marks, 0, 1)
    rgb = relief(rng, ramp(shade, dark, (dark + light) / 2, light), tube, 0.7)
    return cut_out(rgb, 1 - step(0.95 * np.exp(growth * (angle - np.pi) * 0.5 + 0.1), r, 0.03))


@family(plain={"spots": 0}, eyed={"spots": 2}, veined={"spots": 0, "veins": True})
def butterfly(rng: Rng, size: int, spots: int, veins: bool = False) -> Array:
    x, y = grid(rng, size, turn=0.3)
    side = np.abs(x) / vary(rng, 0.95, 1.1)
    dark, light = pair(rng)
    rgb, alpha = np.zeros((size, size, 3)), np.zeros((size, size))
    for cx, cy, tilt, length, width in (
        (0.48, 0.38, 0.6, 0.42, 0.34),
        (0.52, -0.32, -0.7, 0.55, 0.38),
    ):
        u = (side - cx) * np.cos(tilt) + (y - cy) * np.sin(tilt)
        v = (y - cy) * np.cos(tilt) - (side - cx) * np.sin(tilt)
        r = np.hypot(u / length, v / vary(rng, width, 1.1))
        wing = ramp(np.clip(r, 0, 1), light, colour(rng, (0.6, 1)), dark)
        if veins:
            spread = np.arctan2(y - cy * 0.2, side)
            wing = mix(wing, dark, 1 - step(0.25, np.abs(folded(spread, 20)), 0.2))
        for _ in range(spots):
            d = np.hypot(u - rng.uniform(-0.1, 0.2), v - rng.uniform(-0.1, 0.1))
            for radius, tone in ((0.16, colour(rng)), (0.11, dark), (0.05, light)):
                wing = mix(wing, tone, 1 - step(radius, d, 0.03))
        wing = mix(wing, dark, step(0.87, r, 0.06))
        mask = 1 - step(1, r, 0.05)
        rgb, alpha = mix(rgb, wing, mask), np.maximum(alpha, mask)
    body = 1 - step(1, np.hypot(x / 0.07, y / 0.6), 0.1)
    return cut_out(mix(rgb, dark * 0.6, body), np.maximum(alpha, body))


@family(
    beetle={"legs": 6, "kind": "beetle"},
    spider={"legs": 8, "kind": "spider"},
    ladybird={"legs": 6, "kind": "ladybird"},
    ant={"legs": 6, "kind": "ant"},
)
def insect(rng: Rng, size: int, legs: int, kind: str) -> Array:
    image, draw = canvas(size)
    dark, light = pair(rng)
    shell_tone = colour(rng, (0.4, 1))
    for s in (-1, 1):
        for k in range(legs // 2):
            y = -0.25 + 0.5 * k / (legs // 2 - 1)
            knee = (s * rng.uniform(0.5, 0.65), y * 2.2 - 0.1)
            line(draw, [(0, y), knee, (s * 0.85, y * 3 + 0.12)], dark, 0.045)
        line(draw, [(s * 0.1, -0.6), (s * 0.35, -0.92)], dark, 0.03)
    if kind == "ant":
        for y, r in ((-0.6, 0.2), (-0.15, 0.16), (0.45, 0.3)):
            disc(draw, 0, y, r * 0.8, r, shell_tone * 0.6)
    elif kind == "spider":
        disc(draw, 0, -0.35, 0.24, 0.24, shell_tone * 0.6)
        disc(draw, 0, 0.3, 0.36, 0.45, shell_tone * 0.7)
        for k in range(4):
            disc(draw, 0, 0.05 + 0.16 * k, 0.12 - 0.02 * k, 0.05, light)
    else:
        disc(draw, 0, -0.55, 0.26, 0.22, dark)
        disc(draw, 0, 0.1, 0.45, 0.62, shell_tone)
        if kind == "ladybird":
            for k in range(3):
                for s in (-1, 1):
                    disc(draw, s * 0.22, -0.25 + 0.32 * k, 0.1, 0.1, dark)
        else:
            for t in np.linspace(-0.36, 0.36, 7):
                line(
                    draw,
                    [(t, 0.1 - np.sqrt(0.36 - t * t)), (t, 0.1 + np.sqrt(0.36 - t * t))],
                    shell_tone * 0.7,
                    0.03,
                )
        line(draw, [(0, -0.5), (0, 0.7)], dark, 0.03)
    return finish(image)


@family(
    plain={"bars": 0},
    striped={"bars": 4},
    tall={"bars": 3, "height": 0.75},
    slim={"bars": 0, "height": 0.25},
)
def fish(rng: Rng, size: int, bars: int, height: float = 0.45) -> Array:
    x, y = grid(rng, size, turn=0.4)
    x = x * rng.choice([-1, 1])
    dark, light = pair(rng)
    tall = vary(rng, height, 1.12)
    body = np.hypot((x + 0.15) / 0.75, y / tall)
    tail = np.maximum(np.abs(y) - 0.9 * (x - 0.35), x - 0.9)
    fins = np.hypot((x + 0.1) / 0.4, (np.abs(y) - tall * 0.9) / 0.18)
    coat = scales(rng, size, "round", rng.uniform(12, 16))
    rgb = ramp(np.clip(0.5 + y / tall / 2, 0, 1), dark, light) * 0.6 + 0.4 * coat
    if bars:
        rgb = mix(rgb, colour(rng), step(0.2, np.sin(x * bars * 4 + 1), 0.3))
    rays = ramp(0.5 + 0.5 * np.sin(y * 50), dark, light)
    outside = step(1, body, 0.04)
    rgb = mix(rgb, rays, outside)
    eye_r = np.hypot(x + 0.62, y + tall * 0.2)
    for radius, tone in ((0.12, np.ones(3)), (0.07, np.zeros(3))):
        rgb = mix(rgb, tone, 1 - step(radius, eye_r, 0.02))
    alpha = np.maximum(1 - outside, 1 - step(0, tail, 0.04) * step(-1, x, 0.01))
    return cut_out(rgb, np.maximum(alpha, 1 - step(1, fins, 0.06)))


# --- spirals, rings, rays ---------------------------------------------------------------------


@family(
    one={"arms": 1, "tight": 9}, two={"arms": 2, "tight": 5}, five={"arms": 5, "tight": 5},
    log_one={"arms": 1, "log": 5.0}, log_three={"arms": 3, "log": 4.0},
    pinwheel={"arms": 10, "log": 5.0},
    galaxy={"arms": 2, "log": 3.0, "dust": True},
)  # fmt: skip
def spiral(
    rng: Rng, size: int, arms: int, tight: float = 0, log: float = 0, dust: bool = False
) -> Array:
    x, y = grid(rng, size, shift=0.35)
    r, angle = np.hypot(x, y) + 0.02, np.arctan2(y, x) * rng.choice([-1, 1])
    swirl = (
        vary(rng, log, 1.15) * np.log(r) * max(1, arms / 2)
        if log
        else vary(rng, tight, 1.2) * 3.14 * r
    )
    wave = np.sin(arms * angle + swirl + rng.uniform(0, 6.28) + 0.2 * noise(rng, size, 3))
    dark, light = pair(rng)
    if dust:
        stars = step(2.3, band(rng, size, 20, 40), 0.5)
        glow = np.exp(-2.2 * r) * 0.9 + 0.5 * np.clip(wave, 0, 1) * np.exp(-r)
        return ramp(
            np.clip(glow + 0.1 * fractal(rng, size, 5) + stars, 0, 1),
            dark * 0.3,
            colour(rng),
            light,
        )
    soft = rng.uniform(0.1, 2)
    return relief(rng, ramp(step(0, wave, soft), dark, light), 0.5 + 0.5 * wave, 0.4)


@family(
    onion={"waves": 8, "rough": 0.1}, target={"waves": 4, "rough": 0.0},
    tree={"waves": 13, "rough": 0.35},
    agate={"waves": 9, "rough": 1.3}, ripples={"waves": 7, "rough": 0.0, "sources": 3},
)  # fmt: skip
def rings(rng: Rng, size: int, waves: float, rough: float, sources: int = 1) -> Array:
    dark, light = pair(rng)
    total = np.zeros((size, size))
    for _ in range(sources):
        x, y = grid(rng, size, shift=0.3 * sources)
        r = np.hypot(x, y * vary(rng, 1, 1.2)) + 0.1 * rough * noise(rng, size, 3)
        total += np.sin(6.28 * vary(rng, waves, 1.15) * r)
    if sources > 1:
        return relief(rng, ramp(unit(total) * 0.5 + 0.3, dark, light), unit(total), 1.5)
    if rough > 1:
        return ramp(
            unit(total + 0.5 * noise(rng, size, 4)), dark, colour(rng), light, colour(rng), light
        )
    return ramp(step(0, total, rng.uniform(0.3, 1.5)), dark, light)


@family(
    sunburst={"count": 9, "kind": "sharp"}, gills={"count": 34, "kind": "sharp"},
    citrus={"count": 10, "kind": "citrus"}, firework={"count": 18, "kind": "dotted"},
    dandelion_clock={"count": 26, "kind": "hairs"}, wheel={"count": 10, "kind": "wheel"},
)  # fmt: skip
def rays(rng: Rng, size: int, count: int, kind: str) -> Array:
    x, y = grid(rng, size, shift=0.2 if kind == "sharp" else 0.05)
    r, angle = np.hypot(x, y), np.arctan2(y, x) + rng.uniform(0, 6.28)
    count = round(vary(rng, count, 1.15))
    across = np.abs(folded(angle + 0.03 * noise(rng, size, 3), count))
    dark, light = pair(rng)
    if kind == "sharp":
        return ramp(
            step(0.5, across, 0.2 + 0.1 * rng.uniform()) * np.clip(r * 3, 0, 1), dark, light
        )
    if kind == "citrus":
        flesh = ramp(unit(flow_blur(rng, angle, 8, 40)), colour(rng, (0.6, 1), 0.1), light)
        wall = np.maximum(step(0.86, across + 0.05 / (r + 0.05), 0.1), step(0.8, r, 0.03))
        rgb = mix(flesh, np.array([0.96, 0.93, 0.82]), wall)
        return cut_out(
            mix(rgb, colour(rng, (0.6, 1), 0.1), step(0.9, r, 0.03)), 1 - step(0.97, r, 0.03)
        )
    if kind == "wheel":
        bars = np.maximum(1 - step(0.05, across * r, 0.04), step(0.78, r, 0.03))
        bars = np.maximum(bars, 1 - step(0.16, r, 0.03))
        return cut_out(ramp(r, dark, light, dark), bars * (1 - step(0.96, r, 0.03)))
    if kind == "hairs":
        glow = (1 - step(0.06, across * r, 0.05)) * np.clip(1.2 - r, 0, 1)
        puff = (1 - step(0.3, across, 0.3)) * step(0.65, r, 0.05) * (1 - step(0.95, r, 0.1))
        return ramp(np.clip(glow + 0.6 * puff, 0, 1), dark, light)
    dots = (0.5 + 0.5 * np.cos(r * 30)) * (1 - step(0.35, across, 0.3)) * np.exp(-1.2 * r)
    return ramp(
        np.clip(dots * 1.8 + np.exp(-8 * r), 0, 1), dark * 0.2, colour(rng, (0.7, 1)), light
    )


@family(
    three={"count": 3},
    five={"count": 5},
    six={"count": 6},
    eight={"count": 8},
    twelve={"count": 12},
)
def mandala(rng: Rng, size: int, count: int) -> Array:
    x, y = grid(rng, size, turn=3.14)
    r, across = np.hypot(x, y), np.abs(folded(np.arctan2(y, x), count))
    source = fractal(rng, size, 3, 0.5)
    rows = np.clip(r / 1.42 * (size - 1), 0, size - 1).astype(int)
    columns = np.clip(across * size * min(1, 4 / count), 0, size - 1).astype(int)
    field = unit(source[rows, columns] + 0.6 * np.sin(r * vary(rng, 14)))
    tones = [colour(rng) for _ in range(5)]
    return ramp(np.round(field * 6) / 6, *tones)


# --- built things -----------------------------------------------------------------------------


@family(
    running={"bond": "running"}, stacked={"bond": "stacked"},
    square={"bond": "stacked", "aspect": 1.0},
    basket={"bond": "basket"}, herringbone={"bond": "herringbone"},
    thin={"bond": "running", "aspect": 5.0},
)  # fmt: skip
def bricks(rng: Rng, size: int, bond: str, aspect: float = 2.4) -> Array:
    x, y = grid(rng, size, turn=0.08)
    rows = vary(rng, 7, 1.25)
    v, u = (y + 3) * rows / 2, (x + 3) * rows / 2
    if bond in ("running", "stacked"):
        row = np.floor(v)
        s = u / aspect + (0.5 * (row % 2) if bond == "running" else 0)
        column, fu, fv = np.floor(s), (s - np.floor(s)) * aspect, v - row
        gap = np.minimum(np.minimum(fu, aspect - fu), np.minimum(fv, 1 - fv))
    elif bond == "basket":
        bu, bv = np.floor(u / 2), np.floor(v / 2)
        flip = (bu + bv) % 2 == 0
        a, b = np.where(flip, u, v), np.where(flip, v, u)
        row, column = np.floor(b) + 40 * bu, bv * 7 + np.floor(a / 2)
        fa, fb = a % 2, b % 1
        gap = np.minimum(np.minimum(fa, 2 - fa), np.minimum(fb, 1 - fb))
    else:
        iu, iv = np.floor(u), np.floor(v)
        k = (iu + iv) % 4  # a brick covers two cells: 0-1 lie, 2-3 stand
        du = np.where(k == 1, u - iu + 1, u - iu)
        lying = k < 2
        dv = np.where(k == 3, v - iv + 1, v - iv)
        long_side, short_side = np.where(lying, du, dv), np.where(lying, v - iv, u - iu)
        gap = np.minimum(
            np.minimum(long_side, 2 - long_side), np.minimum(short_side, 1 - short_side)
        )
        row, column = np.where(k == 3, iv - 1, iv), np.where(k == 1, iu - 1, iu)
    tint = hashed(rng, row, column)
    dark, light = pair(rng, 0.04)
    stone = ramp(np.clip(0.2 + 0.6 * tint + 0.1 * fractal(rng, size, 8), 0, 1), dark, light)
    joint = step(0.08, gap, 0.08)
    mortar = np.broadcast_to(colour(rng, (0.4, 0.9)), stone.shape)
    return relief(rng, mix(mortar, stone, joint), joint, 0.25)


@family(
    office={"arch": False, "tall": 1.2}, tower={"arch": False, "tall": 2.5},
    arches={"arch": True, "tall": 1.6},
    shutters={"arch": False, "tall": 1.5, "shutters": True}, colonnade={"arch": True, "tall": 4.0},
)  # fmt: skip
def facade(rng: Rng, size: int, arch: bool, tall: float, shutters: bool = False) -> Array:
    x, y = grid(rng, size, turn=0.06)
    columns = vary(rng, 5 if tall < 3 else 4, 1.2)
    u, v = (x + 2) * columns / 2, (y + 2) * columns / 2 / vary(rng, tall, 1.15)
    fu, fv = u % 1 - 0.5, v % 1 - 0.5
    half = rng.uniform(0.24, 0.32)
    gap = np.maximum(np.abs(fu) - half, np.abs(fv) - 0.33)
    if arch:
        rise = np.hypot(fu / half, (fv + 0.1) / (0.35 / max(tall / 1.6, 1))) - 1
        gap = np.where(fv < -0.1, rise * half, np.maximum(np.abs(fu) - half, fv - 0.4))
    lit = hashed(rng, np.floor(u), np.floor(v))
    dark, light = pair(rng)
    wall = np.broadcast_to(light * 0.9, (size, size, 3)) * (
        0.9 + 0.05 * fractal(rng, size, 6)[..., None]
    )
    pane = ramp(np.where(lit > 0.75, 1.0, lit * 0.3), dark * 0.5, colour(rng, (0.7, 1), 0.13))
    rgb = mix(wall, wall * 0.55, 1 - step(0.05, gap, 0.03))
    rgb = mix(rgb, pane, 1 - step(0, gap, 0.03))
    if not arch:
        bars = np.minimum(np.abs(fu), np.abs(fv + 0.08))
        rgb = mix(rgb, wall, (1 - step(0.02, bars, 0.02)) * (gap < 0))
    if shutters:
        wing = (np.abs(fu) > half) & (np.abs(fu) < half + 0.16) & (np.abs(fv) < 0.33)
        rgb[wing] = (colour(rng, (0.3, 0.8)) * (0.8 + 0.3 * np.sin(v * 60))[..., None])[wing]
    return np.clip(rgb, 0, 1)


@family(
    plain={"kind": "plain"}, twill={"kind": "twill"}, knit={"kind": "knit"}, mail={"kind": "mail"},
    net={"kind": "net"}, braid={"kind": "braid"}, basket={"kind": "basket"},
)  # fmt: skip
def weave(rng: Rng, size: int, kind: str) -> Array:
    x, y = grid(rng, size, turn=0.3 if kind != "knit" else 0.1)
    n = vary(rng, {"basket": 4, "braid": 3, "knit": 6, "net": 5}.get(kind, 7), 1.2)
    u, v = (x + 3) * n, (y + 3) * n
    dark, light = pair(rng)
    if kind == "net":
        strand = np.minimum(np.abs(folded((u + v) * 3.14, 1)), np.abs(folded((u - v) * 3.14, 1)))
        return ramp(1 - step(0.15, strand, 0.12), dark, light)
    if kind == "mail":
        ring = np.full(u.shape, 9.0)
        for du, dv in ((0.0, 0.0), (0.5, 0.5)):
            r = np.hypot((u + du) % 1 - 0.5, (v + dv) % 1 - 0.5)
            ring = np.minimum(ring, np.abs(r - 0.4))
        return relief(
            rng, ramp(1 - step(0.08, ring, 0.08), dark, light), 1 - np.clip(ring * 6, 0, 1)
        )
    if kind in ("knit", "braid"):
        column = np.floor(u)
        lean = np.abs(u - column - 0.5) * 2
        phase = (v * (1.4 if kind == "knit" else 0.9) - lean * (0.9 if kind == "knit" else 1.6)) % 1
        strand = np.sqrt(np.clip(np.sin(np.pi * phase), 0, 1)) * np.clip(
            np.sin(np.pi * (u - column)) + 0.25, 0, 1
        )
        fibre = 0.12 * noise(rng, size, 40)
        return relief(rng, ramp(np.clip(strand + fibre, 0, 1), dark, light), strand, 0.6)
    iu, iv = np.floor(u), np.floor(v)
    shift = {
        "plain": (iu + iv) % 2 == 0,
        "twill": (iu + iv) % 4 < 2,
        "basket": (iu // 2 + iv // 2) % 2 == 0,
    }[kind]
    across, along = np.where(shift, v % 1, u % 1), np.where(shift, u % 1, v % 1)
    bulge = np.sin(np.pi * across) * (0.55 + 0.45 * np.sin(np.pi * along))
    thread = 0.1 * np.sin(across * 25)
    tone = np.where(shift[..., None], light, light * 0.7 + dark * 0.5)
    return relief(rng, tone * (0.25 + 0.75 * np.clip(bulge + thread, 0, 1))[..., None], bulge, 0.5)


@family(
    truchet={"kind": "truchet"}, maze={"kind": "maze"}, checks={"kind": "checks"},
    argyle={"kind": "argyle"},
    triangles={"kind": "triangles"}, stars={"kind": "stars"}, tartan={"kind": "tartan"},
    chevron={"kind": "chevron"},
)  # fmt: skip
def tiles(rng: Rng, size: int, kind: str) -> Array:
    x, y = grid(rng, size, turn=0.5)
    n = vary(rng, 4, 1.3)
    u, v = (x + 3) * n / 1.3, (y + 3) * n / 1.3
    iu, iv = np.floor(u), np.floor(v)
    fu, fv = u - iu, v - iv
    chance, dark, light = hashed(rng, iu, iv), *pair(rng)
    if kind in ("truchet", "maze"):
        fu = np.where(chance > 0.5, fu, 1 - fu)
        d = np.minimum(np.abs(np.hypot(fu, fv) - 0.5), np.abs(np.hypot(1 - fu, 1 - fv) - 0.5))
        d = np.abs(fu - fv) * 0.7 if kind == "maze" else d
        return ramp(1 - step(0.14, d, 0.06), dark, light)
    if kind == "checks":
        return ramp((iu + iv) % 2 * 0.8 + 0.2 * chance, dark, light)
    if kind == "argyle":
        a, b = np.floor(u + v / 1.6), np.floor(u - v / 1.6)
        rgb = ramp((a + b) % 2 * 0.8 + 0.2 * hashed(rng, a, b), dark, light)
        thin = np.minimum(np.abs((u + v / 1.6) % 1 - 0.5), np.abs((u - v / 1.6) % 1 - 0.5))
        return mix(rgb, colour(rng), 1 - step(0.04, thin, 0.03))
    if kind == "triangles":
        return ramp(hashed(rng, iu, iv, (fu > fv).astype(float)), dark, colour(rng), light)
    if kind == "stars":
        cu, cv = np.abs(fu - 0.5), np.abs(fv - 0.5)
        star = np.minimum(np.maximum(cu, cv) * 1.41, cu + cv)
        rgb = mix(np.broadcast_to(dark, (size, size, 3)), light, 1 - step(0.42, star, 0.04))
        return mix(rgb, colour(rng), 1 - step(0.22, star, 0.04))
    if kind == "chevron":
        return ramp(step(0.5, (v + np.abs(fu - 0.5) * 1.4) % 1, 0.06), dark, light)
    bands = [hashed(rng, np.floor(t * 5) % 9) for t in (u * 0.6, v * 0.6)]
    return ramp((bands[0] + bands[1]) / 2, dark, colour(rng), light)


@family(gear={"teeth": 12}, cog={"teeth": 8, "hole": 0.5}, saw={"teeth": 24, "sharp": True})
def gear(rng: Rng, size: int, teeth: int, hole: float = 0.22, sharp: bool = False) -> Array:
    x, y = grid(rng, size, turn=3.14)
    r, angle = np.hypot(x, y), np.arctan2(y, x)
    across = np.abs(folded(angle + (r * 0.3 if sharp else 0), round(vary(rng, teeth, 1.15))))
    outline = 0.78 + (0.16 * across if sharp else 0.15 * step(0.5, across, 0.2))
    metal = unit(flow_blur(rng, angle + 1.57, 10, 30))
    dark, light = pair(rng)
    rgb = relief(rng, ramp(0.3 + 0.5 * metal, dark, light), 1 - step(0.55, r, 0.1), 0.5)
    return cut_out(rgb, (1 - step(0, r - outline, 0.03)) * step(vary(rng, hole, 1.1), r, 0.03))


@family(rope={"twist": 1.0}, tentacle={"twist": 0.0}, chain={"twist": -1.0})
def cord(rng: Rng, size: int, twist: float) -> Array:
    x, y = grid(rng, size, turn=0.8)
    x = x + 0.2 * np.sin(y * vary(rng, 2.5))
    half = vary(rng, 0.32, 1.15) * (1 if twist else np.clip(0.9 + 0.5 * y, 0.15, 2))
    across = np.clip(x / half, -1, 1)
    dark, light = pair(rng)
    round_ = np.sqrt(1 - across**2)
    if twist > 0:
        strand = np.abs(np.sin(vary(rng, 9) * y + 2.0 * across))
        return cut_out(ramp(round_ * strand, dark, light), 1 - step(0.95, np.abs(x) / half, 0.1))
    if twist < 0:
        phase = (y * 3) % 2
        link = np.hypot(x / 0.3, (phase - 1) / 1.1)
        hollow = (link < 0.65) & (link > 0)
        edge_on = (np.abs(x) < 0.09) & (np.abs(phase - 1) > 0.55)
        alpha = np.where(edge_on, 1.0, (1 - step(1, link, 0.1)) * ~hollow)
        return cut_out(ramp(np.abs(np.sin(link * 4)), dark, light), alpha)
    cup = np.hypot(((np.abs(across) - 0.4) * 2.2), ((y * 6 / (0.9 + 0.5 * y)) % 1 - 0.5) * 2.4)
    rgb = ramp(round_, dark, (dark + light) / 2 + 0.1)
    rgb = mix(rgb, light, (1 - step(0.75, cup, 0.2)))
    rgb = mix(rgb, dark, (1 - step(0.35, cup, 0.15)))
    return cut_out(rgb, 1 - step(1, np.abs(x) / half, 0.08))


# --- cells ------------------------------------------------------------------------------------


@family(
    cracks={"across": 5, "kind": "cracks"}, cracks_fine={"across": 11, "kind": "cracks"},
    pebbles={"across": 6, "kind": "round"}, pebbles_fine={"across": 13, "kind": "round"},
    giraffe={"across": 5, "kind": "patches"}, crystal={"across": 6, "kind": "facets"},
    glass={"across": 5, "kind": "glass"}, foam={"across": 7, "kind": "bubbles"},
    leather={"across": 18, "kind": "round"}, skin={"across": 9, "kind": "tissue"},
    bark={"across": 5, "kind": "cracks", "stretch": 3.2},
    crocodile={"across": 6, "kind": "round", "jitter": 0.35},
    mosaic={"across": 12, "kind": "glass", "jitter": 0.3}, caustics={"across": 4, "kind": "light"},
    wing={"across": 8, "kind": "veins", "stretch": 0.5},
)  # fmt: skip
def cells(
    rng: Rng, size: int, across: float, kind: str, stretch: float = 1.0, jitter: float = 0.9
) -> Array:
    x, y = grid(rng, size)
    across = vary(rng, across)
    points = scattered(rng, across, jitter, 1.5 + abs(np.log(stretch)))
    wobble = 0.25 / across * noise(rng, size, across * 1.5)
    d, which = nearest(points, x * np.sqrt(stretch) + wobble, y / np.sqrt(stretch) + wobble.T, 3)
    pitch = 2 / across
    border, tint = (d[..., 1] - d[..., 0]) / pitch, hashed(rng, which[..., 0])
    dark, light = pair(rng)
    grain = fractal(rng, size, 10) * 0.06
    if kind == "cracks":
        plate = ramp(np.clip(0.55 + 0.3 * tint + grain, 0, 1), dark, light)
        return relief(
            rng,
            mix(np.broadcast_to(dark * 0.4, plate.shape), plate, step(0.08, border, 0.1)),
            step(0.15, border, 0.3),
            0.3,
        )
    if kind == "round":
        dome = np.clip(1 - (d[..., 0] / pitch / 0.6) ** 2, 0, 1) * step(0.06, border, 0.15)
        tone = ramp(tint, colour(rng, (0.4, 0.9)), colour(rng, (0.4, 0.9)), light)
        return relief(rng, tone * (0.15 + 0.85 * np.sqrt(dome))[..., None], dome, 0.8)
    if kind == "patches":
        return ramp(step(0.16, border, 0.05) * (0.8 + grain), light, dark + 0.15)
    if kind == "facets":
        slope = rng.normal(size=(len(points), 2))[which[..., 0]]
        lit = 0.5 + 0.4 * (slope[..., 0] * (x * across % 1) + slope[..., 1]) / 2
        return ramp(np.clip(lit + 0.15 * (border < 0.04), 0, 1), dark, light)
    if kind == "glass":
        table = np.stack([colour(rng, (0.3, 1)) for _ in range(12)])
        pane = table[(tint * 11.99).astype(int)]
        return mix(np.full(pane.shape, 0.05), pane, step(0.09, border, 0.05))
    if kind == "bubbles":
        r = d[..., 0] / pitch
        shine = np.exp(-(((x * across) % 1 - 0.4) ** 2) * 20) * (r < 0.25)
        return ramp(
            np.clip(step(0.3, r, 0.3) * 0.7 + shine + 0.4 * (border < 0.06), 0, 1), dark, light
        )
    if kind == "tissue":
        nucleus = 1 - step(0.16, d[..., 0] / pitch, 0.06)
        rgb = ramp(np.clip(border * 2, 0, 1), dark, light)
        return mix(rgb, colour(rng, (0.1, 0.6)), nucleus)
    if kind == "light":
        glow = np.exp(-7 * border) + 0.4 * np.exp(-4 * (d[..., 2] - d[..., 1]) / pitch)
        return ramp(np.clip(glow, 0, 1), dark + 0.1, light)
    rgb = mix(
        np.broadcast_to(dark, (size, size, 3)),
        light + 0 * grain[..., None],
        step(0.07, border, 0.05),
    )
    return np.clip(rgb * (1 + grain[..., None] * 2), 0, 1)


@family(
    thin={"wall": 0.06, "kind": "flat"}, thick={"wall": 0.22, "kind": "flat"},
    filled={"wall": 0.1, "kind": "honey"},
    nested={"wall": 0.1, "kind": "nested"}, studs={"wall": 0.1, "kind": "domes"},
)  # fmt: skip
def honeycomb(rng: Rng, size: int, wall: float, kind: str) -> Array:
    x, y = grid(rng, size, turn=0.5)
    n = vary(rng, 7, 1.3)
    line_ = np.arange(-n, n + 1)
    a, b = np.meshgrid(line_, line_)
    points = np.stack([(a + 0.5 * (np.round(b) % 2)) * 2 / n, b * 1.732 / n], -1).reshape(-1, 2)
    d, which = nearest(points, x + 0.01 * noise(rng, size, 5), y)
    border, tint = (d[..., 1] - d[..., 0]) * n / 2, hashed(rng, which[..., 0])
    dark, light = pair(rng, 0.11)
    if kind == "nested":
        return ramp(step(0, np.sin(border * 20), 0.5), dark, light)
    if kind == "domes":
        return relief(rng, ramp(0.3 + 0.5 * tint, dark, light), np.clip(border, 0, 0.7), 1.0)
    cell = ramp(0.2 + 0.6 * tint, dark, (dark + light) / 2)
    if kind == "honey":
        cell = ramp(np.clip(tint * 0.5 + 0.5 * border + 0.3 * (border > 0.75), 0, 1), dark, light)
    return relief(
        rng, mix(np.broadcast_to(light, cell.shape), cell, step(wall, border, 0.06)), border, 0.3
    )


@family(
    hex_={"across": 6, "jitter": 0.0}, random={"across": 7, "jitter": 0.9},
    fine={"across": 14, "jitter": 0.1},
    suckers={"across": 5, "jitter": 0.2, "rings": True},
)  # fmt: skip
def dots(rng: Rng, size: int, across: float, jitter: float, rings: bool = False) -> Array:
    x, y = grid(rng, size, turn=0.8)
    across = vary(rng, across, 1.2)
    d, which = nearest(scattered(rng, across, jitter, 1.6), x, y, 1)
    radius = (0.22 + 0.12 * hashed(rng, which) * (jitter > 0.5)) * 2 / across
    dark, light = pair(rng)
    mask = 1 - step(1, d / radius, 0.15)
    if rings:
        mask = (
            mask - (1 - step(0.6, d / radius, 0.2)) * 0.8 + 0.8 * (1 - step(0.25, d / radius, 0.2))
        )
    first, second = (dark, light) if rng.uniform() < 0.5 else (light, dark)
    return ramp(np.clip(mask, 0, 1), first, second)


@family(orb={"spokes": 14, "sag": 0.12}, wide={"spokes": 8, "sag": 0.25}, tangle={"spokes": 0})
def web(rng: Rng, size: int, spokes: int, sag: float = 0.0) -> Array:
    dark, light = pair(rng)
    if not spokes:
        image, draw = canvas(size, dark)
        for _ in range(60):
            a, b = rng.uniform(-1.2, 1.2, (2, 2))
            line(draw, [a, b], light * rng.uniform(0.5, 1), 0.015)
        return finish(image)
    x, y = grid(rng, size, shift=0.25)
    r, angle = np.hypot(x, y), np.arctan2(y, x)
    across = np.abs(folded(angle, round(vary(rng, spokes, 1.15))))
    turns = r * vary(rng, 9, 1.15) * (1 + sag * (1 - across**2)) + angle / 6.28
    threads = np.minimum(np.abs(turns - np.round(turns)) * 0.12, across * r / spokes * 3)
    return ramp(1 - step(0.012, threads, 0.012), dark, light)


# --- earth, water, air, fire ------------------------------------------------------------------


@family(
    grain={"kind": "grain"},
    planks={"kind": "planks"},
    knots={"kind": "knots"},
    burl={"kind": "burl"},
)
def wood(rng: Rng, size: int, kind: str) -> Array:
    x, y = grid(rng, size)
    dark, light = pair(rng, 0.07)
    if kind == "planks":
        n = vary(rng, 5, 1.2)
        plank = np.floor((x + 2) * n / 2)
        streaks = band(rng, size, 8, 40, stretch=4) * 0.12 + 0.4 * hashed(rng, plank)
        gap = np.abs(folded((x + 2) * n * np.pi, 1))
        return (
            ramp(np.clip(0.4 + streaks, 0, 1), dark, light) * step(0.06, 1 - gap, 0.06)[..., None]
        )
    if kind == "knots":
        field = x * 6 + 0.3 * noise(rng, size, 2)
        for _ in range(3):
            kx, ky = rng.uniform(-0.8, 0.8, 2)
            field += 2.5 * np.exp(-(((x - kx) / 0.25) ** 2) - ((y - ky) / 0.4) ** 2)
    elif kind == "burl":
        field = 3 * noise(rng, size, 3)
    else:
        field = x * 7 + 0.6 * band(rng, size, 0.5, 3, stretch=2)
    shade = unit(
        np.sin(field * 4) + 0.35 * band(rng, size, 10, 40, stretch=4 if kind != "burl" else 1)
    )
    return ramp(shade, dark + 0.1, light)


@family(veins={"kind": "veins"}, turbulence={"kind": "turbulence"}, granite={"kind": "granite"})
def stone(rng: Rng, size: int, kind: str) -> Array:
    x, _ = grid(rng, size, turn=3.14)
    dark, light = pair(rng)
    if kind == "veins":
        t = np.abs(np.sin(vary(rng, 4) * x + 1.2 * fractal(rng, size, 2)))
        return ramp(t**0.35, dark, light)
    if kind == "turbulence":
        return ramp(
            unit(np.abs(fractal(rng, size, 3, 0.7)) + np.abs(fractal(rng, size, 5))),
            dark,
            colour(rng),
            light,
        )
    return ramp(unit(np.round(band(rng, size, 12, 40) * 1.5)), dark, colour(rng), light)


@family(
    cumulus={"kind": "puffs"}, cirrus={"kind": "wisps"}, fog={"kind": "fog"},
    flames={"kind": "flames"},
    smoke={"kind": "smoke"}, nebula={"kind": "nebula"},
)  # fmt: skip
def vapour(rng: Rng, size: int, kind: str) -> Array:
    x, y = grid(rng, size)
    sky, white = colour(rng, (0.3, 0.9), 0.58), np.array([0.97, 0.97, 0.98])
    if kind == "puffs":
        distance, _ = nearest(scattered(rng, vary(rng, 5), 1.2), x, y * 1.3, 1)
        puff = unit(0.5 - distance + 0.12 * fractal(rng, size, 4))
        return relief(
            rng, mix(np.broadcast_to(sky, (size, size, 3)), white, step(0.45, puff, 0.4)), puff, 0.5
        )
    if kind == "wisps":
        angle = rng.normal(0, 0.3) + 0.5 * noise(rng, size, 2)
        return ramp(flow_blur(rng, angle, 30, 16) * unit(noise(rng, size, 2)), sky, white)
    if kind == "fog":
        return ramp(unit(fractal(rng, size, 2, 0.4) + 2 * y), sky, white, colour(rng, (0.4, 0.8)))
    if kind == "flames":
        tongues = fractal(rng, size, 3, 0.5, stretch=1.9)
        heat = np.clip(0.55 + 0.5 * y + 0.28 * tongues, 0, 1)
        hue = 0.05 if rng.uniform() < 0.6 else rng.uniform()
        return ramp(
            heat**1.6,
            np.zeros(3),
            colour(rng, (0.5, 0.8), hue),
            colour(rng, (0.9, 1), hue + 0.08),
            np.array([1, 1, 0.85]),
        )
    if kind == "smoke":
        angle = 3 * noise(rng, size, 2.5)
        dark, light = pair(rng)
        return ramp(flow_blur(rng, angle, 16, 12), dark, light)
    gas = unit(fractal(rng, size, 2.5, 0.6))
    rgb = ramp(gas, np.zeros(3), colour(rng, (0.3, 0.7)), colour(rng, (0.7, 1)))
    return np.clip(rgb + step(2.4, band(rng, size, 25, 50), 0.4)[..., None], 0, 1)


@family(
    sea={"kind": "sea"}, dunes={"kind": "dunes"}, curls={"kind": "curls"}, drops={"kind": "drops"},
    folds={"kind": "folds"}, mountains={"kind": "mountains"},
)  # fmt: skip
def waves(rng: Rng, size: int, kind: str) -> Array:
    x, y = grid(rng, size, turn=0.3)
    dark, light = pair(rng, 0.58 if kind in ("sea", "curls") else None)
    if kind == "sea":
        height = unit(
            band(rng, size, 4, 14, stretch=0.55) + 0.3 * band(rng, size, 12, 30, stretch=0.6)
        )
        return relief(rng, ramp(height**2, dark, (dark + light) / 2, light), height, 1.0)
    if kind == "dunes":
        t = (y * vary(rng, 5) + 0.5 * noise(rng, size, 3)) % 1
        return relief(rng, ramp(0.4 + 0.5 * t, dark, light), t * (1 - step(0.85, t, 0.3)), 0.8)
    if kind == "folds":
        field = np.sin(x * vary(rng, 9) + 1.5 * noise(rng, size, 2))
        return relief(rng, ramp(0.5 + 0.4 * field, dark, light), 0.5 + 0.5 * field, 0.9)
    if kind == "drops":
        d, which = nearest(scattered(rng, vary(rng, 6), 1.1), x, y, 1)
        radius = 0.04 + 0.13 * hashed(rng, which)
        t = np.clip(d / radius, 0, 1)
        rgb = mix(np.broadcast_to((dark + light) / 2, (size, size, 3)), light, (1 - t) * (t < 1))
        return relief(rng, rgb, np.sqrt(1 - t**2), 1.2)
    if kind == "curls":
        n = vary(rng, 3, 1.15)
        u, v = (x + 2) * n / 2, (y + 2) * n / 2
        cx, cy = u % 1 - 0.5, (v + 0.5 * (np.floor(u) % 2)) % 1 - 0.5
        r, angle = np.hypot(cx, cy) + 1e-3, np.arctan2(cy, cx)
        return ramp(step(0, np.sin(angle + 24 * r), 0.6), dark, light)
    rgb = ramp((y + 1) / 2, colour(rng, (0.6, 1)), light)
    for k in range(5):
        ridge = fractal(rng, size, 2 + k, 0.5)[0] * 0.13 - 0.5 + 0.32 * k
        rgb = mix(rgb, dark + (light - dark) * (0.8 - 0.18 * k), step(0, y - ridge[None], 0.03))
    return rgb


def render(name: str, rng: Rng, size: int) -> npt.NDArray[np.uint8]:
    """One picture of a class, [size, size, 4] uint8 with premultiplied alpha."""
    picture = np.clip(CLASSES[name](rng, size), 0, 1)
    if picture.shape[-1] == 3:
        picture = np.concatenate([picture, np.ones((size, size, 1))], axis=-1)
    picture[..., :3] *= picture[..., 3:]
    return np.round(picture * 255).astype(np.uint8)
