"""The contenders of a browser: WebAssembly with one and with all threads, and WebGPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields

from ort_deepdream.engine.machine.cores import usable_cores
from ort_deepdream.engine.settings import Settings, as_typed, off_by_default
from ort_deepdream.errors import DreamError
from ort_deepdream.measure.browsers import find_program
from ort_deepdream.measure.contender import ContenderSpec
from ort_deepdream.measure.libraries import WEB
from ort_deepdream.measure.plan import FULL, FindModel, PlannedContender, thread_label
from ort_deepdream.measure.result import Contender

WASM, WEBGPU = "wasm", "webgpu-browser"
TARGETS = {WASM: "cpu", WEBGPU: "portable"}  # of their gradient files
PROVIDERS = {WASM: "CPUExecutionProvider", WEBGPU: "WebGpuExecutionProvider"}
MOST_THREADS = 8  # as the page has them


def plan_browser(
    browser: str, page: str, threads: Sequence[int], find_model: FindModel, settings: Settings
) -> list[PlannedContender]:
    """Plan a browser's contenders, which run in the page that dreams at the address `page`.

    WebAssembly has `threads`, by default one and all. Nothing is timed in a fresh process: a page
    stays open. Raise DreamError where there is no such browser, or the page lacks a setting.
    """
    find_program(browser)
    _refuse(settings)
    everything = min(usable_cores(), MOST_THREADS)
    counts = dict.fromkeys(threads or [1, everything])
    asked = [*((WASM, count) for count in counts), (WEBGPU, None)]
    return [_contender(browser, page, *one, find_model, settings) for one in asked]


def _refuse(settings: Settings) -> None:
    """Raise DreamError for a setting that the page has not."""
    values = asdict(settings)
    for declared in fields(settings):
        if off_by_default(declared) and values[declared.name]:
            raise DreamError(
                f"--browser measures the page, which has no --{as_typed(declared.name)}; leave "
                f"one of the two out"
            )


def _contender(
    browser: str,
    page: str,
    name: str,
    threads: int | None,
    find_model: FindModel,
    settings: Settings,
) -> PlannedContender:
    model = str(find_model(TARGETS[name]).resolve())
    spec = ContenderSpec(WEB, model, name, threads, settings, browser=browser, page=page)
    record = Contender(
        name=thread_label(name, threads),
        library=WEB,
        backend=name,
        provider=PROVIDERS[name],
        device=None,
        threads=threads,
        options={},
        precision=FULL,
        target=TARGETS[name],
        placement={},
        missing=None,
        browser=find_program(browser).name,
    )
    return PlannedContender(record, spec, ("step", "warm"))
