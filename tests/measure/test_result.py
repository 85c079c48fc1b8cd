"""The result file: whole or not at all, and refused in one line when it is damaged."""

from __future__ import annotations

import json
import re
import typing
from pathlib import Path

import pydantic
import pytest
from synthetic_results import contender, missing, result

from ort_deepdream.errors import DreamError
from ort_deepdream.measure import result as records
from ort_deepdream.measure.result import Result, read_result, write_result

DOCUMENT = (Path(__file__).parents[2] / "docs" / "result-file.md").read_text("utf-8")
RECORDS = [
    value
    for value in vars(records).values()
    if isinstance(value, type) and issubclass(value, records.Record) and value is not records.Record
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "result.json"


@pytest.fixture
def data():
    return result().model_dump(mode="json", by_alias=True)


def refusal(path, content):
    """The message, with which `read_result` refuses this content."""
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(DreamError) as caught:
        read_result(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert len(message) < 700
    return message


def test_what_is_written_is_read(path):
    write_result(path, result())
    assert read_result(path) == result()
    assert [file.name for file in path.parent.iterdir()] == ["result.json"]


def test_a_file_from_before_nodes_could_be_left_to_the_cpu_is_read(path, data):
    for one in data["contenders"]:
        del one["cpu_nodes_allowed"]
    path.write_text(json.dumps(data))
    assert read_result(path) == result()


def test_what_is_no_json_is_refused(path, data):
    whole = json.dumps(data).encode()
    for content in (b"", b"\x00\xff", whole[: len(whole) // 2], b"[" * 100_000):
        assert "is not JSON, or not all of it" in refusal(path, content)
    with pytest.raises(DreamError, match="cannot be read"):
        read_result(path.parent)


def test_other_json_is_refused(path):
    for content in ([], {}, "text", {"schema": "something/else", "version": 1}):
        assert "not a result file that `dream bench` wrote" in refusal(path, content)


def test_another_version_is_named_with_what_to_do(path, data):
    assert "has version 2, and this program reads 1; update it" in refusal(
        path, data | {"version": 2}
    )
    assert "has version 0, and this program reads 1; measure again" in refusal(
        path, data | {"version": 0}
    )
    for version in ("1", None, True, 1.0):
        assert "does not say which version" in refusal(path, data | {"version": version})


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("machine", "cores"), 0, "machine.cores"),
        (("machine", "cores"), "4", "machine.cores"),
        (("machine", "processor"), "x" * 20_000, "machine.processor"),
        (("machine", "memory"), 10**30, "machine.memory"),
        (("photo", "sha256"), "nothing", "photo.sha256"),
        (("settings", "octave_scale"), 1.0, "settings.octave_scale"),
        (("series", 0, "samples", 0, "seconds"), -1.0, "series.0.samples.0.seconds"),
        (("series", 0, "samples", 0, "seconds"), 1e300, "series.0.samples.0.seconds"),
        (("series", 0, "contender"), "nobody", "series of 'nobody', which is no contender"),
        (("checks", 0, "contender"), "nobody", "check of 'nobody', which is no contender"),
        (("images", 1, "contender"), "nobody", "image of 'nobody', which is no contender"),
        (("images", 0, "png"), "<script>", "images.0.png"),
        (("contenders", 1, "name"), "cpu", "two entries of contender cpu"),
        (("created",), "yesterday", "created"),
        (("surprise",), 1, "surprise"),
        (("model", "layers"), [], "model.layers"),
    ],
)
def test_what_does_not_fit_is_named(path, data, where, value, said):
    inner = data
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    assert said in refusal(path, data)


def test_numbers_that_are_none_are_refused(path, data):
    data["series"][0]["samples"][0]["seconds"] = float("nan")
    assert "series.0.samples.0.seconds" in refusal(path, data)


def test_one_series_twice_is_refused(data):
    data["series"].append(data["series"][0])
    with pytest.raises(pydantic.ValidationError, match="two entries of series"):
        Result.model_validate_json(json.dumps(data))


def test_who_is_missing_has_no_series():
    gone = (contender("cpu"), missing("cuda", "no driver"))
    with pytest.raises(pydantic.ValidationError, match="'cuda' is missing, and has a series"):
        result(("cpu", "cuda"), contenders=gone)


def test_a_file_that_cannot_be_written_leaves_the_old_one(path):
    with pytest.raises(DreamError, match="choose another with -o"):
        write_result(path / "in" / "no" / "folder.json", result())
    path.mkdir()
    with pytest.raises(DreamError, match="cannot be written"):
        write_result(path, result())
    assert [file.name for file in path.parent.iterdir()] == ["result.json"]


# --- docs/result-file.md --------------------------------------------------------------------------


def section(name: str) -> str:
    found = re.search(rf"^### {name}\n(.*?)(?=^##|\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found, name
    return found[1]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_the_document_names_every_field(record):
    fields = [field.alias or name for name, field in record.model_fields.items()]
    documented = re.findall(r"^\| `(\w+)` \|", section(record.__name__), re.MULTILINE)
    assert documented == fields


def test_the_document_names_the_version_and_the_kinds():
    assert f"version {records.VERSION}" in DOCUMENT
    for kind in typing.get_args(records.Kind):
        assert f"`{kind}`" in DOCUMENT


def test_the_parts_are_documented(bench):
    for measured in bench.series:
        for sample in measured.samples:
            for part in sample.parts:
                assert f"`{part}`" in DOCUMENT
