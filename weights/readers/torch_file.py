"""What `torch.save` writes, read without PyTorch: tensors in lists and dicts, and nothing else.

Its present form is a zip archive: `NAME/data.pkl` is a pickle whose tensors name storages, and
`NAME/data/KEY` is a storage's numbers. Its older form (before torch 1.6) is a row of pickles, a
magic number, the protocol's version, facts about the system, the object, the list of its storages'
keys; then each of those storages, its count of numbers before it. See torch/serialization.py.

A pickle is a program for a small machine that can call anything. `_Machine` here is that machine
with the few opcodes that a state dict takes: it makes plain containers, `Storage` and `Tensor`, and
nothing that a pickle names is ever imported.
"""

from __future__ import annotations

import io
import math
import pickletools
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ort_deepdream.errors import DreamError
from ort_deepdream.weights.readers.fit import MOST_DIMENSIONS, bfloat16

PICKLES = {bytes([0x80, protocol]) for protocol in range(2, 6)}
LARGEST_PICKLE = 2_000_000  # bytes; GoogLeNet's has 60 thousand
MOST_MEMBERS = 10_000  # GoogLeNet's archive has 400
MEMBER_HEADER = b"PK\x01\x02"  # one for each member, in the archive's directory
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001

BFLOAT16 = "BFloat16Storage"
DTYPES = {
    "HalfStorage": "<f2",
    BFLOAT16: "<u2",  # numpy has no such type
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "BoolStorage": "?",
    "ByteStorage": "<u1",
    "CharStorage": "<i1",
    "ShortStorage": "<i2",
    "IntStorage": "<i4",
    "LongStorage": "<i8",
    "ComplexFloatStorage": "<c8",
    "ComplexDoubleStorage": "<c16",
}


class Storage(NamedTuple):
    """A row of numbers that tensors are views of."""

    type: str  # a key of DTYPES
    key: str
    length: int


class Tensor(NamedTuple):
    """A view of a storage, not looked at yet: steps and begin are counted in numbers."""

    storage: Storage
    begin: int
    shape: tuple[int, ...]
    steps: tuple[int, ...]


class _DamagedError(DreamError):
    def __init__(self) -> None:
        super().__init__("a truncated or damaged file in PyTorch's format")


class _RefusedError(DreamError):
    def __init__(self) -> None:
        super().__init__(
            "holds Python objects other than tensors; refused, and none of them was run"
        )


def looks_like(content: bytes) -> bool:
    """Return whether this is a zip archive (torch.save since 1.6) or a pickle (before it)."""
    return content.startswith(b"PK\x03\x04") or content[:2] in PICKLES


def load(content: bytes) -> Any:
    """Return the object; the tensors in a dict as arrays under its own keys.

    Raise DreamError for a damaged file, and for one with other objects in it.
    """
    try:
        found, arrays = (_load_zip if content.startswith(b"PK") else _load_pickles)(content)
        if not isinstance(found, dict):
            return found
        return {name: _resolved(value, arrays) for name, value in found.items()}
    except DreamError:
        raise
    except Exception:  # a damaged pickle or archive raises any kind
        raise _DamagedError from None


# --- The two forms: the object, and each storage's numbers by its key ---------------------------


def _load_zip(content: bytes) -> tuple[Any, dict[str, np.ndarray]]:
    if content.count(MEMBER_HEADER) > MOST_MEMBERS:
        raise _DamagedError
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename: info for info in archive.infolist()}
        stored = all(info.compress_type == zipfile.ZIP_STORED for info in members.values())
        # torch.save compresses nothing. Nor may members overlap: so little cannot become much.
        if not stored or sum(info.file_size for info in members.values()) > len(content):
            raise DreamError("an archive that torch.save did not write: it is compressed")
        (pickle_name,) = (name for name in members if name.endswith("/data.pkl"))
        folder = pickle_name.removesuffix("data.pkl")
        _require_little_endian(
            f"{folder}byteorder" not in members or archive.read(f"{folder}byteorder") == b"little"
        )
        machine = _Machine()
        found = machine.run(io.BytesIO(archive.read(pickle_name)))
        arrays = {
            key: _numbers(storage, archive.read(f"{folder}data/{key}"))
            for key, storage in machine.storages.items()
        }
    return found, arrays


