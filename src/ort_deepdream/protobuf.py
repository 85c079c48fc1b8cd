"""The wire format of Protocol Buffers, as far as models need it: read and written.

A message is a row of fields; a field is a varint `number << 3 | wire type` and a value.
See https://protobuf.dev/programming-guides/encoding/. What is read may be anything: a message that
is damaged raises DreamError, and none makes a reader take more memory than it has bytes.
"""

from __future__ import annotations

from collections.abc import Iterator

from ort_deepdream.errors import DreamError

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
Field = tuple[int, int, int | memoryview]  # number, wire type, value


class EndOfMessageError(DreamError):
    """A field runs beyond the end of its message; `tag` is its number and wire type, if read."""

    def __init__(self, tag: int = 0) -> None:
        super().__init__("truncated: a field runs beyond the end of its message")
        self.tag = tag


def fields(message: memoryview) -> Iterator[Field]:
    """Yield a message's fields; a value is an int for VARINT, else its bytes, not copied.

    Raise DreamError where the message is damaged, EndOfMessageError where it is truncated.
    """
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise DreamError("damaged: a field numbered 0")
        if wire_type == VARINT:
            value, position = _varint(message, position)
            yield number, wire_type, value
            continue
        if wire_type == LENGTH:
            size, position = _varint(message, position)
        elif wire_type in (FIXED32, FIXED64):
            size = 4 if wire_type == FIXED32 else 8
        else:  # 3 and 4 are groups, which neither ONNX nor Caffe has
            raise DreamError(f"damaged: a field of wire type {wire_type}")
        if position + size > len(message):
            raise EndOfMessageError(tag)
        yield number, wire_type, message[position : position + size]
        position += size


def text_of(message: memoryview, number: int) -> str:
    """Return the string field `number` of a message, or "" if it has none.

    Raise DreamError when it is not UTF-8.
    """
    found = b""
    for this, wire_type, value in fields(message):
        if this == number and wire_type == LENGTH and not isinstance(value, int):
            found = bytes(value)  # the last one counts
    try:
        return found.decode()
    except UnicodeDecodeError:
        raise DreamError(f"damaged: field {number} is not a text") from None


def varints(packed: memoryview) -> Iterator[int]:
    """Yield the integers of a packed repeated field. Raise EndOfMessageError as `fields` does."""
    position = 0
    while position < len(packed):
        value, position = _varint(packed, position)
        yield value


def top_level_fields(content: bytes) -> dict[int, int]:
    """Return the wire type of each field number of the outermost message, as far as it is read.

    The field that a truncated file breaks off in is counted: it still tells what the file was.
    """
    seen: dict[int, int] = {}
    try:
        for number, wire_type, _ in fields(memoryview(content)):
            seen.setdefault(number, wire_type)
    except EndOfMessageError as end:
        seen.setdefault(end.tag >> 3, end.tag & 7)
    except DreamError:
        return {}  # not a protobuf at all
    return seen


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return the varint at `position`, seven bits a byte, lowest first, and the position after."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise EndOfMessageError()
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise DreamError("damaged: an integer longer than ten bytes")


# --- writing --------------------------------------------------------------------------------------


def integer_field(number: int, value: int) -> bytes:
    """Return a VARINT field of a number that is not negative."""
    return _to_varint(number << 3 | VARINT) + _to_varint(value)


def bytes_field(number: int, value: bytes) -> bytes:
    """Return a LENGTH field: a message, a text or bytes."""
    return _to_varint(number << 3 | LENGTH) + _to_varint(len(value)) + value


def field(number: int, wire_type: int, value: int | memoryview) -> bytes:
    """Return a field as `fields` has read it."""
    if isinstance(value, int):
        return integer_field(number, value)
    if wire_type == LENGTH:
        return bytes_field(number, bytes(value))
    return _to_varint(number << 3 | wire_type) + bytes(value)


def _to_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
