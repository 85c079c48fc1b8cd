import numpy as np
import pytest
import torch
from PIL import Image

from training import backgrounds, emoji
from training.dreams import DREAMT, KEPT_AT, SIDES, STEPS, TOGETHER, Dreams
from training.network import fresh_network
from training.pictures import HELD_OUT_EVERY, SIDE, Crops, build_pool, held_out_crops

POOL = torch.randint(0, 256, (30, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(0)).byte()


def test_crops_are_whole_levels_and_depend_on_the_seed():
    first, again, other = (Crops(POOL, seed).take(4, 64) for seed in (1, 1, 2))
    assert first.shape == (4, 3, 64, 64)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(first, first.round())
    assert 0 <= first.min() < first.max() <= 255


def test_the_judges_crops_are_the_middles():
    found = held_out_crops(POOL, 3, 100)
    assert torch.equal(found[0], POOL[0, :, 30:130, 30:130].float())
    assert torch.equal(found[-1], POOL[-1, :, 30:130, 30:130].float())


@pytest.mark.skipif(
    not emoji.FONT.exists() or not backgrounds.wallpapers(held_out=False),
    reason="needs Debian's fonts-noto-color-emoji, gnome-, mate- and plasma wallpapers",
)
def test_the_splits_share_no_photograph(tmp_path, monkeypatch):
    monkeypatch.setattr("training.pictures.WALLPAPERS", {"train": 30, "held_out": 12})
    monkeypatch.setattr("training.textures.CLASSES", dict(list(_classes().items())[:2]))
    for n in range(2 * HELD_OUT_EVERY):
        Image.new("RGB", (40, 30), (6 * n,) * 3).save(
            tmp_path / f"{n:02}.jpg", quality=95, subsampling=0
        )
    found = {}
    for split in ("train", "held_out"):
        pool = build_pool(tmp_path, split, 0)
        assert pool.shape[1:] == (3, SIDE, SIDE)
        count = 2 if split == "held_out" else 2 * (HELD_OUT_EVERY - 1)
        photographs = pool[:count].float()
        assert photographs.flatten(2).std(2).max() < 3  # each of one colour
        found[split] = set(np.round(photographs[:, 0].mean((1, 2)).numpy()).astype(int))
    assert found["held_out"] == {6 * 7, 6 * 27}
    assert not found["train"] & found["held_out"]


def _classes():
    from training import textures

    return textures.CLASSES


def test_dreams_fill_the_store_at_the_last_octave():
    network = fresh_network(0)
    dreams = Dreams(Crops(POOL, 0), 0)
    start = dreams.picture.clone()
    for _ in range(STEPS * len(SIDES)):
        dreams.ascend(network)
    assert dreams.made == TOGETHER * len(KEPT_AT)
    assert start.shape[-1] == dreams.picture.shape[-1] == SIDES[0]  # the next one has begun
    crops = dreams.take(5, 96)
    assert crops.shape == (5, 3, 96, 96)
    assert crops.std() > 5
    assert dreams.block < len(DREAMT)
