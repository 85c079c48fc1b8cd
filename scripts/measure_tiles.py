"""What tiles cost, and whether they are right, as tables in Markdown.

    python -m scripts.measure_tiles agreement      # whole, 512 and 256, several layers
    python -m scripts.measure_tiles halo           # smaller halos: their error and their time
    python -m scripts.measure_tiles large          # memory and time of 4 to 64 megapixels
    python -m scripts.measure_tiles large --side 16384 --iterations 1

Times are of the processor, not of the clock, and with one thread, which does not wait for others:
another program's load changes them little. The peak of memory is the kernel's (VmHWM), of a process
that reads a PNG, dreams on it in tiles and writes a PNG. What lies in files counts as far as it is
in memory.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from ort_deepdream import Model, load_layer
from ort_deepdream.engine.machine.memory import Room
from ort_deepdream.engine.tiles.ascent import TiledAscent
from ort_deepdream.engine.tiles.tiling import Tiling, field_of, largest
from ort_deepdream.step import Array

PHOTO = Path(__file__).parents[1] / "examples" / "landscape.jpg"
LAYERS = ("conv2/3x3", "inception_3b/output", "inception_4c/output", "inception_5b/output")
SIZES = ((699, 931), (640, 1000))  # height and width: odd, and neither a multiple of a stride
TILES = (512, 256)
SIDES = (2048, 4096, 8192)
HALOS = (0, 16, 32, 48, 64, 96, 128)
UNLIMITED = Room(1 << 50, "free here")  # so that MOST_FOR_A_TILE decides

CHILD = """
import json, re, sys, time
from pathlib import Path
from ort_deepdream import Settings, dream, load_layer, read_picture, write_picture

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

source, target, layer, tile, iterations, octaves = sys.argv[1:]
peaks, seconds = {}, {}

def stage(name, began):
    peaks[name], seconds[name] = peak(), time.process_time() - began
    Path("/proc/self/clear_refs").write_text("5")  # begin the peak anew

began = time.process_time()
picture = read_picture(source)
stage("read", began)
began = time.process_time()
settings = Settings(seed=0, iterations=int(iterations), octaves=int(octaves))
model = load_layer(layer, backend="cpu", threads=1)
made = dream(model, picture.rgb, settings, tile=int(tile))
stage("dream", began)
began = time.process_time()
write_picture(target, made.rgb)
stage("write", began)
print(json.dumps({"peaks": peaks, "seconds": seconds, "tiling": str(made.tiling)}))
"""


def photo(height: int, width: int) -> Array:
    """Return the example landscape at a size, [height, width, 3]."""
    with Image.open(PHOTO) as image:
        return np.asarray(image.convert("RGB").resize((width, height)), np.float32)


def tiled_gradient(model: Model, image: Array, tiling: Tiling) -> tuple[float, Array]:
    """Return the objective and the gradient of an image [1, 3, H, W], added up of tiles."""
    height, width = image.shape[2:]
    ascent = TiledAscent(model, height, width, tiling)
    ascent.put(image)
    return ascent.add_up(), ascent.gradient


def agreement(layers: Sequence[str]) -> Iterator[str]:
    """Yield a table of the gradient's largest difference between tiles and the whole picture."""
    yield "| layer | halo | picture | tile | crop | gradient | objective |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for layer in layers:
        model = load_layer(layer, backend="cpu", threads=1)
        field = field_of(model)
        for height, width in SIZES:
            image = model.preprocess(photo(height, width))
            objective, whole = model.gradient(image)
            for tile in TILES:
                tiling = Tiling(tile, field)
                total, gradient = tiled_gradient(model, image, tiling)
                error = np.abs(gradient - whole).max() / np.abs(whole).max()
                down, across = tiling.crop(height, width)
                yield (
                    f"| `{layer}` | {field.before} before, {field.after} after | {width}x{height} "
                    f"| {tile} | {across}x{down} | {error:.1e} | {abs(total / objective - 1):.1e} |"
                )


