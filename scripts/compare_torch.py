"""Compare an exported gradient file in ONNX Runtime with PyTorch on this machine's CPU.

    python -m scripts.compare_torch                       # one gradient step, PyTorch eager
    python -m scripts.compare_torch --compile             # torch.compile too: minutes of compiling
    python -m scripts.compare_torch --weights seeded:0:torchvision --size 512x512
    python -m scripts.compare_torch --no-steps --command  # whole commands, and their memory

A view on the harness of `dream bench`: the same contenders in the same processes, asked for
gradients from memory to memory. Times are medians with the 10th and 90th percentile; ratios are
ours over theirs (below 1: ours is faster) with a 95% bootstrap interval. Every contender's gradient
is first compared with ours. `-o FILE` writes it all as JSON, raw samples included.
docs/performance.md tells how to read it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor, nn

from ort_deepdream import DreamError, Settings, find_backend, read_picture
from ort_deepdream.cli.messages import table
from ort_deepdream.engine.cores import cores, usable_cores
from ort_deepdream.engine.gradient_file import ModelInfo, read_gradient_file
from ort_deepdream.engine.settings import as_typed
from ort_deepdream.export.model_file import export_gradient, save
from ort_deepdream.export.network import Network
from ort_deepdream.export.targets import TARGETS
from ort_deepdream.export.verify import rebuild
from ort_deepdream.export.weights import Weights, load_weights
from ort_deepdream.measure.agreement import (
    ITERATIONS,
    LEAST_PSNR,
    MOST_ERROR,
    gradient_error,
    psnr,
    same_dream,
    same_gradient,
)
from ort_deepdream.measure.cold import CACHE, dream_command
from ort_deepdream.measure.contender import ContenderSpec
from ort_deepdream.measure.libraries import OURS, TORCH
from ort_deepdream.measure.limits import onnx_product, product_rate
from ort_deepdream.measure.machine import describe, disturbances, this_machine
from ort_deepdream.measure.pictures import parse_size, resize_photo
from ort_deepdream.measure.process import ContenderError, ContenderProcess
from ort_deepdream.measure.pytorch import torch_product
from ort_deepdream.measure.result import Size
from ort_deepdream.measure.statistics import ratio, spread
from ort_deepdream.measure.timing import Samples, interleave, run_process, timed
from ort_deepdream.measure.torch_step import Objective, ways
from ort_deepdream.report import words

Array = NDArray[np.float32]

# Exported files alone, with default session options: for the picture's size, and for any.
ONE_SIZE = f"{OURS}, one size"
ANY_SIZE = f"{OURS}, any size"
ENGINE = f"{OURS}, engine"  # a step as a dream takes it, by the file for any size
FIRST_START = f"{OURS}, first start"  # nothing kept yet
SKY = Path(__file__).parents[1] / "examples" / "sky-182x158.png"

FORMULA = "4 * sum over convolutions of out_channels * out_height * out_width * (in_channels / groups) * kernel_height * kernel_width"  # noqa: E501
# Processes are started anew for each heat. Where a process's memory comes to lie stays with it: the
# same file was once 1.3 times as slow as in another.
HEATS = 3
MEMORY_ROUNDS = 3
MEMORY_SIDE = 1024  # of the picture whose dream's memory is measured


@dataclass(frozen=True)
class Options:
    """`seconds` is each size's time budget; `rounds` the fewest; names have `contender` in them."""

    threads: int
    seconds: float
    rounds: int
    contender: str
    compile: bool


# --- the contenders -------------------------------------------------------------------------------


def ours(model: Path, threads: int, default_session: bool = False) -> ContenderSpec:
    # Every core is ONNX Runtime's default, and is left to it.
    count = None if threads == cores() else threads
    settings = Settings(seed=0)
    return ContenderSpec(OURS, str(model), "cpu", count, settings, default_session=default_session)


def theirs(model: Path, has_lrn: bool, o: Options) -> dict[str, ContenderSpec]:
    """Return every way to write the step in PyTorch that has `o.contender` in its name."""
    every = {
        f"{'compile' if kind else 'eager'} {way}": ContenderSpec(
            TORCH, str(model), "cpu", o.threads, Settings(seed=0), kind, {"way": str(way)}
        )
        for kind in ((False, True) if o.compile else (False,))
        for way in ways(has_lrn)
    }
    found = {name: spec for name, spec in every.items() if o.contender in name}
    if not found:
        names = ", ".join(map(repr, every))
        raise DreamError(f"no contender has '{o.contender}' in its name: {names}")
    return found


# --- one gradient step ----------------------------------------------------------------------------


