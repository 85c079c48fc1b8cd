"""A contender in a process of its own: `python -m measure.worker JOB`.

Orders come as lines of JSON, [name, {arguments}]; answers go out the same way, [True, answer] or
[False, what went wrong]. Between two orders it waits for its input, and its threads sleep.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ort_deepdream.engine.image import read_picture
from ort_deepdream.errors import DreamError
from ort_deepdream.measure.subject import Subject, load_subject, parts, read_job

WARMING = 2  # steps before a time is worth something


class Worker:
    """The orders that it takes, each a method."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    def about(self, photo: str) -> dict[str, Any]:
        """What it is; placement is known once there is a session for a picture."""
        self.subject.gradient(read_picture(photo).rgb)
        return self.subject.about()

    def warm(self, photo: str) -> float:
        """Seconds of a step, after the first ones."""
        self.subject.turn(Path(photo), WARMING - 1)
        return self.subject.turn(Path(photo), 1)

    def step(self, photo: str, count: int) -> float:
        return self.subject.turn(Path(photo), count)

    def dream(self, photo: str, output: str, iterations: int | None = None) -> dict[str, float]:
        """The parts of a whole dream."""
        began = time.perf_counter()
        return parts(began, self.subject.dream_to_file(Path(photo), Path(output), iterations))

    def gradient(self, photo: str, output: str) -> None:
        np.save(output, self.subject.gradient(read_picture(photo).rgb))

    def profile(self, photo: str, runs: int) -> list[dict[str, Any]]:
        return self.subject.profile(read_picture(photo).rgb, runs)

    def limits(self) -> dict[str, float | None]:
        return self.subject.limits()


def serve(orders: TextIO, answers: TextIO, job_text: str) -> None:
    """Answer orders until there are none; the first answer says whether the contender is there."""

    def answer(act: Callable[[], Any]) -> Any:
        done = None
        try:
            done = act()
            line = [True, None if isinstance(done, Worker) else done]
        except DreamError as error:
            line = [False, str(error)]
        except Exception as error:  # of a library, such as a device that has no more memory
            line = [False, f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"]
        print(json.dumps(line), file=answers, flush=True)
        return done

    worker = answer(lambda: Worker(load_subject(read_job(job_text))))
    for order in orders:
        name, arguments = json.loads(order)
        answer(lambda: getattr(worker, name)(**arguments))  # noqa: B023  called at once


def main() -> None:
    # Libraries print what they like to the standard output; answers keep theirs.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        serve(sys.stdin, answers, sys.argv[1])


if __name__ == "__main__":
    main()
