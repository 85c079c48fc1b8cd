"""A one-off dream: the command `dream run` itself, in a process of its own.

The command keeps optimised graphs in its cache folder. The one that it is given here is the
bench's, and a dream that is not counted has filled it, and Python's own: this is a user's second
dream and every one after it, not the very first.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ort_deepdream.engine.settings import option_words
from ort_deepdream.errors import DreamError
from ort_deepdream.marks import VARIABLE
from ort_deepdream.measure.contenders.contender import ContenderSpec, parts
from ort_deepdream.measure.contenders.process import ContenderError
from ort_deepdream.measure.machine import Others
from ort_deepdream.measure.result import Sample
from ort_deepdream.measure.timing import run_process

# All that the installed script `dream` does, wherever that was put.
DREAM = (sys.executable, "-P", "-c", "from ort_deepdream.__main__ import run; run()")


def command_environment(cache: Path) -> dict[str, str]:
    """Return what `dream run` is given so that it finds in `cache` what an earlier one kept.

    Python keeps what it compiles, too, as pip does when it installs. Where a developer's
    environment says otherwise, each start of a checkout would compile this program anew.
    """
    return {"ORT_DEEPDREAM_CACHE": str(cache), "PYTHONDONTWRITEBYTECODE": ""}


def dream_command(spec: ContenderSpec, photo: Path, output: Path) -> list[str]:
    """Return the words of `dream run` that make this contender's dream."""
    words = [*DREAM, "run", str(photo), "--output", str(output), "--model", spec.model]
    words += option_words(spec.settings)
    words += ["--backend", spec.backend]
    words += [f"--provider-library={spec.provider_library}"] if spec.provider_library else []
    words += [] if spec.threads is None else ["--threads", str(spec.threads)]
    words += [f"--provider-option={key}={value}" for key, value in spec.options.items()]
    return words + ["--allow-cpu-nodes"] * spec.allow_cpu_nodes


def measure_cold(spec: ContenderSpec, photo: Path, output: Path, cache: Path) -> Sample:
    """Return a sample of a one-off dream, from the start of its process to its end.

    Raise ContenderError when the command fails.
    """
    others = Others()
    marks = output.with_suffix(".marks.json")
    environment = {**command_environment(cache), VARIABLE: str(marks), **spec.environment}
    try:
        run = run_process(dream_command(spec, photo, output), environment)
    except DreamError as error:
        raise ContenderError(str(error)) from error
    ended = [*json.loads(marks.read_text()), ("end", run.started + run.seconds)]
    found = parts(run.started, ended)
    return Sample(
        seconds=sum(found.values()),
        parts=found,
        peak_memory=run.peak_bytes,
        device_memory=None,
        load=others.busy(run.busy),
    )
