"""What no session is made of: graphs that may not end, damaged or other weights, no numbers."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime.capi.onnxruntime_pybind11_state as onnx_runtime
import pytest
from gradient_files import MATRIX, write_gradient_file
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data

from ort_deepdream import DreamError, load_model
from ort_deepdream.engine.sessions.checking import UNBOUNDED, checked
from ort_deepdream.engine.sessions.gradient_file import read_gradient_file
from ort_deepdream.gradient_format import is_intact, sealed
from ort_deepdream.weights.builtin import WEIGHTS_FILE, shipped_model
from ort_deepdream.weights.catalogue import SHIPPED

Change = Callable[[onnx.ModelProto], object]


@pytest.fixture
def path(tmp_path) -> Path:
    return write_gradient_file(tmp_path / "model.onnx")


def change(path: Path, how: Change) -> None:
    model = onnx.load(path, load_external_data=False)
    how(model)
    path.write_bytes(model.SerializeToString())


def refusal(path: Path) -> str:
    with pytest.raises(DreamError) as caught:
        load_model(path, "cpu")
    text = str(caught.value)
    assert "\n" not in text
    assert str(path.parent) in text
    return text


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.onnx")), ids=lambda file: file.stem)
def test_shipped_files_pass(file):
    with checked(read_gradient_file(file)):
        pass


# --- graphs -----------------------------------------------------------------------------------


def endless(model: onnx.ModelProto) -> None:
    """Add a loop over nothing that depends on the picture: it would run while a session is made."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"])],
        "body",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, [])],
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    model.graph.node.append(helper.make_node("Loop", ["", "yes"], [], body=body))


def test_a_loop(path):
    change(path, endless)
    assert "its graph has Loop, which may never end" in refusal(path)


@pytest.mark.parametrize("name", UNBOUNDED)
def test_each_operator_with_a_graph_of_its_own(path, name):
    change(path, lambda model: model.graph.node.append(helper.make_node(name, ["image"], ["x"])))
    assert f"its graph has {name}, which may never end" in refusal(path)


def test_they_are_all_that_onnx_runtime_has():
    found = {
        schema.name
        for schema in onnx_runtime.get_all_operator_schema()
        if any("GRAPH" in str(attribute.type) for attribute in schema.attributes.values())
    }
    assert found <= set(UNBOUNDED)


def test_a_name_like_one_is_none(path):
    """Names of nodes and values may be anything."""

    def rename(model: onnx.ModelProto) -> None:
        model.graph.node[0].name = "Loop/If/Scan"

    change(path, rename)
    load_model(path, "cpu")


def test_functions(path):
    """Each may call another twice."""
    node = helper.make_node("Identity", ["x"], ["y"])
    function = helper.make_function(
        "mine", "same", ["x"], ["y"], [node], [helper.make_opsetid("", 18)]
    )
    change(path, lambda model: model.functions.append(function))
    assert "its graph has functions, which no exported one has" in refusal(path)


def test_sparse_weights(path):
    values = numpy_helper.from_array(np.ones(1, np.float32), "sparse")
    places = numpy_helper.from_array(np.zeros(1, np.int64), "places")
    sparse = helper.make_sparse_tensor(values, places, [4])
    change(path, lambda model: model.graph.sparse_initializer.append(sparse))
    assert "its graph has sparse weights" in refusal(path)


@pytest.mark.parametrize("tensor", [b"\x0b", b"\x08", b"\x00\x01", b"\x42\x05abc"])
def test_a_damaged_tensor(path, tensor):
    graph = b"\x2a" + bytes([len(tensor)]) + tensor
    path.write_bytes(path.read_bytes() + b"\x3a" + bytes([len(graph)]) + graph)
    assert refusal(path).endswith("; export it again")


# --- numbers ----------------------------------------------------------------------------------


def with_tensor(path: Path, tensor: onnx.TensorProto) -> None:
    change(path, lambda model: model.graph.initializer.append(tensor))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite(tmp_path, value):
    matrix = MATRIX.copy()
    matrix[1, 2] = value
    path = write_gradient_file(tmp_path / "model.onnx", matrix)
    assert f"{path}: A has values that are not finite; export it again" in refusal(path)


@pytest.mark.parametrize(
    "kind", [TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE], ids=str
)
@pytest.mark.parametrize("raw", [False, True])
def test_each_way_that_numbers_are_held(path, kind, raw):
    value = np.array([1, np.nan, 2], helper.tensor_dtype_to_np_dtype(kind))
    data = value.tobytes() if raw else value
    with_tensor(path, helper.make_tensor("odd", kind, [3], data, raw))
    assert "odd has values that are not finite" in refusal(path)


def test_numbers_that_are_fields_of_their_own(path):
    """As protobuf allows, and no library writes it."""
    bits = np.array([1, np.nan], np.float32).tobytes()
    number, name = b"\x25", b"\x42\x03odd"  # float_data (4) as 32 bits, name (8)
    message = b"\x08\x02\x10\x01" + number + bits[:4] + number + bits[4:] + name
    first, _ = onnx.TensorProto.FromString(message).float_data
    assert first == 1
    graph = b"\x2a" + bytes([len(message)]) + message
    path.write_bytes(path.read_bytes() + b"\x3a" + bytes([len(graph)]) + graph)
    assert "odd has values that are not finite" in refusal(path)


def test_a_name_that_writes_over_the_terminal(path):
    tensor = numpy_helper.from_array(np.array([np.nan], np.float32), "\x1b[2Jodd\n")
    with_tensor(path, tensor)
    assert refusal(path).isprintable()


