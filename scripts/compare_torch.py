"""Compare an exported gradient file in ONNX Runtime with PyTorch on this machine's CPU.

    python -m scripts.compare_torch                       # one gradient step, PyTorch eager
    python -m scripts.compare_torch --compile             # torch.compile too: minutes of compiling
    python -m scripts.compare_torch --weights seeded:0:torchvision --size 512x512
    python -m scripts.compare_torch --no-steps --command  # whole commands, and their memory

Whatever is compared runs interleaved; steps and commands in processes of their own. Times are
medians with the 10th and 90th percentile; ratios are ours over theirs (below 1: ours is faster)
with a 95% bootstrap interval. Every rival's gradient is first compared with ours. `-o FILE` writes
it all as JSON, raw samples included. docs/performance.md tells how to read it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from functools import partial
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from torch import Tensor, nn

from ort_deepdream import DreamError, Model, load_model, read_picture
from ort_deepdream.cli.messages import table
from ort_deepdream.export.googlenet import Architecture, GoogLeNet
from ort_deepdream.export.model_file import export_gradient, save
from ort_deepdream.export.targets import TARGETS
from ort_deepdream.export.weights import Weights, load_weights
from ort_deepdream.measure.machine import cores, describe, disturbances, this_machine
from ort_deepdream.measure.pictures import noise, parse_size
from ort_deepdream.measure.result import Size
from ort_deepdream.measure.statistics import ratio, spread
from ort_deepdream.measure.timing import Run, Samples, interleave, run_process, take_turn
from ort_deepdream.measure.torch_step import (
    Objective,
    careful_network,
    compiled,
    gradient_of,
    memory_format,
)
from scripts.step_process import Step, StepError, StepProcess

Array = NDArray[np.float32]

OURS = "ONNX Runtime"
FIRST_START = f"{OURS}, first start"  # nothing kept yet
MEMORY_ROUNDS = 3
# Exported files alone, with default session options: for the picture's size, and for any.
ONE_SIZE = "ONNX Runtime, one size"
ANY_SIZE = "ONNX Runtime, any size"
ENGINE = "ONNX Runtime, engine"  # a step as a dream takes it, by the file for any size
SKY = Path(__file__).parents[1] / "examples" / "sky-182x158.png"

# Where two activations are equal but for rounding, each library picks its own winner: such flips
# have been seen to make 0.004 of a gradient; a wrong rule makes 0.1 and more.
GRADIENTS_AGREE = 0.02  # |theirs - ours| / |ours|, in the 2-norm
PICTURES_AGREE = 0.5  # mean difference in levels of 0..255, after AGREEING_STEPS in each octave
AGREEING_STEPS = 1  # after many more the smallest difference has grown: a dream is chaotic

FORMULA = "4 * sum over convolutions of out_channels * out_height * out_width * (in_channels / groups) * kernel_height * kernel_width"  # noqa: E501
# Processes are started anew for each heat. Where a process's memory comes to lie stays with it: the
# same file was once 1.3 times as slow as in another.
HEATS = 3
PEAK_SIDE = 2048  # of the square matrices whose product measures the peak


class WrongResultError(Exception):
    """A rival does not compute what we do, so its time means nothing."""


MENDABLE = (WrongResultError, StepError, DreamError, DreamError, DreamError, ValueError)


# --- the rivals -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rival:
    """One way to write the step in PyTorch."""

    channels_last: bool
    torch_lrn: bool | None  # F.local_response_norm, or the band as a convolution; None: no LRN
    compiled: bool = False

    @property
    def name(self) -> str:
        kind = "compile" if self.compiled else "eager"
        lrn = {True: ", own LRN", False: ", banded LRN", None: ""}[self.torch_lrn]
        return f"{kind} {'NHWC' if self.channels_last else 'NCHW'}{lrn}"

    def step(self, weights: str, layer: str, image: Array, threads: int) -> Step:
        """The step on `image`, which is brought into the rival's memory format beforehand."""
        torch.set_num_threads(threads)
        loaded = load_weights(weights)
        network = careful_network(
            loaded.architecture, loaded.tensors, self.channels_last, bool(self.torch_lrn)
        )
        objective = Objective(network, layer)
        run = gradient_of(compiled(objective) if self.compiled else objective)
        placed = memory_format(self.channels_last)
        tensor = torch.from_numpy(image).contiguous(memory_format=placed)
        return lambda: run(tensor)[1].numpy()


