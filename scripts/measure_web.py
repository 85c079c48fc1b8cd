"""Measure the page that dreams, in Chromium: what it weighs, and how long a first dream takes.

    python -m scripts.measure_web
    python -m scripts.measure_web examples/cat.jpg --threads 1 --runs 3
    python -m scripts.measure_web square.png --side 512 --iterations 2

Each run has a browser that has never been here and a page of its own. A first dream is counted
from the click on Dream, with all of the network still to be fetched, to the finished picture.
Figures need a machine that does nothing else: the load before the first run is printed.
"""

from __future__ import annotations

import argparse
import os
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from ort_deepdream.web.runtime import fetch_runtime
from ort_deepdream.web.server import Server
from ort_deepdream.web.site import PAGE, site_files
from scripts.screenshot_report import find_chromium, sandbox_options

SOURCES = (".css", ".html", ".js", ".mjs")
PATIENCE = 600_000  # milliseconds
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


@dataclass(frozen=True)
class Found:
    """One first dream."""

    seconds: float  # from the click to the picture, the network's fetching included
    dream: float  # of these, seconds of dreaming
    steps: int
    threads: int
    heap: int  # MiB that ONNX Runtime took
    blocked: float  # milliseconds: the longest that the page did not answer


def measure(browser: Browser, address: str, photo: Path, settings: dict[str, str]) -> Found:
    """Dream once, in a page that has nothing yet."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.add_init_script(SPARING + WATCH)
    page.goto(address)
    page.set_input_files("#file", photo)
    page.get_by_text("Press Dream").wait_for()
    for name, value in settings.items():
        field = page.locator(f"[name={name}]")
        if name in ("layer", "side"):
            field.select_option(value)
            page.get_by_text("Press Dream").wait_for()
        else:
            field.fill(value)
    page.locator("html").evaluate("() => { window.longest = 0; }")
    started = time.perf_counter()
    page.get_by_role("button", name="Dream", exact=True).click()
    done = page.get_by_text(re.compile("^Done after"))
    done.wait_for()
    seconds = time.perf_counter() - started
    facts = FACTS.search(page.locator("#facts").text_content() or "")
    assert facts is not None
    blocked = page.locator("html").evaluate("() => window.longest")
    dream = _seconds(done.text_content() or "")
    context.close()
    steps, threads, heap = map(int, facts.groups())
    return Found(seconds, dream, steps, threads, heap, blocked)


def _seconds(text: str) -> float:
    found = re.search(r"(?:(\d+) min )?([\d.]+) s", text)
    assert found is not None
    return 60 * int(found[1] or 0) + float(found[2])


def parser() -> argparse.ArgumentParser:
    """Return the parser of the script's arguments."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    photo = Path("examples/sky-182x158.png")
    made.add_argument("photo", type=Path, nargs="?", default=photo, help="default: %(default)s")
    made.add_argument("--runs", type=int, default=1, help="default: %(default)s")
    made.add_argument("--threads", type=int, help="default: one for each core, at most 8")
    for name in ("layer", "side", "octaves", "iterations"):
        made.add_argument(f"--{name}", help="default: the page's")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the script."""
    o = parser().parse_args(arguments)
    if find_chromium() is None:
        raise SystemExit("measure_web: no Chromium here: apt-get install chromium")
    size = sum(path.stat().st_size for path in PAGE.iterdir() if path.suffix in SOURCES)
    print(f"page, worker and styles: {size / 1e3:.1f} kB")
    print(f"load: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    names = ("layer", "side", "octaves", "iterations")
    settings = {name: getattr(o, name) for name in names if getattr(o, name) is not None}
    query = "" if o.threads is None else f"?threads={o.threads}"
    with Server(site_files(fetch_runtime(), offline=False)) as server, sync_playwright() as play:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for _ in range(o.runs):
            browser = play.chromium.launch(executable_path=find_chromium(), args=sandbox_options())
            found = measure(browser, server.address + query, o.photo, settings)
            browser.close()
            print(
                f"{o.photo.name}: first dream {found.seconds:.1f} s, of which {found.dream:.1f} s "
                f"for {found.steps} steps, {found.threads} threads, heap {found.heap} MiB, page "
                f"away for at most {found.blocked:.0f} ms"
            )
        server.shutdown()


if __name__ == "__main__":
    main()
