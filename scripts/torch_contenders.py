"""Who is compared by scripts/compare_torch.py, and how their samples are summed up and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ort_deepdream import DreamError, Settings
from ort_deepdream.engine.machine.cores import cores
from ort_deepdream.measure.contenders.contender import ContenderSpec
from ort_deepdream.measure.contenders.torch_step import ways
from ort_deepdream.measure.libraries import OURS, TORCH
from ort_deepdream.measure.statistics import ratio, spread
from ort_deepdream.measure.timing import Samples
from ort_deepdream.report import words

SKY = Path(__file__).parents[1] / "examples" / "sky-182x158.png"


@dataclass(frozen=True)
class Options:
    """`seconds` is each size's time budget; `rounds` the fewest; names have `contender` in them."""

    threads: int
    seconds: float
    rounds: int
    contender: str
    compile: bool


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


def time_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a result's median, spread, and ours over it with the interval."""
    over = row["ours_over_it"]
    return (
        words.seconds(row["median_s"]),
        words.seconds_span(row["low_s"], row["high_s"]),
        f"{over['value']:.2f}",
        f"{over['low']:.2f}-{over['high']:.2f}",
    )
