"""Equal channels: the same network, other strengths."""

from __future__ import annotations

import pytest
import torch

from training.equalise import LEAST, equalise, strengths
from training.model import Classifier, fold, from_folded


@pytest.fixture(scope="module")
def tensors() -> dict[str, torch.Tensor]:
    """A network whose channels differ in strength by a hundred times."""
    torch.manual_seed(0)
    model = Classifier(7)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data = 10 ** torch.empty_like(module.weight).uniform_(-1, 1)
            module.bias.data.normal_()
    return fold(model.eval())


def pictures() -> torch.Tensor:
    return torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 255


def test_the_classes_stay(tensors: dict[str, torch.Tensor]) -> None:
    picture = pictures()
    with torch.no_grad():
        before = from_folded(tensors)(picture)
        after = from_folded(equalise(tensors, picture))(picture)
    assert (after - before).abs().max() < 1e-4 * before.abs().max()


def test_every_inception_channel_gets_strength_one_or_less(
    tensors: dict[str, torch.Tensor],
) -> None:
    picture = pictures()
    before = strengths(tensors, picture)
    after = strengths(equalise(tensors, picture), picture)
    for name, strength in after.items():
        if name.startswith("inception"):
            loud = before[name] >= LEAST * before[name].median()
            assert (strength[loud] - 1).abs().max() < 1e-3
            assert (strength < 1 + 1e-3).all()
        else:
            torch.testing.assert_close(strength, before[name])
