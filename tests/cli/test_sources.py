"""Where the model of a dream comes from: a file, the package, the cache, an export, a download."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

import ort_deepdream.cli.sources
import ort_deepdream.layers
import ort_deepdream.weights.download
import ort_deepdream.weights.prepared
from ort_deepdream.cli.sources import find_model, find_weights, request
from ort_deepdream.engine.sessions.gradient_file import read_gradient_file
from ort_deepdream.errors import DreamError
from ort_deepdream.weights.catalogue import Entry
from ort_deepdream.weights.prepared import Prepared

LAYER = "inception_3a/output"
UNSHIPPED = "inception_4d/3x3"
BVLC = ort_deepdream.cli.sources.find_named("bvlc")


@pytest.fixture
def exports(model: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What was exported: the model stands in for each, to save the seconds."""
    calls: list[tuple[object, ...]] = []

    def export_to(
        path: Path, weights: str, layers: tuple[str, ...], target: str, guided: tuple[str, ...]
    ) -> None:
        assert guided == ()
        calls.append((weights, layers, target))
        shutil.copy(model, path)

    monkeypatch.setattr(ort_deepdream.cli.sources, "export_to", export_to)
    return calls


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    def fetch(entry: Entry, progress) -> Path:
        names.append(entry.name)
        if not entry.shipped:
            progress(0, None)
            progress(entry.size, entry.size)
        path = tmp_path / entry.file_name
        path.write_text(entry.name)
        return path

    monkeypatch.setattr(ort_deepdream.weights.download, "fetch", fetch)
    return names


def test_defaults():
    wanted = request(None, None, None)
    assert (wanted.weights, wanted.layers) == ("builtin", ("inception_4c/output",))


def test_a_given_file_is_taken_as_it_is(exports, model):
    assert find_model(request(model, None, None), "cpu") == model
    assert exports == []


def test_a_plain_builtin_layer_is_shipped(exports, tmp_path, monkeypatch):
    monkeypatch.setattr("ort_deepdream.weights.builtin.SHIPPED", tmp_path)
    shipped = tmp_path / "inception_3a-output.onnx"
    shipped.touch()
    assert find_model(request(None, None, [LAYER]), "cpu") == shipped
    assert exports == []


@pytest.mark.parametrize("weights", [None, "seeded:0", "seeded:0:torchvision"])
@pytest.mark.parametrize(
    "layers", [[f"{LAYER}:3"], [f"{LAYER}=2"], [f"{LAYER}:3=0.5", f"{LAYER}:9"]]
)
def test_channels_and_other_weights_of_a_shipped_layer_need_no_export(
    exports, cache, weights, layers
):
    path = find_model(request(None, weights, layers), "cpu")
    assert path.parent == cache / "weights"
    assert read_gradient_file(path).info.layers == tuple(layers)
    assert exports == []


def test_the_librarys_name_of_a_shipped_layer(exports, cache):
    path = find_model(request(None, "seeded:0:torchvision", ["inception3a"]), "cpu")
    assert read_gradient_file(path).info.layers == (LAYER,)
    assert exports == []


@pytest.mark.parametrize("layers", [[UNSHIPPED], [LAYER, "conv2/3x3"]])
def test_other_builtin_layers_are_exported(exports, downloads, layers, tmp_path, monkeypatch):
    monkeypatch.setattr("ort_deepdream.weights.builtin.SHIPPED", tmp_path)
    (tmp_path / "inception_3a-output.onnx").touch()
    find_model(request(None, None, layers), "cpu")
    assert downloads == ["builtin"]
    assert exports == [(str(tmp_path / "weights.safetensors"), tuple(layers), "cpu")]


def test_a_dream_with_other_weights_exports_once(dream, photo, exports, cache):
    words = ["run", photo, "--weights", "seeded:0", "--layer", UNSHIPPED, "--iterations", 1]
    words += ["--octaves", 1, "--backend", "cpu"]
    first, second = dream(*words), dream(*words)
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert exports == [("seeded:0", (UNSHIPPED,), "cpu")]
    kept = f"kept for the next time in {cache / 'graphs'}"
    assert first.stderr == f"dream: note: exported {UNSHIPPED}; {kept}\n"
    assert second.stderr == ""