def _load_pickles(content: bytes) -> tuple[Any, dict[str, np.ndarray]]:
    stream = io.BytesIO(content)
    magic_number, version, system = (_Machine().run(stream) for _ in range(3))
    if (magic_number, version) != (MAGIC_NUMBER, PROTOCOL_VERSION):
        raise _DamagedError
    _require_little_endian(system["little_endian"])
    machine = _Machine()
    found = machine.run(stream)
    keys = _Machine().run(stream)
    # To hash what is no text could go too deep.
    if not all(isinstance(key, str) for key in keys) or set(keys) != set(machine.storages):
        raise _DamagedError
    arrays = {}
    rest = memoryview(content)[stream.tell() :]
    for key in keys:
        storage = machine.storages[key]
        size = 8 + storage.length * np.dtype(DTYPES[storage.type]).itemsize
        if int.from_bytes(rest[:8], "little") != storage.length:
            raise _DamagedError
        arrays[key] = _numbers(storage, rest[8:size])
        rest = rest[size:]
    return found, arrays


def _require_little_endian(condition: object) -> None:
    if condition is not True:
        raise DreamError("its numbers are big-endian: save it again on another machine")


def _numbers(storage: Storage, raw: bytes | memoryview) -> np.ndarray:
    numbers = np.frombuffer(raw, DTYPES[storage.type])
    if numbers.size != storage.length:
        raise _DamagedError
    return bfloat16(numbers) if storage.type == BFLOAT16 else numbers


