"""Make docs/gallery: `python -m scripts.make_gallery [--original WEIGHTS]`.

One photograph dreamt at a few layers and at every shipped one, with one setting changed in each
dream, octave by octave, and with its gradient smoothed in several ways; a contact sheet of single
channels, drawn from noise; and the default dream of the 182x158 picture: all with the shipped
weights. With a file of the original's weights, or the name `bvlc`, also the dreams of both networks
side by side.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from rich.progress import track

import ort_deepdream
from ort_deepdream.cli.sources import find_model, request
from scripts.ship_models import LAYERS

ROOT = Path(__file__).parent.parent
QUALITY = 55  # of JPEG: README's pictures are half a megabyte in all
WIDEST = 1050  # pixels: wider than a README is shown
GALLERY = ROOT / "docs" / "gallery"
PHOTOGRAPH = ROOT / "examples" / "cat.jpg"
SKY = ROOT / "examples" / "sky-182x158.png"
SETTINGS = ort_deepdream.Settings(seed=1)

# Single channels are drawn from noise, so that what the channel looks for is all that there is to
# see.
CHANNEL_LAYER = "inception_4c/output"
CHANNELS = range(0, 512, 21)
DEFAULT_LAYER = "inception_4c/output"
CHANGED = [  # from the defaults, one at a time
    ("the default dream", SETTINGS),
    ("--octaves 1", replace(SETTINGS, octaves=1)),
    ("--octaves 7", replace(SETTINGS, octaves=7)),
    ("--iterations 3", replace(SETTINGS, iterations=3)),
    ("--iterations 40", replace(SETTINGS, iterations=40)),
    ("--step 5", replace(SETTINGS, step=5)),
    ("--octave-scale 1.15", replace(SETTINGS, octave_scale=1.15)),
    ("--jitter 0", replace(SETTINGS, jitter=0)),
]
HEAD = [  # of README: what a first look should see
    (layer, layer, SETTINGS)
    for layer in ("inception_3a/output", "inception_3b/output", "inception_4a/output")
] + [
    (f"{DEFAULT_LAYER}, the default", DEFAULT_LAYER, SETTINGS),
    (f"{DEFAULT_LAYER}, 40 iterations", DEFAULT_LAYER, replace(SETTINGS, iterations=40)),
]
BOTH = [f"inception_{block}/output" for block in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a")]
CHANNEL_SETTINGS = ort_deepdream.VisualiseSettings(size=128, seed=1)
SMOOTH = [  # how the gradient is shaped, one way in each
    ("the default dream", SETTINGS),
    ("--laplacian 1", replace(SETTINGS, laplacian=1)),
    ("--smooth 3", replace(SETTINGS, smooth=3)),
    ("--total-variation 0.5", replace(SETTINGS, total_variation=0.5)),
]

Rgb = NDArray[np.float32]


def dream_at(layer: str, picture: Rgb, weights: str | None = None) -> Rgb:
    """The default dream of a layer, with the shipped weights or others."""
    return dreamt(layer, picture, SETTINGS, weights)


def dreamt(
    layer: str, picture: Rgb, settings: ort_deepdream.Settings, weights: str | None = None
) -> Rgb:
    path = find_model(request(None, weights, [layer]), "cpu")
    return ort_deepdream.dream(ort_deepdream.load_model(path, "cpu"), picture, settings).rgb


def drawn_channel(channel: int) -> Rgb:
    path = find_model(request(None, None, [f"{CHANNEL_LAYER}:{channel}"]), "cpu")
    return ort_deepdream.visualise(ort_deepdream.load_model(path, "cpu"), CHANNEL_SETTINGS).rgb


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
        canvas.paste(as_image(rgb), (left, top))
        draw.text((left + 4, top + height + 1), title, "black", font)
    return canvas


def head(photograph: Rgb) -> Image.Image:
    """Return the photograph and five of its dreams."""
    dreams = [
        (title, dreamt(layer, photograph, settings))
        for title, layer, settings in track(HEAD, "the head of README")
    ]
    return sheet([("the photograph", photograph), *dreams], columns=3)


def with_settings(photograph: Rgb) -> Image.Image:
    """Return the photograph and its dreams, each with one setting changed."""
    dreams = [
        (title, dreamt(DEFAULT_LAYER, photograph, settings))
        for title, settings in track(CHANGED, "one setting changed")
    ]
    return sheet([("the photograph", photograph), *dreams], columns=3)


def smoothness(photograph: Rgb) -> Image.Image:
    """Return the middle of the photograph's dreams, each with its gradient shaped in one way."""
    dreams = [
        (title, middle(dreamt(DEFAULT_LAYER, photograph, settings)))
        for title, settings in track(SMOOTH, "smoothness")
    ]
    return sheet(dreams, columns=2)


def middle(picture: Rgb) -> Rgb:
    """Return the inner quarter of a picture, at its own size."""
    height, width = picture.shape[:2]
    return picture[height // 4 : height - height // 4, width // 4 : width - width // 4]


def single_channels() -> Image.Image:
    channels = [
        (f"channel {channel}", drawn_channel(channel))
        for channel in track(CHANNELS, "single channels")
    ]
    return sheet(channels, columns=5)


def octave_by_octave(photograph: Rgb) -> Image.Image:
    """Return the picture after each octave of the default dream, at its own size, side by side."""
    path = find_model(request(None, None, [DEFAULT_LAYER]), "cpu")
    model = ort_deepdream.load_model(path, "cpu")
    octaves = ort_deepdream.dream(model, photograph, SETTINGS, keep_octaves=True).octaves
    canvas = Image.new("RGB", (sum(o.shape[1] for o in octaves), photograph.shape[0]), "white")
    left = 0
    for octave in octaves:
        canvas.paste(as_image(octave), (left, canvas.height - octave.shape[0]))
        left += octave.shape[1]
    return canvas


def as_image(rgb: Rgb) -> Image.Image:
    return Image.fromarray(rgb.round().clip(0, 255).astype(np.uint8))


def write(name: str, picture: Image.Image) -> None:
    picture.thumbnail((WIDEST, picture.height))
    picture.save(GALLERY / name, quality=QUALITY)


def side_by_side(original: str) -> None:
    """Draw the photograph's dreams at several layers by the original and by the shipped student."""
    photograph = ort_deepdream.read_picture(PHOTOGRAPH).rgb
    pairs = []
    for layer in track(BOTH, "the original beside"):
        short = layer.removeprefix("inception_")
        pairs.append((f"{short}, the original", dream_at(layer, photograph, original)))
        pairs.append((f"{short}, built in", dream_at(layer, photograph)))
    write("both.jpg", sheet(pairs, columns=4))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--original", help="file or name of the original's weights")
    original = parser.parse_args().original
    GALLERY.mkdir(parents=True, exist_ok=True)
    photograph = ort_deepdream.read_picture(PHOTOGRAPH).rgb
    layers = [
        (layer, dream_at(layer, photograph)) for layer in track(LAYERS, "every shipped layer")
    ]
    write("layers.jpg", sheet([("the photograph", photograph), *layers], columns=3))
    write("head.jpg", head(photograph))
    write("settings.jpg", with_settings(photograph))
    write("octaves.jpg", octave_by_octave(photograph))
    write("channels.jpg", single_channels())
    write("smoothness.jpg", smoothness(photograph))
    sky = ort_deepdream.read_picture(SKY).rgb
    both = [("182x158", sky), ("its default dream", dream_at(DEFAULT_LAYER, sky))]
    write("sky.jpg", sheet(both, columns=2))
    if original:
        side_by_side(original)


if __name__ == "__main__":
    main()
