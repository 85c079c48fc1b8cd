"""`dream compare`: wrong contenders, noise above the limit, narrow terminals, damaged files."""

from __future__ import annotations

import pytest
from hostile_results import hostile
from synthetic_results import (
    SEED_SIZE,
    SIZES,
    check,
    contender,
    machine,
    result,
    series,
    written,
)

from ort_deepdream.measure.result import Result


def measured(load: float = 0.1, slower: float = 1.0, count: int = 7, apart: float = 0.02) -> Result:
    """One measurement of one contender, with so many busy cores of others."""
    noise = [slower * (1 + apart * n / 7) for n in range(count)]
    one = series("cpu", SEED_SIZE, "warm", noise=noise)
    samples = tuple(sample.model_copy(update={"load": load}) for sample in one.samples)
    return result(("cpu",), series=(one.model_copy(update={"samples": samples}),))


@pytest.fixture
def files(tmp_path):
    """Both right; the GPU wrong."""
    wrong = result(("cpu", "cuda"), checks=(check("cpu"), check("cuda", passed=False)))
    right = result(("cpu", "cuda"))
    return written(tmp_path, right, "right.json"), written(tmp_path, wrong, "wrong.json")


def test_what_became_wrong_is_a_failure(dream, files):
    right, wrong = files
    outcome = dream("compare", right, wrong)
    assert outcome.exit_code == 1
    last = outcome.stdout.splitlines()[-1]
    assert last == f"FAIL: cuda failed its check in {wrong}, so its times say nothing"
    lines = [line.strip() for line in outcome.stdout.splitlines()]
    rows = [line for line in lines if line.startswith(("cpu ", "cuda "))]
    assert ["WRONG" in row for row in rows] == [row.startswith("cuda") for row in rows]
    assert len(rows) == 18


def test_what_was_wrong_before_is_marked_and_no_new_failure(dream, files):
    right, wrong = files
    for after in (right, wrong):
        outcome = dream("compare", wrong, after)
        assert outcome.exit_code == 0
        assert "WRONG" in outcome.stdout
        assert "FAIL" not in outcome.stdout


# --- noise above the limit ------------------------------------------------------------------------


@pytest.fixture
def compare(dream, tmp_path):
    """Compares two results by the command."""

    def of(before: Result, after: Result, *words: object):
        files = written(tmp_path, before, "before.json"), written(tmp_path, after, "after.json")
        return dream("compare", *files, *words)

    return of


def test_a_doubled_time_on_a_busy_machine_is_inconclusive(compare):
    outcome = compare(measured(), measured(load=1.7372, slower=2))
    assert outcome.exit_code == 3
    last = outcome.stdout.splitlines()[-1]
    assert last.startswith("INCONCLUSIVE: 1 of 1 measurements, up to 2.00 times as long (cpu at")
    assert "other processes kept up to 1.7 cores busy" in last
    assert "only more than 3.01 times, and not 1.1, would be called slower" in last
    assert "unclear" in outcome.stdout
    assert "nowhere slower" not in outcome.stdout


def test_what_was_measured_on_a_busy_machine_first_may_hide_a_slowdown(compare):
    assert compare(measured(load=1.7, slower=2), measured(slower=2)).exit_code == 3
    assert compare(measured(load=1.7), measured(load=1.7)).exit_code == 3


def test_above_what_others_explain_it_is_slower_all_the_same(compare):
    outcome = compare(measured(), measured(load=1.0, slower=2.5))
    assert outcome.exit_code == 1
    last = outcome.stdout.splitlines()[-1]
    assert last.startswith("SLOWER: cpu at 182x158, warm: 2.50 times as long (95%: ")
    assert last.endswith("limit 2.2)")


def test_a_limit_above_what_others_explain_does_not_help(compare):
    outcome = compare(measured(), measured(load=1.0, slower=1.5), "--fail-above", "3")
    assert outcome.exit_code == 3  # the limit used is 6
    assert "only more than 6.00 times, and not 3, would" in outcome.stdout


