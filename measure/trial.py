"""A dream in a process of its own, from its start: `python -m measure.trial JOB PHOTO OUTPUT`.

The last line of its output is when each part ended, by the clock of the process that started it.
"""

from __future__ import annotations

import time

BEGUN = time.perf_counter()  # before anything else is imported

import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from ort_deepdream.measure.subject import Mark, load_subject, read_job  # noqa: E402


def main(job_text: str, photo: str, output: str) -> None:
    marks: list[Mark] = [("start", BEGUN), ("import", time.perf_counter())]
    subject = load_subject(read_job(job_text))
    marks += subject.dream_to_file(Path(photo), Path(output))
    print(f"\n{json.dumps(marks)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
