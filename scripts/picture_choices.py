"""Make docs/images: what presets, masks, guides, and kept colours do to a photograph.

    python -m scripts.picture_choices [presets] [mask] [kept] [guide]

The dreams are made at the photograph's size and shown smaller.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from rich.progress import track

from ort_deepdream import Settings, dream, load_layer, read_picture
from ort_deepdream.engine.presets import PRESETS
from scripts.make_gallery import as_image, sheet

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
CAT, LANDSCAPE = (ROOT / "examples" / name for name in ("cat.jpg", "landscape.jpg"))
SKY = ROOT / "examples" / "sky-182x158.png"
LED = 273, 237  # pixels of the sky that a guide leads
EYED = "inception_4a/output"
LAYER = "inception_4c/output"  # the default, for presets without one
SEED = 1
DREAMT, SHOWN = (448, 299), (240, 160)  # pixels of the presets' dreams
MOST_BYTES = 60_000

Rgb = NDArray[np.float32]
Titled = list[tuple[str, Rgb]]


def write(name: str, pictures: Titled, columns: int) -> None:
    """Write a sheet of pictures as a JPEG that is as good as MOST_BYTES allow."""
    made, path = sheet(pictures, columns), IMAGES / name
    for quality in range(85, 20, -5):
        made.save(path, quality=quality)
        if path.stat().st_size <= MOST_BYTES:
            break


def smaller(rgb: Rgb, size: tuple[int, int] = SHOWN) -> Rgb:
    return np.asarray(as_image(rgb).resize(size, Image.Resampling.LANCZOS), np.float32)


def presets() -> None:
    """Write the landscape and its dream by each preset."""
    photograph = read_picture(LANDSCAPE).resized(*DREAMT).rgb
    pictures = [("the photograph", smaller(photograph))]
    for name, preset in track(PRESETS.items(), "presets"):
        model = load_layer((preset.layers or (LAYER,))[0], backend="cpu")
        settings = preset.settings(DREAMT[1], DREAMT[0], {"seed": SEED})
        pictures.append((f"--preset {name}", smaller(dream(model, photograph, settings).rgb)))
    write("presets.jpg", pictures, columns=4)


def mask() -> None:
    """Write the cat, a mask that leaves its eyes alone, and the dream within it."""
    model, photograph = load_layer(EYED, backend="cpu"), read_picture(CAT).rgb
    height, width = photograph.shape[:2]
    drawn = Image.new("L", (width, height), 255)
    for left, top, right, bottom in ((126, 78, 196, 144), (284, 84, 350, 150)):
        ImageDraw.Draw(drawn).ellipse((left, top, right, bottom), fill=0)
    levels = np.asarray(drawn.filter(ImageFilter.GaussianBlur(6)), np.float32)
    settings = PRESETS["creatures"].settings(height, width, {"seed": SEED})
    dreamt = dream(model, photograph, settings, mask=levels / np.float32(255)).rgb
    shown = np.repeat(levels[:, :, np.newaxis], 3, axis=2)
    pictures = [("the photograph", photograph), ("--mask", shown), ("the dream", dreamt)]
    write("mask.jpg", [(title, smaller(rgb, (300, 200))) for title, rgb in pictures], columns=3)


def kept() -> None:
    """Write the cat's dream, and those that keep its colours and its contrast."""
    model, photograph = load_layer(EYED, backend="cpu"), read_picture(CAT).rgb
    choices: list[tuple[str, dict[str, Any]]] = [
        ("plain", {}),
        ("--keep-colours", {"keep_colours": True}),
        ("--keep-contrast", {"keep_contrast": True}),
    ]
    pictures = [("the photograph", photograph)]
    for title, chosen in choices:
        settings = Settings(iterations=20, seed=SEED, **chosen)
        pictures.append((title, dream(model, photograph, settings).rgb))
    write("kept.jpg", [(title, smaller(rgb, (300, 200))) for title, rgb in pictures], columns=2)


def guide() -> None:
    """Write the sky, the cat as its guide, and what it leads to at three layers."""
    sky, cat = read_picture(SKY).resized(*LED), read_picture(CAT).rgb
    height, width = sky.rgb.shape[:2]
    square = cat[:, 100 : 100 + round(len(cat) * width / height)]
    pictures = [("the photograph", sky.rgb), ("--guide", smaller(square, (width, height)))]
    plain = dream(load_layer(LAYER, backend="cpu"), sky.rgb, Settings(seed=SEED))
    pictures.append((f"{LAYER}, without", plain.rgb))
    for layer in ("inception_3b/output", "inception_4b/output", LAYER):
        model = load_layer(layer, backend="cpu", guided=True)
        pictures.append((layer, dream(model, sky.rgb, Settings(seed=SEED), guide=cat).rgb))
    write("guide.jpg", pictures, columns=3)


MAKERS = {"presets": presets, "mask": mask, "kept": kept, "guide": guide}


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[1:] or MAKERS:
        MAKERS[name]()


if __name__ == "__main__":
    main()
