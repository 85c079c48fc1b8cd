import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from training import fold, train
from training.compose import FULL
from training.evaluate import load_model, summary
from training.model import DIVISOR, Classifier, ConvolutionNorm
from training.model import fold as fold_weights


@pytest.fixture(scope="module")
def model() -> Classifier:
    """Random weights, and BatchNorm statistics that are not those of the start."""
    torch.manual_seed(0)
    network = Classifier(7)
    for unit in network.modules():
        if isinstance(unit, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(unit.running_mean, 0, 0.1)
            torch.nn.init.uniform_(unit.running_var, 0.5, 2)
            torch.nn.init.uniform_(unit.weight, 0.5, 1.5)
            torch.nn.init.normal_(unit.bias, 0, 0.1)
    return network.eval()


def test_one_folded_unit_equals_convolution_and_norm(model: Classifier) -> None:
    unit = model.body.convolutions["conv2/3x3"]
    assert isinstance(unit, ConvolutionNorm)
    x = torch.randn(2, 64, 9, 9)
    weight, bias = unit.folded()
    torch.testing.assert_close(
        torch.nn.functional.conv2d(x, weight, bias, padding=1), unit(x), atol=1e-5, rtol=1e-4
    )


def test_folding_keeps_caffe_names_and_takes_the_divisor(model: Classifier) -> None:
    tensors = fold_weights(model)
    assert len(tensors) == 2 * (57 + 1)
    assert tensors["conv1/7x7_s2.weight"].shape == (64, 3, 7, 7)
    assert tensors["inception_3a/5x5.weight"].shape == (32, 16, 5, 5)
    assert tensors["loss3/classifier.weight"].shape == (7, 1024)
    unit = model.body.convolutions["conv1/7x7_s2"]
    assert isinstance(unit, ConvolutionNorm)
    torch.testing.assert_close(tensors["conv1/7x7_s2.weight"] * DIVISOR, unit.folded()[0])


def test_the_folded_file_is_the_trained_network(
    model: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, folded = tmp_path / "checkpoint.pt", tmp_path / "weights.safetensors"
    optimizer = torch.optim.SGD(model.parameters())
    names = [f"class-{i}" for i in range(7)]
    train.save(checkpoint, model, optimizer, train.Progress(3, 12, 4.5), names, 0)
    monkeypatch.setattr("sys.argv", ["fold", str(checkpoint), "-o", str(folded)])
    fold.main()
    with safe_open(folded, "pt") as file:
        assert json.loads(file.metadata()["classes"]) == names
    picture = torch.rand(2, 3, 64, 64) * 255
    with torch.no_grad():
        expected, found = model(picture), load_model(folded)(picture)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)
    assert sorted(path.name for path in tmp_path.iterdir()) == [checkpoint.name, folded.name]


def test_schedules_cover_the_whole_run() -> None:
    parts = [i / 100 for i in range(100)]
    rates, strengths = [train.rate(p) for p in parts], [train.strength(p) for p in parts]
    assert max(rates) <= train.PEAK_RATE
    assert train.rate(1.0) == pytest.approx(0, abs=1e-9)
    assert strengths == sorted(strengths)
    assert train.strength(1.0) == FULL
    sides = [train.stage(p)[0] for p in [*parts, 1.0]]
    assert sides == sorted(sides)


def test_the_summary_counts_right_and_wrong() -> None:
    label = torch.tensor([0, 0, 1, 1])
    found = torch.tensor([[0, 1, 2, 3, 4], [1, 0, 2, 3, 4], [1, 0, 2, 3, 4], [2, 3, 4, 0, 5]])
    names = ["emoji/a", "texture/b", "texture/c"]
    result = summary(names, label, found)
    assert result["top1"] == 0.5
    assert result["top5"] == 0.75
    assert result["top1_by_kind"] == {"emoji": 0.5, "texture": 0.5}
    assert {"true": "texture/b", "found": "texture/c", "times": 1} in result["confusions"]
