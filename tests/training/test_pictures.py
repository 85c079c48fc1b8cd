import numpy as np
import pytest
import torch
from PIL import Image

from training import debian, pictures, textures
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


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two wallpapers a split, two classes of textures and a few emoji, so that a pool is quick."""
    if not debian.FONT.exists() or not debian.wallpapers(held_out=False):
        pytest.skip("needs Debian's fonts-noto-color-emoji, gnome-, mate- and plasma wallpapers")
    found = {held_out: debian.wallpapers(held_out)[:2] for held_out in (False, True)}
    monkeypatch.setattr(debian, "wallpapers", lambda held_out: found[held_out])
    monkeypatch.setattr("training.pictures.CROPS_EACH", {"train": 3, "held_out": 2})
    monkeypatch.setattr(debian, "PICTURED", [(0x1F430, 0x1F434)])
    monkeypatch.setattr(textures, "CLASSES", dict(list(textures.CLASSES.items())[:2]))
    monkeypatch.setattr("training.pictures.TEXTURES_EACH", 2)


def test_the_splits_share_no_photograph(tmp_path, little):
    for n in range(2 * HELD_OUT_EVERY):
        Image.new("RGB", (40, 30), (6 * n,) * 3).save(
            tmp_path / f"{n:02}.jpg", quality=95, subsampling=0
        )
    found = {}
    for split in ("train", "held_out"):
        pool = build_pool(tmp_path, split, 0)
        assert pool.shape[1:] == (3, SIDE, SIDE)
        count = 2 if split == "held_out" else 2 * (HELD_OUT_EVERY - 1)
        drawn = 0 if split == "held_out" else 2 * 2 + 5  # textures and emoji
        assert len(pool) == count + 2 * pictures.CROPS_EACH[split] + drawn
        photographs = pool[:count].float()
        assert photographs.flatten(2).std(2).max() < 3  # each of one colour
        found[split] = set(np.round(photographs[:, 0].mean((1, 2)).numpy()).astype(int))
    assert found["held_out"] == {6 * 7, 6 * 27}
    assert not found["train"] & found["held_out"]


def test_a_folder_without_photographs_is_named(tmp_path):
    with pytest.raises(SystemExit, match=rf"no photographs \(.jpg\) in {tmp_path}"):
        build_pool(tmp_path, "train", 0)


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
