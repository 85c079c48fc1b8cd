"""Shipped gradient files with other weights and channels, beside files exported for them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from limits import open_folder, ordinary_user, read_only

from ort_deepdream import load_model
from ort_deepdream.engine.sessions.gradient_file import read_gradient_file
from ort_deepdream.errors import DreamError
from ort_deepdream.export.model_file import export_gradient, save
from ort_deepdream.export.targets import TARGETS
from ort_deepdream.export.weights import load_weights
from ort_deepdream.weights.architectures import ARCHITECTURES
from ort_deepdream.weights.builtin import WEIGHTS_FILE, shipped_model
from ort_deepdream.weights.joining import MOST_JOINED, join
from ort_deepdream.weights.prepared import prepare
from ort_deepdream.weights.terms import Term, parse_term

SIZE = (61, 47)


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ORT_DEEPDREAM_CACHE", str(tmp_path / "cache"))


def joined(source: str | Path, *layers: str, target: str = "cpu") -> Path:
    weights = prepare(source)
    terms = [parse_term(layer, ARCHITECTURES[weights.architecture]) for layer in layers]
    shipped = shipped_model(terms[0].layer, target, weights.architecture)
    assert shipped is not None
    return join(shipped, weights, terms)


def exported(source: str, folder: Path, *layers: str, target: str = "cpu") -> Path:
    path = folder / "exported.onnx"
    save(export_gradient(load_weights(source), layers, TARGETS[target]), path)
    return path


def gradient(path: Path) -> tuple[float, np.ndarray]:
    image = np.random.default_rng(3).uniform(-100, 100, (1, 3, *SIZE)).astype(np.float32)
    model = load_model(path, "cpu")
    scale = np.float32(model.info.scale.mean())  # torchvision's units are smaller
    return model.gradient(image * scale)


@pytest.mark.parametrize(
    ("source", "layers", "target"),
    [
        ("seeded:0", ["inception_3a/output"], "cpu"),
        ("seeded:0", ["inception_3b/5x5_reduce"], "portable"),
        ("seeded:1:torchvision", ["inception_3b/output"], "cpu"),
        ("seeded:1:torchvision", ["inception_3a/output"], "portable"),
        ("seeded:2", ["inception_3a/output:100"], "cpu"),
        ("seeded:2", ["conv2/3x3:12=2", "conv2/3x3:100=-0.5"], "cpu"),
        ("seeded:2", ["inception_3a/output=0.5", "inception_3a/output:3"], "portable"),
    ],
)
def test_the_gradient_is_that_of_an_exported_file(source, layers, target, tmp_path):
    ours = joined(source, *layers, target=target)
    theirs = exported(source, tmp_path, *layers, target=target)
    (one, first), (other, second) = gradient(ours), gradient(theirs)
    assert one == pytest.approx(other, rel=1e-5)
    assert np.abs(first - second).max() <= 1e-5 * np.abs(second).max()
    assert np.abs(second).max() > 0


def test_it_says_what_it_is_made_of():
    weights = prepare("seeded:5")
    info = read_gradient_file(joined("seeded:5", "conv2/3x3:12=2", "conv2/3x3:3")).info
    assert info.layers == ("conv2/3x3:12=2", "conv2/3x3:3")
    assert (info.architecture, info.weights) == ("bvlc", "seeded:5")
    assert info.weights_sha256 == weights.sha256


def test_the_shipped_weights_give_the_same_bits_either_way():
    """The graph casts float16 to float32; the cache holds what it would cast to."""
    shipped = shipped_model("inception_3a/output", "cpu")
    assert shipped is not None
    (one, first), (other, second) = (
        gradient(shipped),
        gradient(joined(WEIGHTS_FILE, "inception_3a/output")),
    )
    assert one == other
    assert np.array_equal(first, second)


def test_a_second_call_writes_nothing():
    first = joined("seeded:0", "conv2/3x3")
    content = first.stat().st_ino
    assert joined("seeded:0", "conv2/3x3") == first
    assert first.stat().st_ino == content
    assert joined("seeded:0", "conv2/3x3:1") != first


def rot(path: Path, place: int) -> None:
    """Change one bit, as a disk may."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_a_joined_file_that_rots_is_made_again():
    path = joined("seeded:0", "conv2/3x3")
    content = path.read_bytes()
    for place in (5000, -5, -80):
        rot(path, place)
        assert joined("seeded:0", "conv2/3x3") == path
        assert path.read_bytes() == content


def test_rotten_weights_are_neither_joined_nor_dreamt_with():
    path = joined("seeded:0", "conv2/3x3")
    weights = prepare("seeded:0").path
    rot(weights, -5)
    with pytest.raises(DreamError, match=r"is damaged, or not the weights that .* was made of"):
        load_model(path, "cpu")
    path.unlink()
    with pytest.raises(DreamError, match="was damaged, and is deleted; the same command makes"):
        joined("seeded:0", "conv2/3x3")
    load_model(joined("seeded:0", "conv2/3x3"), "cpu")


def test_a_channel_that_is_not_there():
    with pytest.raises(DreamError, match="no channel '192': its channels are 0 to 191"):
        joined("seeded:0", "conv2/3x3:192")


def test_files_without_their_weights_are_dropped_and_the_rest_is_bounded():
    path = joined("seeded:0", "conv2/3x3")
    stray = path.with_name("0123-abc.onnx")
    stray.write_bytes(b"")
    for channel in range(MOST_JOINED + 3):
        joined("seeded:0", f"conv2/3x3:{channel}")
    left = list(path.parent.glob("*.onnx"))
    assert stray not in left
    assert len(left) == MOST_JOINED
    assert not [p for p in path.parent.iterdir() if p.suffix not in (".onnx", ".safetensors")]


def test_a_cache_that_may_only_be_read(monkeypatch):
    with open_folder() as folder:
        monkeypatch.setenv("ORT_DEEPDREAM_CACHE", str(folder / "cache"))
        path = joined("seeded:0", "conv2/3x3")
        with read_only(folder), ordinary_user():
            assert joined("seeded:0", "conv2/3x3") == path
            with pytest.raises(DreamError, match=r"cannot be used \(Permission denied\); set ORT_"):
                joined("seeded:0", "conv2/3x3:1")
            with pytest.raises(DreamError, match=r"cannot be used \(Permission denied\); set ORT_"):
                joined("seeded:1", "conv2/3x3")


def test_a_cache_that_cannot_be_written(monkeypatch, tmp_path):
    weights = prepare("seeded:0")
    shipped = shipped_model("conv2/3x3", "cpu")
    assert shipped is not None
    monkeypatch.setattr(Path, "write_bytes", _full)
    with pytest.raises(DreamError, match=r"cannot be used .*ORT_DEEPDREAM_CACHE"):
        join(shipped, weights, [Term("conv2/3x3")])


def _full(self: Path, content: bytes) -> int:
    raise OSError(28, "No space left on device")


def test_nothing_of_it_needs_pytorch_or_onnx():
    code = (
        "import sys\n"
        "from ort_deepdream.weights.builtin import shipped_model\n"
        "from ort_deepdream.weights.joining import join\n"
        "from ort_deepdream.weights.prepared import prepare\n"
        "from ort_deepdream.weights.terms import Term\n"
        "join(shipped_model('conv2/3x3', 'cpu'), prepare('seeded:0'), [Term('conv2/3x3', 1)])\n"
        "print({'torch', 'onnx', 'onnx_ir', 'safetensors'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
