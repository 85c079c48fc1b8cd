"""Batches of training pictures: sprites laid over backgrounds, all on the fly.

`Pools` holds ready-made material in memory; `Composer.batch` places, bends, colours, occludes and
blurs it in whole batches with torch, which costs a few percent of the training step. A batch
depends on (seed, step) only, so a resumed run goes on with the same pictures.
"""

from __future__ import annotations

import json
import multiprocessing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training import backgrounds, emoji, textures

SIDE = 96  # pixels of a sprite or background in the pools
EMOJI_CLASSES = 880
RENDERINGS = {"train": 80, "held_out": 8}  # per texture class
BACKGROUNDS = {"train": 4000, "held_out": 800}
MASKS = 400
TEXTURE_WEIGHT = 3.5  # how often a texture class is drawn, beside 1 for a usual emoji
FULL = 0.6  # strength of the distortions that training ends with and accuracy is measured at
SPLIT_SEED = {"train": 1, "held_out": 2}


@dataclass
class Pools:
    """Material of one split: uint8 pictures, SIDE a side; sprites have premultiplied alpha."""

    names: list[str]  # class names
    weights: Tensor  # [classes], how often each is drawn
    first: Tensor  # [classes], index of a class's first sprite
    count: Tensor  # [classes], number of its sprites
    is_surface: Tensor  # [sprites], bool: fills its square
    sprites: Tensor  # [sprites, 4, SIDE, SIDE]
    backgrounds: Tensor  # [n, 3, SIDE, SIDE]
    masks: Tensor  # [n, 1, SIDE, SIDE], round and ragged outlines for surfaces


def _render(job: tuple[str, int, int]) -> np.ndarray:
    name, seed, split_seed = job
    index = list(textures.CLASSES).index(name)
    return textures.render(name, np.random.default_rng([split_seed, index, seed]), SIDE)


def build_pools(split: str, seed: int, processes: int = 2) -> Pools:
    """Render everything for "train" or "held_out" (about a minute); the two share no background
    photograph and no texture rendering."""
    pictures = emoji.sprites(SIDE)
    groups = emoji.classes(pictures, EMOJI_CLASSES)
    split_seed = 1000 * seed + SPLIT_SEED[split]
    rng = np.random.default_rng([split_seed])
    each = RENDERINGS[split]
    jobs = [(name, k, split_seed) for name in textures.CLASSES for k in range(each)]
    with multiprocessing.get_context("fork").Pool(processes) as workers:
        rendered = workers.map(_render, jobs, chunksize=20)
    emoji_sprites = [pictures[code] for group in groups for code in group.codepoints]
    counts = [len(group.codepoints) for group in groups] + [each] * len(textures.CLASSES)
    sprites = np.stack(emoji_sprites + rendered)
    weights = [group.weight for group in groups] + [TEXTURE_WEIGHT] * len(textures.CLASSES)
    count = torch.tensor(counts)
    return Pools(
        names=[f"emoji/{g.name}" for g in groups] + [f"texture/{n}" for n in textures.CLASSES],
        weights=torch.tensor(weights),
        first=count.cumsum(0) - count,
        count=count,
        is_surface=torch.from_numpy((sprites[..., 3] > 250).mean(axis=(1, 2)) > 0.98),
        sprites=_channels_first(sprites),
        backgrounds=_channels_first(
            backgrounds.crops(rng, BACKGROUNDS[split], SIDE, split == "held_out")
        ),
        masks=torch.stack([_mask(rng) for _ in range(MASKS)]),
    )


def _channels_first(pictures: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))


def _mask(rng: np.random.Generator) -> Tensor:
    """An outline to cut a surface to: a superellipse with a ragged edge, [1, SIDE, SIDE] uint8."""
    x, y = textures.grid(rng, SIDE, turn=np.pi)
    power = rng.choice([1.3, 2.0, 3.0, 8.0])
    radius = (np.abs(x) ** power + np.abs(y / rng.uniform(0.6, 1)) ** power) ** (1 / power)
    ragged = radius + rng.uniform(0, 0.18) * textures.noise(rng, SIDE, rng.uniform(2, 10))
    alpha = 1 - textures.step(0.85, ragged, 0.05)
    return torch.from_numpy(np.round(alpha * 255).astype(np.uint8))[None]


