"""What a page lists beside the measurements: environment, checks, what is missing; the CSV file."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Iterator, Mapping, Sequence

from ort_deepdream.engine.settings import as_text
from ort_deepdream.measure.analysis import TimedContender, why_missing
from ort_deepdream.measure.result import Contender
from ort_deepdream.report import words
from ort_deepdream.report.runs import Run
from ort_deepdream.report.sentences.cautions import deviation
from ort_deepdream.report.tables.table import Table

UNKNOWN = "unknown"
# A spreadsheet would take a cell that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def command(run: Run) -> str:
    """Return the command that repeats a run."""
    return words.clean(shlex.join(run.result.command))


def missing(runs: Sequence[Run]) -> Table:
    """Return a table of what was not measured, and why."""
    rows = [
        (_of(run, contender.name), "everything", why_missing(contender))
        for run in runs
        for contender in run.result.contenders
        if contender.missing is not None
    ]
    rows += [
        (
            _of(run, skipped.contender),
            f"{words.KINDS[skipped.kind]} at {words.size(skipped.size)}",
            words.clean(skipped.reason),
        )
        for run in runs
        for skipped in run.result.skipped
        if skipped.contender not in _absent(run)  # of which there is one row already
    ]
    return Table(("contender", "what", "why not"), tuple(rows), words=3)


def _absent(run: Run) -> set[str]:
    return {one.name for one in run.result.contenders if one.missing is not None}


def checks(runs: Sequence[Run]) -> Table:
    """Return a table of all checks."""
    rows = [
        (
            _of(run, check.contender),
            words.size(check.size),
            words.clean(check.reference),
            deviation(check),
            words.clean(check.limit),
            "passed" if check.passed else "FAILED",
        )
        for run in runs
        for check in run.result.checks
    ]
    headings = ("contender", "size", "against", "found", "required", "verdict")
    return Table(headings, tuple(rows), words=6)


def _of(run: Run, contender: str) -> str:
    name = words.clean(contender)
    return f"{run.letter} · {name}" if run.letter else name


def machine(run: Run) -> Table:
    """Return a table of what the run was measured on."""
    known = run.result.machine
    rows = {
        "processor": known.processor,
        "cores": str(known.cores),
        "memory": words.memory(known.memory) if known.memory else UNKNOWN,
        "GPU": known.gpu or "none found",
        "GPU memory": words.memory(known.gpu_memory) if known.gpu_memory else UNKNOWN,
        "GPU driver": known.gpu_driver or UNKNOWN,
        "GPU power limit": _watts(known.gpu_power_limit),
        "CUDA": known.cuda or UNKNOWN,
        "cuDNN": known.cudnn or UNKNOWN,
        "system": known.system,
        "Python": known.python,
        "ort-deepdream": f"{known.project}, commit {known.commit or UNKNOWN}",
    }
    if known.gpu is None:
        rows = {name: value for name, value in rows.items() if value != UNKNOWN}
    if known.cpu_quota is not None:
        rows["CPU quota"] = f"{known.cpu_quota:g} cores' worth of time"
    rows |= {name: f"{version} (package)" for name, version in sorted(known.packages.items())}
    rows |= {name: f"{value} (variable)" for name, value in sorted(known.environment.items())}
    return _pairs(rows)


def _watts(limit: float | None) -> str:
    return UNKNOWN if limit is None else words.amount(limit, "W")


def dream(run: Run) -> Table:
    """Return a table of what was dreamt."""
    model, photo, settings = run.result.model, run.result.photo, run.result.settings
    rows = {
        "network": model.architecture,
        "layers": ", ".join(model.layers),
        "weights": f"{model.weights} (sha256 {model.weights_sha256})",
        **{f"gradient file, {t}": f"sha256 {sha256}" for t, sha256 in sorted(model.files.items())},
        "photograph": f"{photo.name}, {photo.width}×{photo.height} (sha256 {photo.sha256})",
        **{name.replace("_", " "): _setting(value) for name, value in settings},
        "measured": f"{run.result.created}{'' if run.result.complete else ', interrupted'}",
        "result file": run.name,
    }
    return _pairs(rows)


def _setting(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return f"{value:g}"
    return as_text(value) or words.DASH


def _pairs(rows: Mapping[str, str]) -> Table:
    cleaned = tuple((words.clean(name), words.clean(value)) for name, value in rows.items())
    return Table(("", ""), cleaned, words=2)


def contenders(run: Run) -> Table:
    """Return a table of all contenders, timed or not."""
    rows = [
        (
            words.clean(one.name),
            _library(one),
            words.clean(one.provider),
            words.clean(one.device or UNKNOWN),
            words.DASH if one.threads is None else str(one.threads),
            words.clean(one.precision),
            _listed(one.options),
            _listed(one.placement),
        )
        for one in run.result.contenders
    ]
    headings = (
        "contender",
        "library",
        "provider",
        "device",
        "threads",
        "precision",
        "options",
        "nodes by provider",
    )
    return Table(headings, tuple(rows), words=8)


def _library(one: Contender) -> str:
    """Return what a contender was run by, with which plug-in, and in which browser."""
    if one.plugin is not None:
        return words.clean(f"{one.library} with {one.plugin} {one.plugin_version or ''}".strip())
    if one.browser is None:
        return words.clean(one.library)
    alone = ", not isolated" if one.isolated is False else ""
    return words.clean(f"{one.library} in {one.browser}{alone}")


def _listed(pairs: Mapping[str, object]) -> str:
    return words.clean(", ".join(f"{name} {value}" for name, value in pairs.items())) or words.DASH


def as_csv(runs: Sequence[Run]) -> str:
    """Return every sample as CSV, one a row."""
    rows = [row for run in runs for one in run.contenders for row in _samples(run, one)]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["seconds"], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _harmless(cell) for name, cell in row.items()})
    return text.getvalue()


def _samples(run: Run, contender: TimedContender) -> Iterator[dict[str, object]]:
    one = contender.record
    who = {
        "file": run.name,
        "contender": one.name,
        "library": one.library,
        "backend": one.backend,
        "device": one.device,
        "threads": one.threads,
        "precision": one.precision,
        "check": _verdict(contender),
    }
    for (kind, size), series in contender.series.items():
        where = {"kind": kind, "width": size.width, "height": size.height, "stable": series.stable}
        for number, sample in enumerate(series.samples, 1):
            yield {
                **who,
                **where,
                "sample": number,
                "seconds": sample.seconds,
                "peak_memory": sample.peak_memory,
                "device_memory": sample.device_memory,
                "load": sample.load,
                "slowed": "; ".join(sample.slowed),
            }


def _verdict(contender: TimedContender) -> str:
    if not contender.checks:
        return "none"
    return "passed" if contender.is_sound else "failed"


def _harmless(cell: object) -> object:
    """Return a string as a spreadsheet shows it, never as what it would work out."""
    if not isinstance(cell, str):
        return cell
    text = words.clean(cell)
    return f"'{text}" if text.startswith(FORMULA) else text
