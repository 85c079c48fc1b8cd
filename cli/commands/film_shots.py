"""`dream film` by several workers: shots at the same time, frames of a shot in their order.

After a cut a dream begins anew, so a shot needs nothing of those before. A first look at the film
finds cuts, by the test that the dream itself makes, and each shot is a task. Its worker writes
the frames to where one process alone would, and goes on after those that are there.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from ort_deepdream import signals
from ort_deepdream.cli.commands.film_frames import Reading
from ort_deepdream.cli.commands.film_shot import Shooting, Shot, checksum
from ort_deepdream.cli.commands.filming import (
    Filming,
    check_place,
    folder_of,
    key_of,
    note_kept,
    write_whole,
)
from ort_deepdream.cli.crew.crew import Crew
from ort_deepdream.cli.messages import bar, note, say
from ort_deepdream.cli.options.loop import LoopSettings
from ort_deepdream.cli.record import PREFIX
from ort_deepdream.cli.sources import find_model
from ort_deepdream.engine.image.masks import read_mask
from ort_deepdream.engine.image.reading import read_metadata
from ort_deepdream.errors import DreamError
from ort_deepdream.film.about import FORMAT
from ort_deepdream.film.frames import ABOUT, NUMBER, Frames
from ort_deepdream.film.reading import open_source
from ort_deepdream.film.shots import with_cuts
from ort_deepdream.film.writing import is_folder

LOOK = 1.0  # seconds between two counts of the frames
PATIENCE = 20.0  # times as long as a count takes, at least


def run(asked: Filming, settings_for: LoopSettings, who: Crew) -> None:
    """Dream the shots of a film, or what is missing of them, and write it. Raise DreamError."""
    source, output = open_source(asked.subject.photo), asked.place()
    width, height = asked.subject.sides(source.look.width, source.look.height)
    settings = settings_for(height, width)
    check_place(asked, source, output)
    if asked.subject.mask is not None:
        read_mask(asked.subject.mask, width, height)  # which refuses what is none, before the work
    asked.subject.read_guide()
    reading = Reading(source, asked.part, width, height)
    started = time.perf_counter()
    with who:
        shots = found(reading, output)
        machine, target = who.settle(asked.machine, len(shots))
        note(_said(shots))
        file = find_model(asked.wanted, target)
        key = key_of(asked, settings, file)
        frames = Frames(folder_of(output, key), key, asked.force)
        shots = [replace(shot, output=frames.folder) for shot in shots]
        if not (frames.folder / ABOUT).exists():
            frames.begin({"format": FORMAT})
        before = len(frames.numbers())
        subject, wanted, tiles = asked.subject, asked.wanted, asked.tiles
        work = Shooting(
            file, wanted, machine, subject, settings_for, tiles, key,
            asked=asked, width=width, height=height,
        )  # fmt: skip
        with signals.undone(lambda: _leave(frames)):
            try:
                _dream_all(work, shots, who, frames)
            except (DreamError, KeyboardInterrupt):
                _leave(frames)
                raise
    frames = _whole(frames, len(reading.times))
    metadata = read_metadata(frames.folder / "000001.png")
    del metadata[NUMBER]
    if not is_folder(output):
        write_whole(asked, source, output, reading, frames, metadata)
    reading.note_oddities()
    seconds = time.perf_counter() - started
    done = f", {before} of them before" if before else ""
    layers = ", ".join(json.loads(metadata[f"{PREFIX}layers"]))
    say(
        f"{output}: {reading.told}{done}, {layers}, "
        f"{metadata[f'{PREFIX}backend']}, seed {settings.seed}, {seconds:.1f} s"
    )


def _leave(frames: Frames) -> None:
    """Note what there is of a film that is not whole; where there is nothing, leave no folder."""
    if frames.numbers():
        note_kept(frames)
    else:
        frames.discard()


def _whole(frames: Frames, count: int) -> Frames:
    """Return so many frames. Raise DreamError when some are not to be seen."""
    there = Frames(frames.folder, frames.key)
    if len(there) < count:
        raise DreamError(
            f"{there.folder}: frame {len(there) + 1} is not to be seen, which a worker has written;"
            f" have the folder on a file system that all share, and type the same line again"
        )
    return there


def found(reading: Reading, folder: Path) -> list[Shot]:
    """Return the shots of a film, whose frames go to a folder."""
    begins, sums = list[int](), list[int]()
    expected = reading.source.expected(reading.part)
    with bar("looking for cuts") as update:
        for frame, cut in with_cuts(reading.frames()):
            if cut:
                begins.append(len(sums))
            sums.append(checksum(frame))
            share = 0.0 if expected is None else min(len(sums) / expected, 1.0)
            update(share, f"looking for cuts, frame {len(sums)}")
    path, times = reading.source.path, reading.times
    return [
        Shot(path, folder, begin + 1, times[begin][0], tuple(sums[begin:end]))
        for begin, end in pairwise([*begins, len(sums)])
    ]


def _said(shots: Sequence[Shot]) -> str:
    if len(shots) == 1:
        return "the film is one shot, whose frames are dreamt in their order: one worker is at work"
    longest = max(len(shot.sums) for shot in shots)
    return f"{len(shots)} shots, of up to {longest} frames"


# --- the work -------------------------------------------------------------------------------------


def _dream_all(work: Shooting, shots: Sequence[Shot], who: Crew, frames: Frames) -> None:
    """Have all shots dreamt. Raise the DreamError of one that cannot be."""
    notes = Counter[str]()
    with bar("dreaming") as update, _counted(shots, frames, update):
        left = _left(shots, frames)
        while left:
            again = {}
            # The longest first, so that none goes on alone in the end.
            waiting = sorted(left, key=left.__getitem__, reverse=True)
            with closing(who.answers(work, waiting, lambda shot: None)) as answers:
                for shot, answer in answers:
                    if not isinstance(answer, DreamError):
                        notes.update(answer)
                        continue
                    again[shot] = _left([shot], frames).get(shot, 0)
                    if again[shot] == left[shot]:
                        raise answer  # else workers died that had come further
            left = again
    for text, count in notes.items():
        note(f"{count} shot{'s' * (count > 1)}: {text}")


def _left(shots: Sequence[Shot], frames: Frames) -> dict[Shot, int]:
    """Return the shots that are not whole, and how many frames each lacks."""
    there = frames.numbers()
    lacking = {shot: len(set(shot.numbers) - there) for shot in shots}
    return {shot: count for shot, count in lacking.items() if count}


@contextmanager
def _counted(
    shots: Sequence[Shot], frames: Frames, update: Callable[[float, str], None]
) -> Iterator[None]:
    """Show meanwhile how many frames there are, by whomever."""
    ended, count = threading.Event(), sum(len(shot.sums) for shot in shots)

    def show() -> float:
        """Count, and return the seconds that it took."""
        began = time.monotonic()
        there, whole = len(frames.numbers()), len(shots) - len(_left(shots, frames))
        update(there / count, f"{there} of {count} frames, {whole} of {len(shots)} shots")
        return time.monotonic() - began

    def watch() -> None:
        took = 0.0
        while not ended.wait(max(LOOK, PATIENCE * took)):
            with suppress(OSError, DreamError):  # a file system that does not answer for a moment
                took = show()

    show()
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