def halos(layer: str, tile: int) -> Iterator[str]:
    """Yield a table of what a smaller halo changes in the gradient, and how much time it takes."""
    model = load_layer(layer, backend="cpu", threads=1)
    field = field_of(model)
    height = width = 3 * tile
    image = model.preprocess(photo(height, width))
    objective, whole = model.gradient(image)
    tiled_gradient(model, image[..., :tile, :tile], Tiling(tile, field))  # warm
    exact = None
    yield "| halo | crop | gradient, 2-norm | gradient, largest | objective | processor time |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for halo in (field.halo, *reversed(HALOS)):
        tiling = Tiling(tile, field, halo)
        began = time.process_time()
        total, gradient = tiled_gradient(model, image, tiling)
        seconds = time.process_time() - began
        exact = exact or seconds
        difference = gradient - whole
        norm = np.linalg.norm(difference) / np.linalg.norm(whole)
        most = np.abs(difference).max() / np.abs(whole).max()
        side = tiling.crop(height, width)[0]
        yield (
            f"| {halo} | {side} | {norm:.1e} | {most:.1e} | {abs(total / objective - 1):.1e} | "
            f"{seconds / exact:.2f} |"
        )


def large(
    sides: Sequence[int], layer: str, tile: int | None, iterations: int, octaves: int
) -> Iterator[str]:
    """Yield a table of memory and time of dreams on squares of so many pixels."""
    model = load_layer(layer, backend="cpu", threads=1)
    yield (
        "| picture | tile | peak reading | peak dreaming | peak writing | processor seconds for a "
        "megapixel and iteration |"
    )
    yield "| --- | --- | --- | --- | --- | --- |"
    with TemporaryDirectory() as folder:
        for side in sides:
            chosen = tile or largest(model, side, side, UNLIMITED).tile
            source = Path(folder, f"{side}.png")
            _write_photo(side, source)
            target = source.with_name("dream.png")
            words = [str(source), str(target), layer, str(chosen), str(iterations), str(octaves)]
            command = [sys.executable, "-c", CHILD, *words]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found = json.loads(said)
            pixels = side * side * sum(1.4 ** (-2 * octave) for octave in range(octaves))
            cost = found["seconds"]["dream"] / pixels * 1e6 / iterations
            peaks = " | ".join(f"{value / 1e9:.2f} GB" for value in found["peaks"].values())
            yield f"| {side}x{side} | {chosen} | {peaks} | {cost:.2f} |"


def _write_photo(side: int, path: Path) -> None:
    """Write a large photograph: the example one, tile by tile."""
    with Image.open(PHOTO) as image:
        part = image.convert("RGB").resize((1024, 1024))
    whole = Image.new("RGB", (side, side))
    for top in range(0, side, 1024):
        for left in range(0, side, 1024):
            whole.paste(part, (left, top))
    whole.save(path, compress_level=1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("table", choices=("agreement", "halo", "large"))
    parser.add_argument("--layer", help="the layer; of `agreement` the only one")
    parser.add_argument("--tile", type=int, help="pixels of a tile [halo: 512; large: as auto]")
    parser.add_argument("--side", type=int, action="append", help="of `large`, repeatable")
    parser.add_argument("--iterations", type=int, default=2)
    parser.add_argument("--octaves", type=int, default=1)
    asked = parser.parse_args(arguments)
    layer = asked.layer or "inception_4c/output"
    tables = {
        "agreement": lambda: agreement([asked.layer] if asked.layer else LAYERS),
        "halo": lambda: halos(layer, asked.tile or 512),
        "large": lambda: large(
            asked.side or SIDES, layer, asked.tile, asked.iterations, asked.octaves
        ),
    }
    for line in tables[asked.table]():
        print(line, flush=True)


if __name__ == "__main__":
    main()
