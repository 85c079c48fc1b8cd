"""Whether asv sees a regression that is there, and none that is not.

    python -m scripts.planted_regression -o planted.json

In a scratch clone of HEAD it makes two commits: one that exports a slower graph for the CPU, and
one that changes nothing. `asv continuous` compares HEAD with the first once, which must flag the
CPU's step and the counts of its graph and nothing else, and with the second five times, which must
flag nothing. Exits with 1 if it is otherwise. Measures what is committed; the machine should do
nothing else. About 35 minutes, and three more where asv builds its environment (`--env-dir`).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ort_deepdream.cli.messages import bar
from ort_deepdream.files import write_text
from ort_deepdream.measure.machine import describe, this_machine

ROOT = Path(__file__).parents[1]
BENCHMARKS = r"^(steps\.Gradient|graphs)\."

# Changes of PLANTED: texts that are there once, and the texts that take their places.
PLANTED = "export/targets.py"
EXPANSIONS = (  # the CPU's graph gets the portable target's form of each composite
    "            cpu.EXPANSIONS,\n",
    "            {**cpu.EXPANSIONS, **portable.EXPANSIONS},\n",
)
DIMENSIONS = (  # its equal sizes get no common names, so fewer sums are fused
    "        name_dimensions(model)\n",
    '        self.name == "cpu" or name_dimensions(model)\n',
)
PLANTS = {
    "lowering": (EXPANSIONS, DIMENSIONS),
    "expansions": (EXPANSIONS,),
    "dimensions": (DIMENSIONS,),
}
# What each of them makes dearer, where it was measured.
DEARER = re.compile(
    r"steps\.Gradient\.time_step\('cpu', \d+\)"
    r"|graphs\.Nodes\.track_(optimised|layout_changes)\('cpu'\)"
)
ALLOWED = re.compile(r"graphs\.\w+\.\w+\('cpu'\)")  # other counts may go either way

STEPS = 20  # that each process times

ROW = re.compile(r"^\|\s*([-+!x*]?)\s*\|(.+?)\|(.+?)\|\s*([\d.~]+|n/a)\s*\|\s*(.+?)\s*\|$")
PERCENT = re.compile(r"^\[\s*([\d.]+)%\]")


@dataclass(frozen=True)
class Row:
    """One line of asv's comparison."""

    mark: str  # "+" slower, "-" faster, "!" fails now, "" not significantly changed
    before: str
    after: str
    ratio: str
    benchmark: str


@dataclass(frozen=True)
class Try:
    kind: str  # "planted" or "same"
    exit_code: int  # asv's: 1 when something is worse
    load: float
    rows: tuple[Row, ...]
    faults: tuple[str, ...]  # what should have been otherwise


