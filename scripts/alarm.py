"""Whether a change made a step slower: base and head timed in turns on one machine.

    python -m scripts.alarm --base base-env/bin/python --head head-env/bin/python
    python -m scripts.alarm --starts 20 -o "$GITHUB_STEP_SUMMARY"     # this one against itself

Each is a Python with its own ort-deepdream installed. What is timed is one thread's CPU time, of
which other processes take none: `--clock wall --threads 0` times what one waits for instead, on all
cores, and wants a machine of its own. Writes the ratio, its interval and the
verdict as Markdown, and exits with 1 when the head is slower. `alarm_verdict.py` says how that is
decided. 12 starts of 5 rounds take about two minutes for both of the sizes on two cores.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from ort_deepdream.cli.messages import bar
from ort_deepdream.files import write_text
from ort_deepdream.measure.machine import describe, disturbances, this_machine
from ort_deepdream.measure.timing import steps_in_turn
from scripts.alarm_verdict import Comparison, Start, compare, summary

STEP = Path(__file__).with_name("alarm_step.py")
SIZES = ("182x158", "512x512")
STARTS, ROUNDS = 12, 5
SLOWER = 1  # exit code; 2 is a user's mistake


class Side:
    """A process that takes steps. Raise RuntimeError when it ends, with its last words."""

    def __init__(self, python: str, size: str, plant: float, o: argparse.Namespace) -> None:
        words = [size, o.backend, str(o.threads), o.clock, str(plant)]
        self.python = python
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        self.child = subprocess.Popen(
            [python, "-P", str(STEP), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )

    def __enter__(self) -> Side:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.child.kill()
        self.child.communicate()
        self.errors.close()

    def turn(self, steps: int) -> float:
        """Return the seconds of a step, the median of so many."""
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        with contextlib.suppress(OSError):  # it is gone: what it said tells why
            print(steps, file=self.child.stdin, flush=True)
        line = self.child.stdout.readline()
        if not line:
            code = self.child.wait()
            self.errors.seek(0)
            said = self.errors.read().decode(errors="replace").strip().splitlines()
            raise RuntimeError(f"{self.python} ended with {code}: {(said or ['?'])[-1]}")
        return float(line)


def one_start(o: argparse.Namespace, size: str, draw: random.Random) -> Start:
    """Return the rounds of one start: base and head in an order drawn anew."""
    with ExitStack() as stack:
        sides = [
            stack.enter_context(Side(python, size, plant, o))
            for python, plant in ((o.base, 1.0), (o.head, o.plant))
        ]
        steps = steps_in_turn(max(side.turn(2) for side in sides))
        rounds = []
        for _ in range(o.rounds):
            order = draw.sample((0, 1), 2)
            taken = {number: sides[number].turn(steps) for number in order}
            rounds.append((taken[0], taken[1]))
    return rounds


def measure(o: argparse.Namespace) -> dict[str, list[Start]]:
    """Return the starts of each size; the sizes take turns, too."""
    draw = random.Random(o.seed)
    found: dict[str, list[Start]] = {size: [] for size in o.size}
    with bar("timing") as update:
        for number in range(o.starts):
            for place, size in enumerate(o.size):
                done = (number + place / len(o.size)) / o.starts
                update(done, f"start {number + 1} of {o.starts}, {size}")
                found[size].append(one_start(o, size, draw))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    made = parser()
    o = made.parse_args(arguments)
    o.size = o.size or list(SIZES)
    if o.starts < 8 or o.rounds < 1:
        made.error("fewer than 8 starts of a round cannot tell anything apart")
    for line in [*describe(this_machine()), *disturbances()]:
        print(line)
    try:
        found = measure(o)
    except (RuntimeError, OSError) as error:
        made.error(str(error))
    comparisons = [compare(size, starts) for size, starts in found.items()]
    text = summary(comparisons, o.names[0], o.names[1])
    print(text)
    if o.output:
        with o.output.open("a", encoding="utf-8") as stream:  # a job's summary has other parts
            stream.write(text)
    if o.samples:
        write_text(o.samples, json.dumps(found) + "\n")
    raise SystemExit(exit_code(comparisons))


def exit_code(comparisons: Sequence[Comparison]) -> int:
    """Return SLOWER when one is."""
    return SLOWER if any(one.verdict == "slower" for one in comparisons) else 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="alarm", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--base", default=sys.executable, metavar="PYTHON", help="default: this one")
    made.add_argument("--head", default=sys.executable, metavar="PYTHON", help="default: this one")
    made.add_argument(
        "--names", nargs=2, default=("base", "head"), metavar="NAME", help="for the summary"
    )
    made.add_argument(
        "--size", action="append", metavar="WxH", help=f"default: {' and '.join(SIZES)}"
    )
    made.add_argument("--backend", default="cpu", help="default: %(default)s")
    made.add_argument("--threads", type=int, default=1, help="0: all cores; default: %(default)s")
    made.add_argument("--clock", choices=("cpu", "wall"), default="cpu", help="default: cpu")
    made.add_argument("--starts", type=int, default=STARTS, help="default: %(default)s")
    made.add_argument("--rounds", type=int, default=ROUNDS, help="default: %(default)s")
    made.add_argument("--seed", type=int, default=0, help="of the order; default: %(default)s")
    made.add_argument(
        "--plant",
        type=float,
        default=1.0,
        metavar="TIMES",
        help="how much longer the head takes on purpose: whether that is seen",
    )
    made.add_argument("-o", "--output", type=Path, metavar="FILE", help="the summary is added")
    made.add_argument("--samples", type=Path, metavar="JSON", help="every round of every start")
    return made


if __name__ == "__main__":
    main()