def compare_step(
    specs: Mapping[str, ContenderSpec], size: Size, o: Options, folder: Path
) -> dict[str, Any]:
    """Time the step at one size. Raise DreamError when a gradient is another than ONE_SIZE's."""
    photo = resize_photo(SKY, size, folder)
    heats = [run_heat(specs, photo, o) for _ in range(HEATS)]
    skipped = {name: reason for heat in heats for name, reason in heat.skipped.items()}
    samples = {
        name: [seconds for heat in heats for seconds in heat.samples[name]]
        for name in specs
        if name not in skipped
    }
    compiling = {n: heats[0].first_seconds[n] for n, s in specs.items() if s.compiled}
    return {
        "width": size.width,
        "height": size.height,
        "heats": HEATS,
        "rounds": len(samples[ONE_SIZE]),
        "results": summarise(samples, ONE_SIZE, heats[0].errors, compiling),
        "over": {name: best_ratios(samples, name) for name in (ONE_SIZE, ANY_SIZE, ENGINE)},
        "skipped": skipped,
    }


@dataclass(frozen=True)
class Heat:
    """What one set of processes did; all by the contenders' names."""

    samples: Samples
    errors: Mapping[str, float]
    first_seconds: Mapping[str, float]  # until the first gradient was there
    skipped: Mapping[str, str]  # those that could not, and why


def run_heat(specs: Mapping[str, ContenderSpec], photo: Path, o: Options) -> Heat:
    """Time everybody in processes of this heat. Raise ContenderError unless one is compiled."""
    processes: dict[str, ContenderProcess] = {}
    first, gradients, skipped = {}, {}, {}
    output = photo.with_suffix(".npy")
    with ExitStack() as stack:
        for name, spec in specs.items():
            try:
                process = stack.enter_context(closing(ContenderProcess(spec)))
                order = partial(process.ask, "gradient", photo=str(photo), output=str(output))
                first[name] = timed(order)
            except ContenderError as error:
                if not spec.compiled:
                    raise
                skipped[name] = str(error)
            else:
                processes[name], gradients[name] = process, np.load(output)
        errors = gradient_errors(gradients)
        turns = {name: partial(turn, process, photo) for name, process in processes.items()}
        samples = interleave(turns, o.seconds / HEATS, ceil(o.rounds / HEATS))
    return Heat(samples, errors, first, skipped)


def turn(process: ContenderProcess, photo: Path, count: int) -> float:
    return float(process.ask("gradients", photo=str(photo), count=count))


def gradient_errors(gradients: Mapping[str, Array]) -> dict[str, float]:
    """Return each one's error against ONE_SIZE's. Raise DreamError for one that is too far."""
    errors = {}
    for name, gradient in gradients.items():
        error = gradient_error(gradient, gradients[ONE_SIZE])
        if error is None or not same_gradient(error):
            far = "is no number" if error is None else f"differs from ours by {error:.1e} of it"
            raise DreamError(f"{name}: its gradient {far}; {MOST_ERROR} is allowed")
        errors[name] = error
    return errors