def main(arguments: Sequence[str] | None = None) -> None:
    o = parser().parse_args(arguments)
    machine = this_machine()
    for line in describe(machine):
        print(line)
    try:
        with tempfile.TemporaryDirectory(prefix="planted-") as folder:
            clone = Path(folder) / "clone"
            make_clone(clone, o)
            tries = run_tries(clone, o)
    except (RuntimeError, OSError) as error:
        print(f"planted_regression: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    if o.output:
        write(o.output, machine.model_dump(), tries, o)
    raise SystemExit(1 if any(one.faults for one in tries) else 0)


def make_clone(clone: Path, o: argparse.Namespace) -> None:
    """HEAD, with a branch `planted` and a branch `same`, each one commit further."""
    run(["git", "clone", "-q", str(ROOT), str(clone)], ROOT)
    git(clone, "checkout", "-q", "-B", "main")
    git(clone, "checkout", "-q", "-b", "same")
    git(clone, "commit", "-q", "--allow-empty", "-m", "the same")
    git(clone, "checkout", "-q", "-b", "planted", "main")
    plant(clone, o.plant)
    git(clone, "commit", "-q", "-a", "-m", f"a planted regression: {o.plant}")
    git(clone, "checkout", "-q", "main")
    if o.env_dir:
        share_environments(clone / "asv.conf.json", o.env_dir)
    if not (Path.home() / ".asv-machine.json").exists():
        run([sys.executable, "-m", "asv", "machine", "--yes"], clone)


def plant(clone: Path, name: str) -> None:
    """Raises RuntimeError when the text to change is not there once."""
    text = (clone / PLANTED).read_text("utf-8")
    for old, new in PLANTS[name]:
        if text.count(old) != 1:
            raise RuntimeError(f"{PLANTED} does not have {old.strip()!r} once; mend PLANTS")
        text = text.replace(old, new)
    (clone / PLANTED).write_text(text, "utf-8")


def share_environments(configuration: Path, folder: Path) -> None:
    """Let asv use environments that are there, instead of building them within the clone."""
    settings = json.loads(configuration.read_text("utf-8"))
    settings["env_dir"] = str(folder.resolve())
    configuration.write_text(json.dumps(settings, indent=4), "utf-8")


def run_tries(clone: Path, o: argparse.Namespace) -> list[Try]:
    kinds = ["planted", *["same"] * o.tries]
    tries = []
    with bar("asv") as update:
        for number, kind in enumerate(kinds):
            done = number / len(kinds)
            text = f"asv: {kind}, {number + 1} of {len(kinds)}"
            update(done, text)
            tries.append(
                one_try(clone, kind, o, lambda part: update(done + part / len(kinds), text))  # noqa: B023
            )
            show(tries[-1])
    return tries


def one_try(clone: Path, kind: str, o: argparse.Namespace, on_part: Callable[[float], None]) -> Try:
    command = [sys.executable, "-m", "asv", "continuous", "main", kind]
    command += ["--factor", str(o.factor), "--bench", o.bench]
    for attribute in (f"rounds={o.rounds}", f"repeat={STEPS}"):
        command += ["--attribute", attribute]
    # Both commits in turn, round by round: what slows the machine for a while slows both.
    command += ["--interleave-rounds", "--no-only-changed", "--sort", "name", "--show-stderr"]
    load = os.getloadavg()[0]
    code, lines = follow(command, clone, {"ORT_DEEPDREAM_BENCH": o.profile}, on_part)
    rows = read_rows(lines)
    if code not in (0, 1) or not rows:
        raise RuntimeError(f"asv continuous ended with {code}:\n" + "\n".join(lines))
    return Try(kind, code, load, rows, tuple(faults(kind, rows)))


def read_rows(lines: Sequence[str]) -> tuple[Row, ...]:
    """The rows of asv's table, without its heading."""
    found = [Row(*(cell.strip() for cell in m.groups())) for m in map(ROW.match, lines) if m]
    return tuple(row for row in found if row.benchmark != "Benchmark (Parameter)")


def faults(kind: str, rows: Sequence[Row]) -> list[str]:
    """What a comparison should have said otherwise."""
    flagged = [row for row in rows if row.mark]
    if kind == "same":
        return [f"{row.benchmark} is flagged {row.mark} {row.ratio}" for row in flagged]
    dearer = [row for row in rows if DEARER.fullmatch(row.benchmark) and row.ratio != "n/a"]
    wrong = [
        f"{row.benchmark} is not flagged: {row.ratio}" for row in dearer if row.mark != "+"
    ] + [
        f"{row.benchmark} is flagged {row.mark} {row.ratio}"
        for row in flagged
        if not (DEARER.fullmatch(row.benchmark) or ALLOWED.fullmatch(row.benchmark))
    ]
    return wrong or ([] if dearer else ["nothing was measured that should be dearer"])


def show(one: Try) -> None:
    print(f"\n{one.kind}: {'as it should be' if not one.faults else '; '.join(one.faults)}")
    for row in one.rows:
        if row.ratio != "n/a":
            print(f"  {row.mark or ' '} {row.ratio:>6}  {row.benchmark}")
    sys.stdout.flush()


def write(
    path: Path, machine: dict[str, object], tries: Sequence[Try], o: argparse.Namespace
) -> None:
    content = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "plant": o.plant,
        "factor": o.factor,
        "rounds": o.rounds,
        "profile": o.profile,
        "bench": o.bench,
        "tries": [asdict(one) for one in tries],
    }
    write_text(path, json.dumps(content, indent=1) + "\n")


# --- commands -------------------------------------------------------------------------------------


def git(clone: Path, *words: str) -> None:
    who = ["-c", "user.name=planted", "-c", "user.email=planted@localhost"]
    run(["git", *who, *words], clone)


def run(command: Sequence[str], folder: Path) -> None:
    """Raises RuntimeError with what a failed command said."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {(done.stderr or done.stdout).strip()}")


def follow(
    command: Sequence[str],
    folder: Path,
    variables: dict[str, str],
    on_part: Callable[[float], None],
) -> tuple[int, list[str]]:
    """Run asv, telling how far it is; its exit code and its lines."""
    lines = []
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            if found := PERCENT.match(line):
                on_part(float(found[1]) / 100)
    return process.returncode, lines


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--plant", choices=PLANTS, default="lowering", help="default: %(default)s")
    made.add_argument(
        "--tries", type=int, default=5, help="comparisons with the same; default: %(default)s"
    )
    made.add_argument("--rounds", type=int, default=6, help="for each commit; default: %(default)s")
    made.add_argument("--factor", type=float, default=1.25, help="default: %(default)s")
    made.add_argument("--profile", default="quick", help="of benchmarks/; default: %(default)s")
    made.add_argument(
        "--bench", default=BENCHMARKS, metavar="REGEX", help="benchmarks; default: %(default)s"
    )
    made.add_argument(
        "--env-dir", type=Path, metavar="FOLDER", help="asv's environments, such as .asv/env"
    )
    made.add_argument("--output", "-o", type=Path, metavar="JSON", help="every row of every try")
    return made


if __name__ == "__main__":
    main()