@pytest.mark.parametrize("count", [1, 2, 3])
def test_too_few_samples_are_inconclusive(compare, count):
    outcome = compare(measured(), measured(slower=2, count=count))
    last = outcome.stdout.splitlines()[-1]
    if count < 3:  # of three and seven, all of the three can be the slowest by no chance
        assert outcome.exit_code == 3
        assert f"as few as {count} samples cannot tell 1.1 times from chance" in last
    else:
        assert outcome.exit_code == 1
    (row,) = [line for line in outcome.stdout.splitlines() if line.startswith(" cpu ")]
    assert ("-" in row) == (count > 1)  # one sample has no interval


def test_samples_far_apart_are_inconclusive(compare):
    outcome = compare(measured(apart=1.5), measured(slower=1.3, apart=1.5))
    assert outcome.exit_code == 3
    last = outcome.stdout.splitlines()[-1]
    assert "the samples lie too far apart to tell 1.1 times from chance (95%: up to " in last
    same = compare(measured(apart=1.5), measured(apart=1.5))  # the fastest are equally fast
    assert same.exit_code == 0


def test_a_limit_that_is_no_number_is_refused(dream, files):
    for limit in ("nan", "inf", "-inf", "0.9", "1e400"):
        assert "--fail-above" in dream("compare", *files, "--fail-above", limit).error


# --- one contender under two names ----------------------------------------------------------------


def test_all_cores_are_the_same_contender_by_whatever_name(compare):
    def of(name: str, threads: int | None) -> Result:
        one = series("cpu", SEED_SIZE, "warm").model_copy(update={"contender": name})
        made = contender(name, threads=threads, backend="cpu")
        there = machine(cores=2)
        return result((), contenders=(made,), series=(one,), machine=there)

    for pair in ((("cpu", None), ("cpu, 2 threads", 2)), (("cpu, 2 threads", 2), ("cpu", None))):
        outcome = compare(*(of(*one) for one in pair))
        assert outcome.exit_code == 0
        assert "What differs besides" in outcome.stdout
        assert "only" not in outcome.stdout
    assert "in common" in compare(of("cpu", None), of("cpu, 1 thread", 1)).error


# --- terminals, and what files say ----------------------------------------------------------------


@pytest.mark.parametrize("columns", [40, 60, 72, 80, 120])
def test_it_fits_the_terminal(dream, tmp_path, columns):
    name = "PyTorch eager, cpu, 2 threads, with a long name"
    one = series("cpu", SIZES[2], "warm").model_copy(update={"contender": name})
    driver = "one with a very long name " * 3
    both = [
        result((), contenders=(contender(name),), series=(one,), machine=there)
        for there in (machine(), machine(gpu_driver=driver))
    ]
    files = [written(tmp_path, made, f"{n}.json") for n, made in enumerate(both)]
    outcome = dream("compare", *files, columns=columns)
    *lines, last = outcome.stdout.splitlines()
    assert last == f"{files[1]} is nowhere slower by more than 1.1 times"
    assert max(len(line.rstrip()) for line in lines) <= columns
    text = " ".join(" ".join(lines).split())
    for told in ("1280x854", "warm", "24.1 s", "1.00", "0.98-1.02", "machine gpu_driver", "1.2.3"):
        assert told in text
    assert "\N{HORIZONTAL ELLIPSIS}" not in text  # nothing is cut
    words = [word for word in text.replace(",", "").split() if word != "->"]
    assert set(name.replace(",", "").split()) <= set(words)


def test_what_a_file_says_does_not_command_the_terminal(dream, tmp_path):
    made = hostile()
    files = [written(tmp_path, made, "a.json")]
    files.append(written(tmp_path, made.model_copy(update={"machine": machine()}), "b.json"))
    for columns in (40, 80):
        outcome = dream("compare", *files, columns=columns)
        assert outcome.exit_code in (0, 3)
        assert all(line.isprintable() for line in outcome.stdout.splitlines())
        assert "[2J" in outcome.stdout  # it is shown, and does nothing
