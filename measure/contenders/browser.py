"""ONNX Runtime Web in a browser, as it is measured: by the page's own worker, by its own clock."""

from __future__ import annotations

import base64
import io
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from PIL import Image
from playwright.sync_api import Error, sync_playwright

from ort_deepdream.engine.deepdream import Progress
from ort_deepdream.engine.providers.devices import processor_name
from ort_deepdream.engine.sessions.gradient_file import GradientFile, read_gradient_file
from ort_deepdream.engine.settings import Settings
from ort_deepdream.errors import DreamError
from ort_deepdream.measure.contenders.browser_files import external_files
from ort_deepdream.measure.contenders.browsers import PROVIDERS, WEBGPU, find_program, launch
from ort_deepdream.measure.contenders.contender import (
    Array,
    ContenderSpec,
    LoadedContender,
    Mark,
    Step,
)

# Saves no data: otherwise the page would fetch a network of its own.
SPARING = "Object.defineProperty(navigator, 'connection', { value: { saveData: true } });"
START = """async ([module, backend, threads]) => {
  const { contender } = await import(module);
  window.contender = contender(backend, threads);
}"""
ADAPTER = "async (module) => (await import(module)).adapterHere()"
# Bytes go both ways in base64.
ASK = """async ([task, given]) => {
  const decoded = (value) => {
    if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
    if ("base64" in value) {
      return Uint8Array.from(atob(value.base64), (letter) => letter.charCodeAt(0));
    }
    if ("big" in value) return BigInt(value.big);
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, decoded(one)]));
  };
  const encoded = (value) => {
    if (ArrayBuffer.isView(value)) {
      const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
      let text = "";
      for (let at = 0; at < bytes.length; at += 32768) {
        text += String.fromCharCode(...bytes.subarray(at, at + 32768));
      }
      return { base64: btoa(text) };
    }
    if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, encoded(one)]));
  };
  try {
    return { result: encoded(await window.contender.ask(task, decoded(given))) };
  } catch (error) {
    return { error: error.message };
  }
}"""


