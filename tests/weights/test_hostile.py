"""Hostile files for every reader of weights and gradient files: one line or success, and soon.

First those that were once found to take a traceback or gigabytes, then changes at random to small
good files. All of it has a bounded time, and 200 MB of memory beyond what the process has.
"""

from __future__ import annotations

import functools
import io
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import onnx
import pytest
import torch
from gradient_files import write_gradient_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limits import little_memory
from onnx import TensorProto, helper
from second_network import SMALL
from weights_files import (
    double_blob,
    integer,
    layer_files,
    message,
    new_caffemodel,
    old_caffemodel,
    onnx_file,
    our_safetensors,
    random_tensors,
    saved,
    unpacked_blob,
)

from ort_deepdream.engine.sessions.checking import checked
from ort_deepdream.engine.sessions.gradient_file import read_gradient_file
from ort_deepdream.errors import DreamError
from ort_deepdream.gradient_format import sealed
from ort_deepdream.weights.architectures import ARCHITECTURES
from ort_deepdream.weights.readers import read_weights, torch_file

MEMORY = 200_000_000
SECONDS = 20  # for all changes at random together
SLOWEST = 5  # seconds for one file


@pytest.fixture(autouse=True)
def _small_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let there be a network whose files are small, and no warning before a refusal."""
    monkeypatch.setitem(ARCHITECTURES, SMALL.name, SMALL)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def refusal(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    began = time.monotonic()
    with little_memory(MEMORY), pytest.raises(DreamError) as caught:
        read_weights(path)
    assert time.monotonic() - began < SLOWEST
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert said.isprintable()
    return said


# --- files that were found --------------------------------------------------------------------


def constant_of_shape(shape: onnx.TensorProto) -> bytes:
    node = helper.make_node("ConstantOfShape", [shape.name], ["conv1_w_0"])
    graph = helper.make_graph([node], "g", [], [], [shape])
    return bytes(helper.make_model(graph).SerializeToString())


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.STRING])
def test_a_shape_that_is_no_row_of_whole_numbers(kind, tmp_path):
    values = [b"a"] * 4 if kind == TensorProto.STRING else [float("nan"), 1.0, float("inf"), 1.0]
    said = refusal(tmp_path / "w", constant_of_shape(helper.make_tensor("s", kind, [4], values)))
    assert "conv1_w_0 has a shape of float" in said or "s holds text" in said


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", ["conv1.conv.weight", "conv1.bn.weight"])
def test_a_tensor_larger_than_its_storage(name, zipped, tmp_path):
    """PyTorch's `expand` repeats one number as often as it likes."""
    content = saved({name: torch.ones(1).expand(1 << 20, 1 << 20)}, zipped)
    assert "a truncated or damaged file in PyTorch's format" in refusal(tmp_path / "w", content)


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return stream.getvalue()


def test_an_archive_that_would_grow(tmp_path):
    """A third of a megabyte of zeros that were 300; also where they claim to be stored."""
    bomb = archive({"a/data.pkl": b"\x80\x02}.", "a/data/0": bytes(300_000_000)})
    assert len(bomb) < 400_000
    said = refusal(tmp_path / "w", bomb)
    claimed = refusal(tmp_path / "w", bomb.replace(b"\x08\0\0\0", b"\0\0\0\0"))
    assert "an archive that torch.save did not write: it is compressed" in said
    assert "torch.save did not write" in claimed or "damaged" in claimed


def test_a_pickle_that_would_grow(tmp_path):
    """Lists of lists of lists, each ten times the one before."""
    begin, end = b"\x80\x02]q\x00", b"."
    levels = [
        b"](" + b"h" + bytes([i]) * 1 + (b"h" + bytes([i])) * 9 + b"eq" + bytes([i + 1])
        for i in range(200)
    ]
    pickle = begin + b"".join(levels) + end
    refusal(tmp_path / "w", archive({"a/data.pkl": pickle}, zipfile.ZIP_STORED))


def safetensors_header(text: bytes) -> bytes:
    return len(text).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    "text",
    [
        b'{"__metadata__":null}',
        b'{"__metadata__":{"architecture":5}}',
        b'{"__metadata__":{"architecture":"\\ud800"}}',
        b"{" + b",".join(b'"%d":{}' % i for i in range(30_000)) + b"}",
        b'{"a":' + b"[" * 400_000,
        b'{"a":[' + b"{}," * 160_000 + b"{}]}",
        b'{"a":' + b"9" * 400_000 + b"}",
        b'{"a":{"dtype":"F32","shape":[' + b"9" * 18 + b'],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"F32","shape":[true],"data_offsets":[0,4]}}',
    ],
    ids=lambda text: str(text[:40]),
)
def test_headers_of_safetensors(text, tmp_path):
    refusal(tmp_path / "w", safetensors_header(text))


def test_a_header_of_megabytes(tmp_path):
    """JSON of them takes a hundred times as much."""
    refusal(tmp_path / "w", safetensors_header(b'{"a":[' + b"{}," * 3_000_000 + b"{}]}"))


