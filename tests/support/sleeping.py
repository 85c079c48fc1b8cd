"""Tasks that sleep, where others dream: what they take beside is orchestration."""

from __future__ import annotations

import time
from collections.abc import Callable

from ort_deepdream.cli.commands.folder_task import Dreaming
from ort_deepdream.cli.crew.work import Task

SECOND = 1.0


class Sleeping(Dreaming):
    """Workers that sleep for a second, whatever the picture."""

    def begin(self) -> Callable[[Task], list[str]]:
        """Return what sleeps."""
        return slept


def slept(task: Task) -> list[str]:
    """Sleep for a second."""
    time.sleep(SECOND)
    return []
