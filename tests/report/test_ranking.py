"""All runs in one order, as far as their samples tell one."""

from __future__ import annotations

import pytest
from synthetic_results import (
    NOISE,
    SEED_SIZE,
    SIZES,
    check,
    contender,
    machine,
    result,
    seconds,
    series,
)

from ort_deepdream.report.tables.compared import compared
from ort_deepdream.report.tables.ranking import ranking

ORDER = ("A · cuda", "A · cpu", "B · cpu", "A · cpu, 1 thread")


def names(ranked) -> tuple[str, ...]:
    return tuple(f"{row[1][:1]} · {row[2]}" for row in ranked.table.rows)


def test_the_fastest_is_first_and_equals_share_a_rank(runs):
    other = series("cpu", SEED_SIZE, "warm", noise=tuple(1.001 * one for one in reversed(NOISE)))
    found = ranking(runs(result(), result(("cpu",), series=(other,))))
    assert found.title == "Further dream at 182×158"
    assert names(found) == ORDER
    assert [row[0] for row in found.table.rows] == ["1", "2", "2", "4"]
    assert found.table.rows[0][-2:] == ("1×", "–")
    times = seconds("cpu", SEED_SIZE, "warm") / seconds("cuda", SEED_SIZE, "warm")
    assert found.table.rows[1][-2] == f"{times:.1f}×"
    low, high = (float(end.rstrip("×")) for end in found.table.rows[1][-1].split(" to "))
    assert low <= round(times, 1) <= high


def test_what_most_were_measured_at_decides(runs):
    large = series("cpu", SIZES[1], "step")
    both = result(("cpu",), sizes=SIZES[:2]), result(("cpu",), series=(large,))
    assert ranking(runs(*both)).title == "Single step at 640×427"


def test_what_is_wrong_has_no_rank(runs):
    wrong = result(("cpu", "cuda"), checks=(check("cpu"), check("cuda", passed=False)))
    assert names(ranking(runs(wrong, result(("cpu",))))) == ("A · cpu", "B · cpu")


def test_single_samples_are_ranked_without_intervals(runs):
    times = tuple(series(name, SEED_SIZE, "warm", noise=(1.0,)) for name in ("cpu", "cuda"))
    one = result((), contenders=(contender("cpu"), contender("cuda")), series=times, checks=())
    rows = ranking(runs(one, one)).table.rows
    assert {row[0] for row in rows} == {"1"}  # one sample does not tell what is noise
    assert {row[-1] for row in rows} == {"–"}


def test_one_run_alone_is_not_ranked(runs):
    assert ranking(runs(result())) is None


def test_another_dream_has_no_rank(runs):
    deep = result(("cpu",))
    deep = deep.model_copy(
        update={"model": deep.model.model_copy(update={"layers": ("inception_5b/output",)})}
    )
    seeded = result(("cuda",))
    seeded = seeded.model_copy(update={"settings": seeded.settings.model_copy(update={"seed": 99})})
    found = ranking(runs(result(("cpu",)), deep, seeded))
    assert names(found) == ("C · cuda", "A · cpu")
    assert found.others == ("B",)


OLDER = {"onnxruntime-ep-openvino": "1.8.1", "onnxruntime-openvino": "1.24.1", "torch": "2.13.0"}
NEWER = {"onnxruntime-gpu": "1.31.1", "torch": "2.13.0"}
NEWER_TOO = {"onnxruntime": "1.31.1"}


def of(packages: dict[str, str]):
    return result(("cpu",), machine=machine(packages=packages))


def test_each_row_names_its_version_where_they_differ(runs):
    both = runs(of(NEWER), of(OLDER))
    table = ranking(both).table
    assert table.headings[2:5] == ("contender", "version", "median")
    assert {row[1][0]: row[3] for row in table.rows} == {
        "A": "onnxruntime-gpu 1.31.1",
        "B": "onnxruntime-openvino 1.24.1",
    }
    pairs = compared(both)
    assert pairs.headings[3:6] == ("run", "version", "median")
    assert {row[3]: row[4].split()[-1] for row in pairs.rows} == {"A": "1.31.1", "B": "1.24.1"}


@pytest.mark.parametrize("other", [NEWER, NEWER_TOO])
def test_no_row_names_a_version_that_all_have(runs, other):
    table = ranking(runs(of(NEWER), of(other))).table
    assert table.headings[2:4] == ("contender", "median")
    assert {len(row) for row in table.rows} == {len(table.headings)}
