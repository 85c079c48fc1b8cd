import numpy as np
import pytest
import torch

from training.judge import agreement, explained_variance
from training.network import BLOCKS, BlockwiseNetwork, fresh_network, network_input


@pytest.fixture(scope="module")
def teacher() -> BlockwiseNetwork:
    return fresh_network(0)


@pytest.fixture(scope="module")
def rgb() -> torch.Tensor:
    return 255 * torch.rand(50, 3, 48, 40, generator=torch.Generator().manual_seed(0))


def test_a_network_explains_itself(teacher, rgb):
    found = explained_variance(teacher, teacher, rgb)
    assert list(found) == list(BLOCKS)
    assert all(value == pytest.approx(1) for value in found.values())


def test_explained_variance_is_the_formula(teacher, rgb):
    student = fresh_network(1)
    found = explained_variance(student, teacher, rgb)
    with torch.no_grad():
        s, t = (n.outputs(network_input(rgb))[2].double().numpy() for n in (student, teacher))
    error = ((s - t) ** 2).sum((0, 2, 3))
    spread = ((t - t.mean((0, 2, 3), keepdims=True)) ** 2).sum((0, 2, 3))
    varied = spread > 0
    assert found["3a"] == pytest.approx(np.mean(1 - error[varied] / spread[varied]), rel=1e-6)


def test_agreement_with_itself_and_with_another(teacher, rgb):
    weight = torch.randn(10, 1024, generator=torch.Generator().manual_seed(3))
    classifier = weight, torch.zeros(10)
    assert agreement(teacher, teacher, classifier, rgb) == {"top1": 1.0, "top5": 1.0}
    other = agreement(fresh_network(1), teacher, classifier, rgb)
    assert 0 <= other["top1"] <= other["top5"] <= 1
    assert other["top1"] < 1
