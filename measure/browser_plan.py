"""The contenders of a browser: WebAssembly with one and with all threads, and WebGPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields, replace

from ort_deepdream.engine.machine.cores import usable_cores
from ort_deepdream.engine.settings import Settings, as_typed, off_by_default
from ort_deepdream.errors import DreamError
from ort_deepdream.measure.contenders.browsers import PROVIDERS, WASM, WEBGPU, find_program
from ort_deepdream.measure.contenders.contender import ContenderSpec
from ort_deepdream.measure.libraries import WEB
from ort_deepdream.measure.plan import FULL, FindModel, PlannedContender, thread_label
from ort_deepdream.measure.result import Contender

TARGETS = {WASM: "cpu", WEBGPU: "portable"}  # of their gradient files
MOST_THREADS = 8  # as the page has them


def plan_browser(
    browser: str,
    page: str,
    threads: Sequence[int],
    find_model: FindModel,
    settings: Settings,
    names: Sequence[str] = (),
) -> list[PlannedContender]:
    """Plan a browser's contenders, which run in the page that dreams at the address `page`.

    They are those in `names`, by default all. WebAssembly has `threads`, by default one and all.
    WebGPU is measured on a software adapter only if it is named. Nothing is timed in a fresh
    process: a page stays open. Raise DreamError where there is no such browser, or the page lacks
    a setting.
    """
    find_program(browser)
    _refuse(settings)
    everything = min(usable_cores(), MOST_THREADS)
    counts = dict.fromkeys(threads or [1, everything])
    every = [*((WASM, count) for count in counts), (WEBGPU, None)]
    asked = [one for one in every if one[0] in (names or TARGETS)]
    found = [_contender(browser, page, *one, find_model, settings) for one in asked]
    return [_even_in_software(one) if WEBGPU in names else one for one in found]


def split_backends(backends: Sequence[str], browser: str) -> tuple[list[str], list[str]]:
    """Return which backends are ONNX Runtime's own, and which are a browser's.

    Raise DreamError for the latter where no browser was asked for.
    """
    own = [name for name in backends if name not in TARGETS]
    in_page = [name for name in backends if name in TARGETS]
    if in_page and not browser:
        raise DreamError(
            f"--backend {in_page[0]}: runs in a browser; add --browser chromium or another"
        )
    return own, in_page


def _even_in_software(planned: PlannedContender) -> PlannedContender:
    assert planned.spec is not None
    return replace(planned, spec=replace(planned.spec, software=True))


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