def _resolved(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return an array for a tensor; anything else as it is."""
    if not isinstance(value, Tensor):
        return value
    numbers = arrays[value.storage.key]
    reach = sum((size - 1) * step for size, step in zip(value.shape, value.steps, strict=True))
    # A tensor that repeats numbers could be far larger than the file.
    inside = math.prod(value.shape) <= numbers.size and value.begin + reach < numbers.size
    if math.prod(value.shape) and not inside:
        raise _DamagedError
    steps = [step * numbers.itemsize for step in value.steps]
    return np.lib.stride_tricks.as_strided(
        numbers[value.begin :], value.shape, steps, writeable=False
    )


# --- What a state dict's pickle may do --------------------------------------------------------


class _Global(NamedTuple):
    """What a pickle names of Python. It is compared, never looked up."""

    module: str
    name: str


ORDERED_DICT = _Global("collections", "OrderedDict")
REBUILD_TENSOR = _Global("torch._utils", "_rebuild_tensor_v2")
REBUILD_PARAMETER = _Global("torch._utils", "_rebuild_parameter")
CALLED = (ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER)

_MARK = object()
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": (), "MARK": _MARK}
# Their argument is the value. The last two are texts of Python 2.
LITERALS = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"}
LITERALS |= {"BINSTRING", "SHORT_BINSTRING"}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Machine:
    """Pickle's machine (Lib/pickletools.py describes it), as far as a state dict needs it."""

    def __init__(self) -> None:
        self.storages: dict[str, Storage] = {}
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._copied = 0

    def run(self, stream: BinaryIO) -> Any:
        """Read one pickle to its end. Raise DreamError, or what damage leads to."""
        begin = stream.tell()
        for opcode, argument, _ in pickletools.genops(stream):
            if stream.tell() - begin > LARGEST_PICKLE:
                raise _DamagedError
            if opcode.name == "STOP":
                return self._stack.pop()
            self._do(opcode.name, argument)
        raise _DamagedError

    def _do(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name == "PROTO":
            return
        if name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name in LITERALS:
            stack.append(argument)
        elif name in TUPLES:
            count = TUPLES[name]
            stack[-count:] = [tuple(stack[-count:])]
        elif name == "TUPLE":
            stack.append(tuple(self._since_mark()))
        elif name in ("EMPTY_LIST", "EMPTY_DICT"):
            stack.append([] if name == "EMPTY_LIST" else {})
        elif name in ("APPEND", "APPENDS"):
            values = [stack.pop()] if name == "APPEND" else self._since_mark()
            _require(stack[-1], list).extend(values)
        elif name in ("SETITEM", "SETITEMS"):
            values = [stack.pop(-2), stack.pop()] if name == "SETITEM" else self._since_mark()
            _set_items(stack[-1], zip(values[::2], values[1::2], strict=True))
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self._memo[argument])
        elif name == "GLOBAL":
            stack.append(_named(argument))
        elif name == "REDUCE":
            arguments = stack.pop()
            stack.append(self._called(stack.pop(), arguments))
        elif name == "BUILD":
            stack.pop()  # attributes of an OrderedDict, such as PyTorch's `_metadata`
            _require(stack[-1], dict)
        elif name == "BINPERSID":
            stack.append(self._storage(stack.pop()))
        else:
            raise _RefusedError

    def _since_mark(self) -> list[Any]:
        """Take what was put on the stack after the last mark, and the mark."""
        place = len(self._stack) - 1
        while self._stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise _DamagedError
        values = self._stack[place + 1 :]
        del self._stack[place:]
        return values

    def _called(self, function: Any, arguments: Any) -> Any:
        if function == ORDERED_DICT:
            return self._ordered_dict(*arguments)
        if function == REBUILD_TENSOR:
            return _tensor(*arguments)
        if function == REBUILD_PARAMETER:
            return _require(arguments[0], Tensor)
        raise _RefusedError

    def _ordered_dict(self, pairs: Any = ()) -> dict[Any, Any]:
        """Make a dict; Python 2 gives it its items at once, as a list of lists."""
        self._copied += len(pairs)
        if self._copied > LARGEST_PICKLE:  # the same list, again and again
            raise _DamagedError
        made: dict[Any, Any] = {}
        _set_items(made, pairs)
        return made

    def _storage(self, identifier: Any) -> Storage:
        """Return the storage of ("storage", its type, key, device, count, view of another)."""
        word, kind, key, _, count, *view = identifier
        if word != "storage" or not isinstance(kind, _Global) or any(v is not None for v in view):
            raise _DamagedError
        storage = Storage(kind.name, _require(key, str), _size(count))
        if self.storages.setdefault(key, storage) != storage:
            raise _DamagedError
        return storage


def _named(full_name: str) -> _Global:
    """Return the global of a pickle's `GLOBAL`, if it is one of the few."""
    found = _Global(*full_name.split(" "))
    if found in CALLED or (found.module == "torch" and found.name in DTYPES):
        return found
    raise _RefusedError


def _tensor(storage: Any, begin: Any, shape: Any, steps: Any, *_: object) -> Tensor:
    """Do as `_rebuild_tensor_v2`; what follows are gradients and hooks."""
    if len(shape) != len(steps) or len(shape) > MOST_DIMENSIONS:
        raise _DamagedError
    sizes, jumps = tuple(map(_size, shape)), tuple(map(_size, steps))
    return Tensor(_require(storage, Storage), _size(begin), sizes, jumps)


def _set_items(target: Any, pairs: Any) -> None:
    """Set names only: to hash anything else could go too deep."""
    table = _require(target, dict)
    for key, value in pairs:
        table[key if isinstance(key, int) else _require(key, str)] = value


def _size(value: Any) -> int:
    if type(value) is not int or value < 0:  # not a bool
        raise _DamagedError
    return value


def _require(value: Any, kind: type) -> Any:
    """Return the value if it is of this type. Raise DreamError for any other."""
    if not isinstance(value, kind):
        raise _DamagedError
    return value
