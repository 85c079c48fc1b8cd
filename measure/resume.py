"""Whether an interrupted bench can be resumed: the same model, photo, settings and machine."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from ort_deepdream.errors import DreamError
from ort_deepdream.measure.compare import differing
from ort_deepdream.measure.machine import this_machine
from ort_deepdream.measure.plan import Plan
from ort_deepdream.measure.result import Result, Settings, read_result


def resumable(path: Path, plan: Plan) -> Result:
    """Return the result at `path`. Raise DreamError, saying what differs, if it cannot go on."""
    before = read_result(path)
    parts = (
        ("machine", before.machine, this_machine()),
        ("model", before.model, plan.model),
        ("photo", before.photo, plan.photo_record),
        ("settings", before.settings, Settings(**asdict(plan.settings))),
    )
    found = [
        f"{difference.what} was {difference.before} and is {difference.after}"
        for name, one, other in parts
        for difference in differing(name, one, other)
    ]
    names = {contender.name for contender in before.contenders}
    now = {contender.name for contender in plan.contenders}
    if names != now:
        found.append(
            f"the contenders were {', '.join(sorted(names))} and are {', '.join(sorted(now))}"
        )
    if found:
        more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
        raise DreamError(
            f"{path}: cannot be resumed: {'; '.join(found[:3])}{more}; "
            f"leave out --resume to measure anew, or name another file with -o"
        )
    return before
