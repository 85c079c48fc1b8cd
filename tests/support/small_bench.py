"""What a small bench is asked to do: two contenders on the CPU, one size, two trials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine import Settings
from measure.pictures import describe_photo, parse_size
from measure.plan import Wanted, candidates, check_sizes, describe_model


def wanted(
    photo: Path,
    model: Path,
    *,
    backends: tuple[str, ...] = ("cpu", "cuda"),
    threads: tuple[int, ...] = (1, 2),
    sizes: tuple[str, ...] = ("24x16",),
    **changes: Any,
) -> Wanted:
    """`changes` are to the fields of `Wanted`."""
    settings = Settings(iterations=2, octaves=2, seed=0)
    found = candidates(backends, threads, lambda target: model, settings)
    record, info = describe_model(found)
    values = {
        "photo": photo,
        "photo_record": describe_photo(photo),
        "candidates": tuple(found),
        "sizes": check_sizes([parse_size(text) for text in sizes], info.stride),
        "trials": 2,
        "most_trials": 3,
        "budget": 300.0,
        "settings": settings,
        "model": record,
        "stride": info.stride,
        "command": ("dream", "bench", photo.name),
    }
    return Wanted(**(values | changes))
