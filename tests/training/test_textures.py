import numpy as np
import pytest

from training import textures


def seeded(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", textures.CLASSES)
def test_a_class_makes_a_picture_that_is_not_flat(name: str) -> None:
    picture = textures.render(name, seeded(1), 48)
    assert picture.shape == (48, 48, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 4


@pytest.mark.parametrize("name", ["fur/tiger", "eye/cat", "cells/pebbles", "mandala/five"])
def test_a_seed_gives_one_picture(name: str) -> None:
    first, again, other = (textures.render(name, seeded(seed), 48) for seed in (5, 5, 6))
    assert (first == again).all()
    assert (first != other).any()


def test_a_class_cannot_be_defined_twice() -> None:
    def fur(rng: textures.Rng, size: int) -> textures.Array:
        return np.zeros((size, size, 3))

    with pytest.raises(ValueError, match="fur/short is defined twice"):
        textures.family(short={})(fur)


def test_a_fold_of_the_circle_runs_from_edge_to_edge() -> None:
    angles = np.linspace(
        -3, 3, 100
    )  # no angle on a sector's edge, where the sign may go either way
    sector = textures.folded(angles, 5)
    assert sector.min() >= -1
    assert sector.max() <= 1
    assert np.allclose(textures.folded(angles + 2 * np.pi / 5, 5), sector)
