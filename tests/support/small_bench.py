"""What a small bench is asked to do: two contenders on the CPU, one size, two trials, no limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx

from ort_deepdream import Settings
from ort_deepdream.measure.pictures import describe_photo, parse_size
from ort_deepdream.measure.plan import Plan, check_sizes, describe_model, plan_contenders
from ort_deepdream.weights.builtin import shipped_file


def plan(
    photo: Path,
    model: Path,
    *,
    backends: tuple[str, ...] = ("cpu", "cuda"),
    threads: tuple[int, ...] = (1, 2),
    sizes: tuple[str, ...] = ("24x16",),
    **changes: Any,
) -> Plan:
    """Return the plan of a small bench; `changes` are to its fields."""
    settings = Settings(iterations=2, octaves=2, seed=0)
    found = plan_contenders(backends, threads, lambda target: model, settings)
    record, info = describe_model(found)
    values = {
        "photo": photo,
        "photo_record": describe_photo(photo),
        "contenders": tuple(found),
        "sizes": check_sizes([parse_size(text) for text in sizes], info.stride),
        "trials": 2,
        "most_trials": 3,
        "budget": 300.0,
        "settings": settings,
        "model": record,
        "stride": info.stride,
        "command": ("dream", "bench", photo.name),
        "limits": False,
    }
    return Plan(**(values | changes))


def write_wrong_model(path: Path) -> Path:
    """The shipped file of an early layer, with the negative half of its gradient cut off."""
    model = onnx.load(shipped_file("conv2/3x3", "cpu"))
    for node in model.graph.node:
        node.output[:] = ["exact" if name == "gradient" else name for name in node.output]
    model.graph.node.append(onnx.helper.make_node("Relu", ["exact"], ["gradient"]))
    onnx.save(model, path)
    return path
