"""What asv keeps in its results folder, read without asv.

    results/benchmarks.json                each benchmark's unit and the names of its parameters
    results/MACHINE/machine.json
    results/MACHINE/COMMIT-ENVIRONMENT.json

A result file has its columns' names under `result_columns`; rows are cut after the last value that
is there. `params` holds the values of each parameter; `result` one number for each combination, the
last parameter running fastest, or null where it failed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from ort_deepdream.errors import DreamError
from ort_deepdream.files import is_missing
from ort_deepdream.measure.json_files import read_json
from ort_deepdream.report import words

VERSION = 2  # of asv's result files
DESCRIPTIONS = {"benchmarks.json", "machine.json"}
SHORT = 8  # letters of a commit
MOST_BYTES = 50_000_000  # of a file; asv's have some thousand
WHAT = "what asv writes to its results folder"
LARGEST = 1e30  # of a value: seconds, bytes, shares
Kind = TypeVar("Kind")
Combination = tuple[tuple[str, ...], float | None, float | None, float | None]


@dataclass(frozen=True)
class Value:
    """One benchmark with one set of parameters, at one commit."""

    benchmark: str
    unit: str
    machine: str
    environment: str
    parameters: str
    commit: str
    date: int  # ms since 1970, of the commit
    value: float
    low: float  # asv's 99 % interval, or the value itself
    high: float

    @property
    def series(self) -> str:
        """Return what a line of the chart is of."""
        return ", ".join(filter(None, [self.machine, self.parameters, self.environment]))


def read_history(folder: Path) -> list[Value]:
    """Return every value in asv's results. Raise DreamError for what asv did not write."""
    files = _files(folder)
    if not files:
        raise DreamError(f"{folder}: no results of asv are in it; give asv's results folder")
    descriptions = folder / "benchmarks.json"
    described = {} if is_missing(descriptions) else _read(descriptions)
    values = [value for path in files for value in _values(path, described)]
    if len({value.environment for value in values}) == 1:
        return [replace(value, environment="") for value in values]  # it tells nothing apart
    return values


def _files(folder: Path) -> list[Path]:
    """Return the result files of every machine. Raise DreamError where one cannot be looked for."""
    try:
        machines = [path for path in sorted(folder.iterdir()) if path.is_dir()]
        found = [path for machine in machines for path in sorted(machine.iterdir())]
    except FileNotFoundError:
        raise DreamError(f"{folder}: no such folder; give asv's results folder") from None
    except NotADirectoryError:
        raise DreamError(f"{folder}: is not a folder; give asv's results folder") from None
    except OSError as error:
        raise DreamError(
            f"{error.filename}: cannot be looked into ({error.strerror}); change who may (chmod)"
        ) from None
    return [path for path in found if path.suffix == ".json" and path.name not in DESCRIPTIONS]


def _read(path: Path) -> dict[str, Any]:
    _, data = read_json(path, MOST_BYTES, WHAT)
    if not isinstance(data, dict):
        raise DreamError(f"{path}: is not a file of asv's")
    return data


def _values(path: Path, described: dict[str, Any]) -> list[Value]:
    data = _read(path)
    version = data.get("version")
    if version != VERSION:
        told = version if isinstance(version, int) else "unknown"
        raise DreamError(f"{path}: version {told} of asv's results, not {VERSION}; run asv again")
    try:
        return list(_rows(data, described, path.parent.name))
    except (KeyError, TypeError, ValueError) as error:
        reason = words.clean(str(error))[:200]
        raise DreamError(f"{path}: is not a result of asv's ({reason}); run asv again") from None


def _rows(data: dict[str, Any], described: dict[str, Any], machine: str) -> Iterable[Value]:
    columns = _as(list, data["result_columns"])
    for name, cells in _as(dict, data["results"]).items():
        row = dict(zip(columns, _as(list, cells), strict=False))
        about = _as(dict, described.get(name) or {})
        for parameters, value, low, high in _combinations(row):
            if value is not None:
                yield Value(
                    benchmark=name,
                    unit=_as(str, about.get("unit", "")),
                    machine=machine,
                    environment=_as(str, data["env_name"]),
                    parameters=", ".join(parameter.strip("'") for parameter in parameters),
                    commit=_as(str, data["commit_hash"])[:SHORT],
                    date=_as(int, data["date"]),
                    value=value,
                    low=value if low is None else low,
                    high=value if high is None else high,
                )


def _as(kind: type[Kind], value: object) -> Kind:
    """Return a value that has to be of a kind. Raise ValueError for another."""
    if not isinstance(value, kind):
        raise ValueError(f"{type(value).__name__} where {kind.__name__} belongs")
    return value


def _combinations(row: dict[str, Any]) -> Iterable[Combination]:
    """Return (parameters, value, low, high) of each combination of parameters."""
    if row.get("result") is None:
        return ()  # nothing was measured, of however many combinations
    choices = [
        [_as(str, choice) for choice in _as(list, parameter)]
        for parameter in _as(list, row.get("params") or [])
    ]
    count = math.prod(map(len, choices))
    names = "result", "stats_ci_99_a", "stats_ci_99_b"
    values, lows, highs = (_numbers(row.get(name), count) for name in names)
    return zip(itertools.product(*choices), values, lows, highs, strict=True)


def _numbers(cell: object, count: int) -> Iterable[float | None]:
    """Return one for each combination of parameters; None where nothing was measured."""
    if cell is None:
        return itertools.repeat(None, count)
    if not isinstance(cell, list) or len(cell) != count:
        raise ValueError(f"not {count} values")
    return [_number(value) for value in cell]


def _number(value: object) -> float | None:
    """Return a number; None for what asv writes where there is none: null, NaN, infinity.

    Raise ValueError for a number that nothing can have been measured to be.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if abs(value) > LARGEST:
        raise ValueError(f"a value above {LARGEST:g}")
    return float(value)
