import torch

from training.finish import LastBlocks, inputs_and_targets
from training.network import fresh_network
from training.pictures import Crops

POOL = torch.randint(0, 256, (30, 3, 160, 160), generator=torch.Generator().manual_seed(0)).byte()


def test_the_last_blocks_learn_and_the_others_stay(monkeypatch):
    monkeypatch.setattr("training.finish.TOGETHER", 8)
    monkeypatch.setattr("training.finish.SIDE", 64)
    monkeypatch.setattr("training.finish.BATCH", 16)
    teacher, student = (fresh_network(seed).requires_grad_(False) for seed in (0, 0))
    with torch.no_grad():
        for name, unit in student.convolutions.items():
            if name.startswith("inception_5"):
                unit.weight.add_(0.3 * unit.weight.std() * torch.randn_like(unit.weight))
    before = {name: value.clone() for name, value in student.convolutions.state_dict().items()}
    fed, given = inputs_and_targets(student, teacher, Crops(POOL, 0), 32)
    assert len(fed) == len(given[0]) == len(given[1]) == 32
    last = LastBlocks(student, fed, given, 0)
    for _ in range(4):
        last.measure()
    last.kfac.invert()
    losses = [sum(last.learn(0.2)) for _ in range(12)]
    assert losses[-1] < 0.97 * losses[0]  # a batch of a few positions bears small steps alone
    for name, value in student.convolutions.state_dict().items():
        same = torch.equal(value, before[name])
        assert same != name.startswith("inception_5"), name
