import numpy as np
import pytest
import torch

from training import backgrounds, compose, emoji


@pytest.fixture(scope="module")
def pools() -> compose.Pools:
    """Two classes of two sprites: discs of one colour, and surfaces of another."""
    side = compose.SIDE
    sprites = torch.zeros(4, 4, side, side, dtype=torch.uint8)
    sprites[:2, 0, 30:60, 30:60] = 255
    sprites[:2, 3, 30:60, 30:60] = 255
    sprites[2:, 2:] = 255
    return compose.Pools(
        names=["emoji/red", "texture/blue"],
        weights=torch.ones(2),
        first=torch.tensor([0, 2]),
        count=torch.tensor([2, 2]),
        is_surface=torch.tensor([False, False, True, True]),
        sprites=sprites,
        backgrounds=torch.full((3, 3, side, side), 128, dtype=torch.uint8),
        masks=torch.full((2, 1, side, side), 255, dtype=torch.uint8),
    )


def test_a_batch_depends_on_seed_and_step_only(pools: compose.Pools) -> None:
    composer = compose.Composer(pools, seed=3)
    picture, label = composer.batch(7, 6, 32, 1.0)
    composer.batch(8, 6, 32, 1.0)
    again, same = compose.Composer(pools, seed=3).batch(7, 6, 32, 1.0)
    assert torch.equal(picture, again)
    assert torch.equal(label, same)
    assert not torch.equal(picture, composer.batch(8, 6, 32, 1.0)[0])
    assert picture.shape == (6, 3, 32, 32)
    assert picture.min() >= 0
    assert picture.max() <= 255


def test_the_label_is_what_is_drawn(pools: compose.Pools) -> None:
    label = torch.tensor([0, 1] * 8)
    picture, given = compose.Composer(pools, 0).batch(0, 16, 48, 0.0, label)
    assert torch.equal(given, label)
    red, blue = picture[label == 0], picture[label == 1]
    assert (red[:, 0].amax((1, 2)) > red[:, 2].amax((1, 2))).all()
    assert (blue[:, 2].amax((1, 2)) > blue[:, 0].amax((1, 2))).all()


def test_an_undistorted_warp_changes_nothing() -> None:
    sprite = torch.rand(1, 4, compose.SIDE, compose.SIDE)
    one, none = torch.ones(1), torch.zeros(1)
    flat = torch.zeros(1, 2)
    same = compose.warp(sprite, one, one, one, none, flat, flat, compose.SIDE)
    torch.testing.assert_close(same, sprite, atol=1e-4, rtol=0)


def test_a_warp_scales_about_the_centre_it_is_given() -> None:
    sprite = torch.ones(1, 4, compose.SIDE, compose.SIDE)
    one, none = torch.ones(1), torch.zeros(1)
    half, corner = torch.tensor([0.5]), torch.tensor([[-0.5, -0.5]])
    placed = compose.warp(sprite, half, one, one, none, corner, torch.zeros(1, 2), 64)[0, 3]
    assert placed[:31, :31].min() > 0.99
    assert placed[33:].max() == 0
    assert placed[:, 33:].max() == 0


def test_a_full_turn_of_hue_keeps_grey() -> None:
    rng = torch.Generator().manual_seed(0)
    grey = torch.full((4, 3, 2, 2), 0.5)
    assert torch.allclose(compose.recolour(rng, grey, 0.0), grey, atol=1e-6)


@pytest.mark.skipif(
    not backgrounds.wallpapers(held_out=False), reason="needs Debian's wallpaper packages"
)
def test_no_wallpaper_is_in_both_splits() -> None:
    train, held_out = (backgrounds.wallpapers(split) for split in (False, True))
    assert len(train) > 20
    assert len(held_out) >= 5
    assert not set(train) & set(held_out)
    names = [{backgrounds._wallpaper(path) for path in paths} for paths in (train, held_out)]
    assert not names[0] & names[1]  # nor another resolution of it


@pytest.mark.slow
@pytest.mark.skipif(
    not (emoji.FONT.exists() and backgrounds.wallpapers(held_out=False)),
    reason="needs Debian's emoji font and wallpaper packages",
)
def test_pools_repeat_and_the_splits_share_no_texture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "RENDERINGS", {"train": 1, "held_out": 1})
    monkeypatch.setattr(compose, "BACKGROUNDS", {"train": 60, "held_out": 60})
    first, again, other = (
        compose.build_pools(split, 0) for split in ("train", "train", "held_out")
    )
    assert len(first.names) >= 1000
    assert torch.equal(first.sprites, again.sprites)
    assert torch.equal(first.backgrounds, again.backgrounds)
    start = [name.startswith("texture/") for name in first.names].index(True)
    textures_of = [
        {sprite.numpy().tobytes() for sprite in pools.sprites[pools.first[start] :]}
        for pools in (first, other)
    ]
    assert not textures_of[0] & textures_of[1]
    assert np.isfinite(first.weights.numpy()).all()