@pytest.mark.parametrize("number", [2, 100])
def test_layers_without_end(number, tmp_path):
    name, blobs = (4, 6) if number == 2 else (1, 7)
    shape = b"".join(integer(number, 1) for number in (1, 2, 3, 4))
    blob = message(blobs, shape + message(5, bytes(4)))
    layers = (message(number, message(name, b"%d" % i) + blob) for i in range(20_000))
    assert "more than 10,000 tensors" in refusal(tmp_path / "w", b"".join(layers))


def test_initializers_without_end(tmp_path):
    tensors = b"".join(message(5, message(8, b"%d" % i)) for i in range(20_000))
    content = integer(1, 8) + message(7, tensors) + message(8, integer(2, 18))
    assert "more than 10,000 tensors" in refusal(tmp_path / "w", content)


def test_what_has_no_end(tmp_path):
    """A device, and a file of a hundred gigabytes that are not on the disk; a folder of them."""
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as stream:
        stream.truncate(100 << 30)
    folder = layer_files(random_tensors(SMALL), tmp_path / "folder")
    (folder / "conv1_bias.bin").unlink()
    (folder / "conv1_bias.bin").symlink_to("/dev/zero")
    for source in (sparse, "/dev/zero", folder):
        with little_memory(MEMORY), pytest.raises(DreamError):
            read_weights(source)
    (folder / "conv1_bias.bin").unlink()
    sparse.rename(folder / "conv1_bias.bin")
    with pytest.raises(DreamError, match=r"conv1_bias\.bin in this folder has 107,374,182,400"):
        read_weights(folder, SMALL)


# --- changes at random ------------------------------------------------------------------------

FORMS: dict[str, Callable[[], bytes]] = {
    "onnx": lambda: onnx_file(random_tensors(SMALL)),
    "old caffemodel": lambda: old_caffemodel(random_tensors(SMALL)),
    "new caffemodel": lambda: new_caffemodel(random_tensors(SMALL)),
    "doubles": lambda: new_caffemodel(random_tensors(SMALL), double_blob),
    "fields of their own": lambda: new_caffemodel(random_tensors(SMALL), unpacked_blob),
    "safetensors": lambda: our_safetensors(random_tensors(SMALL), "small"),
    "no metadata": lambda: our_safetensors(random_tensors(SMALL), None),
    "pth": lambda: saved(dict(random_tensors(SMALL))),
    "old pth": lambda: saved(dict(random_tensors(SMALL)), zipped=False),
}

Edit = tuple[str, float, float, bytes]  # what, from where to where in the file, with what
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["write", "insert", "delete", "repeat", "cut"]),
        st.floats(0, 1),
        st.floats(0, 1),
        st.one_of(
            st.binary(min_size=1, max_size=8),
            st.sampled_from(
                [b"\xff" * 8, bytes(8), b"\xff\xff\xff\xff\x0f", b"-1", b"1e999", b"NaN"]
            ),
        ),
    ),
    min_size=1,
    max_size=6,
)


def edited(content: bytes, edits: list[Edit]) -> bytes:
    for what, start, stop, new in edits:
        first, last = sorted((int(start * len(content)), int(stop * len(content))))
        before, between, after = content[:first], content[first:last], content[last:]
        if what == "write":
            content = before + new + content[first + len(new) :]
        elif what == "insert":
            content = before + new + content[first:]
        elif what == "delete":
            content = before + between[len(new) :] + after
        elif what == "repeat":
            content = before + 2 * between + after
        else:
            content = before
    return content


def changes(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test with edits, for no longer than its share of SECONDS."""
    few = settings(
        max_examples=120,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    run: Callable[..., None] = few(given(edits=EDITS)(test))
    return run


class Clock:
    """What a test may still take."""

    def __init__(self) -> None:
        self.end = time.monotonic() + SECONDS / (len(FORMS) + 2)

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self.end


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize("form", FORMS)
@changes
def test_weights_files(form, clock, tmp_path, edits):
    if clock.is_over:
        return
    path = tmp_path / "w"
    path.write_bytes(edited(FORMS[form](), edits))
    began, said = time.monotonic(), f"{path}: "
    try:
        with little_memory(MEMORY):
            read_weights(path)
    except DreamError as error:
        said = str(error)
    assert time.monotonic() - began < SLOWEST
    assert said.startswith(f"{path}: ")
    assert said.isprintable()


@pytest.mark.parametrize("form", FORMS)
def test_they_are_good_before(form, tmp_path):
    path = tmp_path / "w"
    path.write_bytes(FORMS[form]())
    if form.endswith("pth"):
        assert set(torch_file.load(path.read_bytes())) == set(SMALL.parameters)
    else:
        assert read_weights(path).architecture is SMALL


@pytest.mark.parametrize("seal", [False, True])
@changes
def test_gradient_files(seal, clock, tmp_path, edits):
    if clock.is_over:
        return
    path = tmp_path / "model.onnx"
    good = gradient_file(tmp_path)
    path.write_bytes(edited(sealed(good) if seal else good, edits))
    began, said = time.monotonic(), f"{path}: "
    try:
        with little_memory(MEMORY):
            file = read_gradient_file(path)
            with checked(file):
                pass
    except DreamError as error:
        said = str(error)
    assert time.monotonic() - began < SLOWEST
    assert str(path) in said
    assert said.isprintable()


@functools.cache
def gradient_file(folder: Path) -> bytes:
    return write_gradient_file(folder / "good.onnx").read_bytes()