def rivals(architecture: Architecture, compiled: bool, text: str = "") -> list[Rival]:
    """Both memory formats, each with both ways to write LRN if there is one.

    Those with `text` in their names; ValueError when there is none.
    """
    norms = (True, False) if architecture.local_response_norm else (None,)
    kinds = (False, True) if compiled else (False,)
    every = [
        Rival(channels_last, norm, kind)
        for kind in kinds
        for channels_last in (False, True)
        for norm in norms
    ]
    found = [rival for rival in every if text in rival.name]
    if not found:
        names = ", ".join(repr(rival.name) for rival in every)
        raise ValueError(f"no rival has '{text}' in its name: {names}")
    return found


def check_layer(layer: str) -> None:
    """Raise ValueError for a layer within a block: PyTorch would run branches it does not need."""
    if layer.startswith("inception") and not layer.endswith("/output"):
        raise ValueError(f"{layer} is one branch of its block; choose a block's output")


# --- one gradient step ----------------------------------------------------------------------------


def compare_step(
    file: Path, weights: Weights, size: Size, o: Options, folder: Path
) -> dict[str, Any]:
    """Time the step at one size. Raises WrongResultError when a rival's gradient is another."""
    image = noise(load_model(file, "cpu"), size)
    one_size = exported(weights, o.layer, folder, size)
    makers: dict[str, Callable[[], Step]] = {
        ONE_SIZE: partial(alone, one_size, image, o.threads),
        ANY_SIZE: partial(alone, file, image, o.threads),
        ENGINE: partial(in_engine, file, image, o.threads),
    }
    chosen = {rival.name: rival for rival in rivals(weights.architecture, o.compile, o.rival)}
    for name, rival in chosen.items():
        makers[name] = partial(rival.step, o.weights, o.layer, image, o.threads)
    may_fail = {name for name, rival in chosen.items() if rival.compiled}
    heats = [run_heat(makers, may_fail, o) for _ in range(HEATS)]
    skipped = {name: reason for heat in heats for name, reason in heat.skipped.items()}
    samples = {
        name: [seconds for heat in heats for seconds in heat.samples[name]]
        for name in makers
        if name not in skipped
    }
    compile_seconds = {name: heats[0].first_seconds[name] for name in may_fail - skipped.keys()}
    return {
        "width": size.width,
        "height": size.height,
        "flop": step_flops(weights.architecture, o.layer, size),
        "heats": HEATS,
        "rounds": len(samples[ONE_SIZE]),
        "results": summarise(samples, ONE_SIZE, heats[0].errors, compile_seconds),
        "over": {ours: best_ratios(samples, ours) for ours in (ONE_SIZE, ANY_SIZE, ENGINE)},
        "skipped": skipped,
    }


@dataclass(frozen=True)
class Heat:
    """What one set of processes did; all by the contestants' names."""

    samples: Samples
    errors: Mapping[str, float]
    first_seconds: Mapping[str, float]  # until the first step was done
    skipped: Mapping[str, str]  # those that could not, and why