# --- weights beside ---------------------------------------------------------------------------


def with_weights_beside(path: Path, content: bytes, sha256: str | None = None) -> Path:
    """Move the matrices of a gradient file into `weights.bin`; return where that is."""
    beside = path.with_name("weights.bin")
    beside.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest() if sha256 is None else sha256
    description = json.dumps({"identity": "x", "kind": "onnx", "sha256": sha256})
    write_gradient_file(path, weights=description)

    def move(model: onnx.ModelProto) -> None:
        place = 0
        for tensor in model.graph.initializer:
            if tensor.name in ("A", "At"):
                size = len(tensor.raw_data)
                set_external_data(tensor, "weights.bin", place, size)
                tensor.ClearField("raw_data")
                place += size

    change(path, move)
    return beside


MATRICES = MATRIX.tobytes() + np.ascontiguousarray(MATRIX.T).tobytes()


def test_the_weights_beside_are_those_of_the_file(path):
    with_weights_beside(path, MATRICES)
    image = np.random.default_rng(0).standard_normal((1, 3, 5, 7)).astype(np.float32)
    expected = np.einsum("ji,jk,nkhw->nihw", MATRIX, MATRIX, image)
    np.testing.assert_allclose(load_model(path, "cpu").gradient(image)[1], expected, atol=1e-4)


@pytest.mark.parametrize("content", [MATRICES[:-4], MATRICES[::-1], b"x", MATRICES + b"\0"])
def test_other_weights_beside(path, content):
    sha256 = hashlib.sha256(MATRICES).hexdigest()
    beside = with_weights_beside(path, content, sha256)
    assert f"{beside}: is damaged, or not the weights that model.onnx was made of" in refusal(path)


def test_weights_beside_that_are_not_finite(path):
    matrices = np.frombuffer(MATRICES, np.float32).copy()
    matrices[7] = np.inf
    with_weights_beside(path, matrices.tobytes())
    assert "At has values that are not finite" in refusal(path)


def test_what_is_no_file_beside(path):
    beside = with_weights_beside(path, MATRICES)
    beside.unlink()
    assert f"{path}: its weights are not there; put weights.bin into" in refusal(path)
    os.mkfifo(beside)
    assert f"{beside}: cannot be read (not a regular file)" in refusal(path)
    beside.unlink()
    beside.symlink_to("/dev/zero")
    assert f"{beside}: cannot be read (not a regular file)" in refusal(path)
    beside.unlink()
    beside.write_bytes(b"")
    assert f"{beside}: cannot be read (" in refusal(path)


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/passwd", "other.bin", "", "a\0b"])
def test_weights_elsewhere(path, location):
    beside = with_weights_beside(path, MATRICES)
    shutil.copy(beside, path.parents[1])

    def move(model: onnx.ModelProto) -> None:
        (tensor,) = [tensor for tensor in model.graph.initializer if tensor.name == "A"]
        (entry,) = [entry for entry in tensor.external_data if entry.key == "location"]
        entry.value = location

    change(path, move)
    assert "its weights are not in one file beside it" in refusal(path)


@pytest.mark.parametrize("key", ["offset", "length"])
@pytest.mark.parametrize("value", ["-1", "x", "9" * 5000, str(1 << 62)])
def test_places_that_are_not_there(path, key, value):
    with_weights_beside(path, MATRICES)

    def move(model: onnx.ModelProto) -> None:
        for tensor in model.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == key:
                    entry.value = value

    change(path, move)
    assert "ONNX Runtime cannot load this file" in refusal(path)


def into_nodes(model: onnx.ModelProto) -> None:
    """Make the matrices values of Constants."""
    for tensor in [tensor for tensor in model.graph.initializer if tensor.name in ("A", "At")]:
        node = helper.make_node("Constant", [], [tensor.name], value=tensor)
        model.graph.node.insert(0, node)
        model.graph.initializer.remove(tensor)


def test_weights_in_a_node(path):
    change(path, into_nodes)
    load_model(path, "cpu")
    matrix = MATRIX.copy()
    matrix[0, 0] = np.nan
    change(write_gradient_file(path, matrix), into_nodes)
    assert "At has values that are not finite" in refusal(path)


def test_weights_beside_in_a_node(path):
    beside = with_weights_beside(path, MATRICES)
    change(path, into_nodes)
    load_model(path, "cpu")
    beside.write_bytes(MATRICES[::-1])
    assert f"{beside}: is damaged, or not the weights" in refusal(path)


# --- seals ------------------------------------------------------------------------------------


def test_a_sealed_file_is_the_same_file(path):
    content = path.read_bytes()
    assert is_intact(content)
    path.write_bytes(sealed(content))
    assert is_intact(path.read_bytes())
    assert (
        len(onnx.load(path).metadata_props)
        == len(onnx.load_from_string(content).metadata_props) + 1
    )
    load_model(path, "cpu")


def test_a_sealed_file_that_rots(path):
    content = sealed(path.read_bytes())
    place = content.index(MATRIX.tobytes()) + 2
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    assert f"{path}: is damaged, for it does not fit the sum in it" in refusal(path)


def test_a_shipped_file_without_its_weights(tmp_path):
    shipped = shipped_model("conv2/3x3", "cpu")
    assert shipped is not None
    copy = Path(shutil.copy(shipped, tmp_path))
    assert re.search(rf"put {WEIGHTS_FILE.name} into the same folder", refusal(copy))
