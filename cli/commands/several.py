"""`dream run A B C`: several photographs, as `dream folder` dreams on them, each dream beside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ort_deepdream.cli.commands import folder
from ort_deepdream.cli.commands.folder_place import beside
from ort_deepdream.cli.crew.crew import Processes
from ort_deepdream.cli.machine import Machine
from ort_deepdream.cli.options.loop import LoopSettings
from ort_deepdream.cli.sources import Request
from ort_deepdream.cli.subject import Subject
from ort_deepdream.cli.tiles import Tiles
from ort_deepdream.cli.typed import refuse_output_among


def run(
    photos: Sequence[Path],
    subject: Subject,
    wanted: Request,
    settings_for: LoopSettings,
    machine: Machine,
    tile: int | str,
    halo: int | None,
    force: bool,
) -> int:
    """Dream on each photograph, and return the exit code."""
    asked = folder.Asked(subject, wanted, settings_for, machine, Tiles(tile, halo), force)
    tasks = beside(photos)
    refuse_output_among(photos)
    return folder.run(tasks, asked, Processes(1), f"{len(photos)} photos")
