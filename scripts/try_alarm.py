"""How often the alarm is wrong here: one installation against itself, and slowed on purpose.

    python -m scripts.try_alarm --pairs 200 --slowed 50 --size 64x64 -o docs/report/alarm.json

Each try is all that `scripts.alarm` does for one size, with processes of its own. The tries take
turns with the slowed ones among them. The file is written after each, and a second call with it
goes on where the first one ended: hundreds of tries take hours.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ort_deepdream.cli.messages import bar
from ort_deepdream.files import write_text
from ort_deepdream.measure.machine import describe, this_machine
from scripts import alarm
from scripts.alarm_verdict import compare, start_ratio

SAME, SLOWED = 1.0, 1.05  # times as long the head takes


def asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    made = argparse.ArgumentParser(
        prog="try_alarm",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--pairs", type=int, default=200, help="default: %(default)s")
    made.add_argument("--slowed", type=int, default=50, help="by 5%%; default: %(default)s")
    made.add_argument("--size", default="64x64", metavar="WxH", help="default: %(default)s")
    made.add_argument("-o", "--output", type=Path, required=True, metavar="JSON")
    return made.parse_args(arguments)


def one_try(size: str, plant: float, seed: int) -> list[float]:
    """Return how many times as long the head took in each start."""
    words = ["--plant", str(plant), "--head", sys.executable]
    options = alarm.parser().parse_args(words)
    draw = random.Random(seed)
    starts = [alarm.one_start(options, size, draw) for _ in range(options.starts)]
    return [round(math.exp(start_ratio(start)), 5) for start in starts]


def known(path: Path, size: str) -> dict[str, Any]:
    """Return the file of a call before, or a new one. Exit where it is of another size."""
    if not path.exists():
        return {"size": size, "rounds": alarm.ROUNDS, "machine": [], "tries": []}
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    if found["size"] != size:
        raise SystemExit(f"try_alarm: {path}: is of {found['size']}; name another file")
    return found


def plants(pairs: int, slowed: int) -> list[float]:
    """Return what is planted in each try, in an order that is always the same."""
    every = [SAME] * pairs + [SLOWED] * slowed
    random.Random(0).shuffle(every)
    return every


def verdicts(found: dict[str, Any]) -> dict[float, Counter[str]]:
    """Count the verdicts on the tries of a file, by what was planted."""
    counts: dict[float, Counter[str]] = {}
    for one in found["tries"]:
        starts = [[(1.0, ratio)] for ratio in one["starts"]]
        counts.setdefault(one["plant"], Counter())[compare(found["size"], starts).verdict] += 1
    return counts


def main(arguments: Sequence[str] | None = None) -> None:
    o = asked(arguments)
    found = known(o.output, o.size)
    found["machine"] = describe(this_machine())
    every = plants(o.pairs, o.slowed)
    with bar("trying") as update:
        for number in range(len(found["tries"]), len(every)):
            update(number / len(every), f"try {number + 1} of {len(every)}")
            starts = one_try(o.size, every[number], number)
            found["tries"].append({"plant": every[number], "starts": starts})
            write_text(o.output, json.dumps(found) + "\n")
    for plant, counts in sorted(verdicts(found).items()):
        said = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
        print(f"head {plant:g} times as long, {counts.total()} tries: {said}")


if __name__ == "__main__":
    main()
