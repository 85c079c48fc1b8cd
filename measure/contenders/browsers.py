"""Browsers that Playwright can drive: found, started, and open at the page that dreams."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ort_deepdream.errors import DreamError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

CHROMIUM, FIREFOX = "chromium", "firefox"
WASM, WEBGPU = "wasm", "webgpu-browser"  # the backends that are measured in them
PROVIDERS = {WASM: "CPUExecutionProvider", WEBGPU: "WebGpuExecutionProvider"}
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")  # Firefox must be Playwright's own
WITH_WEBGPU = ("--enable-unsafe-webgpu",)
# What else Chromium wants before it takes a GPU without a window.
ON_LINUX = ("--use-angle=vulkan", "--enable-features=Vulkan", "--disable-vulkan-surface")


@dataclass(frozen=True)
class Program:
    """A browser as Playwright starts it."""

    kind: str  # CHROMIUM or FIREFOX
    path: str | None  # None: the one that Playwright has installed

    @property
    def name(self) -> str:
        """Return what it is called on the command line, without folders."""
        return self.kind if self.path is None else Path(self.path).name


def find_program(asked: str) -> Program:
    """Return the browser that was asked for: chromium, firefox or a program's path.

    Raise DreamError when it is not here, or Playwright is not.
    """
    if importlib.util.find_spec("playwright") is None:
        raise DreamError(
            "--browser needs playwright, which is not installed; "
            "pip install 'ort-deepdream[browser]'"
        )
    if asked not in (CHROMIUM, FIREFOX):
        if not Path(asked).is_file():
            raise DreamError(
                f"--browser {asked}: is neither chromium nor firefox, nor the path of a program"
            )
        kind = FIREFOX if FIREFOX in Path(asked).name.lower() else CHROMIUM
        return Program(kind, str(Path(asked).resolve()))
    here = next(filter(None, map(shutil.which, PROGRAMS)), None) if asked == CHROMIUM else None
    if here is None and not _is_installed(asked):
        raise DreamError(
            f"--browser {asked}: there is none here; python -m playwright install {asked}"
        )
    return Program(asked, here)


def _is_installed(kind: str) -> bool:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return Path(getattr(playwright, kind).executable_path).is_file()


def launch(playwright: Playwright, program: Program, webgpu: bool) -> Browser:
    """Start a browser without a window. Raise Playwright's own error when it does not start."""
    kind = playwright.chromium if program.kind == CHROMIUM else playwright.firefox
    words = _options(webgpu) if program.kind == CHROMIUM else ()
    return kind.launch(executable_path=program.path, args=[*words])


def _options(webgpu: bool) -> Sequence[str]:
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    sandbox = ("--no-sandbox",) if root else ()  # Chromium starts none for root
    return (
        *sandbox,
        *(WITH_WEBGPU if webgpu else ()),
        *(ON_LINUX if webgpu and _is_linux() else ()),
    )


def _is_linux() -> bool:
    return sys.platform == "linux"
