"""The planted regression: what is planted is still there, and what asv says is judged rightly."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scripts import planted_regression
from scripts.planted_regression import ROOT, Row, faults

STEP = "steps.Gradient.time_step('cpu', 256)"
NODES = "graphs.Nodes.track_optimised('cpu')"
ELSEWHERE = "graphs.Nodes.track_optimised('portable')"


def row(benchmark: str, mark: str = "", ratio: str = "1.00") -> Row:
    return Row(mark, "1", "1", ratio, benchmark)


@pytest.mark.parametrize("name", planted_regression.PLANTS)
def test_what_is_planted_changes_the_exporter(name, tmp_path):
    target = tmp_path / planted_regression.PLANTED
    target.parent.mkdir()
    original = (ROOT / planted_regression.PLANTED).read_text("utf-8")
    target.write_text(original, "utf-8")
    planted_regression.plant(tmp_path, name)
    changed = target.read_text("utf-8")
    assert changed != original
    compile(changed, planted_regression.PLANTED, "exec")
    with pytest.raises(RuntimeError, match="does not have"):
        planted_regression.plant(tmp_path, name)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "| +        | 32.7±4ms             | 60.1±3ms            |    1.84 | "
            "steps.Gradient.time_step('cpu', 64) |",
            Row("+", "32.7±4ms", "60.1±3ms", "1.84", "steps.Gradient.time_step('cpu', 64)"),
        ),
        (
            "|          | 8.37M                | 8.37M               |    1    | "
            "graphs.Bytes.track_file('cpu') |",
            Row("", "8.37M", "8.37M", "1", "graphs.Bytes.track_file('cpu')"),
        ),
        ("|----------|-----|------|---------|-----|", None),
    ],
)
def test_a_line_of_asv_is_read(line, expected):
    found = planted_regression.read_rows([line])
    assert found == ((expected,) if expected else ())


def test_the_planted_one_must_be_flagged_and_nothing_else():
    both = [row(STEP, "+", "1.30"), row(NODES, "+", "1.84"), row(ELSEWHERE)]
    assert faults("planted", both) == []
    assert faults("planted", [row(STEP, "", "~1.30"), *both[1:]]) == [
        f"{STEP} is not flagged: ~1.30"
    ]
    other = row(ELSEWHERE, "+", "1.20")
    assert faults("planted", [*both[:2], other]) == [f"{ELSEWHERE} is flagged + 1.20"]
    assert faults("planted", [row(STEP, "", "n/a")]) == [
        "nothing was measured that should be dearer"
    ]


@pytest.mark.parametrize("mark", ["+", "-", "!"])
def test_the_same_must_not_be_flagged_either_way(mark):
    assert faults("same", [row(STEP), row(NODES)]) == []
    assert faults("same", [row(STEP, mark, "1.20")]) == [f"{STEP} is flagged {mark} 1.20"]


def test_a_broken_asv_is_told(tmp_path):
    script = "print('[50.00%] half'); print('why it broke'); raise SystemExit(3)"
    parts: list[float] = []
    code, lines = planted_regression.follow(
        [sys.executable, "-c", script], tmp_path, {}, parts.append
    )
    assert (code, lines, parts) == (3, ["[50.00%] half", "why it broke"], [0.5])


@pytest.mark.nightly
def test_asv_flags_the_counts(tmp_path):
    """The reduced form: asv builds its environment, which takes minutes, and compares counts."""
    command = [sys.executable, "-m", "scripts.planted_regression"]
    command += ["--tries", "1", "--rounds", "1", "--bench", r"^graphs\.Nodes\."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "planted: as it should be" in done.stdout
    assert "same: as it should be" in done.stdout
