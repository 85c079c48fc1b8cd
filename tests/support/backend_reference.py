"""What a backend should compute, worked out where PyTorch is and handed to where it is not.

    PYTHONPATH=.:tests/support python -m backend_reference FOLDER

Each wheel of ONNX Runtime for another provider installs a module `onnxruntime`, so each has an
environment of its own, and PyTorch is in none of them. This writes gradient files and, for
pictures of small and odd sizes, the objective and gradient of PyTorch's autograd in float64.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from gradient_files import write_gradient_file, write_hungry
from graphs import autograd
from numpy.typing import NDArray
from onnx import helper
from PIL import Image

from ort_deepdream.export.model_file import export_gradient, save
from ort_deepdream.export.objective import objective, parse_term
from ort_deepdream.export.targets import TARGETS
from ort_deepdream.export.weights import Weights, build_network, load_weights
from ort_deepdream.weights.builtin import WEIGHTS_FILE

Array = NDArray[np.float32]

PHOTO = Path(__file__).parents[2] / "examples/cat.jpg"
FILES = {  # name: (weights, layers)
    "bvlc": (str(WEIGHTS_FILE), ["inception_3b/output"]),
    "torchvision": ("seeded:0:torchvision", ["inception3a", "conv2:7=0.5"]),
}
CASES = (  # file, (height, width), picture
    ("bvlc", (45, 38), "noise"),
    ("bvlc", (45, 38), "photo"),
    (
        "bvlc",
        (37, 89),
        "ties",
    ),  # at 33x97 two activations of these weights are equal but for rounding
    ("bvlc", (33, 97), "flat"),
    ("torchvision", (37, 41), "noise"),
    ("torchvision", (37, 41), "ties"),
)
WELL_POSED = 1e-4  # PyTorch's own float32 error; beyond it rounding decides which activation wins


def write_references(folder: Path) -> None:
    """Gradient files, and `references.npz` with the truth about them."""
    write_gradient_file(folder / "tiny.onnx")
    write_unplaced(folder)
    write_hungry(folder / "hungry.onnx")
    weights = load_weights(str(WEIGHTS_FILE))
    half = export_gradient(weights, ["inception_3b/output"], TARGETS["portable"], "float16")
    save(half, folder / "half.onnx")
    arrays = {}
    for name, (source, layers) in FILES.items():
        weights = load_weights(source)
        save(export_gradient(weights, layers, TARGETS["portable"]), folder / f"{name}.onnx")
        for file, size, kind in CASES:
            if file == name:
                image = in_units_of(weights, picture(kind, *size))
                for key, value in truth(weights, layers, image).items():
                    arrays[f"{name}/{size[0]}x{size[1]}/{kind}/{key}"] = value
    np.savez(folder / "references.npz", **arrays)


def truth(weights: Weights, layers: list[str], image: Array) -> dict[str, NDArray[np.floating]]:
    """The gradient in float64, which float32 can compute too. Raises SystemExit if it cannot."""
    network = build_network(weights)
    wanted = objective(network, [parse_term(layer, weights.architecture) for layer in layers])
    single = torch.from_numpy(image).requires_grad_(True)
    (found,) = torch.autograd.grad(wanted(single), single)
    network.double()
    value, gradient = autograd(wanted, image)
    error = np.linalg.norm(found.numpy() - gradient) / np.linalg.norm(gradient)
    if error > WELL_POSED:
        raise SystemExit(f"{layers} {image.shape}: PyTorch's own float32 is off by {error:.1e}")
    return {"image": image, "objective": np.float64(value), "gradient": gradient}


def in_units_of(weights: Weights, picture: Array) -> Array:
    """[1, 3, H, W] as the network wants it, from black at 0 to white at 1."""
    preprocessing = weights.architecture.preprocessing
    mean, scale = (
        np.array(values, np.float32).reshape(3, 1, 1)
        for values in (preprocessing.mean, preprocessing.scale)
    )
    return ((255 * picture - mean) * scale)[np.newaxis].astype(np.float32)


def picture(kind: str, height: int, width: int) -> Array:
    """[3, H, W] from 0 to 1. `ties` is of squares of four pixels in five shades."""
    if kind == "noise":
        return np.random.default_rng([height, width]).random((3, height, width), np.float32)
    if kind == "flat":
        return np.full((3, height, width), 0.6, np.float32)
    photo = Image.open(PHOTO).convert("RGB").resize((width, height))
    planes = np.moveaxis(np.asarray(photo, np.float32) / 255, 2, 0)
    if kind == "photo":
        return planes
    shades = np.round(planes[:, ::4, ::4] * 4) / 4
    return np.kron(shades, np.ones((1, 4, 4)))[:, :height, :width].astype(np.float32)


def write_unplaced(folder: Path) -> None:
    """tiny.onnx with more nodes: WebGPU leaves the maximum to the CPU, OpenVINO some more."""
    model = onnx.load(folder / "tiny.onnx")
    (last,) = [node for node in model.graph.node if node.output[0] == "gradient"]
    last.output[0] = "before"
    model.graph.node.extend(
        [
            helper.make_node("Max", ["before", "before"], ["greatest"], name="greatest"),
            helper.make_node("ReduceSum", ["greatest"], ["sum"], name="sum", keepdims=0),
            helper.make_node("Sub", ["sum", "sum"], ["nothing"], name="nothing"),
            helper.make_node("Add", ["greatest", "nothing"], ["gradient"], name="added"),
        ]
    )
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, folder / "unplaced.onnx")


if __name__ == "__main__":
    write_references(Path(sys.argv[1]))