def summarise(
    samples: Samples,
    base: str,
    errors: Mapping[str, float] | None = None,
    compile_seconds: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Return for each contender its samples and their spread, and ours over it."""
    return {
        name: {
            "samples_s": values,
            **{f"{key}_s": value for key, value in asdict(spread(values)).items()},
            "ours_over_it": asdict(ratio(samples[base], values)),
            "relative_error": (errors or {}).get(name),
            "compile_s": (compile_seconds or {}).get(name),
        }
        for name, values in samples.items()
    }


def best_ratios(samples: Samples, base: str) -> dict[str, dict[str, Any]]:
    """Return `base` over the fastest of each group of PyTorch's contenders."""
    others = [name for name in samples if not name.startswith(OURS)]
    groups = {
        "eager, own LRN": [n for n in others if n.startswith("eager") and "own" in n],
        "eager": [n for n in others if n.startswith("eager")],
        "compile": [n for n in others if n.startswith("compile")],
        "any": others,
    }
    best = {}
    for group, names in groups.items():
        if names:
            name = min(names, key=lambda n: spread(samples[n]).median)
            best[group] = {"contender": name, **asdict(ratio(samples[base], samples[name]))}
    return best


# --- operations and the machine's peak ------------------------------------------------------------


def check_layer(network: Network, layer: str) -> None:
    """Raise DreamError for a layer within a block: PyTorch would run branches it does not need."""
    if torch.fx.symbolic_trace(Objective(network, layer)).graph.eliminate_dead_code():
        raise DreamError(f"{layer} is one branch of its block; choose a block's output")


def step_flops(network: Network, layer: str, size: Size) -> int:
    """Return the operations of one step's convolutions, forward and input gradient: `FORMULA`.

    A multiply-add is two, and a convolution's input gradient has as many as the convolution.
    Counted from the network's layers; everything else is not counted, nor is what LRN's band costs.
    """
    total = 0

    def count(module: nn.Module, inputs: Any, output: Tensor) -> None:
        nonlocal total
        assert isinstance(module, nn.Conv2d)
        total += 4 * output.numel() * module.weight[0].numel()

    hooks = [layer.register_forward_hook(count) for layer in network.convolutions.values()]
    Objective(network, layer)(torch.zeros(1, 3, size.height, size.width))
    for hook in hooks:
        hook.remove()
    return total


def matrix_peaks(threads: int) -> dict[str, float]:
    """Return the operations a second of a large float32 matrix product, by each library."""
    torch.set_num_threads(threads)
    products = {
        "onnxruntime": onnx_product(find_backend("cpu"), threads),
        "torch": torch_product("cpu"),
    }
    return {name: product_rate(product) for name, product in products.items()}


# --- whole commands -------------------------------------------------------------------------------

Command = Callable[[Path, Settings, Path], list[str]]  # from photo, settings and the dream's file


def torch_command(state: Path, info: ModelInfo, spec: ContenderSpec) -> Command:
    """Return the words that dream in PyTorch, as `dream_command` does for ours."""

    def words(photo: Path, settings: Settings, output: Path) -> list[str]:
        made = [sys.executable, str(Path(__file__).with_name("torch_dream.py")), str(photo)]
        made += ["--weights", str(state), "--architecture", info.architecture]
        made += ["--layer", *info.layers, "--way", spec.options["way"], "-o", str(output)]
        made += ["--threads", str(spec.threads)]
        return made + [f"--{as_typed(name)}={value}" for name, value in asdict(settings).items()]

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
        found = run_process(words, {CACHE: str(cache)})
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


# --- showing --------------------------------------------------------------------------------------


def show_step(console: Console, result: Mapping[str, Any], peak: float) -> None:
    results = result["results"]
    rate = result["flop"] / results[ONE_SIZE]["median_s"]
    console.print(
        f"\n[bold]{result['width']}x{result['height']}[/]: {result['flop'] / 1e9:.2f} GFLOP, "
        f"{result['rounds']} rounds in {result['heats']} heats; "
        f"ours {rate / 1e9:.0f} GFLOP/s, {rate / peak:.0%} of the peak"
    )
    made = table(
        "one step",
        "time",
        "10-90%",
        "ours/it",
        "95%",
        "error",
        numbers=("time", "ours/it", "error"),
    )
    for name, row in results.items():
        made.add_row(name, *time_cells(row), f"{row['relative_error']:.0e}")
    console.print(made)
    for name, row in results.items():
        if row["compile_s"] is not None:
            console.print(f"{name}: compiled in {row['compile_s']:.0f} s, not counted")
    for name, reason in result["skipped"].items():
        console.print(f"{name}: left out: {reason}", markup=False)


def time_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a result's median, spread, and ours over it with the interval."""
    over = row["ours_over_it"]
    return (
        words.seconds(row["median_s"]),
        words.seconds_span(row["low_s"], row["high_s"]),
        f"{over['value']:.2f}",
        f"{over['low']:.2f}-{over['high']:.2f}",
    )


def show_summary(console: Console, steps: Sequence[Mapping[str, Any]]) -> None:
    sizes = [f"{step['width']}x{step['height']}" for step in steps]
    made = table("ours", "over the fastest of", *sizes, numbers=tuple(sizes))
    for name, groups in steps[0]["over"].items():
        for group in groups:
            cells = (step["over"][name].get(group) for step in steps)
            values = (f"{cell['value']:.2f}" if cell else "-" for cell in cells)
            made.add_row(name.removeprefix(f"{OURS}, "), group, *values)
    console.print()
    console.print(made)


def show_commands(console: Console, result: Mapping[str, Any]) -> None:
    rounds = len(result["results"][OURS]["samples_s"])
    side = f"{MEMORY_SIDE}x{MEMORY_SIDE}"
    console.print(
        f"\n[bold]Whole commands[/], {SKY.name}, start to end of a process, {rounds} rounds; MB: "
        f"peak memory with 2 steps on {side}, median of {MEMORY_ROUNDS}; alike: to our picture "
        f"after {result['agreeing_steps']} step in each octave (at least {LEAST_PSNR:.0f} dB)"
    )
    right = ("time", "ours/it", "MB", "alike")
    made = table("command", "time", "10-90%", "ours/it", "95%", "MB", "alike", numbers=right)
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


# --- the command ----------------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = made.add_argument
    add("--layer", default="inception_4c/output", help="default: %(default)s")
    add("--weights", default="seeded:0", help="a file or seeded:N[:torchvision]")
    add("--model", type=Path, help="a file of these weights for any size, instead of exporting one")
    add("--size", type=parse_size, action="append", metavar="WxH", help="may be repeated")
    add("--threads", type=int, default=usable_cores(), help="default: every core")
    add("--seconds", type=float, default=30.0, help="time budget for each size")
    add("--contender", default="", metavar="TEXT", help="only PyTorch's with TEXT in their name")
    add("--rounds", type=int, default=9, help="fewest rounds, whatever the budget")
    add("--steps", action=argparse.BooleanOptionalAction, default=True, help="time single steps")
    add("--compile", action="store_true", help="torch.compile as well (needs g++)")
    add("--command", action="store_true", help="whole dreams as commands, and peak memory")
    add("-o", "--output", type=Path, metavar="FILE", help="JSON with everything, raw samples too")
    return made


DEFAULT_SIZES = tuple(map(parse_size, ("182x158", "512x512", "1024x1024")))


def main(arguments: Sequence[str] | None = None) -> None:
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        try:
            compare(parser().parse_args(arguments), console, Path(folder))
        except DreamError as error:
            raise SystemExit(f"compare_torch: {error}") from error


def compare(o: argparse.Namespace, console: Console, folder: Path) -> None:
    """Compare everything that was asked for, shown and kept as it comes."""

    def keep() -> None:
        if o.output is not None:
            o.output.write_text(json.dumps(result, indent=1) + "\n")

    machine, busy = this_machine(), disturbances()
    for line in (*describe(machine), f"{o.threads} threads", *(f"WARNING: {b}" for b in busy)):
        console.print(line, markup=False)
    weights = load_weights(o.weights)
    model = o.model or exported(weights, o.layer, folder)
    check_model(model, weights, o.layer)
    network = rebuild(model)[0]
    check_layer(network, o.layer)
    chosen = Options(o.threads, o.seconds, o.rounds, o.contender, o.compile)
    others = theirs(model, bool(network.norms), chosen)
    result: dict[str, Any] = {
        "environment": machine.model_dump(),
        "threads": o.threads,
        "disturbances": busy,
        "model": {
            "layer": o.layer,
            "architecture": weights.architecture.name,
            "weights": weights.identity,
            "target": read_gradient_file(model).info.target,
        },
    }
    console.print(f"{weights.architecture.name}, {weights.identity}, {o.layer}")
    console.print("NHWC is PyTorch's channels_last, own LRN is F.local_response_norm")
    if o.steps:
        peaks = matrix_peaks(o.threads)
        result |= {"flop_formula": FORMULA, "peak_flop_per_s": peaks, "steps": []}
        peak = max(peaks.values())
        console.print(f"peak: {peak / 1e9:.0f} GFLOP/s, the best product of float32 matrices")
        for size in o.size or DEFAULT_SIZES:
            one_size = exported(weights, o.layer, folder, size)
            specs = {
                ONE_SIZE: ours(one_size, o.threads, default_session=True),
                ANY_SIZE: ours(model, o.threads, default_session=True),
                ENGINE: ours(model, o.threads),
                **others,
            }
            step = compare_step(specs, size, chosen, folder)
            step["flop"] = step_flops(network, o.layer, size)
            result["steps"].append(step)
            keep()
            show_step(console, step, peak)
        show_summary(console, result["steps"])
    if o.command:
        result["command"] = compare_commands(model, others, weights, chosen, folder)
        keep()
        show_commands(console, result["command"])


def exported(weights: Weights, layer: str, folder: Path, size: Size | None = None) -> Path:
    """Write a gradient file for one size, or for any."""
    path = folder / f"{size or 'any'}.onnx"
    sides = (size.height, size.width) if size else None
    save(export_gradient(weights, [layer], TARGETS["cpu"], size=sides), path)
    return path


def check_model(model: Path, weights: Weights, layer: str) -> None:
    """Raise DreamError for a file of other weights or another layer."""
    info = read_gradient_file(model).info
    if (info.weights_sha256, info.layers) != (weights.sha256, (layer,)):
        raise DreamError(
            f"the model is of {info.weights}, {', '.join(info.layers)}, "
            f"not of {weights.identity}, {layer}"
        )


if __name__ == "__main__":
    main()