class BrowserContender(LoadedContender):
    """A gradient file on ONNX Runtime Web, in a worker of the page at the spec's `page`."""

    def __init__(self, spec: ContenderSpec) -> None:
        super().__init__(spec)
        self.file: GradientFile = read_gradient_file(Path(spec.model))
        self.picture = b""  # the one that the worker has
        # None of it is closed: the browser ends with this process.
        self.playwright = sync_playwright().start()
        try:
            program = find_program(spec.browser)
            self.browser = launch(self.playwright, program, spec.backend == WEBGPU)
            self.page = self.browser.new_page()
            self.page.set_default_timeout(0)
            self.page.add_init_script(SPARING)
            self.page.goto(spec.page)
            if spec.backend == WEBGPU and not spec.software:
                refuse_software(self.page.evaluate(ADAPTER, f"{spec.page}later/webgpu.mjs"))
            module = f"{spec.page}later/bench.mjs"
            self.page.evaluate(START, [module, PAGE_BACKENDS[spec.backend], spec.threads or 1])
        except Error as error:
            _fail(error)
        self.opened = self._ask("open", opened=self._file())

    def about(self) -> dict[str, Any]:
        name = self.browser.browser_type.name.capitalize()
        return {
            "provider": PROVIDERS[self.spec.backend],
            "device": self._device(),
            "threads": None if self.spec.backend == WEBGPU else self.opened["threads"],
            "options": {"onnxruntime-web": self.opened["version"]},
            "precision": self.file.info.precision,
            "target": self.file.info.target,
            "browser": f"{name} {self.browser.version}",
            "isolated": self.opened["isolated"],
        }

    def _device(self) -> str | None:
        """Return what it runs on; a software adapter is said to be one."""
        if self.spec.backend != WEBGPU:
            return processor_name()
        adapter = self._ask("adapter")
        return device_name(adapter["name"], adapter["fallback"])

    def prepare(self, rgb: Array) -> None:
        """Do nothing: the session is open, or is made for each size."""

    def dream(self, rgb: Array, settings: Settings, on_step: Callable[[Progress], None]) -> Array:
        found = self._ask("dream", png=as_png(rgb), settings=as_given(settings))
        with Image.open(io.BytesIO(found["png"])) as image:
            return np.asarray(image.convert("RGB"), np.float32)

    def dream_to_file(self, photo: Path, output: Path, iterations: int | None = None) -> list[Mark]:
        """Dream as the base does, by the worker's clock: carrying pictures to it is not timed."""
        wanted = self.spec.settings
        settings = replace(wanted, iterations=iterations or wanted.iterations)
        at = time.perf_counter()
        found = self._ask("dream", png=photo.read_bytes(), settings=as_given(settings))
        output.write_bytes(found["png"])
        marks: list[Mark] = []
        for name, seconds in found["parts"].items():
            at += seconds
            marks.append((name, at))
        return marks

    def step(self, rgb: Array) -> Step:
        return lambda: self.turn(rgb, 1)

    def turn(self, rgb: Array, count: int) -> float:
        """Return the seconds of a turn's median step, as the worker timed them."""
        self._show(rgb)
        taken = self._ask("turn", count=count, settings=as_given(self.spec.settings))
        return float(statistics.median(taken[1:] or taken))

    def gradient(self, rgb: Array) -> Callable[[], Array]:
        def run() -> Array:
            self._show(rgb)
            values = np.frombuffer(self._ask("gradient"), np.float32)
            return values.reshape(1, 3, *rgb.shape[:2])

        return run

    def profile(self, rgb: Array, runs: int) -> list[dict[str, Any]]:
        raise DreamError("a browser tells nothing of its operators")

    def limits(self) -> dict[str, float | None]:
        raise DreamError("the limits of a browser are not measured")

    def _show(self, rgb: Array) -> None:
        """Let the worker have a picture, unless it has it."""
        png = as_png(rgb)
        if png != self.picture:
            self._ask("picture", png=png)
            self.picture = png

    def _file(self) -> dict[str, Any]:
        """Return the gradient file as the worker opens it, its weights beside it."""
        info, path = self.file.info, Path(self.spec.model)
        described = {
            "stride": info.least_side,
            "order": [*info.order],
            "mean": info.mean.ravel().tolist(),
            "scale": info.scale.ravel().tolist(),
        }
        names = external_files(self.file.content)
        if len(names) > 1:
            raise DreamError(f"{path.name}: has its weights in several files; a browser takes one")
        beside = (
            {"location": name, "weights": path.with_name(name).read_bytes()}
            if (name := next(iter(names), ""))
            else {}
        )
        return {"model": self.file.content, "info": described, **beside}

    def _ask(self, task: str, **given: object) -> Any:
        """Return what the worker answers. Raise DreamError with its own sentence."""
        try:
            answer = self.page.evaluate(ASK, [task, _encoded(given)])
        except Error as error:
            _fail(error)
        if "error" in answer:
            raise DreamError(answer["error"])
        return _decoded(answer["result"])


PAGE_BACKENDS = {"wasm": "wasm", WEBGPU: "webgpu"}


def refuse_software(adapter: Mapping[str, Any] | None) -> None:
    """Raise DreamError for a WebGPU adapter { name, fallback } that the processor plays."""
    if adapter is not None and adapter["fallback"]:
        called = f" ({adapter['name']})" if adapter["name"] else ""
        raise DreamError(
            f"WebGPU has a software adapter here{called}, which is no GPU; "
            f"--backend {WEBGPU} measures it all the same"
        )


def device_name(name: str, fallback: bool) -> str | None:
    """Return what a WebGPU adapter is called; None where it has no name."""
    return f"{name or 'an adapter'} (software)" if fallback else name or None


def as_png(rgb: Array) -> bytes:
    """Return a picture [H, W, 3] of whole levels as a browser reads it."""
    made = io.BytesIO()
    Image.fromarray(rgb.astype(np.uint8)).save(made, "PNG", compress_level=1)
    return made.getvalue()


def as_given(settings: Settings) -> dict[str, object]:
    """Return the settings of the loop as the page takes them; a seed may be of any size."""
    return {**asdict(settings), "seed": {"big": str(settings.seed)}}


def _encoded(value: object) -> object:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        return {key: _encoded(one) for key, one in value.items()}
    return value


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"base64"}:
            return base64.b64decode(value["base64"])
        return {key: _decoded(one) for key, one in value.items()}
    return value


def _fail(error: Error) -> NoReturn:
    """Raise DreamError with the first line of what Playwright says."""
    said = (str(error).strip().splitlines() or ["the browser failed"])[0]
    raise DreamError(f"the browser failed: {said}") from None
