"""`dream verify`, `layers`, `weights` and `backends`. (`dream export` makes the tests' model.)"""

from __future__ import annotations

import dataclasses
import functools

import pytest

import ort_deepdream.export.verify
from ort_deepdream import BACKENDS


@pytest.fixture
def quick_verify(monkeypatch):
    """Only the smallest size."""
    quick = functools.partial(ort_deepdream.export.verify.verify, sizes=())
    monkeypatch.setattr(ort_deepdream.export.verify, "verify", quick)


def test_a_good_file_passes(dream, model, quick_verify):
    outcome = dream("verify", model)
    assert outcome.exit_code == 0
    assert outcome.stderr == ""
    assert "9x8" in outcome.stdout
    assert outcome.stdout.count(" pass") == 4  # and the summary
    assert outcome.stdout.splitlines()[-1] == f"{model}: all 3 comparisons pass on cpu"


def test_it_says_how_many_nodes_were_left_to_the_cpu_where_they_may_be(dream, model, quick_verify):
    last = dream("verify", model, "--allow-cpu-nodes").stdout.splitlines()[-1]
    assert last.endswith("comparisons pass on cpu (nodes left to the CPU: 0)")


def test_a_wrong_gradient_fails_with_exit_code_1(dream, model, quick_verify, monkeypatch):
    real = ort_deepdream.export.verify.verify

    def spoilt(path, run, **options):
        for row in real(path, run, **options):
            yield dataclasses.replace(row, gradient_error=0.5) if row.picture == "ramp" else row

    monkeypatch.setattr(ort_deepdream.export.verify, "verify", spoilt)
    outcome = dream("verify", model)
    assert outcome.exit_code == 1
    assert outcome.stdout.splitlines()[-1] == f"{model}: 1 of 3 comparisons FAIL on cpu"


def test_a_file_for_one_size(dream, photo, tmp_path):
    file, picture = tmp_path / "one.onnx", tmp_path / "dream.png"
    one = ["--weights", "seeded:0", "--layer", "inception_3a/output", "--size", "64x48"]
    assert dream("export", *one, "-o", file).exit_code == 0
    assert dream("verify", file).stdout.count("64x48") == 3
    run = ["run", photo, "--model", file, "--backend", "cpu", "-o", picture]
    assert "is for pictures of 64x48 pixels alone, not of " in dream(*run).error
    assert not picture.exists()
    assert dream(*run, "--octaves", "1").exit_code == 0
    assert picture.exists()


def test_layers_of_an_architecture(dream):
    outcome = dream("layers", "--architecture", "torchvision", "--filter", "4c", columns=90)
    assert outcome.exit_code == 0
    rows = [line.split() for line in outcome.stdout.splitlines()]
    assert ["inception_4c/output", "512", "16", "yes", "inception4c"] in rows
    assert ["inception_4c/5x5", "64", "16", "inception4c.branch3.1"] in rows
    assert not any("inception_4b" in line for line in outcome.stdout.splitlines())


def test_layers_are_found_by_the_librarys_name_too(dream):
    outcome = dream("layers", "--architecture", "torchvision", "--filter", "inception4c.branch1")
    assert "inception_4c/1x1" in outcome.stdout


@pytest.mark.parametrize(
    ("weights", "norm"),
    [("bvlc", True), ("torchvision", False), ("builtin", True), ("seeded:0:torchvision", False)],
)
def test_layers_of_weights_need_no_download(dream, weights, norm):
    outcome = dream("layers", "--weights", weights)
    assert outcome.exit_code == 0
    assert ("pool1/norm1" in outcome.stdout) == norm


def test_weights(dream, cache):
    outcome = dream("weights")
    assert outcome.exit_code == 0
    for name in ("builtin", "bvlc", "torchvision"):
        assert any(line.split()[:1] == [name] for line in outcome.stdout.splitlines())
    assert outcome.stdout.splitlines()[-1].endswith(str(cache))
    assert max(len(line) for line in outcome.stdout.splitlines()[:-1]) <= 80


def test_weights_are_fetched_ahead(dream, cache, monkeypatch):
    entries = []

    def fetch(entry, progress):
        entries.append(entry.name)
        progress(1, 2)
        return cache / entry.file_name

    monkeypatch.setattr("ort_deepdream.weights.download.fetch", fetch)
    outcome = dream("weights", "get", "torchvision")
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout == f"torchvision: {cache / 'googlenet-1378be20.pth'}\n"
    assert entries == ["torchvision"]
    assert dream("weights", "get", "torchvison").error == (
        "there are no weights named 'torchvison': did you mean torchvision?"
    )
    assert dream("weights", "get").error.startswith("NAME is missing: `dream weights get NAME`")
    assert "did you mean get?" in dream("weights", "gte").error


def test_backends(dream):
    outcome = dream("backends")
    assert outcome.exit_code == 0
    (row,) = [line for line in outcome.stdout.splitlines() if line.startswith(" cpu ")]
    assert "yes" in row
    for name in BACKENDS:
        assert f" {name} " in outcome.stdout
    assert "CPUExecutionProvider" in outcome.stdout
