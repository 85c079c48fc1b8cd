"""How much more a layer answers to a dream than to its photograph.

    python -m scripts.objective_growth examples/cat.jpg more.jpg

The objective of the default dream's picture over that of the photograph, at the shipped weights.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.progress import track

from ort_deepdream import Model, Settings, dream, load_model, read_picture
from ort_deepdream.cli.options.models import DEFAULT_LAYER
from ort_deepdream.weights.builtin import PLAIN_TARGET, shipped_file


def growth(model: Model, photo: Path, settings: Settings) -> float:
    rgb = read_picture(photo).rgb
    before, _ = model.gradient(model.preprocess(rgb))
    after, _ = model.gradient(model.preprocess(dream(model, rgb, settings).rgb))
    return after / before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--layer", default=DEFAULT_LAYER, help="one that has a shipped file")
    parser.add_argument("--seed", type=int, default=1)
    o = parser.parse_args()
    model = load_model(shipped_file(o.layer, PLAIN_TARGET), "cpu")
    found = [(photo, growth(model, photo, Settings(seed=o.seed))) for photo in track(o.photos)]
    for photo, times in found:
        print(f"{photo.name}: the objective grew {times:.1f} times")


if __name__ == "__main__":
    main()