def test_an_export_that_rots_in_the_cache_is_refused(dream, photo, exports, cache):
    words = ["run", photo, "--weights", "seeded:0", "--layer", UNSHIPPED, "--iterations", 1]
    words += ["--octaves", 1, "--backend", "cpu"]
    dream(*words)
    (path,) = (cache / "graphs").iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert (
        f"{path}: is damaged, for it does not fit the sum in it; delete it" in dream(*words).error
    )
    path.unlink()
    assert dream(*words).exit_code == 0


def test_a_missing_picture_is_told_before_an_export(dream, tmp_path, exports):
    words = ["run", tmp_path / "nothere.png", "--weights", "seeded:0", "--backend", "cpu"]
    assert "nothere.png" in dream(*words).error
    assert exports == []


def test_whatever_changes_the_file_exports_again(exports, tmp_path, monkeypatch):
    weights = tmp_path / "weights"
    weights.write_text("a")
    known = Prepared(weights, "bvlc", "weights", "onnx", "")
    monkeypatch.setattr(ort_deepdream.weights.prepared, "prepare", lambda source: known)
    source = str(weights)

    def find(layer: str = UNSHIPPED, target: str = "cpu", version: str = "1") -> Path:
        monkeypatch.setattr(ort_deepdream.cli.sources, "VERSION", version)
        return find_model(request(None, source, [layer]), target)

    found = {find(), find(layer="conv1/7x7_s2"), find(target="portable"), find(version="2")}
    weights.write_text("b")
    found.add(find())
    monkeypatch.setattr(ort_deepdream.cli.sources, "_exporter", list)
    found.add(find())
    assert len(found) == len(exports) == 6


def test_named_weights_are_downloaded(downloads, tmp_path):
    assert find_weights("bvlc") == str(tmp_path / BVLC.file_name)
    assert downloads == ["bvlc"]


def test_a_download_that_fails_says_where_to_put_the_file(dream, photo, cache, monkeypatch):
    unreachable = Entry("bvlc", "bvlc", "x.onnx", "", "", urls=("http://127.0.0.1:9/x",), size=5)
    monkeypatch.setattr(ort_deepdream.layers, "CATALOGUE", (unreachable,))
    error = dream("run", photo, "--weights", "bvlc").error
    assert "could not be downloaded" in error
    assert f"by hand at {cache / 'x.onnx'}" in error


def test_a_cache_that_cannot_be_made(dream, photo, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ORT_DEEPDREAM_CACHE", str(tmp_path / "file"))
    assert "set ORT_DEEPDREAM_CACHE" in dream("run", photo, "--weights", "seeded:0").error


@pytest.mark.parametrize("missing", ["torch", "onnx", "onnx_ir", "safetensors"])
def test_without_the_export_extra_one_line_says_what_to_install(
    dream, photo, model, monkeypatch, missing
):
    monkeypatch.setitem(sys.modules, missing, None)
    for words in (
        ["run", photo, "--weights", "seeded:0", "--layer", UNSHIPPED],
        ["run", photo, "--weights", "bvlc", "--layer", UNSHIPPED],  # before 28 MB are downloaded
        ["export", "--weights", "seeded:0", "-o", photo.with_name("x.onnx")],
        ["verify", model],
    ):
        error = dream(*words).error
        assert f"(not installed: {missing})" in error
        assert "pip install 'ort-deepdream[export]'" in error


def test_a_bare_install_names_the_nearest_shipped_layer(dream, photo, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    error = dream("run", photo, "--layer", UNSHIPPED).error
    assert "or dream of one shipped layer: did you mean inception_4" in error


@pytest.mark.parametrize("weights", ["builtin", "bvlc", "seeded:0"])
def test_a_bare_install_knows_layers_and_channels(dream, photo, monkeypatch, weights):
    """Before anything is downloaded, and without a word of PyTorch."""
    monkeypatch.setitem(sys.modules, "torch", None)
    error = dream("run", photo, "--weights", weights, "--layer", "inception_4c/outptu").error
    assert "bvlc has no layer 'inception_4c/outptu': did you mean inception_4c/output" in error
    error = dream("run", photo, "--weights", weights, "--layer", "inception_4c/output:600").error
    assert "layer inception_4c/output has no channel '600': its channels are 0 to 511" in error
    assert dream("layers", "--filter", "4c").exit_code == 0


def test_a_file_of_weights_that_is_a_name_of_none():
    with pytest.raises(DreamError, match="did you mean torchvision"):
        find_weights("torchvison")
