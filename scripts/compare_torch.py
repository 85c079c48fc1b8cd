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
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor, nn

from ort_deepdream import DreamError, find_backend
from ort_deepdream.cli.messages import table
from ort_deepdream.engine.machine.cores import usable_cores
from ort_deepdream.engine.sessions.gradient_file import read_gradient_file
from ort_deepdream.export.model_file import export_gradient, save
from ort_deepdream.export.network import Network
from ort_deepdream.export.targets import TARGETS
from ort_deepdream.export.verify import rebuild
from ort_deepdream.export.weights import Weights, load_weights
from ort_deepdream.measure.agreement import MOST_ERROR, gradient_error, same_gradient
from ort_deepdream.measure.contenders.contender import ContenderSpec
from ort_deepdream.measure.contenders.process import ContenderError, ContenderProcess
from ort_deepdream.measure.contenders.pytorch import torch_product
from ort_deepdream.measure.contenders.torch_step import Objective
from ort_deepdream.measure.libraries import OURS
from ort_deepdream.measure.limits import onnx_product, product_rate
from ort_deepdream.measure.machine import describe, disturbances, this_machine
from ort_deepdream.measure.pictures import parse_size, resize_photo
from ort_deepdream.measure.result import Size
from ort_deepdream.measure.statistics import between
from ort_deepdream.measure.timing import Samples, interleave, timed
from scripts.compare_commands import compare_commands, show_commands
from scripts.torch_contenders import SKY, Options, best_ratios, ours, summarise, theirs, time_cells

Array = NDArray[np.float32]

# Exported files alone, with default session options: for the picture's size, and for any.
ONE_SIZE = f"{OURS}, one size"
ANY_SIZE = f"{OURS}, any size"
ENGINE = f"{OURS}, engine"  # a step as a dream takes it, by the file for any size

FORMULA = "4 * sum over convolutions of out_channels * out_height * out_width * (in_channels / groups) * kernel_height * kernel_width"  # noqa: E501
# Processes are started anew for each heat. Where a process's memory comes to lie stays with it: the
# same file was once 1.3 times as slow as in another.
HEATS = 3


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
        between(len(results[ONE_SIZE]["samples_s"])),
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
