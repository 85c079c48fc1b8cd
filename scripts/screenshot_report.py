"""Photograph a report as a browser shows it, small enough for README.md.

    python -m scripts.screenshot_report report.html -o docs/report.png
    python -m scripts.screenshot_report report.html --dark --at charts -o charts.png
    python -m scripts.screenshot_report report.html --width 390 --whole -o phone.png

Needs playwright (the `test` extra) and Chromium: apt-get install chromium
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
COLOURS = 128  # of the picture's palette: text and flat colours need no more


def find_chromium() -> str | None:
    """Return the path of a Chromium; None where there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def sandbox_options() -> list[str]:
    """Return what Chromium is started with: for root it starts no sandbox."""
    return ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []


def photograph(
    report: Path, width: int, height: int, dark: bool = False, at: str = "", whole: bool = False
) -> bytes:
    """Return a PNG of the first `height` pixels, of those from the element `at` on, or of all."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=sandbox_options()
        )
        page = browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        page.goto(report.resolve().as_uri())
        if at:
            page.locator(f"#{at}").evaluate("element => element.scrollIntoView()")
        taken = page.screenshot(full_page=whole)
        browser.close()
    return taken


def write(picture: bytes, path: Path) -> None:
    """Write a PNG with few colours."""
    with Image.open(io.BytesIO(picture)) as taken:
        taken.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("report", type=Path, help="a page made by `dream report`")
    made.add_argument("-o", "--output", type=Path, required=True, help="the picture, *.png")
    made.add_argument("--width", type=int, default=1100, help="default: %(default)s")
    made.add_argument("--height", type=int, default=900, help="default: %(default)s")
    made.add_argument("--at", default="", metavar="ID", help="the section to begin with")
    made.add_argument("--whole", action="store_true", help="all of the page")
    made.add_argument("--dark", action="store_true")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    o = parser().parse_args(arguments)
    if not o.report.is_file():
        raise SystemExit(f"screenshot_report: {o.report}: no such file")
    if find_chromium() is None:
        raise SystemExit("screenshot_report: no Chromium here: apt-get install chromium")
    write(photograph(o.report, o.width, o.height, o.dark, o.at, o.whole), o.output)
    print(f"{o.output}: {o.output.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
