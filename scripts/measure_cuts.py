"""What it costs to look for a film's cuts, before its shots are dreamt by several workers.

    python -m scripts.measure_cuts

The film is that of scripts/make_clip.py, in H.264; printed is the CPU time of a frame, the least of
three: decoded, compared with the one before, and at a cut by optical flow.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from pathlib import Path

from ort_deepdream.cli.commands.film_frames import Reading
from ort_deepdream.cli.commands.film_shots import found
from ort_deepdream.film.reading import Part, open_source
from scripts.make_clip import make


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", default="640x360", help="WIDTHxHEIGHT of the film")
    parser.add_argument("--shot", type=int, default=50, help="frames of each of its two shots")
    asked = parser.parse_args()
    width, height = map(int, asked.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "clip.mp4")
        make(path, width, height, asked.shot)
        source, taken = open_source(path), []
        for _ in range(3):
            began = time.process_time()
            shots = found(Reading(source, Part(), width, height), Path(folder))
            taken.append(time.process_time() - began)
    count = sum(len(shot.sums) for shot in shots)
    each = 1000 * min(taken) / count
    print(
        f"{platform.machine()}, {asked.size}: {len(shots)} shots in {count} frames, "
        f"{each:.2f} ms of CPU time for a frame"
    )


if __name__ == "__main__":
    main()
