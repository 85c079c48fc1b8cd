"""Export layers of torchvision's networks, and compare each file's step with PyTorch's on the CPU.

    python -m scripts.compare_networks                      # every network of the table
    python -m scripts.compare_networks resnet50 mobilenet_v2 --size 512x512
    python -m scripts.compare_networks -o networks.json     # raw samples included

For each network with seeded weights: the gradient's error against float64 autograd, beside that of
PyTorch's own float32 gradient; then the time of one gradient from memory to memory, by the exported
file (for any size, where the network allows it) and by eager PyTorch in both memory formats. They
take turns, and the least time of each counts, which other work on the machine disturbs least. On a
busy machine `--cpu-time --threads 1` counts the processor's time instead.
docs/networks.md has the table.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ort_deepdream.engine.loading import load_model
from ort_deepdream.engine.machine.cores import usable_cores
from ort_deepdream.export.library import find_module
from ort_deepdream.export.model_file import export_gradient, save
from ort_deepdream.export.module_weights import module_weights
from ort_deepdream.export.targets import TARGETS
from ort_deepdream.export.verify import autograd
from ort_deepdream.export.weights import Weights, build_network
from ort_deepdream.measure.machine import describe, this_machine
from ort_deepdream.sizes import parse_sides
from ort_deepdream.weights.terms import parse_term

Array = NDArray[np.float32]
Clock = Callable[[], float]

# The last layer that still is a map of the picture, or the deepest that the rules reach.
NETWORKS = {
    "alexnet": "features",
    "vgg16": "features",
    "vgg19": "features",
    "vgg16_bn": "features",
    "resnet18": "layer4",
    "resnet50": "layer4",
    "wide_resnet50_2": "layer4",
    "resnext50_32x4d": "layer4",
    "squeezenet1_1": "features",
    "densenet121": "features",
    "googlenet": "inception5b",
    "inception_v3": "Mixed_7c",
    "mobilenet_v2": "features",
    "mobilenet_v3_large": "features",
    "mobilenet_v3_small": "features",
    "mnasnet1_0": "layers",
    "shufflenet_v2_x1_0": "conv5",
    "efficientnet_b0": "features",
    "efficientnet_v2_s": "features",
    "regnet_x_400mf": "trunk_output",
    "regnet_y_400mf": "trunk_output",
    "convnext_tiny": "features",
    "vit_b_16": "conv_proj",
}
WEIGHTS = "seeded:0"
CHECKED = (112, 96)  # (height, width) of the picture that gradients are compared on
FORMATS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}


@dataclass(frozen=True)
class Result:
    """What was found of one network. Times are in seconds, errors relative, in the 2-norm."""

    network: str
    layer: str
    size: tuple[int, int] | None  # (height, width) of the only pictures; None: of any
    error: float
    torch_error: float
    samples: dict[str, list[float]]  # by who computed

    @property
    def ours(self) -> float:
        return min(self.samples["ours"])

    @property
    def best_torch(self) -> tuple[str, float]:
        """The quicker memory format, and its time."""
        return min(((name, min(self.samples[name])) for name in FORMATS), key=lambda pair: pair[1])

    @property
    def quartiles(self) -> tuple[float, float]:
        """Those of the ratio of one round's times."""
        rounds = zip(self.samples["ours"], self.samples[self.best_torch[0]], strict=True)
        low, high = np.quantile([ours / theirs for ours, theirs in rounds], [0.25, 0.75])
        return float(low), float(high)


def compare(
    name: str, size: tuple[int, int], rounds: int, threads: int, clock: Clock, folder: Path
) -> Result:
    """Export the network's layer, check its gradient, and time it at a size (height, width)."""
    layer = NETWORKS[name]
    weights = module_weights(find_module(name), [layer], WEIGHTS)
    path = folder / f"{name}.onnx"
    save(export_gradient(weights, [layer], TARGETS["cpu"]), path)
    model = load_model(path, "cpu", threads)
    only = model.info.size
    error, torch_error = errors(weights, layer, model.gradient, only or CHECKED)
    image = picture(only or size)
    contenders: dict[str, Callable[[], object]] = {"ours": lambda: model.gradient(image)}
    for each, memory_format in FORMATS.items():
        contenders[each] = eager(weights, layer, image, memory_format)
    return Result(name, layer, only, error, torch_error, interleaved(contenders, rounds, clock))


def picture(size: tuple[int, int]) -> Array:
    noise = np.random.default_rng(0).standard_normal((1, 3, *size))
    return noise.astype(np.float32)


def errors(
    weights: Weights, layer: str, run: Callable[[Array], tuple[float, Array]], size: tuple[int, int]
) -> tuple[float, float]:
    """Return the relative errors of our gradient and of PyTorch's in float32."""
    terms = [parse_term(layer, weights.architecture)]
    image = picture(size)
    _, truth = autograd(build_network(weights).double(), terms, torch.from_numpy(image).double())
    _, single = autograd(build_network(weights), terms, torch.from_numpy(image))
    whole = float(np.linalg.norm(truth))
    ours, theirs = (float(np.linalg.norm(g - truth)) / whole for g in (run(image)[1], single))
    return ours, theirs


def eager(
    weights: Weights, layer: str, image: Array, memory_format: torch.memory_format
) -> Callable[[], object]:
    network = build_network(weights).to(memory_format=memory_format)  # type: ignore[call-overload]
    terms = [parse_term(layer, weights.architecture)]

    def gradient() -> object:
        given = torch.from_numpy(image).contiguous(memory_format=memory_format)
        return autograd(network, terms, given)

    return gradient


def interleaved(
    turns: dict[str, Callable[[], object]], rounds: int, clock: Clock
) -> dict[str, list[float]]:
    """Time each in turn, after one that does not count."""
    samples: dict[str, list[float]] = {name: [] for name in turns}
    for number in range(rounds + 1):
        for name, turn in turns.items():
            started = clock()
            turn()
            if number:
                samples[name].append(clock() - started)
    return samples


def show(results: Sequence[Result], size: tuple[int, int]) -> None:
    """Print docs/networks.md's table."""
    print(f"one gradient at {size[1]}x{size[0]}", *describe(this_machine()), sep="\n")
    print("\n| network | error | PyTorch's | ms | PyTorch's | quartiles of the ratio |")
    print("| --- | --- | --- | --- | --- | --- |")
    for r in results:
        best, seconds = r.best_torch
        low, high = r.quartiles
        only = "" if r.size is None else f" ({r.size[1]}x{r.size[0]})"
        print(
            f"| `{r.network}`{only} | {r.error:.0e} | {r.torch_error:.0e} | {r.ours * 1e3:.0f} "
            f"| {seconds * 1e3:.0f}, {best} | {low:.2f} to {high:.2f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NETWORK", help="default: all")
    parser.add_argument("--size", default="224x224", metavar="WxH")
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--threads", type=int, default=usable_cores(), metavar="N")
    parser.add_argument("--cpu-time", action="store_true", help="count the processor's time")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE")
    o = parser.parse_args()
    width, height = parse_sides(o.size)
    torch.set_num_threads(o.threads)
    clock = time.process_time if o.cpu_time else time.perf_counter
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for name in o.names or NETWORKS:
            results.append(compare(name, (height, width), o.rounds, o.threads, clock, Path(folder)))
            print(f"{name}: {results[-1].ours / results[-1].best_torch[1]:.2f}", flush=True)
    show(results, (height, width))
    if o.output is not None:
        content = {"machine": describe(this_machine()), "results": [asdict(r) for r in results]}
        o.output.write_text(json.dumps(content, indent=1), "utf-8")


if __name__ == "__main__":
    main()
