"""What a step spends its time on, by kind of operation, drawn."""

from __future__ import annotations

from collections.abc import Sequence

from ort_deepdream.measure.analysis import TimedContender, ordered
from ort_deepdream.measure.copies import COPIES
from ort_deepdream.measure.result import Operator, Size
from ort_deepdream.report import words
from ort_deepdream.report.charts.drawing import NO_COLOUR, Axis, Bars, Chart, View
from ort_deepdream.report.tables.table import Table

MOST_OPERATORS = 7  # with a colour of their own
Profiles = dict[TimedContender, list[Operator]]


def operators_chart(contenders: Sequence[TimedContender]) -> Chart | None:
    """Return the chart of what a step spends its time on."""
    profiles = {contender: profile for contender in contenders if (profile := _profile(contender))}
    sizes = ordered(operator.size for profile in profiles.values() for operator in profile)
    if not sizes:
        return None
    names = _largest_operators([o for profile in profiles.values() for o in profile])
    return Chart(
        "operators",
        "What a step spends its time on",
        "The share of each kind of operation in the time of one step, by ONNX Runtime's own "
        "profiler. Conv is the convolution, most of a network's arithmetic. Copies between the "
        "device and the processor are no kernels, and are shown apart wherever there are any.",
        tuple(_view(size, profiles, names) for size in sizes),
        _table(profiles),
        first=len(sizes) - 1,
    )


def _profile(contender: TimedContender) -> list[Operator]:
    name = contender.record.name
    return [operator for operator in contender.result.operators if operator.contender == name]


def _largest_operators(operators: Sequence[Operator]) -> list[str]:
    shares: dict[str, float] = {}
    for operator in operators:
        shares[operator.operator] = shares.get(operator.operator, 0.0) + operator.share
    copies = [name for name in COPIES.values() if name in shares]
    kernels = sorted((name for name in shares if name not in copies), key=lambda n: -shares[n])
    return [*kernels[: MOST_OPERATORS - len(copies)], *copies]


def _view(size: Size, profiles: Profiles, names: Sequence[str]) -> View:
    shown = {
        contender: {operator.operator: operator for operator in profile if operator.size == size}
        for contender, profile in profiles.items()
        if any(operator.size == size for operator in profile)
    }
    bars = [
        Bars(
            words.clean(name),
            number,
            tuple(of[name].share if name in of else 0.0 for of in shown.values()),
            tuple(_text(of[name]) if name in of else "" for of in shown.values()),
        )
        for number, name in enumerate(names)
    ]
    rest = tuple(sum(o.share for n, o in of.items() if n not in names) for of in shown.values())
    if any(rest):
        texts = tuple(f"all others: {words.percent(share)}" for share in rest)
        bars.append(Bars("all others", NO_COLOUR, rest, texts))
    labels = tuple(contender.label for contender in shown)
    x = Axis("share of the step", "share")
    return View(words.size(size), x, Axis("", ""), (), tuple(bars), labels)


def _text(operator: Operator) -> str:
    nodes = words.counted(operator.nodes, "node")
    return f"{words.clean(operator.operator)}: {words.percent(operator.share)}, {nodes}"


def _table(profiles: Profiles) -> Table:
    rows = [
        (
            contender.label,
            words.size(operator.size),
            words.clean(operator.operator),
            words.percent(operator.share),
            str(operator.nodes),
        )
        for contender, profile in profiles.items()
        for operator in sorted(profile, key=lambda o: (o.size.pixels, -o.share))
    ]
    return Table(("contender", "size", "operator", "share", "nodes"), tuple(rows), words=3)