def run_heat(makers: Mapping[str, Callable[[], Step]], may_fail: Set[str], o: Options) -> Heat:
    """Time everybody in processes of this heat. Raises StepError unless who fails `may_fail`."""
    processes, skipped = {}, {}
    with ExitStack() as stack:
        for name, make in makers.items():
            try:
                processes[name] = stack.enter_context(closing(StepProcess(make)))
            except StepError as error:
                if name not in may_fail:
                    raise
                skipped[name] = str(error)
        errors = gradient_errors({name: p.gradient() for name, p in processes.items()})
        turns = {name: process.turn for name, process in processes.items()}
        samples = interleave(turns, o.seconds / HEATS, ceil(o.rounds / HEATS))
    first_seconds = {name: process.seconds_to_first for name, process in processes.items()}
    return Heat(samples, errors, first_seconds, skipped)


def alone(file: Path, image: Array, threads: int) -> Step:
    """By the file and nothing else, with ONNX Runtime's default options."""
    options = session_options(threads)
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(["gradient"], {"image": image})[0]


def in_engine(file: Path, image: Array, threads: int) -> Step:
    model = load_model(file, "cpu", engine_threads(threads))
    return lambda: model.gradient(image)[1]


def engine_threads(threads: int) -> int | None:
    """Every core is ONNX Runtime's default, and is left to it."""
    return None if threads == cores() else threads


def gradient_errors(gradients: Mapping[str, Array]) -> dict[str, float]:
    """Each one's |gradient - ours| / |ours|. Raises WrongResultError for one that is too far."""
    ours = gradients[ONE_SIZE].astype(np.float64)
    errors = {}
    for name, gradient in gradients.items():
        error = float(np.linalg.norm(gradient - ours) / np.linalg.norm(ours))
        if not error <= GRADIENTS_AGREE:  # so that NaN fails
            raise WrongResultError(f"{name}: its gradient differs from ours by {error:.1e} of it")
        errors[name] = error
    return errors


