"""Which version of its library a contender ran on, where that tells two of them apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ort_deepdream.measure.analysis import TimedContender
from ort_deepdream.measure.libraries import TORCH, WEB
from ort_deepdream.report import words

ONNX_RUNTIME = "onnxruntime"  # what the names of its wheels begin with
WEB_PACKAGE = "onnxruntime-web"  # a package of the page's, not of Python's
PLUGIN = "onnxruntime-ep-"  # what those of plug-ins begin with, which have versions of their own


def package(contender: TimedContender) -> str:
    """Return the package that a contender's library came in, and its version; "" if not known.

    Several are named where it is not known which of them was loaded.
    """
    return words.clean(" and ".join(f"{name} {v}" for name, v in _packages(contender).items()))


def differ(contenders: Iterable[TimedContender]) -> bool:
    """Tell whether any library is there in two versions, in whatever packages they came."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for one in contenders:
        versions = tuple(sorted(_packages(one).values()))
        found.setdefault(one.record.library, set()).add(versions)
    return any(len(versions) > 1 for versions in found.values())


def _packages(contender: TimedContender) -> Mapping[str, str]:
    record, installed = contender.record, contender.result.machine.packages
    if record.library == WEB:
        return {name: v for name, v in record.options.items() if name == WEB_PACKAGE}
    if record.library == TORCH:
        return {name: v for name, v in installed.items() if name == "torch"}
    plugins = {one.plugin for one in contender.result.contenders}
    return {
        name: v
        for name, v in installed.items()
        if name.startswith(ONNX_RUNTIME) and not name.startswith(PLUGIN) and name not in plugins
    }