def load_pools(split: str, seed: int, folder: Path) -> Pools:
    """`build_pools`, kept in a file between runs."""
    counts = [EMOJI_CLASSES, RENDERINGS[split], BACKGROUNDS[split], len(textures.CLASSES)]
    key = [seed, SIDE, *counts, TEXTURE_WEIGHT]
    path = folder / f"pools-{split}.pt"
    if path.exists():
        stored = torch.load(path, weights_only=True)
        if json.loads(stored.pop("key")) == key:
            return Pools(**stored)
    pools = build_pools(split, seed)
    partial = path.with_suffix(".tmp")
    torch.save({"key": json.dumps(key), **vars(pools)}, partial)
    partial.rename(path)
    return pools


class Composer:
    """Makes batches from pools. `strength` 0..1 scales every distortion."""

    def __init__(self, pools: Pools, seed: int) -> None:
        self.pools = pools
        self.seed = seed

    def batch(
        self, step: int, count: int, size: int, strength: float, label: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """RGB pictures [count, 3, size, size] in 0..255 and class numbers [count].

        Classes are drawn by their weights unless `label` [count] names them.
        """
        rng = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        pools = self.pools
        if label is None:
            label = torch.multinomial(pools.weights, count, replacement=True, generator=rng)
        chosen = pools.first[label] + (uniform(rng, count) * pools.count[label]).long()
        layer = self._subject(rng, chosen, size, strength)
        other = self._bystander(rng, count, size)
        in_front = (uniform(rng, count) < 0.2 * strength).float()[:, None, None, None]
        behind = (uniform(rng, count) < 0.2 * strength).float()[:, None, None, None]
        picture = over(other * behind, self._background(rng, count, size))
        picture = over(other * in_front * (1 - behind), over(layer, picture))
        picture = disturb(rng, recolour(rng, picture, strength), strength)
        return (picture.clamp(0, 1) * 255).contiguous(memory_format=torch.channels_last), label

    def _subject(self, rng: torch.Generator, chosen: Tensor, size: int, strength: float) -> Tensor:
        """The pictures the labels are about, premultiplied RGBA [n, 4, size, size] in 0..1."""
        n = len(chosen)
        sprite = self.pools.sprites[chosen].float() / 255
        fills = self.pools.is_surface[chosen] & (uniform(rng, n) < 0.6)
        cut = self.pools.is_surface[chosen] & ~fills
        mask = self.pools.masks[pick(rng, n, len(self.pools.masks))].float() / 255
        sprite = torch.where(cut[:, None, None, None], sprite * mask, sprite)
        scale = between(rng, n, 0.85 - 0.25 * strength, 1.0 + 0.05 * strength)
        scale = torch.where(fills, between(rng, n, 1.25, 1.25 + 0.6 * strength), scale)
        room = torch.where(fills, (scale - 1.2) * 0.7, (1 - scale).clamp(0) + 0.1 * strength)
        centre = (uniform(rng, n, 2) * 2 - 1) * room[:, None]
        turn = between(rng, n, -0.5, 0.5) * strength
        turn = torch.where(uniform(rng, n) < 0.06 * strength, between(rng, n, -3.14, 3.14), turn)
        tilt = (uniform(rng, n, 2) * 2 - 1) * 0.25 * strength
        flip = torch.where(uniform(rng, n) < 0.5, 1.0, -1.0)
        stretch = torch.exp(between(rng, n, -0.25, 0.25) * strength)
        return warp(sprite, scale, stretch, flip, turn, centre, tilt, size)

    def _bystander(self, rng: torch.Generator, n: int, size: int) -> Tensor:
        """Small sprites near the border that hide a part of the subject or stand behind it."""
        sprite = self.pools.sprites[pick(rng, n, len(self.pools.sprites))].float() / 255
        scale = between(rng, n, 0.2, 0.4)
        angle = between(rng, n, -3.14, 3.14)
        centre = torch.stack([angle.cos(), angle.sin()], 1) * between(rng, n, 0.6, 1.0)[:, None]
        ones = torch.ones(n)
        turn = between(rng, n, -0.6, 0.6)
        return warp(sprite, scale, ones, ones, turn, centre, torch.zeros(n, 2), size)

    def _background(self, rng: torch.Generator, n: int, size: int) -> Tensor:
        source = self.pools.backgrounds
        crop = F.interpolate(source[pick(rng, n, len(source))].float() / 255, size, mode="area")
        flips = (uniform(rng, n) < 0.5)[:, None, None, None]
        return torch.where(flips, crop.flip(-1), crop)


def uniform(rng: torch.Generator, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=rng)


def between(rng: torch.Generator, n: int, low: float, high: float) -> Tensor:
    return low + (high - low) * uniform(rng, n)


def pick(rng: torch.Generator, n: int, of: int) -> Tensor:
    return torch.randint(of, (n,), generator=rng)


def over(top: Tensor, below: Tensor) -> Tensor:
    """Premultiplied RGBA [n, 4, h, w] over RGB [n, 3, h, w]."""
    return top[:, :3] + below * (1 - top[:, 3:])


def warp(
    sprite: Tensor, scale: Tensor, stretch: Tensor, flip: Tensor, turn: Tensor, centre: Tensor,
    tilt: Tensor, size: int,
) -> Tensor:  # fmt: skip
    """Place sprites in a frame of `size` pixels by a projective map.

    `scale` is the sprite's side over the frame's, `centre` [n, 2] is in -1..1 of the frame, `turn`
    in radians, `tilt` [n, 2] bends the plane (0: none). Sprites that come out much smaller than
    they are stored are halved first, so that nothing aliases.
    """
    line = (torch.arange(size) + 0.5) / size * 2 - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    n = len(sprite)
    dx, dy = x[None] - centre[:, 0].view(n, 1, 1), y[None] - centre[:, 1].view(n, 1, 1)
    cos, sin = (turn.cos() / scale).view(n, 1, 1), (turn.sin() / scale).view(n, 1, 1)
    u, v = (dx * cos + dy * sin), (dy * cos - dx * sin)
    depth = (1 + tilt[:, 0].view(n, 1, 1) * u + tilt[:, 1].view(n, 1, 1) * v).clamp(min=0.3)
    ratio = (stretch.sqrt() * flip).view(n, 1, 1)
    grid = torch.stack([u * ratio / depth, v / stretch.sqrt().view(n, 1, 1) / depth], -1)
    result = torch.empty(n, sprite.shape[1], size, size)
    shrunk = scale * size < 0.62 * SIDE
    for group, source in ((~shrunk, sprite), (shrunk, None)):
        if group.any():
            picture = sprite[group] if source is not None else F.avg_pool2d(sprite[group], 2)
            result[group] = F.grid_sample(picture, grid[group], align_corners=False)
    return result


# Rotation about the grey axis: the matrix for angle a is I + sin(a) K + (1 - cos(a)) K^2.
_GREY_AXIS = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / 3**0.5


def recolour(rng: torch.Generator, picture: Tensor, strength: float) -> Tensor:
    """Hue, saturation, gain and offset changes, per picture."""
    n = len(picture)
    angle = (between(rng, n, -0.4, 0.4) * strength).view(n, 1, 1)
    rotation = torch.eye(3) + angle.sin() * _GREY_AXIS + (1 - angle.cos()) * _GREY_AXIS @ _GREY_AXIS
    saturation = 1 + between(rng, n, -0.5, 0.3) * strength
    saturation = torch.where(uniform(rng, n) < 0.04 * strength, 0.0, saturation).view(n, 1, 1)
    grey = torch.full((3, 3), 1 / 3)
    gain = 1 + (uniform(rng, n, 1, 3) * 2 - 1) * 0.2 * strength
    gain = gain * (1 + between(rng, n, -0.25, 0.25).view(n, 1, 1) * strength)
    matrix = (grey + saturation * (torch.eye(3) - grey)) @ rotation * gain.transpose(1, 2)
    offset = between(rng, n, -0.1, 0.1).view(n, 1, 1, 1) * strength
    return torch.einsum("nij,njhw->nihw", matrix, picture) + offset


def disturb(rng: torch.Generator, picture: Tensor, strength: float) -> Tensor:
    """Blur some of the pictures and add noise to all."""
    n = len(picture)
    amount = torch.where(uniform(rng, n) < 0.3, between(rng, n, 0, 1), 0.0).view(n, 1, 1, 1)
    soft = F.avg_pool2d(F.pad(picture, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    picture = picture + amount * strength * (soft - picture)
    level = between(rng, n, 0, 0.04).view(n, 1, 1, 1) * strength
    return picture + level * torch.randn(picture.shape, generator=rng)