def summarise(
    samples: Samples,
    ours: str,
    errors: Mapping[str, float] | None = None,
    compile_seconds: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """For each contestant: its samples and their spread, and ours over it."""
    return {
        name: {
            "samples_s": values,
            **{f"{key}_s": value for key, value in asdict(spread(values)).items()},
            "ours_over_it": asdict(ratio(samples[ours], values)),
            "relative_error": (errors or {}).get(name),
            "compile_s": (compile_seconds or {}).get(name),
        }
        for name, values in samples.items()
    }


def best_ratios(samples: Samples, ours: str) -> dict[str, dict[str, Any]]:
    """`ours` over the fastest of each group of rivals."""
    theirs = [name for name in samples if not name.startswith(OURS)]
    groups = {
        "eager, own LRN": [n for n in theirs if n.startswith("eager") and "own" in n],
        "eager": [n for n in theirs if n.startswith("eager")],
        "compile": [n for n in theirs if n.startswith("compile")],
        "any": theirs,
    }
    best = {}
    for group, names in groups.items():
        if names:
            name = min(names, key=lambda n: spread(samples[n]).median)
            best[group] = {"rival": name, **asdict(ratio(samples[ours], samples[name]))}
    return best


# --- operations and the machine's peak ------------------------------------------------------------


def step_flops(architecture: Architecture, layer: str, size: Size) -> int:
    """Floating-point operations of one step's convolutions, forward and input gradient.

    A multiply-add is two operations, and a convolution's input gradient has as many as the
    convolution: `FORMULA`. Counted from the network's layers; everything else is not counted, nor
    is what LRN's band costs.
    """
    with torch.device("meta"):
        network = GoogLeNet(architecture)
        image = torch.empty(1, 3, size.height, size.width)
    total = 0

    def count(module: nn.Module, inputs: Any, output: Tensor) -> None:
        nonlocal total
        assert isinstance(module, nn.Conv2d)
        total += 4 * output.numel() * module.weight[0].numel()

    for convolution in network.convolutions.values():
        convolution.register_forward_hook(count)
    Objective(network, layer)(image)
    return total


def matrix_peak(threads: int, repeats: int = 10) -> dict[str, float]:
    """Operations a second of a large float32 matrix product: the best run of each library."""
    a, b = np.random.default_rng(0).random((2, PEAK_SIDE, PEAK_SIDE), np.float32)
    session = onnxruntime.InferenceSession(
        matmul_model().SerializeToString(), session_options(threads), ["CPUExecutionProvider"]
    )
    one, other = torch.from_numpy(a), torch.from_numpy(b)
    products: dict[str, Callable[[], object]] = {
        "onnxruntime": lambda: session.run(None, {"a": a, "b": b}),
        "torch": lambda: one @ other,
    }
    turns = {name: partial(take_turn, product) for name, product in products.items()}
    samples = interleave(turns, 0, repeats)
    return {name: 2 * PEAK_SIDE**3 / min(values) for name, values in samples.items()}


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """ONNX Runtime's own, which take every core unless fewer are asked for."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = engine_threads(threads) or 0
    return options


def matmul_model() -> onnx.ModelProto:
    square = [PEAK_SIDE, PEAK_SIDE]
    a, b, c = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, square) for name in "abc"
    )
    node = onnx.helper.make_node("MatMul", ["a", "b"], ["c"])
    graph = onnx.helper.make_graph([node], "product", [a, b], [c])
    opset = onnx.helper.make_opsetid("", 18)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)


# --- whole commands -------------------------------------------------------------------------------


def compare_commands(
    gradient_file: Path, weights: Weights, o: Options, folder: Path
) -> dict[str, Any]:
    """Whole dreams as commands, from the process's start to the PNG on disk, and peak memory.

    In a cache folder of their own, for a first start writes there and others read it.
    """
    cache = folder / "cache"
    os.environ["ORT_DEEPDREAM_CACHE"] = str(cache)
    state = folder / "weights.pt"
    torch.save(weights.tensors, state)
    square = folder / "square.png"
    with Image.open(SKY) as sky:
        sky.convert("RGB").resize((1024, 1024), Image.Resampling.BICUBIC).save(square)
    known = rivals(weights.architecture, False, o.rival)

    def commands(photo: Path, extra: Sequence[str]) -> dict[str, list[str]]:
        common = [*extra, "--seed", "0", "--threads", str(o.threads)]
        ours = [str(Path(sys.executable).with_name("dream")), "run", str(photo)]
        ours += ["--model", str(gradient_file), "--backend", "cpu", *common]
        script = Path(__file__).with_name("torch_dream.py")
        theirs = [sys.executable, str(script), str(photo), "--weights", str(state)]
        theirs += ["--architecture", weights.architecture.name, "--layer", o.layer, *common]
        made = {FIRST_START: ours, OURS: [*ours]}
        for rival in known:
            flags = [] if rival.channels_last else ["--nchw"]
            flags += ["--torch-lrn"] if rival.torch_lrn else []
            made[rival.name] = [*theirs, *flags]
        for name, command in made.items():
            command += ["--output", str(folder / f"{name}.png")]
        return made

    def run(name: str, command: Sequence[str]) -> Run:
        if name == FIRST_START:
            shutil.rmtree(cache, ignore_errors=True)
        return run_process(command)

    short = commands(SKY, ["--iterations", str(AGREEING_STEPS)])
    for name, command in short.items():  # warms the disk's cache, too
        run(name, command)
    differences = picture_differences(folder, list(short))
    whole = commands(SKY, [])
    whole["only `import torch`"] = [sys.executable, "-c", "import torch"]
    samples: Samples = {name: [] for name in whole}
    started = time.perf_counter()
    while len(samples[OURS]) < o.rounds or time.perf_counter() - started < o.seconds:
        for name, command in whole.items():
            samples[name].append(run(name, command).seconds)
    large = commands(square, ["--iterations", "2", "--octaves", "1"])
    peaks: dict[str, list[int]] = {name: [] for name in large}
    for _ in range(MEMORY_ROUNDS):
        for name, command in large.items():
            peaks[name].append(run(name, command).peak_bytes)
    memory = {name: median(values) for name, values in peaks.items()}
    least = min((name for name in memory if not name.startswith(OURS)), key=memory.__getitem__)
    dreams = {name: samples[name] for name in large}
    return {
        "results": summarise(samples, OURS),
        "over": best_ratios(dreams, OURS),
        "mean_difference_levels": differences,
        "agreeing_steps": AGREEING_STEPS,
        "peak_bytes_1024": peaks,
        "memory_over": {"rival": least, "value": memory[OURS] / memory[least]},
    }


def picture_differences(folder: Path, names: Sequence[str]) -> dict[str, float]:
    """Each picture's mean absolute difference from ours, in levels of 0..255.

    Raises WrongResultError for one above PICTURES_AGREE.
    """
    pictures = {name: read_picture(folder / f"{name}.png").rgb for name in names}
    differences = {n: float(np.abs(p - pictures[OURS]).mean()) for n, p in pictures.items()}
    for name, difference in differences.items():
        if not difference <= PICTURES_AGREE:
            raise WrongResultError(f"{name}: its dream is {difference:.2f} levels from ours")
    return differences


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
        "one step", "ms", "10-90%", "ours/it", "95%", "error", numbers=("ms", "ours/it", "error")
    )
    for name, row in results.items():
        made.add_row(name, *time_cells(row, milliseconds), f"{row['relative_error']:.0e}")
    console.print(made)
    for name, row in results.items():
        if row["compile_s"] is not None:
            console.print(f"{name}: compiled in {row['compile_s']:.0f} s, not counted")
    for name, reason in result["skipped"].items():
        console.print(f"{name}: left out: {reason}", markup=False)


def time_cells(row: Mapping[str, Any], show: Callable[[float], str]) -> tuple[str, ...]:
    """A result's median, spread, and ours over it with the interval."""
    over = row["ours_over_it"]
    return (
        show(row["median_s"]),
        f"{show(row['low_s'])}-{show(row['high_s'])}",
        f"{over['value']:.2f}",
        f"{over['low']:.2f}-{over['high']:.2f}",
    )


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.1f}" if seconds < 0.1 else f"{seconds * 1e3:.0f}"


