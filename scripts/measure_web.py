"""Measure the page that dreams, in Chromium: its size, a first dream, a step, the memory.

    python -m scripts.measure_web
    python -m scripts.measure_web examples/cat.jpg --threads 1 --runs 5

Each run has a browser that has never been here and a page of its own. A first dream is counted
from the click on Dream, with all of the network still to be fetched, to the finished picture. A
step is of the largest octave, in a second dream of the same page, beside the native CPU's with as
many threads, which takes its turn after each run; each is the median of its octave. The least of
all runs counts. Figures need a machine that does nothing else: what was busy is printed.
"""

from __future__ import annotations

import argparse
import itertools
import re
import statistics
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from ort_deepdream.engine.deepdream import Progress, dream
from ort_deepdream.engine.loading import load_model
from ort_deepdream.engine.settings import Settings
from ort_deepdream.measure.machine import describe, disturbances, this_machine
from ort_deepdream.web.graphs import DEFAULT_LAYER, TARGET
from ort_deepdream.web.runtime import fetch_runtime
from ort_deepdream.web.server import Server
from ort_deepdream.web.site import later_sources, page_sources, site_files
from ort_deepdream.weights.builtin import shipped_file
from scripts.screenshot_report import find_chromium, sandbox_options

PATIENCE = 600_000  # milliseconds
SIDE = 512  # pixels: the page's own choice, and the square whose memory is measured
FACTS = re.compile(r"(\d+) steps in .*, (\d+) threads?, (\d+) MiB")

# Saves no data: otherwise the page would fetch the network before it is asked for.
SPARING = "Object.defineProperty(navigator, 'connection', { value: { saveData: true } });"
# The longest that the page's thread was away, by a clock that ticks each 10 ms.
WATCH = """
let last = performance.now();
window.longest = 0;
setInterval(() => {
  const now = performance.now();
  window.longest = Math.max(window.longest, now - last - 10);
  last = now;
}, 10);
"""
# When each step of the largest octave so far was done, by the worker's clock.
STEPS = """
window.Worker = class extends Worker {
  constructor(...given) {
    super(...given);
    this.addEventListener("message", ({ data: { step } }) => {
      if (!step) return;
      if (step.iteration === 1) window.steps = [];
      window.steps.push(step.elapsed);
    });
  }
};
"""


# Resolves when the page says how a dream ended. Waiting for a text would look for it at each frame,
# and have the page make frames that nobody sees: 5 ms of processor time to a step.
ENDED = """
window.ended = new Promise((resolve) => {
  const status = document.getElementById("status");
  new MutationObserver(() => {
    const text = status.textContent;
    if (/^Done after/.test(text) || status.classList.contains("wrong")) resolve(text);
  }).observe(status, { childList: true, attributes: true });
});
"""


@dataclass(frozen=True)
class Found:
    """One first dream, and a second one."""

    seconds: float  # from the click to the picture, the network's fetching included
    steps: int
    threads: int
    heap: int  # MiB that ONNX Runtime took
    blocked: float  # milliseconds: the longest that the page did not answer
    step: float | None  # milliseconds in the second dream, if there was one


