import pytest
import torch
import torch.nn.functional as F

from ort_deepdream.export.network import new_network
from ort_deepdream.weights.googlenet import BVLC
from training.network import BLOCKS, LAST, BlockwiseNetwork, fresh_network, network_input


@pytest.fixture(scope="module")
def network() -> BlockwiseNetwork:
    return fresh_network(0)


def test_the_blocks_give_what_the_network_gives(network: BlockwiseNetwork) -> None:
    plain = new_network(BVLC)
    plain.convolutions.load_state_dict(network.convolutions.state_dict())
    picture = network_input(255 * torch.rand(2, 3, 75, 66))
    with torch.no_grad():
        layers = dict(plain.layers(picture))
        outputs = dict(zip(BLOCKS, network.outputs(picture), strict=True))
    torch.testing.assert_close(outputs["conv1"], layers["conv1/relu_7x7"])
    torch.testing.assert_close(outputs["conv2"], layers["conv2/relu_3x3"])
    for block in BLOCKS[2:]:
        torch.testing.assert_close(outputs[block], layers[f"inception_{block}/output"])


def test_a_block_ends_with_its_last_convolutions(network: BlockwiseNetwork) -> None:
    x = torch.rand(1, 192, 9, 7)
    network.seen = {}
    with torch.no_grad():
        found = F.relu(network.block("3a", x))
        ends = [F.relu(network.seen[name][1]) for name in LAST["3a"]]
    network.seen = None
    torch.testing.assert_close(found, torch.cat(ends, 1))