def show_summary(console: Console, steps: Sequence[Mapping[str, Any]]) -> None:
    sizes = [f"{step['width']}x{step['height']}" for step in steps]
    made = table("ours", "over the fastest of", *sizes, numbers=tuple(sizes))
    for ours, groups in steps[0]["over"].items():
        for group in groups:
            cells = (step["over"][ours].get(group) for step in steps)
            values = (f"{cell['value']:.2f}" if cell else "-" for cell in cells)
            made.add_row(ours.removeprefix(f"{OURS}, "), group, *values)
    console.print()
    console.print(made)


def show_commands(console: Console, result: Mapping[str, Any]) -> None:
    rounds = len(result["results"][OURS]["samples_s"])
    console.print(
        f"\n[bold]Whole commands[/], {SKY.name}, process start to PNG, {rounds} rounds; MB: "
        f"peak memory with 2 steps on 1024x1024, median of {MEMORY_ROUNDS}; diff: mean difference "
        f"from our picture after {result['agreeing_steps']} step in each octave (levels of 255)"
    )
    right = ("s", "ours/it", "MB", "diff")
    made = table("command", "s", "10-90%", "ours/it", "95%", "MB", "diff", numbers=right)
    for name, row in result["results"].items():
        peaks = result["peak_bytes_1024"].get(name)
        difference = result["mean_difference_levels"].get(name)
        made.add_row(
            name,
            *time_cells(row, "{:.2f}".format),
            "" if peaks is None else f"{median(peaks) / 1e6:.0f}",
            "" if difference is None else f"{difference:.2f}",
        )
    console.print(made)
    over = result["memory_over"]
    console.print(f"memory: {over['value']:.2f} of {over['rival']}")


