"""What layers see of a picture, against PyTorch: sizes by its own pools and convolutions."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ort_deepdream.export.weights import build_network, load_weights
from ort_deepdream.weights.architectures import ARCHITECTURES
from ort_deepdream.weights.receptive_field import Window, reach, side, stride

POOLS = [(3, 2, 0), (2, 2, 0), (3, 1, 1), (3, 2, 1), (2, 3, 1), (5, 3, 2)]


@pytest.mark.parametrize("rounds_up", [False, True])
@pytest.mark.parametrize(("kernel", "step", "padding"), POOLS)
def test_windows_are_as_many_as_pytorchs(kernel, step, padding, rounds_up):
    window = Window(kernel, step, padding, rounds_up)
    for length in range(kernel, 30):
        pooled = F.max_pool1d(torch.zeros(1, 1, length), kernel, step, padding, ceil_mode=rounds_up)
        assert window.side(length) == pooled.shape[-1]


def test_a_chain_of_windows():
    """Two convolutions of 3 around a pool of 2: 1 and 2 pixels on each side, and the pool's own."""
    windows = (Window(3, padding=1), Window(2, 2), Window(3, padding=1))
    assert stride(windows) == 2
    assert reach(windows) == (1 + 2, 1 + 1 + 2)
    assert side(windows, 10) == 5


@pytest.mark.parametrize("name", ["bvlc", "torchvision"])
def test_the_layers_of_googlenet_have_their_sizes(name):
    architecture = ARCHITECTURES[name]
    network = build_network(load_weights(f"seeded:0:{name}"))
    height, width = 49, 66
    with torch.inference_mode():
        found = network.activations(torch.zeros(1, 3, height, width), set(architecture.layers))
    for layer, value in found.items():
        windows = architecture.layers[layer].windows
        assert value.shape[2:] == (side(windows, height), side(windows, width)), layer
        assert stride(windows) == architecture.layers[layer].stride
