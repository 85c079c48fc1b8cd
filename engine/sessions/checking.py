"""What a gradient file must be before a session is made of it: sure to end, whole and finite.

Gradient files come from anywhere, files beside each other get mixed up, and disks rot. A session
takes them as they are: a dream with other weights, or with none that are numbers, looks like any
other dream, and a loop may never end.

Whatever takes long, sums and comparisons of whole files, is looked at while ONNX Runtime makes the
session. A graph that is kept as it was optimised has gone through all this;
engine/sessions/optimised.py tells whether it is still what was kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ort_deepdream.engine.sessions.beside import beside, map_file
from ort_deepdream.engine.sessions.gradient_file import GradientFile, read_gradient_file
from ort_deepdream.errors import DreamError
from ort_deepdream.files import unreadable
from ort_deepdream.gradient_format import KEY, VALUE, is_intact
from ort_deepdream.protobuf import LENGTH, fields, text_of, varints

Bytes = bytes | bytearray | memoryview

# Operators that hold graphs of their own, which run again and again, or a program that was
# compiled elsewhere. No gradient has them.
UNBOUNDED = (
    *("If", "Loop", "Scan", "SequenceMap"),
    *("BeamSearch", "GreedySearch", "Sampling", "WhisperBeamSearch", "EPContext"),
)

# Fields of ONNX's messages (onnx.proto).
GRAPH, FUNCTION = 7, 25
NODE, INITIALIZER, SPARSE_INITIALIZER = 1, 5, 15
OP_TYPE, ATTRIBUTE, ATTRIBUTE_TENSOR = 4, 5, 5
DATA_TYPE, FLOATS, INTEGERS, NAME, RAW, DOUBLES, PLACE, LOCATION = 2, 4, 5, 8, 9, 10, 13, 14
EXTERNAL = 1
DTYPES = {1: "<f4", 10: "<f2", 11: "<f8"}


@contextmanager
def checked(file: GradientFile) -> Iterator[None]:
    """Check a gradient file and its weights while the body makes a session of them.

    Raise DreamError, before or after the body, for a graph that may never end, a file that is not
    what it was when its sum was taken, weights beside it that are damaged, missing or others than
    it was made of, and numbers in it that are not finite.
    """
    try:
        tensors = _tensors(file.content)
    except DreamError as error:
        raise DreamError(f"{file.path}: {error}; export it again") from None
    with beside(lambda: _check_bytes(file, tensors)):
        yield


def weights_beside(path: Path) -> list[Path]:
    """Return the files that a gradient file has its weights in; none where `path` is no such file.

    They need not be there.
    """
    try:
        file = read_gradient_file(path)
        locations = {_parse(tensor).location for tensor in _tensors(file.content)}
    except DreamError:
        return []
    return [file.weights_folder / name for name in locations if name and "\0" not in name]


def _tensors(content: bytes) -> list[memoryview]:
    """Return the messages of a model's tensors: initializers, and values of nodes.

    Raise DreamError for a graph that is damaged or may never end. This is before ONNX Runtime sees
    it, which computes what depends on no input while it makes the session.
    """
    nodes: list[memoryview] = []
    tensors: list[memoryview] = []
    for number, _, graph in fields(memoryview(content)):
        if number == FUNCTION:  # one that calls another twice, and so on, grows without end
            raise DreamError("its graph has functions, which no exported one has")
        if number != GRAPH or isinstance(graph, int):
            continue
        for part, wire_type, message in fields(graph):
            if part == SPARSE_INITIALIZER:
                raise DreamError("its graph has sparse weights, which no exported one has")
            if part in (NODE, INITIALIZER) and wire_type == LENGTH:
                assert not isinstance(message, int)
                (nodes if part == NODE else tensors).append(message)
    _require_an_end(nodes)
    return [*tensors, *_constants(nodes)]


def _require_an_end(nodes: list[memoryview]) -> None:
    together = b"".join(nodes)  # to look at each one takes longer than all the rest
    if not any(name.encode() in together for name in UNBOUNDED):
        return
    for node in nodes:
        found = text_of(node, OP_TYPE)
        if found in UNBOUNDED:
            raise DreamError(f"its graph has {found}, which may never end and no exported one has")


def _constants(nodes: list[memoryview]) -> Iterator[memoryview]:
    """Yield the tensors that are values of nodes: Constant and ConstantOfShape."""
    for node in nodes:
        if b"Constant" not in bytes(node) or not text_of(node, OP_TYPE).startswith("Constant"):
            continue
        for number, _, attribute in fields(node):
            if number == ATTRIBUTE and not isinstance(attribute, int):
                for part, _, tensor in fields(attribute):
                    if part == ATTRIBUTE_TENSOR and not isinstance(tensor, int):
                        yield tensor


def _check_bytes(file: GradientFile, messages: list[memoryview]) -> None:
    if not is_intact(file.content):
        raise DreamError(
            f"{file.path}: is damaged, for it does not fit the sum in it; delete it and make it "
            f"again"
        )
    try:
        tensors = list(map(_parse, messages))
    except DreamError as error:
        raise DreamError(f"{file.path}: {error}; export it again") from None
    locations = {tensor.location for tensor in tensors if tensor.location is not None}
    shared = _weights_beside(file, locations)
    for tensor in tensors:
        _require_finite(tensor, shared, file.path)


class _Tensor:
    """A TensorProto, as far as it is looked at."""

    def __init__(self) -> None:
        self.name = ""
        self.data_type = 0
        self.parts: list[Bytes] = []  # of its numbers, little-endian
        self.external = False
        self.place: dict[str, str] = {}  # of external data

    @property
    def location(self) -> str | None:
        """The name of the file that its numbers are in; None where they are in this one."""
        return self.place.get("location", "") if self.external else None

    def numbers(self, shared: Bytes) -> Iterator[np.ndarray]:
        """Yield its floating-point numbers; none where they are of another kind."""
        if self.data_type not in DTYPES:
            return
        dtype = np.dtype(DTYPES[self.data_type])
        for part in [_slice(shared, self.place)] if self.external else self.parts:
            yield np.frombuffer(part, dtype, len(part) // dtype.itemsize)


def _parse(message: memoryview) -> _Tensor:
    tensor = _Tensor()
    singles = bytearray()  # numbers that are fields of their own
    for number, wire_type, value in fields(message):
        if number == DATA_TYPE and isinstance(value, int):
            tensor.data_type = value
        elif number == LOCATION and isinstance(value, int):
            tensor.external = value == EXTERNAL
        elif number == INTEGERS:  # float16's bits, each in an int32
            for bits in (value,) if isinstance(value, int) else varints(value):
                singles += (bits & 0xFFFF).to_bytes(2, "little")
        elif isinstance(value, int):
            continue
        elif number == NAME:
            tensor.name = bytes(value).decode("utf-8", "replace")
        elif number == PLACE:
            tensor.place[text_of(value, KEY)] = text_of(value, VALUE)
        elif number == RAW or (number in (FLOATS, DOUBLES) and wire_type == LENGTH):
            tensor.parts.append(value)
        elif number in (FLOATS, DOUBLES):
            singles += value
    tensor.parts.append(singles)
    return tensor


def _slice(shared: Bytes, place: dict[str, str]) -> memoryview:
    """Return the bytes at a place; ONNX Runtime refuses one that is not there."""
    try:
        offset = int(place.get("offset", "0"))
        length = int(place.get("length", str(len(shared))))
    except ValueError:
        return memoryview(b"")
    return memoryview(shared)[max(offset, 0) : max(offset, 0) + max(length, 0)]


def _weights_beside(file: GradientFile, locations: set[str]) -> Bytes:
    """Return the bytes of the file that holds the weights, as it was when the file was made."""
    if not locations:
        return b""
    (name, *others) = sorted(locations)
    path = file.weights_folder / name
    if others or name != path.name:
        raise DreamError(f"{file.path}: its weights are not in one file beside it; export it again")
    import hashlib  # here, for no other file needs it

    try:
        content = map_file(path)
    except FileNotFoundError:
        raise DreamError(
            f"{file.path}: its weights are not there; put {name} into the same folder"
        ) from None
    except (OSError, ValueError) as error:
        beside = f"{file.path.name} has its weights there"
        if isinstance(error, OSError):
            raise DreamError(f"{path}: {unreadable(error, beside)}") from None
        raise DreamError(f"{path}: cannot be read ({error}); {beside}") from None
    if hashlib.sha256(content).hexdigest() != file.info.beside_sha256:
        raise DreamError(
            f"{path}: is damaged, or not the weights that {file.path.name} was made of; copy both "
            f"again, or delete both if they are in the cache folder"
        )
    return memoryview(content)


def _require_finite(tensor: _Tensor, shared: Bytes, path: Path) -> None:
    for numbers in tensor.numbers(shared):
        if not np.isfinite(numbers).all():
            name = tensor.name if tensor.name.isprintable() else repr(tensor.name)
            raise DreamError(
                f"{path}: {name[:100]} has values that are not finite; export it again, with "
                f"other weights"
            )
