"""Make docs/gallery with the shipped weights: `python -m scripts.make_gallery`.

One photograph dreamt at every shipped layer, a contact sheet of single channels, and the default
dream of the 182x158 picture. Needs the `export` extra: single channels are not shipped.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from rich.progress import track

import engine
from export.model_file import export_gradient, save
from export.weights import load_weights
from models.builtin import WEIGHTS_FILE, shipped_model
from scripts.ship_models import LAYERS

ROOT = Path(__file__).parent.parent
WIDEST = 1050  # pixels: wider than a README is shown
GALLERY = ROOT / "docs" / "gallery"
PHOTOGRAPH = ROOT / "examples" / "cat.jpg"
SKY = ROOT / "examples" / "sky-182x158.png"
SETTINGS = engine.Settings(seed=1)

# Single channels are dreamt for longer, on a grey picture with a little noise, so that what the
# channel looks for is all that there is to see.
CHANNEL_LAYER = "inception_4c/output"
CHANNELS = range(0, 512, 21)
CHANNEL_SIDE = 128
CHANNEL_SETTINGS = engine.Settings(iterations=24, octaves=3, seed=1)

Rgb = NDArray[np.float32]


def dream_at(layer: str, picture: Rgb) -> Rgb:
    path = shipped_model(layer, "cpu")
    assert path is not None, layer
    return engine.dream(engine.load_model(path, "cpu"), picture, SETTINGS).rgb


def dream_of_channel(channel: int, folder: Path) -> Rgb:
    path = folder / f"{channel}.onnx"
    save(export_gradient(load_weights(str(WEIGHTS_FILE)), [f"{CHANNEL_LAYER}:{channel}"]), path)
    noise = np.random.default_rng(0).normal(117, 8, (CHANNEL_SIDE, CHANNEL_SIDE, 3))
    model = engine.load_model(path, "cpu")
    return engine.dream(model, noise.astype(np.float32), CHANNEL_SETTINGS).rgb


def sheet(pictures: list[tuple[str, Rgb]], columns: int) -> Image.Image:
    """Pictures of one size side by side, each with its caption below."""
    height, width = pictures[0][1].shape[:2]
    caption = 18
    rows = -(-len(pictures) // columns)
    canvas = Image.new("RGB", (columns * width, rows * (height + caption)), "white")
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(13)
    for number, (title, rgb) in enumerate(pictures):
        left, top = number % columns * width, number // columns * (height + caption)
        canvas.paste(Image.fromarray(rgb.round().clip(0, 255).astype(np.uint8)), (left, top))
        draw.text((left + 4, top + height + 1), title, "black", font)
    return canvas


def write(name: str, picture: Image.Image) -> None:
    picture.thumbnail((WIDEST, picture.height))
    picture.save(GALLERY / name, quality=72)


def main() -> None:
    GALLERY.mkdir(parents=True, exist_ok=True)
    photograph = engine.read_picture(PHOTOGRAPH).rgb
    layers = [
        (layer, dream_at(layer, photograph)) for layer in track(LAYERS, "every shipped layer")
    ]
    write("layers.jpg", sheet([("the photograph", photograph), *layers], columns=3))
    with tempfile.TemporaryDirectory() as folder:
        channels = [
            (f"channel {channel}", dream_of_channel(channel, Path(folder)))
            for channel in track(CHANNELS, "single channels")
        ]
    write("channels.jpg", sheet(channels, columns=5))
    sky = engine.read_picture(SKY).rgb
    both = [("182x158", sky), ("its default dream", dream_at("inception_4c/output", sky))]
    write("sky.jpg", sheet(both, columns=2))


if __name__ == "__main__":
    main()