def measure(
    browser: Browser, address: str, photo: Path, settings: dict[str, str], again: bool = False
) -> Found:
    """Dream in a page that has nothing yet, and `again` once that is compiled."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.add_init_script(SPARING + WATCH + STEPS)
    page.goto(address)
    page.set_input_files("#file", photo)
    page.get_by_text("Press Dream").wait_for()
    for name, value in settings.items():
        page.locator(f"[name={name}]").fill(value)
    page.locator("html").evaluate("() => { window.longest = 0; }")
    seconds = _dream(page)
    facts = FACTS.search(page.locator("#facts").text_content() or "")
    assert facts is not None
    blocked = page.locator("html").evaluate("() => window.longest")
    step = None
    if again:
        _dream(page)
        step = _median(page.locator("html").evaluate("() => window.steps"))
    context.close()
    steps, threads, heap = map(int, facts.groups())
    return Found(seconds, steps, threads, heap, blocked, step)


def _dream(page: Page) -> float:
    """Press Dream; return the seconds to the picture."""
    html = page.locator("html")
    html.evaluate(f"() => {{{ENDED}}}")
    started = time.perf_counter()
    page.get_by_role("button", name="Dream", exact=True).click()
    said = html.evaluate("() => window.ended")
    seconds = time.perf_counter() - started
    if not said.startswith("Done"):
        raise SystemExit(f"measure_web: {said}")
    return seconds


def _median(moments: Sequence[float]) -> float:
    """Return the median time between one step and the next."""
    return statistics.median(later - one for one, later in itertools.pairwise(moments))


class Native:
    """The same dreams on the CPU, at the size to which the page brings a photograph."""

    def __init__(self, photo: Path, threads: int) -> None:
        with Image.open(photo) as image:
            rgb = image.convert("RGB")
        rgb.thumbnail((SIDE, SIDE))
        self.rgb = np.asarray(rgb, np.float32)
        self.model = load_model(shipped_file(DEFAULT_LAYER, TARGET), "cpu", threads)
        self.size = f"{rgb.width}x{rgb.height}"

    def step(self) -> float:
        """Return the milliseconds of a step, by the median of the largest octave."""
        moments: list[float] = []

        def on_step(step: Progress) -> None:
            if step.iteration == 1:
                moments.clear()
            moments.append(1000 * time.perf_counter())

        dream(self.model, self.rgb, Settings(seed=1), on_step)
        return _median(moments)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the script's arguments."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    photo = Path("examples/sky-182x158.png")
    made.add_argument("photo", type=Path, nargs="?", default=photo, help="default: %(default)s")
    made.add_argument("--runs", type=int, default=3, help="default: %(default)s")
    made.add_argument("--threads", type=int, help="default: one for each core, at most 8")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the script."""
    o = parser().parse_args(arguments)
    if find_chromium() is None:
        raise SystemExit("measure_web: no Chromium here: apt-get install chromium")
    for line in (*describe(this_machine()), *(f"WARNING: {busy}" for busy in disturbances())):
        print(line)
    with Server(site_files(fetch_runtime(), offline=False)) as server, sync_playwright() as play:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = server.address + ("" if o.threads is None else f"?threads={o.threads}")
        for line in figures(play, address, o.photo, o.runs):
            print(line)
        server.shutdown()


def figures(play: Playwright, address: str, photo: Path, runs: int) -> Iterator[str]:
    """Measure, and yield each figure in a line, with the most that it may be."""
    own, later = (_kilobytes(paths) for paths in (page_sources(), later_sources()))
    yield f"page, worker and styles: {own:.1f} kB of 60, {later:.1f} kB more when wanted"
    found: list[Found] = []
    native: list[float] = []
    for _ in range(runs):
        with _chromium(play) as browser:
            found.append(measure(browser, address, photo, {}, again=True))
            version = browser.version
        cpu = Native(photo, found[0].threads)
        native.append(cpu.step())
    step, beside = min(one.step for one in found if one.step), min(native)
    yield f"Chromium {version}, {found[0].threads} threads, {photo.name}, the least of {runs}:"
    yield f"a first dream, cold: {min(one.seconds for one in found):.1f} s of 15"
    yield (
        f"a step at {cpu.size}: {step:.1f} ms, {step / beside:.1f} of 4 times the native CPU's "
        f"{beside:.1f} ms"
    )
    yield f"the page was away for {min(one.blocked for one in found):.0f} ms of 100"
    with _chromium(play) as browser, tempfile.TemporaryDirectory() as folder:
        square = _square(Path(folder) / "square.png")
        heap = measure(browser, address, square, {"octaves": "1", "iterations": "2"}).heap
    yield f"heap at {SIDE}x{SIDE}: {heap} MiB of 350"


def _kilobytes(paths: Iterable[Path]) -> float:
    return sum(path.stat().st_size for path in paths) / 1000


def _chromium(play: Playwright) -> Browser:
    return play.chromium.launch(executable_path=find_chromium(), args=sandbox_options())


def _square(path: Path) -> Path:
    with Image.open("examples/cat.jpg") as cat:
        cat.convert("RGB").resize((SIDE, SIDE)).save(path)
    return path


if __name__ == "__main__":
    main()
