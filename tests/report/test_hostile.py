"""Result files and asv's folders with values changed at random: a report of them, or one line."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limits import little_memory
from synthetic_results import result

from ort_deepdream.errors import DreamError
from ort_deepdream.measure.compare import broken, changes, differences
from ort_deepdream.report.charts.asv import read_history
from ort_deepdream.report.charts.history import history_chart
from ort_deepdream.report.page.page import page
from ort_deepdream.report.runs import read_runs

MEMORY = 300_000_000
SECONDS = 4  # for each test
SLOWEST = 5  # seconds for one file

ODD = st.sampled_from(
    [
        *(None, True, -1, 0, 1, 2**31, 2**63, 10**30, 10**400, -1e-300, 1e-9, 1e9, 1e308),
        *(float("nan"), float("inf"), -float("inf")),
        *("", "x", "nan", "1", "\x1b[2J", "\ud800", "\u202e", "cpu", "a" * 300, "2001-02-30"),
        *([], {}, [None], {"x": 1}, [[[[]]]], [1e308, -1e308]),
    ]
)
# Where it is put, as shares of all places of that kind, and what is put there.
EDITS = st.lists(
    st.tuples(st.sampled_from(["put", "drop", "double"]), st.floats(0, 1), ODD),
    min_size=1,
    max_size=3,
)
BYTES = st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4)), max_size=2)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each container with each of its keys, from the outside in."""
    keys: Any = value if isinstance(value, dict) else range(len(value))
    for key in list(keys):
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from places(value[key])


def edited(
    text: str, edits: list[tuple[str, float, Any]], noise: list[tuple[float, bytes]]
) -> bytes:
    data = json.loads(text)
    for what, share, odd in edits:
        found = list(places(data))
        if not found:
            break
        inside, key = found[int(share * (len(found) - 1))]
        if what == "put":
            inside[key] = copy.deepcopy(odd)
        elif what == "drop":
            del inside[key]
        elif isinstance(inside, list):
            inside.append(copy.deepcopy(inside[key]))
    content = json.dumps(data).encode()
    for share, new in noise:
        place = int(share * len(content))
        content = content[:place] + new + content[place + len(new) :]
    return content


def bounded(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test with edits, for no longer than SECONDS: what comes after them is not tried."""
    ends: list[float] = []

    def for_a_while(tmp_path: Path, edits: Any, noise: Any) -> None:
        ends.append(ends[0] if ends else time.monotonic() + SECONDS)
        if time.monotonic() > ends[0]:
            return
        began = time.monotonic()
        with little_memory(MEMORY):
            test(tmp_path, edits, noise)
        assert time.monotonic() - began < SLOWEST

    for_a_while.__name__ = test.__name__
    unhurried = settings(
        max_examples=200,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    run: Callable[..., None] = unhurried(given(edits=EDITS, noise=BYTES)(for_a_while))
    return run


def require_one_line(said: str, path: Path) -> None:
    assert said.startswith(str(path))
    assert said.isprintable()


GOOD = result(("cpu", "cuda")).model_dump_json(by_alias=True)


@bounded
def test_result_files(tmp_path: Path, edits: Any, noise: Any) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(edited(GOOD, edits, noise))
    try:
        runs = read_runs([path])
        text = page(runs, [])
    except DreamError as error:
        require_one_line(str(error), path)
        return
    assert text.endswith("</html>")
    (run,) = runs
    assert changes(run.analysis, run.analysis) is not None
    assert differences(run.analysis.result, run.analysis.result) == []
    assert broken(run.analysis, run.analysis) == []


DESCRIBED = {"steps.Step.time_step": {"unit": "seconds", "param_names": ["backend"]}, "version": 2}
MEASURED = {
    "commit_hash": "a" * 40,
    "env_name": "venv",
    "date": 86_400_000,
    "version": 2,
    "result_columns": ["result", "params", "version", "stats_ci_99_a", "stats_ci_99_b"],
    "results": {
        "steps.Step.time_step": [[0.1, None], [["'cpu'", "'cuda'"]], "1", [0.09, None], [0.2, None]]
    },
}


@bounded
def test_asv_folders(tmp_path: Path, edits: Any, noise: Any) -> None:
    machine = tmp_path / "machine"
    machine.mkdir(exist_ok=True)
    described, measured = json.dumps(DESCRIBED).encode(), json.dumps(MEASURED).encode()
    if len(edits) % 2:
        measured = edited(measured.decode(), edits, noise)
    else:
        described = edited(described.decode(), edits, noise)
    (tmp_path / "benchmarks.json").write_bytes(described)
    (machine / "aaaaaaaa-venv.json").write_bytes(measured)
    try:
        values = read_history(tmp_path)
    except DreamError as error:
        require_one_line(str(error), tmp_path)
        return
    history_chart(values)


def test_they_are_good_before(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(edited(GOOD, [], []))
    assert "</html>" in page(read_runs([path]), [])
    (tmp_path / "machine").mkdir()
    (tmp_path / "benchmarks.json").write_text(json.dumps(DESCRIBED))
    (tmp_path / "machine" / "aaaaaaaa-venv.json").write_text(json.dumps(MEASURED))
    assert len(read_history(tmp_path)) == 1
    with pytest.raises(DreamError):
        read_runs([tmp_path])
