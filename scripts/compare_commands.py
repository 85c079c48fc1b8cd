"""Whole dreams as commands, ours and PyTorch's: their time and peak memory.

A part of scripts/compare_torch.py, by which it is run: `--command`.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from rich.console import Console

from ort_deepdream import DreamError, Settings, read_picture
from ort_deepdream.cli.messages import table
from ort_deepdream.engine.sessions.gradient_file import ModelInfo, read_gradient_file
from ort_deepdream.engine.settings import option_words
from ort_deepdream.export.weights import Weights
from ort_deepdream.measure.agreement import ITERATIONS, LEAST_PSNR, psnr, same_dream
from ort_deepdream.measure.contenders.cold import command_environment, dream_command
from ort_deepdream.measure.contenders.contender import ContenderSpec
from ort_deepdream.measure.libraries import OURS
from ort_deepdream.measure.pictures import resize_photo
from ort_deepdream.measure.result import Size
from ort_deepdream.measure.statistics import between
from ort_deepdream.measure.timing import Samples, run_process
from scripts.torch_contenders import SKY, Options, best_ratios, ours, summarise, time_cells

FIRST_START = f"{OURS}, first start"  # nothing kept yet
MEMORY_ROUNDS = 3
MEMORY_SIDE = 1024  # of the picture whose dream's memory is measured

Command = Callable[[Path, Settings, Path], list[str]]  # from photo, settings and the dream's file


def torch_command(state: Path, info: ModelInfo, spec: ContenderSpec) -> Command:
    """Return the words that dream in PyTorch, as `dream_command` does for ours."""

    def words(photo: Path, settings: Settings, output: Path) -> list[str]:
        made = [sys.executable, str(Path(__file__).with_name("torch_dream.py")), str(photo)]
        made += ["--weights", str(state), "--architecture", info.architecture]
        made += ["--layer", *info.layers, "--way", spec.options["way"], "-o", str(output)]
        made += ["--threads", str(spec.threads)]
        return made + option_words(settings)

    return words


def compare_commands(
    model: Path, specs: Mapping[str, ContenderSpec], weights: Weights, o: Options, folder: Path
) -> dict[str, Any]:
    """Time whole dreams as commands, from the process's start to its end, and their peak memory.

    In a cache folder of their own, for a first start writes there and others read it.
    """
    cache, state = folder / "cache", folder / "weights.pt"
    torch.save(weights.tensors, state)
    square = resize_photo(SKY, Size(width=MEMORY_SIDE, height=MEMORY_SIDE), folder)
    info = read_gradient_file(model).info

    def dream(photo: Path, settings: Settings, output: Path) -> list[str]:
        return dream_command(replace(ours(model, o.threads), settings=settings), photo, output)

    commands: dict[str, Command] = {FIRST_START: dream, OURS: dream}
    eager = {name: spec for name, spec in specs.items() if not spec.compiled}
    if not eager:
        raise DreamError("no whole command is compiled: choose a contender that is eager")
    commands |= {name: torch_command(state, info, spec) for name, spec in eager.items()}

    def run(name: str, photo: Path, settings: Settings) -> tuple[float, int]:
        """Return seconds, and bytes of peak memory."""
        if name == FIRST_START:
            shutil.rmtree(cache, ignore_errors=True)
        words = commands[name](photo, settings, folder / f"{name}.png")
        found = run_process(words, command_environment(cache))
        return found.seconds, found.peak_bytes

    for name in commands:  # warms the disk's cache, too
        run(name, SKY, Settings(iterations=ITERATIONS, seed=0))
    alike = pictures_alike(folder, list(commands))
    importing = "only `import torch`"
    samples: Samples = {name: [] for name in (*commands, importing)}
    started = time.perf_counter()
    while len(samples[OURS]) < o.rounds or time.perf_counter() - started < o.seconds:
        for name in commands:
            samples[name].append(run(name, SKY, Settings(seed=0))[0])
        samples[importing].append(run_process([sys.executable, "-c", "import torch"]).seconds)
    large = Settings(iterations=2, octaves=1, seed=0)
    peaks = {name: [run(name, square, large)[1] for _ in range(MEMORY_ROUNDS)] for name in commands}
    memory = {name: median(values) for name, values in peaks.items()}
    least = min((name for name in memory if not name.startswith(OURS)), key=memory.__getitem__)
    return {
        "results": summarise(samples, OURS),
        "over": best_ratios({name: samples[name] for name in commands}, OURS),
        "psnr_db": alike,
        "agreeing_steps": ITERATIONS,
        "peak_bytes_1024": peaks,
        "memory_over": {"contender": least, "value": memory[OURS] / memory[least]},
    }


def pictures_alike(folder: Path, names: Sequence[str]) -> dict[str, float | None]:
    """Return how alike each picture is to ours, in dB; None when equal.

    Raise DreamError for one below LEAST_PSNR.
    """
    pictures = {name: read_picture(folder / f"{name}.png").rgb for name in names}
    found = {name: psnr(picture, pictures[OURS]) for name, picture in pictures.items()}
    for name, alike in found.items():
        if not same_dream(alike):
            raise DreamError(f"{name}: its dream is alike to ours to {alike:.1f} dB only")
    return found


def show_commands(console: Console, result: Mapping[str, Any]) -> None:
    rounds = len(result["results"][OURS]["samples_s"])
    side = f"{MEMORY_SIDE}x{MEMORY_SIDE}"
    console.print(
        f"\n[bold]Whole commands[/], {SKY.name}, start to end of a process, {rounds} rounds; MB: "
        f"peak memory with 2 steps on {side}, median of {MEMORY_ROUNDS}; alike: to our picture "
        f"after {result['agreeing_steps']} step in each octave (at least {LEAST_PSNR:.0f} dB)"
    )
    right = ("time", "ours/it", "MB", "alike")
    headings = "command", "time", between(rounds), "ours/it", "95%", "MB", "alike"
    made = table(*headings, numbers=right)
    for name, row in result["results"].items():
        peaks = result["peak_bytes_1024"].get(name)
        alike = result["psnr_db"].get(name)
        made.add_row(
            name,
            *time_cells(row),
            "" if peaks is None else f"{median(peaks) / 1e6:.0f}",
            "" if alike is None else f"{alike:.0f} dB",
        )
    console.print(made)
    over = result["memory_over"]
    console.print(f"memory: {over['value']:.2f} of {over['contender']}")
