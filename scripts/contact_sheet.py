"""Frames of films side by side, in rows: `python -m scripts.contact_sheet FILM -o sheet.jpg`."""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from ort_deepdream.film.reading import Part, open_source

GAP = 4  # pixels of white between two films


def sheet(films: list[Path], every: int, columns: int, width: int) -> Image.Image:
    rows: list[list[Image.Image] | None] = []
    for film in films:
        frames = []
        for frame in open_source(film).frames(Part(every=every)):
            image = Image.fromarray(frame.rgb)
            height = round(width * image.height / image.width)
            frames.append(image.resize((width, height), Image.Resampling.LANCZOS))
        rows += [frames[first : first + columns] for first in range(0, len(frames), columns)]
        rows.append(None)
    rows.pop()
    tall = sum(GAP if row is None else row[0].height for row in rows)
    made = Image.new("RGB", (columns * width, tall), "white")
    top = 0
    for row in rows:
        for number, image in enumerate(row or []):
            made.paste(image, (number * width, top))
        top += row[0].height if row else GAP
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("films", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("sheet.jpg"))
    parser.add_argument("--every", type=int, default=1, help="the first of so many frames")
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--width", type=int, default=160, help="of a frame, in pixels")
    parser.add_argument("--quality", type=int, default=80, help="of the JPEG")
    asked = parser.parse_args()
    made = sheet(asked.films, asked.every, asked.columns, asked.width)
    made.save(asked.output, quality=asked.quality, optimize=True)
    print(f"{asked.output}: {made.width}x{made.height}, {asked.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
