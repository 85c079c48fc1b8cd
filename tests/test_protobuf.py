"""The wire format, beside Google's own library and with anything for a message."""

from __future__ import annotations

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from ort_deepdream.errors import DreamError
from ort_deepdream.protobuf import (
    FIXED32,
    FIXED64,
    LENGTH,
    VARINT,
    EndOfMessageError,
    bytes_field,
    field,
    fields,
    integer_field,
    text_of,
    top_level_fields,
    varints,
)


def model() -> bytes:
    """A message with every wire type but FIXED64 on its way."""
    node = helper.make_node("LeakyRelu", ["x"], ["y"], alpha=0.5)
    value = [helper.make_tensor_value_info(name, 1, [300]) for name in "xy"]
    made = helper.make_model(helper.make_graph([node], "graph", [value[0]], [value[1]]))
    made.doc_string = "ein längerer Text"
    content: bytes = made.SerializeToString()
    return content


def written_again(message: bytes, depth: int) -> bytes:
    """The message from its fields, and those of its submessages down to `depth`."""
    parts = []
    for number, wire_type, value in fields(memoryview(message)):
        if number == 7 and depth and not isinstance(value, int):
            parts.append(bytes_field(number, written_again(bytes(value), depth - 1)))
        else:
            parts.append(field(number, wire_type, value))
    return b"".join(parts)


def test_what_was_read_is_written_again():
    assert written_again(model(), 1) == model()
    fixed = b"\x0d\x01\x02\x03\x04" + b"\x11" + bytes(range(8))
    assert [(n, w) for n, w, _ in fields(memoryview(fixed))] == [(1, FIXED32), (2, FIXED64)]
    assert written_again(fixed, 0) == fixed


def test_texts_are_those_of_the_library():
    content = memoryview(model())
    read = onnx.ModelProto.FromString(model())
    assert text_of(content, 6) == read.doc_string == "ein längerer Text"
    assert text_of(content, 3) == ""
    twice = bytes_field(6, b"first") + bytes_field(6, b"second")
    assert text_of(memoryview(twice), 6) == onnx.ModelProto.FromString(twice).doc_string == "second"
    assert text_of(memoryview(integer_field(6, 10**18)), 6) == ""  # not a text of that many zeros
    with pytest.raises(DreamError, match="field 6 is not a text"):
        text_of(memoryview(bytes_field(6, b"\xff")), 6)


@given(st.integers(0, 2**64 - 1))
def test_integers(value):
    assert list(fields(memoryview(integer_field(5, value)))) == [(5, VARINT, value)]
    packed = integer_field(5, value)[1:]
    assert list(varints(memoryview(packed * 3))) == [value] * 3


@given(st.binary(max_size=100))
def test_anything_is_read_or_refused(content):
    try:
        found = list(fields(memoryview(content)))
    except DreamError:
        return
    size = sum(0 if isinstance(value, int) else len(value) for _, _, value in found)
    assert size + 2 * len(found) - sum(w in (FIXED32, FIXED64) for _, w, _ in found) <= len(content)
    assert all(number > 0 for number, _, _ in found)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"\x80" * 11, "longer than ten bytes"),
        (b"\x00\x00", "a field numbered 0"),
        (b"\x0b", "wire type 3"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "truncated"),
        (b"\x0a\x05four", "truncated"),
        (b"\x0d\x00", "truncated"),
        (b"\x08", "truncated"),
    ],
)
def test_damage_is_named(content, error):
    with pytest.raises(DreamError, match=error):
        list(fields(memoryview(content)))


def test_the_field_that_a_file_breaks_off_in_is_counted():
    assert top_level_fields(integer_field(1, 8) + b"\x3a\x7fhalf") == {1: VARINT, 7: LENGTH}
    assert top_level_fields(b"\x0b") == {}
    with pytest.raises(EndOfMessageError) as caught:
        list(fields(memoryview(b"\x3a\x7fhalf")))
    assert caught.value.tag == 7 << 3 | LENGTH
