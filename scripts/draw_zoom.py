"""Make docs/images/zoom.webp, a zoom that closes to a loop: `python -m scripts.draw_zoom`."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from rich.progress import track

from ort_deepdream import Settings, ZoomSettings, load_layer, read_picture, zoom
from ort_deepdream.film.animations import pauses

ROOT = Path(__file__).parent.parent
OUTPUT = ROOT / "docs" / "images" / "zoom.webp"
LAYER = "inception_4c/output"
SETTINGS = Settings(iterations=6, step=2.0, seed=1)
MOTION = ZoomSettings(frames=36, loop=12, fps=12)
DREAMT, SHOWN = (320, 214), (216, 144)  # pixels
MOST_BYTES = 300_000


def frames() -> list[Image.Image]:
    """Dream the frames of the loop, and return them as small as they are shown."""
    photograph = read_picture(ROOT / "examples" / "landscape.jpg").resized(*DREAMT).rgb
    model = load_layer(LAYER, backend="cpu")
    dreamt = zoom(model, photograph, SETTINGS, MOTION)
    made = [np.array(frame) for frame in track(dreamt, "dreaming", MOTION.dreamt)]
    shown = (Image.fromarray(made[number - 1]) for number in MOTION.order(MOTION.dreamt))
    return [frame.resize(SHOWN, Image.Resampling.LANCZOS) for frame in shown]


def animated(images: list[Image.Image], quality: int) -> bytes:
    buffer = BytesIO()
    lasts = pauses(len(images), MOTION.fps, 1000)
    images[0].save(
        buffer,
        "WEBP",
        save_all=True,
        append_images=images[1:],
        duration=lasts,
        loop=0,
        quality=quality,
        method=6,
    )
    return buffer.getvalue()


def main() -> None:
    images = frames()
    for quality in range(80, 10, -5):
        content = animated(images, quality)
        if len(content) <= MOST_BYTES:
            break
    OUTPUT.write_bytes(content)
    print(f"{OUTPUT}: {len(content) / 1000:.0f} kB, quality {quality}")


if __name__ == "__main__":
    main()
