"""Graphs that are kept as ONNX Runtime has optimised them: the same steps, and nothing lost."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from gradient_files import MATRIX, write_gradient_file
from numpy.typing import NDArray

import ort_deepdream.engine.session
from ort_deepdream import DreamError, Model, load_model
from ort_deepdream.engine import optimised
from ort_deepdream.engine.backends import BACKENDS
from ort_deepdream.engine.devices import processor_features
from ort_deepdream.engine.gradient_file import GradientFile, read_gradient_file
from ort_deepdream.engine.session import OPTIMISED, WEIGHTS, make_session
from ort_deepdream.weights.builtin import shipped_model

pytestmark = pytest.mark.skipif(
    processor_features() is None, reason="only Linux tells what its processor can do"
)


@pytest.fixture
def path(tmp_path) -> Path:
    return write_gradient_file(tmp_path / "model.onnx")


@pytest.fixture
def keep_in(tmp_path) -> Path:
    return tmp_path / "cache" / "optimised"


def load(path: Path, keep_in: Path) -> Model:
    return load_model(path, "cpu", keep_in=keep_in)


def kept(keep_in: Path) -> list[Path]:
    return list(keep_in.iterdir())


WIDE = np.random.default_rng(2).standard_normal((512, 3)).astype(np.float32)


def is_right(model: Model, matrix: NDArray[np.float32] = MATRIX) -> bool:
    """Whether the gradient of `write_gradient_file` comes out."""
    image = np.random.default_rng(0).standard_normal((1, 3, 5, 7)).astype(np.float32)
    expected = np.einsum("ji,jk,nkhw->nihw", matrix, matrix, image)
    return np.allclose(model.gradient(image)[1], expected, rtol=1e-4, atol=1e-2)


@pytest.fixture
def no_optimising(monkeypatch):
    """From here on a graph comes from where it was kept, or not at all."""

    def refuse(*_: object) -> None:
        raise AssertionError

    def only_kept(graph: bytes | str, *rest: object) -> onnxruntime.InferenceSession:
        assert isinstance(graph, str)
        return opened(graph, *rest)

    opened = ort_deepdream.engine.session._open

    def begin() -> None:
        monkeypatch.setattr(ort_deepdream.engine.session, "_optimise", refuse)
        monkeypatch.setattr(ort_deepdream.engine.session, "_open", only_kept)

    return begin


@pytest.mark.parametrize("size", [(63, 85), (96, 64)])
def test_the_same_bits_from_a_network(size, keep_in, no_optimising):
    path = shipped_model("inception_3a/output", "cpu")
    assert path is not None
    image = np.random.default_rng(1).uniform(-120, 130, (1, 3, *size)).astype(np.float32)
    plain = load_model(path, "cpu")
    expected, expected_gradient = plain.gradient(image)
    first = load(path, keep_in)
    no_optimising()
    for model in (first, load(path, keep_in)):
        found, found_gradient = model.gradient(image)
        assert found == expected
        assert np.array_equal(found_gradient, expected_gradient)
        assert list(model.placement) == ["CPUExecutionProvider"]


def kernels(file: GradientFile, prefix: Path, keep_in: Path | None = None) -> list[str]:
    """Those of one step, in the order in which they ran; `Shape` may come first, it is small."""
    session = make_session(file, BACKENDS["cpu"], profile=prefix, keep_in=keep_in).run
    side = 16
    image = np.ones((1, 3, side, side), np.float32)
    limit = np.full((1, 3, 1, 1), 200, np.float32)
    roll = {"rows": np.arange(side), "columns": np.arange(side)}
    length = np.array(1, np.float32)
    session.run(["next"], {"image": image, "length": length, "low": -limit, "high": limit, **roll})
    events = json.loads(Path(session.end_profiling()).read_text())
    ran = [event for event in events if event["name"].endswith("_kernel_time")]
    names = [event["args"]["op_name"] for event in sorted(ran, key=lambda event: event["ts"])]
    return [name for name in names if name != "Shape"]


def test_the_kernels_keep_their_order(tmp_path, keep_in):
    """Another one would need other memory."""
    path = shipped_model("inception_3a/output", "cpu")
    assert path is not None
    file = read_gradient_file(path)
    load(path, keep_in)
    plain = kernels(file, tmp_path / "plain")
    assert len(plain) > 100
    assert kernels(file, tmp_path / "kept", keep_in) == plain


def test_it_is_optimised_once(path, keep_in, no_optimising):
    load(path, keep_in)
    (folder,) = kept(keep_in)
    assert (folder / OPTIMISED).is_file()
    no_optimising()
    assert is_right(load(path, keep_in))
    assert kept(keep_in) == [folder]


def test_nothing_is_kept_unasked(path, tmp_path):
    load_model(path, "cpu")
    assert list(tmp_path.iterdir()) == [path]


def test_whatever_changes_the_graph_has_a_place_of_its_own(keep_in, monkeypatch):
    def place(content: bytes = b"a", size: tuple[int, int] | None = None) -> Path | None:
        return optimised.folder_for(content, size, keep_in)

    places = [place(), place(b"b"), place(size=(8, 9)), place(size=(9, 8))]
    assert places[0] == place()
    for change in ("__version__", "get_build_info"):
        with monkeypatch.context() as patched:
            value = "1.2.3" if change == "__version__" else lambda: "built otherwise"
            patched.setattr(onnxruntime, change, value)
            places.append(place())
    monkeypatch.setattr(optimised, "processor_features", lambda: "flags: avx512f")
    places.append(place())
    assert len(set(places)) == 7


def test_a_machine_that_does_not_tell_its_processor_keeps_nothing(path, keep_in, monkeypatch):
    monkeypatch.setattr(optimised, "processor_features", lambda: None)
    assert is_right(load(path, keep_in))
    assert not keep_in.exists()


def test_what_linux_tells_of_a_processor():
    features = str(processor_features())
    assert "flags" in features or "Features" in features
    assert "MHz" not in features  # it changes from moment to moment
    assert features == processor_features()


# --- What goes wrong with it costs time and nothing else ------------------------------------------


@pytest.mark.parametrize("name", [OPTIMISED, WEIGHTS])
@pytest.mark.parametrize("left", [0, 0.5, None])
def test_what_is_damaged_is_made_again(tmp_path, keep_in, no_optimising, name, left):
    path = write_gradient_file(tmp_path / "model.onnx", WIDE)
    load(path, keep_in)
    (folder,) = kept(keep_in)
    assert {file.name for file in folder.iterdir()} == {OPTIMISED, WEIGHTS}
    whole = (folder / name).read_bytes()
    if left is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(whole[: int(len(whole) * left)])
    assert is_right(load(path, keep_in), WIDE)
    assert kept(keep_in) == []
    load(path, keep_in)
    no_optimising()
    assert is_right(load(path, keep_in), WIDE)


def test_a_folder_that_cannot_be_made(path, keep_in):
    keep_in.parent.write_text("a file in its place")
    assert is_right(load(path, keep_in))


def test_a_graph_that_cannot_be_loaded_is_told_as_ever(path, keep_in):
    write_gradient_file(path, names=("picture", "objective", "gradient"))
    with pytest.raises(DreamError, match="cannot load this file") as plain:
        load_model(path, "cpu")
    with pytest.raises(DreamError) as found:
        load(path, keep_in)
    assert str(found.value) == str(plain.value)
    assert kept(keep_in) == []


def test_those_used_longest_ago_go_first(tmp_path, keep_in):
    paths = [
        write_gradient_file(tmp_path / f"{n}.onnx", factor=float(n))
        for n in range(optimised.MOST_KEPT + 1)
    ]
    for age, path in enumerate(paths[:-1]):
        before = set(keep_in.iterdir()) if keep_in.exists() else set()
        load(path, keep_in)
        (new,) = set(keep_in.iterdir()) - before
        os.utime(new, (1e9 - age, 1e9 - age))  # the first was used last
    first, *_, oldest = sorted(kept(keep_in), key=lambda folder: -folder.stat().st_mtime)
    load(paths[-2], keep_in)  # and now this one
    load(paths[-1], keep_in)
    assert len(kept(keep_in)) == optimised.MOST_KEPT
    assert {first, oldest} <= set(kept(keep_in))


def test_two_commands_at_once(keep_in):
    """The one that comes second keeps what the first has put there."""
    folder = keep_in / "graph"
    with optimised.filling(folder) as beside:
        (beside / OPTIMISED).write_text("second")
        folder.mkdir()
        (folder / OPTIMISED).write_text("first")
    assert kept(keep_in) == [folder]
    assert (folder / OPTIMISED).read_text() == "first"


def test_what_is_interrupted_leaves_nothing(keep_in):
    def interrupted() -> None:
        with optimised.filling(keep_in / "graph") as beside:
            (beside / OPTIMISED).write_text("half of it")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert kept(keep_in) == []