# --- the command ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Options:
    """`seconds` is each size's time budget; `rounds` the fewest rounds; `rival` is in the names."""

    weights: str
    layer: str
    threads: int
    seconds: float
    rounds: int
    rival: str
    compile: bool


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = made.add_argument
    add("--layer", default="inception_4c/output", help="default: %(default)s")
    add("--weights", default="seeded:0", help="a file or seeded:N[:torchvision]")
    add("--model", type=Path, help="a file of these weights for any size, instead of exporting one")
    add("--size", type=parse_size, action="append", metavar="WxH", help="may be repeated")
    add("--threads", type=int, default=cores(), help="default: every core")
    add("--seconds", type=float, default=30.0, help="time budget for each size")
    add("--rival", default="", metavar="TEXT", help="only rivals with TEXT in their name: NHWC")
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
            o = parser().parse_args(arguments)
            check_layer(o.layer)
            compare(o, console, Path(folder))
        except MENDABLE as error:
            raise SystemExit(f"compare_torch: {error}") from error


def compare(o: argparse.Namespace, console: Console, folder: Path) -> None:
    """Everything that was asked for, shown and kept as it comes."""

    def keep() -> None:
        if o.output is not None:
            o.output.write_text(json.dumps(result, indent=1) + "\n")

    torch.set_num_threads(o.threads)
    machine = this_machine()
    busy = disturbances()
    for line in (*describe(machine), f"{o.threads} threads", *(f"WARNING: {b}" for b in busy)):
        console.print(line, markup=False)
    weights = load_weights(o.weights)
    gradient_file = o.model or exported(weights, o.layer, folder)
    model = load_model(gradient_file, "cpu", engine_threads(o.threads))
    check_model(model, weights, o.layer)
    rivals(weights.architecture, o.compile, o.rival)  # so that a mistake is told now
    chosen = Options(o.weights, o.layer, o.threads, o.seconds, o.rounds, o.rival, o.compile)
    result: dict[str, Any] = {
        "environment": machine.model_dump(),
        "threads": o.threads,
        "disturbances": busy,
        "model": {
            "layer": o.layer,
            "architecture": weights.architecture.name,
            "weights": weights.identity,
            "target": model.info.target,
        },
    }
    console.print(f"{weights.architecture.name}, {weights.identity}, {o.layer}")
    console.print("NHWC is PyTorch's channels_last, own LRN is F.local_response_norm")
    if o.steps:
        peaks = matrix_peak(o.threads)
        peak = max(peaks.values())
        result |= {"flop_formula": FORMULA, "peak_flop_per_s": peaks, "steps": []}
        console.print(
            f"peak: {peak / 1e9:.0f} GFLOP/s, the best float32 product of {PEAK_SIDE}x{PEAK_SIDE} "
            f"matrices"
        )
        for size in o.size or DEFAULT_SIZES:
            step = compare_step(gradient_file, weights, size, chosen, folder)
            result["steps"].append(step)
            keep()
            show_step(console, step, peak)
        show_summary(console, result["steps"])
    if o.command:
        result["command"] = compare_commands(gradient_file, weights, chosen, folder)
        keep()
        show_commands(console, result["command"])


def exported(weights: Weights, layer: str, folder: Path, size: Size | None = None) -> Path:
    """A gradient file for one size, or for any."""
    path = folder / f"{size or 'any'}.onnx"
    sides = (size.height, size.width) if size else None
    save(export_gradient(weights, [layer], TARGETS["cpu"], size=sides), path)
    return path


def check_model(model: Model, weights: Weights, layer: str) -> None:
    """Raise WrongResultError for a file of other weights or another layer."""
    found = (model.info.weights_sha256, model.info.layers)
    if found != (weights.sha256, (layer,)):
        raise WrongResultError(
            f"the model is of {model.info.weights}, {', '.join(model.info.layers)}, "
            f"not of {weights.identity}, {layer}"
        )


if __name__ == "__main__":
    main()
