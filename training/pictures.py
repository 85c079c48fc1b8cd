"""What the student looks at: photographs, wallpapers, emoji and textures, cropped at random.

A pool holds everything as squares of SIDE pixels in memory; `Crops` takes from it what a step
learns from, with changes of scale, shape, rotation, colour and noise, so that no picture is seen
twice. A twentieth of the photographs, and a fifth of the wallpapers, are held out for the judge,
who sees nothing that was drawn: every emoji and every family of textures is in the training.
"""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from training import debian, textures
from training.debian import Pixels

SIDE = 160
HELD_OUT_EVERY = 20  # photographs
CROPS_EACH = {"train": 27, "held_out": 5}  # of a wallpaper
TEXTURES_EACH = 32  # of a class
PROCESSES = 2


def build_pool(photos: Path, split: str, seed: int) -> Tensor:
    """Gather every picture of the split, "train" or "held_out": uint8 RGB [n, 3, SIDE, SIDE].

    `photos` is a folder with .jpg files at any depth. Raise SystemExit when it has none, or when
    Debian's wallpapers are not installed.
    """
    held_out = split == "held_out"
    rng = np.random.default_rng([seed, held_out])
    files = [
        path
        for i, path in enumerate(sorted(photos.rglob("*.jpg")))
        if (i % HELD_OUT_EVERY == 7) == held_out
    ]
    papers = debian.wallpapers(held_out)
    for found, what in ((files, f"photographs (.jpg) in {photos}"), (papers, "wallpapers")):
        if not found:
            raise SystemExit(f"no {what}: training/README.md says what training needs")
    wallpapers = [
        crop for path in papers for crop in debian.crops(rng, path, CROPS_EACH[split], SIDE)
    ]
    with multiprocessing.get_context("fork").Pool(PROCESSES) as workers:
        pictures = workers.map(_photograph, files, chunksize=50) + wallpapers
        if not held_out:
            jobs = [(name, seed + k) for name in textures.CLASSES for k in range(TEXTURES_EACH)]
            pictures += workers.map(_texture, jobs, chunksize=20)
    if not held_out:
        sprites = debian.emoji(SIDE).values()
        pictures += [_laid_over(rng, sprite, wallpapers) for sprite in sprites]
    return torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2).copy())


def load_pool(photos: Path, split: str, seed: int, folder: Path) -> Tensor:
    """Load the pool that `folder` keeps; the first time, build and keep it.

    Delete the file after a change of the material.
    """
    path = folder / f"pictures-{split}.pt"
    if not path.exists():
        torch.save(build_pool(photos, split, seed), path)
    pool: Tensor = torch.load(path, weights_only=True)
    return pool


def _photograph(path: Path) -> Pixels:
    """Load the middle square of a photograph, SIDE pixels wide."""
    with Image.open(path) as image:
        picture = image.convert("RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    box = (left, top, left + side, top + side)
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box=box))


def _texture(job: tuple[str, int]) -> Pixels:
    name, seed = job
    index = list(textures.CLASSES).index(name)
    return textures.render(name, np.random.default_rng([index, seed]), SIDE)


def _laid_over(rng: np.random.Generator, sprite: Pixels, wallpapers: Sequence[Pixels]) -> Pixels:
    """Lay a sprite with premultiplied alpha, made smaller, somewhere on a wallpaper."""
    picture = wallpapers[int(rng.integers(len(wallpapers)))].astype(np.float32)
    side = round(SIDE * rng.uniform(0.4, 1))
    small = np.asarray(Image.fromarray(sprite, "RGBa").resize((side, side)), np.float32)
    left, top = rng.integers(SIDE - side + 1, size=2)
    under = picture[top : top + side, left : left + side]
    under[:] = small[..., :3] + under * (1 - small[..., 3:] / 255)
    levels: Pixels = np.clip(np.round(picture), 0, 255).astype(np.uint8)
    return levels


class Crops:
    """Take random crops of a pool: which ones, the seed and what was taken before decide."""

    def __init__(self, pool: Tensor, seed: int) -> None:
        self.pool = pool
        self.generator = torch.Generator().manual_seed(seed)

    def take(self, count: int, side: int) -> Tensor:
        """Return float RGB pictures [count, 3, side, side], whole levels in 0..255."""
        rng, n = self.generator, count
        chosen = self.pool[torch.randint(len(self.pool), (n,), generator=rng)].float()
        scale = _between(rng, math.log(0.4), math.log(1.1), n).exp().clamp(max=1)
        stretch = _between(rng, -0.2, 0.2, n).exp()
        turn = 0.15 * torch.randn(n, generator=rng)
        flip = torch.where(torch.rand(n, generator=rng) < 0.5, -1.0, 1.0)
        x, y = (_between(rng, -1, 1, n) * (1 - scale) for _ in range(2))
        rows = [
            torch.stack([scale * stretch * flip * turn.cos(), -scale * turn.sin(), x], 1),
            torch.stack([scale * flip * turn.sin(), scale / stretch * turn.cos(), y], 1),
        ]
        grid = F.affine_grid(torch.stack(rows, 1), [n, 3, side, side], align_corners=False)
        picture = F.grid_sample(chosen, grid, padding_mode="reflection", align_corners=False)
        return _recoloured(rng, picture).clamp(0, 255).round()


def _between(rng: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    return low + (high - low) * torch.rand(*shape, generator=rng)


def _recoloured(rng: torch.Generator, picture: Tensor) -> Tensor:
    """Change contrast, brightness and colour cast of each picture; add noise to half of them."""
    n = len(picture)
    contrast = _between(rng, -0.3, 0.3, n, 1, 1, 1).exp()
    cast = (0.08 * torch.randn(n, 3, 1, 1, generator=rng)).exp()
    offset = _between(rng, -25, 25, n, 1, 1, 1)
    noise = _between(rng, -6, 6, n, 1, 1, 1).clamp(min=0)
    grain = torch.randn(picture.shape, generator=rng)
    return (picture - 118) * contrast * cast + 118 + offset + noise * grain


def held_out_crops(pool: Tensor, count: int, side: int) -> Tensor:
    """Return the same crops at each call, as the judge sees them: [count, 3, side, side]."""
    picked: Sequence[int] = np.linspace(0, len(pool) - 1, count).astype(int).tolist()
    start = (SIDE - side) // 2
    return pool[picked][..., start : start + side, start : start + side].float()
