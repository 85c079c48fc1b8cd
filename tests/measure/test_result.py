"""The result file: whole or not at all, and refused in one line when it is damaged."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import typing
from pathlib import Path

import jsonschema
import pydantic
import pytest
from kinds_of_settings import Kinds
from synthetic_results import contender, missing, result

from ort_deepdream.engine.settings import Limits, setting
from ort_deepdream.engine.settings import Settings as LoopSettings
from ort_deepdream.errors import DreamError
from ort_deepdream.measure import result as records
from ort_deepdream.measure.json_files import MOST_VALUES
from ort_deepdream.measure.result import (
    VERSION,
    Result,
    Settings,
    keep_unknown,
    read_result,
    write_result,
)
from scripts import write_result_schema

FIRST = ["iterations", "octaves", "octave_scale", "step", "jitter", "seed"]  # of version 1.0
DOCS = Path(__file__).parents[2] / "docs"
DOCUMENT = (DOCS / "result-file.md").read_text("utf-8")
EXAMPLE = DOCS / "report" / "epyc-2-cores.json"
# Written when the version was the number 1; without its pictures and most of its series.
OLD = Path(__file__).with_name("result-1.0.json")
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
    for content in (b"\x00\xff", whole[: len(whole) // 2], b"[1, \x1b[2J]"):
        assert "is not JSON, or not all of it" in refusal(path, content)
    assert "is empty; name a result file" in refusal(path, b"")
    with pytest.raises(
        DreamError, match="is a folder; name a result file that `dream bench` wrote"
    ):
        read_result(path.parent)


@pytest.mark.parametrize("nested", [b"[" * 100_000, b'{"a":' * 100_000, b"[[]," * 100_000])
def test_what_is_nested_too_deeply_is_refused(path, nested):
    assert "is nested too deeply" in refusal(path, nested)


def test_what_is_deep_in_a_newer_file_is_refused(path, data):
    deep = "[" * 500 + "]" * 500
    text = json.dumps(data | {"version": "1.9", "colour": "deep"}).replace('"deep"', deep)
    assert "is damaged: Invalid JSON: recursion limit exceeded" in refusal(path, text.encode())


def test_what_has_more_values_than_a_result_can_have_is_refused(path, data):
    text = json.dumps(data | {"version": "1.9", "colour": "many"})
    assert "has more values" in refusal(
        path, text.replace('"many"', f"[{'0,' * MOST_VALUES}0]").encode()
    )
    fields = dict.fromkeys(map(str, range(10_001)), 0)
    assert "10,001 fields in one object" in refusal(path, data | {"surprise": fields})


def test_of_very_many_faults_one_is_told(path, data):
    data["series"] = [data["series"][0] | {"samples": [0] * 90_000}] * 20
    told = "is damaged: series.0.samples.0: Input should be an object; measure again with"
    assert refusal(path, data).endswith(f"{told} `dream bench`")


@pytest.mark.skipif(os.name == "nt", reason="devices and pipes of Unix")
def test_what_may_never_end_is_not_read(path):
    os.mkfifo(path)
    for endless in (path, Path("/dev/zero")):
        with pytest.raises(DreamError, match="is a device or a pipe"):
            read_result(endless)


def test_a_file_of_many_gigabytes_is_not_read(path):
    path.touch()
    os.truncate(path, 100 * 2**30)  # sparse
    with pytest.raises(DreamError, match="107,374,182,400 bytes are too many for a result file"):
        read_result(path)


def test_what_a_file_says_does_not_command_the_terminal(path, data):
    for said in (
        refusal(path, data | {"\x1b[2J\u202e": 1}),
        refusal(path, data | {"version": "\x1b[2J"}),
    ):
        assert said.isprintable()


def test_other_json_is_refused(path):
    for content in ([], {}, "text", {"schema": "something/else", "version": VERSION}):
        assert "not a result file that `dream bench` wrote" in refusal(path, content)


@pytest.mark.parametrize("version", [2, "2.0", "2.7", "10.0"])
def test_a_newer_major_version_asks_for_an_update(path, data, version):
    said = refusal(path, data | {"version": version, "surprise": 1})
    assert f"has version {version}, and this program reads 1.2; update ort-deepdream" in said


def test_another_version_is_named_with_what_to_do(path, data):
    for version in (0, "0.9"):
        said = refusal(path, data | {"version": version})
        assert f"has version {version}, and this program reads 1.2; measure again" in said
    for version in ("1", None, True, 1.0, "1.x", "1.0.0", "-1.0"):
        assert "does not say which version" in refusal(path, data | {"version": version})


def test_a_file_from_before_minor_versions_is_read(path, data):
    path.write_text(json.dumps(data | {"version": 1}))
    assert read_result(path) == result(version="1.0")
    assert json.loads(OLD.read_text("utf-8"))["version"] == 1
    assert read_result(OLD).version == "1.0"


def test_each_kind_of_setting_is_a_field(path, data, monkeypatch):
    later = pydantic.create_model(
        "Settings", __base__=records.Record, **records.settings_fields(Kinds)
    )
    whole = pydantic.create_model("Result", __base__=Result, settings=(later, ...))
    monkeypatch.setattr(records, "Result", whole)
    on = {"keep_it": True, "colour_space": "luma", "rounds": [5, 10]}
    path.write_text(json.dumps(data | {"settings": data["settings"] | on}))
    kept = read_result(path).settings
    assert (kept.keep_it, kept.colour_space, kept.rounds) == (True, "luma", (5, 10))
    for name, value in {"keep_it": 1, "colour_space": "x", "rounds": [0]}.items():
        wrong = data | {"settings": data["settings"] | {name: value}}
        assert f"is damaged: settings.{name}" in refusal(path, wrong)


@dataclasses.dataclass(frozen=True)
class LaterSettings(LoopSettings):
    """The loop with a setting more, as a later version may declare it."""

    fade: float = setting(0.25, "How much of each step is lost.", Limits(0, 1))


def test_a_file_from_before_a_setting_has_its_default(path, data, monkeypatch):
    later = pydantic.create_model(
        "Settings", __base__=records.Record, **records.settings_fields(LaterSettings)
    )
    whole = pydantic.create_model("Result", __base__=Result, settings=(later, ...))
    monkeypatch.setattr(records, "Result", whole)
    path.write_text(json.dumps(data | {"version": "1.0"}))
    assert read_result(path).settings.fade == 0.25
    data["settings"]["fade"] = 0.5
    path.write_text(json.dumps(data))
    assert read_result(path).settings.fade == 0.5
    data["settings"]["fade"] = 1.5
    assert "is damaged: settings.fade" in refusal(path, data)


def test_what_every_file_has_is_not_made_up(path, data):
    for name in FIRST:
        settings = {key: value for key, value in data["settings"].items() if key != name}
        older = data | {"version": "1.0", "settings": settings}
        assert f"is damaged: settings.{name}" in refusal(path, older)


# --- A newer minor version ------------------------------------------------------------------------


@pytest.fixture
def newer(data):
    """What a newer program might write: a field more in everything."""
    data["version"] = "1.9"
    data["colour"] = {"depth": [8, 10]}
    places = data["machine"], data["settings"], data["contenders"][0], data["series"][0]
    for place in (*places, data["series"][0]["samples"][1], data["checks"][0], data["images"][0]):
        place["novelty"] = "kept"
    return data


def test_a_newer_minor_version_is_read_and_what_is_unknown_is_written_back(path, newer):
    path.write_text(json.dumps(newer))
    write_result(path, read_result(path))
    assert json.loads(path.read_text("utf-8")) == newer


def test_what_a_newer_minor_version_must_have_it_must_have(path, newer):
    del newer["machine"]["cores"]
    assert "is damaged: machine.cores" in refusal(path, newer)


def test_a_resume_loses_nothing_that_is_unknown(path, newer):
    path.write_text(json.dumps(newer))
    before = read_result(path)
    more = tuple(
        one.model_copy(update={"samples": (*old.samples, *one.samples)})
        for one, old in zip(result().series, before.series, strict=True)
    )
    fresh = result(series=more, machine=before.machine, checks=before.checks)
    kept = keep_unknown(fresh, before)
    write_result(path, kept)
    written = json.loads(path.read_text("utf-8"))
    assert written["version"] == "1.9"
    assert written["colour"] == {"depth": [8, 10]}
    assert written["machine"]["novelty"] == written["checks"][0]["novelty"] == "kept"
    assert written["contenders"][0]["novelty"] == written["series"][0]["novelty"] == "kept"
    assert written["series"][0]["samples"][1]["novelty"] == "kept"
    assert len(written["series"][0]["samples"]) == 14
    assert "novelty" not in written["series"][1]


def test_a_resume_of_an_older_file_is_of_this_version():
    fresh = result(warnings=("anew",))
    assert keep_unknown(fresh, result(version="1.0")) == fresh
    assert fresh.version == VERSION


# --- What does not fit ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("machine", "cores"), 0, "machine.cores"),
        (("machine", "cores"), "4", "machine.cores"),
        (("machine", "processor"), "x" * 20_000, "machine.processor"),
        (("machine", "memory"), 10**30, "machine.memory"),
        (("photo", "sha256"), "nothing", "photo.sha256"),
        (("settings", "octave_scale"), 1.0, "settings.octave_scale"),
        (("settings", "octaves"), 1001, "settings.octaves"),
        (("settings", "step"), -256.0, "settings.step"),
        (("settings", "jitter"), -1, "settings.jitter"),
        (("settings", "zoom"), 1.1, "settings.zoom"),
        (("series", 0, "samples", 0, "seconds"), -1.0, "series.0.samples.0.seconds"),
        (("series", 0, "samples", 0, "seconds"), 1e300, "series.0.samples.0.seconds"),
        (("series", 0, "contender"), "nobody", "series of 'nobody', which is no contender"),
        (("checks", 0, "contender"), "nobody", "check of 'nobody', which is no contender"),
        (("images", 1, "contender"), "nobody", "image of 'nobody', which is no contender"),
        (("images", 0, "png"), "<script>", "images.0.png"),
        (("contenders", 1, "name"), "cpu", "two entries of contender cpu"),
        (("created",), "yesterday", "created"),
        (("surprise",), 1, "surprise"),
        (("series", 0, "samples", 0, "surprise"), 1, "series.0.samples.0.surprise"),
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
    with pytest.raises(DreamError, match=r"the folder .* does not exist; create it first"):
        write_result(path / "in" / "no" / "folder.json", result())
    path.mkdir()
    with pytest.raises(DreamError, match="is a folder; name a file in it"):
        write_result(path, result())
    assert [file.name for file in path.parent.iterdir()] == ["result.json"]


# --- docs/result-file.md --------------------------------------------------------------------------


def section(name: str) -> str:
    found = re.search(rf"^### {name}\n(.*?)(?=^##|\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found, name
    return found[1]


@pytest.mark.parametrize(
    "record",
    [record for record in RECORDS if record is not Settings],
    ids=lambda record: record.__name__,
)
def test_the_document_names_every_field(record):
    fields = [field.alias or name for name, field in record.model_fields.items()]
    documented = re.findall(r"^\| `(\w+)` \|", section(record.__name__), re.MULTILINE)
    assert documented == fields


def test_the_settings_are_those_of_the_loop():
    fields = {field.name: field.metadata["limits"] for field in dataclasses.fields(LoopSettings)}
    written = write_result_schema.result_schema()["$defs"]["Settings"]
    assert list(written["properties"]) == list(fields)
    assert written["required"] == FIRST
    for name, limits in fields.items():
        known = written["properties"][name]
        if not isinstance(limits, Limits):
            continue
        known = known.get("items", known)
        assert known.get("minimum", limits.least) == limits.least
        assert known.get("maximum", limits.most) == limits.most
        assert known.get("exclusiveMinimum", limits.above) == limits.above
    assert "as `dream run` has [an option](options.md#dream-run) for each" in section("Settings")


def test_the_document_names_the_version_and_the_kinds():
    assert f"version {VERSION}" in DOCUMENT
    assert f"of the schema: {VERSION}" in DOCUMENT
    for kind in typing.get_args(records.Kind):
        assert f"`{kind}`" in DOCUMENT


def test_the_parts_are_documented(bench):
    for measured in bench.series:
        for sample in measured.samples:
            for part in sample.parts:
                assert f"`{part}`" in DOCUMENT


# --- docs/result.schema.json ----------------------------------------------------------------------


def test_the_published_schema_is_the_models():
    assert write_result_schema.PATH.read_text("utf-8") == write_result_schema.content()


@pytest.fixture(scope="module")
def schema():
    """What judges a file by the published schema."""
    published = json.loads(write_result_schema.PATH.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(published)
    return jsonschema.Draft202012Validator(published)


def test_the_example_and_what_is_written_fit_the_schema(schema, data):
    for path in (EXAMPLE, OLD):
        schema.validate(json.loads(path.read_text("utf-8")))
    schema.validate(data)


def test_a_newer_minor_version_fits_the_schema(schema, newer):
    schema.validate(newer)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("version",), 2),
        (("version",), "2.0"),
        (("schema",), "something/else"),
        (("series", 0, "kind"), "lukewarm"),
        (("settings", "octave_scale"), 1.0),
        (("machine", "cores"), "4"),
    ],
)
def test_the_schema_refuses_what_the_model_refuses(schema, path, data, where, value):
    inner = data
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    assert not schema.is_valid(data)
    assert refusal(path, data)
