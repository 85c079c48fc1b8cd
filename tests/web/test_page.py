"""The page in a real browser: from its own server, and from any host of files below a path.

Chromium is driven by playwright; without one of Debian's or Google's the tests are skipped.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import shlex
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright
from settled_dream import LAYER, SETTINGS, photograph
from synthetic_results import result, written
from typer.testing import CliRunner
from weights_files import (
    new_caffemodel,
    old_caffemodel,
    onnx_file,
    our_safetensors,
    random_tensors,
)

from ort_deepdream.cli.main import app
from ort_deepdream.engine.deepdream import dream
from ort_deepdream.engine.image import read_metadata
from ort_deepdream.engine.loading import load_model
from ort_deepdream.engine.settings import chosen
from ort_deepdream.measure.result import read_result
from ort_deepdream.report.board.rows import Board
from ort_deepdream.report.runs import read_runs
from ort_deepdream.web import site
from ort_deepdream.web.server import Server
from ort_deepdream.weights.architectures import ARCHITECTURES
from ort_deepdream.weights.builtin import shipped_file
from ort_deepdream.weights.guiding import guided
from ort_deepdream.weights.joining import choose_channels
from ort_deepdream.weights.terms import Term
from scripts import measure_web
from scripts.publish import Sources, publish
from scripts.screenshot_report import find_chromium, sandbox_options

CHROMIUM = find_chromium()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
    pytest.mark.xdist_group("page"),
]

EXAMPLES = Path(__file__).parents[2] / "examples"
DREAMING = 60_000  # milliseconds that a small dream may take on a busy machine
QUICK = {"layer": LAYER, "octaves": "2", "iterations": "3", "seed": "1"}


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


def launch(playwright: Playwright, *options: str) -> Browser:
    return playwright.chromium.launch(executable_path=CHROMIUM, args=[*sandbox_options(), *options])


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    started = launch(playwright)
    yield started
    started.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that has never been here."""
    made = browser.new_context(viewport={"width": 1280, "height": 900})
    yield made
    made.close()


class Visit:
    """The page in a tab, and what it complained about and asked for."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(DREAMING)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", self.hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        context.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)
        self.says("Choose a photograph to begin.")

    def hear(self, message: object) -> None:
        if message.type != "debug":
            self.complaints.append(message.text)

    def is_kept(self) -> None:
        """Wait until the page lies in the browser, and has been loaded again for its threads."""
        expect(self.page.locator("#offline")).to_contain_text("opens offline", timeout=DREAMING)

    @property
    def status(self):
        return self.page.locator("#status")

    def says(self, text: str | re.Pattern[str]) -> None:
        expect(self.status).to_contain_text(text, timeout=DREAMING)

    def choose(self, file: object) -> None:
        self.page.set_input_files("#file", file)

    def set(self, **values: str) -> None:
        for name, value in values.items():
            field = self.page.locator(f"[name={name}]")
            if name in ("layer", "side", "backend"):
                field.select_option(value)
            else:
                field.fill(value)

    def dream(self, file: object, **values: str) -> None:
        """Choose a picture, and dream on it to the end."""
        self.choose(file)
        self.says("Press Dream")
        self.set(**values)
        self.page.get_by_role("button", name="Dream", exact=True).click()
        self.says(re.compile("Done after"))

    def save(self, folder: Path, button: str = "Save PNG") -> Path:
        with self.page.expect_download() as waiting:
            self.page.get_by_role("button", name=button).click()
        path = folder / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path


@pytest.fixture(scope="module")
def address(runtime: Path) -> Iterator[str]:
    """The page from the server of `dream web`."""
    with Server(site.site_files(runtime, offline=False)) as started:
        threading.Thread(target=started.serve_forever, daemon=True).start()
        yield started.address
        started.shutdown()


@pytest.fixture
def visit(context: BrowserContext, address: str) -> Callable[..., Visit]:
    return lambda query="": Visit(context, address + query)


@pytest.fixture
def kept_visit(context: BrowserContext, host) -> Visit:
    """The page from a host that sends no special header, once it is kept."""
    seen = Visit(context, host.address)
    seen.is_kept()
    return seen


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """64x48, of a photograph."""
    path = tmp_path / "my photo.png"
    with Image.open(EXAMPLES / "cat.jpg") as cat:
        cat.convert("RGB").crop((40, 0, 400, 270)).resize((64, 48)).save(path)
    return path


def as_file(content: bytes, name: str, kind: str = "") -> dict[str, object]:
    return {"name": name, "mimeType": kind, "buffer": content}


def pixels(path: Path | bytes) -> np.ndarray:
    with Image.open(io.BytesIO(path) if isinstance(path, bytes) else path) as image:
        return np.asarray(image)


def shown(page: Page, canvas: str = "dream") -> np.ndarray:
    """What a canvas holds."""
    found = page.locator(f"#{canvas}").evaluate("canvas => canvas.toDataURL()")
    return pixels(base64.b64decode(found.partition(",")[2]))


# --- Dreams -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("threads", "channel"), [("", ""), pytest.param("?threads=1", "5", marks=pytest.mark.nightly)]
)
def test_the_command_in_a_dream_makes_the_same_dream_in_every_pixel(
    visit, tmp_path, threads, channel
):
    photo = tmp_path / "my photo.png"
    photograph().save(photo)
    seen = visit(threads)
    seen.dream(photo, **{**QUICK, "seed": str(SETTINGS.seed), "channel": channel})
    saved = seen.save(tmp_path)
    assert saved.name == "my photo-dream.png"
    found = read_metadata(saved)
    assert found["deepdream.backend"] == "wasm"
    assert found["deepdream.source"] == photo.name
    assert found["deepdream.layers"] == json.dumps([f"{LAYER}:{channel}" if channel else LAYER])
    assert ("deepdream.gradient_file_sha256" in found) == (not channel)
    line = found["deepdream.command"]
    assert seen.page.locator("#command").text_content() == line
    words = shlex.split(line)[1:]
    assert words[:2] == ["run", photo.name]
    made = tmp_path / "again.png"
    done = CliRunner().invoke(app, ["run", str(photo), *words[2:], "-o", str(made)])
    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(pixels(saved), pixels(made))
    np.testing.assert_array_equal(shown(seen.page)[..., :3], pixels(made))
    assert np.abs(pixels(made).astype(int) - pixels(photo)).mean() > 3
    assert seen.complaints == []


def test_a_visit_asks_this_host_alone_and_for_a_part_of_the_weights(visit, address, photo):
    seen = visit()
    seen.dream(photo, **QUICK)
    assert all(url.startswith((address, "blob:")) for url in seen.requests)
    pieces = {url for url in seen.requests if "weights-" in url}
    assert len(pieces) == 4  # of 12: what the default layer needs
    assert seen.complaints == []


@pytest.mark.nightly
def test_the_service_worker_gives_threads_and_the_page_stays_without_its_server(
    kept_visit, host, photo, tmp_path
):
    seen = kept_visit
    seen.dream(photo, **QUICK)
    first = pixels(seen.save(tmp_path))
    threads = min(os.cpu_count() or 1, 8)
    expected = "1 thread," if threads == 1 else f"{threads} threads,"
    expect(seen.page.locator("#facts")).to_contain_text(expected)
    host.down = True
    try:
        seen.page.reload()
        seen.is_kept()
        seen.dream(photo, **QUICK)
        np.testing.assert_array_equal(pixels(seen.save(tmp_path)), first)
        send(seen.page, "drop", "torn.onnx", b"GIF89a")
        seen.says("torn.onnx is damaged")  # what is fetched when wanted is here, too
        seen.page.get_by_text("More settings", exact=True).click()
        seen.page.get_by_role("button", name="Use the built-in one").click()
        seen.set(layer="inception_5b/output")
        seen.page.get_by_role("button", name="Dream", exact=True).click()
        seen.says("A part of this page could not be loaded (models/")
    finally:
        host.down = False
    seen.page.get_by_role("button", name="Dream", exact=True).click()
    seen.says(re.compile("Done after"))


@pytest.mark.nightly
def test_a_new_release_replaces_what_was_kept_and_fetches_only_what_changed(
    context, own_host, runtime, tmp_path, monkeypatch
):
    sources, served = tmp_path / "sources", tmp_path / "host" / "page"
    shutil.copytree(site.PAGE, sources)
    monkeypatch.setattr(site, "PAGE", sources)
    site.build(served, runtime)
    seen = Visit(context, own_host.address)
    seen.is_kept()
    expect(seen.page).to_have_title("Dream a photograph")
    index = sources / "index.html"
    index.write_text(index.read_text().replace("<title>Dream a", "<title>Dream another"))
    own_host.requests.clear()
    site.build(served, runtime)
    seen.page.reload()
    if seen.page.title() == "Dream a photograph":  # else the browser had looked before the reload
        offline = seen.page.locator("#offline")
        expect(offline).to_contain_text("A newer version of this page is here", timeout=DREAMING)
        seen.page.reload()
    expect(seen.page).to_have_title("Dream another photograph")
    seen.is_kept()
    assert {path.rpartition("/")[2] for path in own_host.requests} == {
        "index.html",
        "release.js",
        "sw.js",
    }
    kept = """async () => {
      const names = [];
      for (const name of await caches.keys()) {
        for (const { url } of await (await caches.open(name)).keys()) names.push(url);
      }
      return names.map((url) => url.split("?")[0]);
    }"""
    names = seen.page.locator("html").evaluate(kept)
    assert len(set(names)) == len(names)  # nothing of the old release


@pytest.mark.nightly
def test_what_publish_builds_dreams_from_any_host_below_a_path(context, own_host, photo, tmp_path):
    newest = written(tmp_path, result(("cpu",), images=(), operators=(), limits=()))
    publish(Sources([newest], None, None, None, page=True), tmp_path / "host" / "page")
    report = context.new_page()
    report.goto(f"{own_host.address}index.html")
    report.get_by_role("link", name="Dream in the browser").click()
    expect(report).to_have_title("Dream a photograph")
    report.close()
    seen = Visit(context, f"{own_host.address}web/")
    seen.is_kept()
    seen.dream(photo, **QUICK)
    assert seen.complaints == []


@pytest.mark.nightly
def test_every_layer_can_be_kept(kept_visit, host, photo):
    seen = kept_visit
    seen.page.get_by_role("button", name="Keep every layer").click()
    seen.says("Every layer is kept.")
    host.down = True
    try:
        seen.dream(photo, **{**QUICK, "layer": "inception_5b/output"})
    finally:
        host.down = False


@pytest.mark.nightly
def test_a_larger_picture_is_made_smaller_and_can_be_saved_so(visit, tmp_path):
    seen = visit()
    seen.dream(EXAMPLES / "landscape.jpg", **QUICK, side="256")
    small = seen.save(tmp_path, "Save the photograph at this size")
    with Image.open(EXAMPLES / "landscape.jpg") as landscape:
        wide, high = landscape.size
        wanted = landscape.convert("RGB").resize((256, round(256 * high / wide)))
    assert small.name == f"landscape-256x{wanted.height}.png"
    assert f" {small.name} " in seen.page.locator("#command").text_content()
    assert np.abs(pixels(small).astype(int) - np.asarray(wanted)).mean() < 4
    np.testing.assert_array_equal(shown(seen.page, "photo")[..., :3], pixels(small))


def test_a_picture_is_upright_and_keeps_its_transparency(visit, photo, tmp_path):
    levels = np.asarray(Image.open(photo))
    alpha = np.broadcast_to(np.linspace(255, 200, 64).astype(np.uint8), (48, 64))
    turned, clear = tmp_path / "turned.jpg", tmp_path / "clear.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.fromarray(levels).save(turned, exif=exif, quality=100)
    Image.fromarray(np.dstack([levels, alpha])).save(clear)
    seen = visit()
    seen.choose(turned)
    seen.says("48×64 pixels")
    upright = np.rot90(levels, -1)
    assert np.abs(shown(seen.page, "photo")[..., :3].astype(int) - upright).mean() < 4
    seen.dream(clear, **QUICK)
    np.testing.assert_array_equal(pixels(seen.save(tmp_path))[..., 3], alpha)


def send(page: Page, kind: str, name: str, content: bytes) -> None:
    """Drop or paste a file."""
    script = """(body, [kind, name, data]) => {
      const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], name));
      const init = { bubbles: true, cancelable: true };
      body.dispatchEvent(kind === "drop"
        ? new DragEvent(kind, { ...init, dataTransfer: transfer })
        : new ClipboardEvent(kind, { ...init, clipboardData: transfer }));
    }"""
    data = base64.b64encode(content).decode()
    page.locator("body").evaluate(script, [kind, name, data])


def test_dropping_and_pasting_choose_a_photograph(visit, photo):
    seen = visit()
    for kind in ("drop", "paste"):
        send(seen.page, kind, f"{kind}.png", photo.read_bytes())
        seen.says(f"{kind}.png: 64×48 pixels. Press Dream.")


def test_the_example_can_be_dreamt_on(visit):
    seen = visit()
    seen.page.get_by_role("button", name="Try it with an example").click()
    seen.says("example.jpg")
    seen.says("Press Dream")


# --- A network of the visitor's own -----------------------------------------------------------


def gradient_file(weights: bool = True) -> bytes:
    """Return the file of two channels of the shipped layer, with the weights in it or without."""
    model = onnx.load(shipped_file(LAYER, "portable"), load_external_data=weights)
    return choose_channels(model.SerializeToString(), LAYER, {5: 1.0, 7: 0.5})


NETWORKS = {
    "my net.safetensors": our_safetensors,
    "old.caffemodel": old_caffemodel,
    "new.caffemodel": new_caffemodel,
}


def again(saved: Path, photo: Path, folder: Path, monkeypatch) -> np.ndarray:
    """Make a dream again by its command, where its network lies in `folder`."""
    monkeypatch.chdir(folder)
    words = shlex.split(read_metadata(saved)["deepdream.command"])[3:]
    made = saved.with_name("again.png")
    done = CliRunner().invoke(app, ["run", str(photo), *words, "-o", str(made)])
    assert done.exit_code == 0, done.output
    return pixels(made).astype(int)


def test_weights_of_ones_own_dream_as_for_the_command(visit, photo, tmp_path, monkeypatch):
    tensors = random_tensors(seed=3)
    seen = visit("?threads=1")
    seen.page.get_by_text("More settings", exact=True).click()
    dreams = []
    for name, write in NETWORKS.items():
        path = tmp_path / name
        path.write_bytes(write(tensors))
        seen.page.set_input_files("[name=network]", path)
        seen.says(f"The next dream is with the weights of {name}.")
        seen.dream(photo, **QUICK, channel="5")
        saved = seen.save(tmp_path)
        found = read_metadata(saved)
        assert found["deepdream.weights"] == name
        assert found["deepdream.weights_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        dreams.append(pixels(saved))
    np.testing.assert_array_equal(dreams[1], dreams[0])
    np.testing.assert_array_equal(dreams[2], dreams[0])
    assert np.abs(again(saved, photo, tmp_path, monkeypatch) - dreams[0]).max() <= 1
    assert np.abs(dreams[0].astype(int) - pixels(photo)).mean() > 1
    seen.page.get_by_role("button", name="Use the built-in one").click()
    seen.says("The next dream is with the built-in network.")
    seen.dream(photo, **QUICK)
    assert "--weights builtin" in seen.page.locator("#command").text_content()


def test_a_gradient_file_that_is_dropped_dreams_of_its_own_layer(
    visit, photo, tmp_path, monkeypatch
):
    path = tmp_path / "mine.onnx"
    path.write_bytes(gradient_file(LAYER))
    seen = visit("?threads=1")
    send(seen.page, "drop", path.name, path.read_bytes())
    layers = [f"{LAYER}:5", f"{LAYER}:7=0.5"]
    seen.says(f"The next dream is of {', '.join(layers)}, with mine.onnx.")
    expect(seen.page.locator("[name=layer]")).to_be_disabled()
    seen.dream(photo, octaves="2", iterations="3", seed="1")
    saved = seen.save(tmp_path)
    found = read_metadata(saved)
    assert found["deepdream.layers"] == json.dumps(layers)
    assert found["deepdream.gradient_file_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert np.abs(again(saved, photo, tmp_path, monkeypatch) - pixels(saved)).max() <= 1


def test_what_is_no_network_is_answered_in_a_sentence(visit, photo):
    refused = {
        "beside.onnx": (gradient_file(weights=False), "has its weights in another file"),
        "zoo.onnx": (onnx_file({}), "is not a gradient file: make one with"),
        "torn.onnx": (b"GIF89a", "torn.onnx is damaged, or not what its name says"),
        "torn.safetensors": (b"\xff" * 40, "torn.safetensors is damaged"),
        "empty.caffemodel": (b"", "There are no weights of BVLC's GoogLeNet in empty.caffemodel"),
    }
    seen = visit()
    for name, (content, answer) in refused.items():
        send(seen.page, "drop", name, content)
        seen.says(answer)
        expect(seen.status).to_have_class("wrong")
    seen.page.get_by_text("More settings", exact=True).click()
    seen.page.get_by_role("button", name="Use the built-in one").click()
    seen.dream(photo, **QUICK)


# --- A guide ----------------------------------------------------------------------------------


def test_a_guide_leads_as_for_the_command(visit, photo, tmp_path, monkeypatch):
    guide = tmp_path / "my guide.jpg"
    with Image.open(EXAMPLES / "landscape.jpg") as landscape:
        landscape.convert("RGB").resize((700, 500)).save(guide)
    seen = visit("?threads=1")
    seen.page.get_by_text("More settings", exact=True).click()
    seen.page.set_input_files("[name=guide]", guide)
    seen.choose(photo)
    seen.says("Press Dream")
    seen.set(**QUICK, channel="5")
    seen.page.get_by_role("button", name="Dream", exact=True).click()
    seen.says("A guide leads a whole layer: leave the channel empty.")
    seen.dream(photo, **QUICK, channel="")
    small = seen.save(tmp_path, "Save the guide at this size")
    assert small.name == "my guide-512x366.png"
    saved = seen.save(tmp_path)
    found = read_metadata(saved)
    assert found["deepdream.guide"] == small.name
    assert found["deepdream.guide_sha256"] == hashlib.sha256(small.read_bytes()).hexdigest()
    assert found["deepdream.guide_layers"] == found["deepdream.layers"] == json.dumps([LAYER])
    led = pixels(saved)
    np.testing.assert_array_equal(again(saved, photo, tmp_path, monkeypatch), led)
    seen.page.get_by_role("button", name="Use no guide").click()
    seen.dream(photo, **QUICK)
    assert "guide" not in seen.page.locator("#command").text_content()
    assert np.abs(pixels(seen.save(tmp_path)).astype(int) - led).mean() > 1


@pytest.mark.nightly
def test_a_gradient_file_for_a_guide_asks_for_one(visit, photo, tmp_path, monkeypatch):
    path, guide = tmp_path / "led.onnx", tmp_path / "guide.png"
    with Image.open(EXAMPLES / "landscape.jpg") as landscape:
        landscape.convert("RGB").resize((96, 64)).save(guide)
    model = onnx.load(shipped_file(LAYER, "cpu"), load_external_data=True)
    for tensor in model.graph.initializer:
        tensor.ClearField("data_location")
    shape = ARCHITECTURES["bvlc"].layers[LAYER]
    path.write_bytes(guided(model.SerializeToString(), Term(LAYER, None, 0.5), shape))
    seen = visit("?threads=1")
    send(seen.page, "drop", path.name, path.read_bytes())
    seen.says(f"The next dream is of {LAYER}=0.5, with led.onnx.")
    seen.choose(photo)
    seen.says("Press Dream")
    seen.page.get_by_role("button", name="Dream", exact=True).click()
    seen.says("This network wants a guide: choose one under More settings.")
    seen.page.get_by_text("More settings", exact=True).click()
    seen.page.set_input_files("[name=guide]", guide)
    seen.dream(photo, octaves="2", iterations="3", seed="1")
    saved = seen.save(tmp_path)
    assert read_metadata(saved)["deepdream.guide"] == "guide.png"
    np.testing.assert_array_equal(again(saved, photo, tmp_path, monkeypatch), pixels(saved))


# --- WebGPU -----------------------------------------------------------------------------------

SWIFTSHADER = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")


@pytest.mark.nightly
def test_a_browser_without_webgpu_is_told_so_before_anything_is_fetched(visit, photo):
    seen = visit()
    seen.choose(photo)
    seen.says("Press Dream")
    seen.page.get_by_text("More settings", exact=True).click()
    seen.set(backend="webgpu")
    seen.page.get_by_role("button", name="Dream", exact=True).click()
    seen.says("This browser has no WebGPU, or nothing to run it on. Choose WebAssembly")
    assert not [url for url in seen.requests if "asyncify" in url or "portable" in url]
    seen.set(backend="wasm")
    seen.dream(photo, **QUICK)


@pytest.mark.nightly
def test_webgpu_dreams_the_same_and_its_fallback_is_called_no_gpu(playwright, address, tmp_path):
    photo = tmp_path / "photo.png"
    photograph().save(photo)
    started = launch(playwright, *SWIFTSHADER)
    seen = Visit(started.new_context(), address + "?backend=webgpu")
    expect(seen.page.locator("[name=backend]")).to_have_value("webgpu")
    seen.page.get_by_text("More settings", exact=True).click()
    seen.page.set_default_timeout(10 * DREAMING)
    seen.choose(photo)
    seen.says("Press Dream")
    seen.set(layer=LAYER, **{name: str(value) for name, value in chosen(SETTINGS).items()})
    seen.page.get_by_role("button", name="Dream", exact=True).click()
    expect(seen.status).to_contain_text("Done after", timeout=10 * DREAMING)
    expect(seen.page.locator("#facts")).to_contain_text("swiftshader, no GPU")
    saved = seen.save(tmp_path)
    found = read_metadata(saved)
    assert (found["deepdream.backend"], found["deepdream.target"]) == ("webgpu", "portable")
    wanted = dream(
        load_model(shipped_file(LAYER, "cpu"), "cpu"),
        np.asarray(photograph(), np.float32),
        SETTINGS,
    ).rgb
    np.testing.assert_array_equal(pixels(saved), np.clip(np.rint(wanted), 0, 255).astype(np.uint8))
    started.close()


# --- A bench ----------------------------------------------------------------------------------


@pytest.mark.nightly
def test_a_press_measures_the_device_and_another_saves_a_result(visit, tmp_path):
    seen = visit()
    seen.page.get_by_role("button", name="Measure this device").click()
    seen.says(re.compile(r"A step at 182×158 takes [\d.]+ ms with wasm, 1 thread"))
    saved = seen.save(tmp_path, "Save what was measured")
    found = read_result(saved)
    assert saved.name == "page-bench.json"
    assert {one.browser.split()[0] for one in found.contenders} == {"Chromium"}
    wasm = [one for one in found.contenders if one.backend == "wasm"]
    assert [one.threads for one in wasm] == [1, min(os.cpu_count() or 1, 8)][: len(wasm)]
    why = "This browser has no WebGPU, or nothing to run it on"
    assert found.contenders[-1].missing == why
    steps, dreams = ([one for one in found.series if one.kind == kind] for kind in ("step", "warm"))
    assert len(steps) == len(dreams) == len(wasm)
    assert all(len(one.samples) >= 5 and len(one.first) == 3 for one in steps)
    assert all(len(one.samples) == 3 and len(one.first) == 1 for one in dreams)
    board = Board()
    board.add(read_runs([saved])[0], "")
    assert [row.contender for row in board.rows] == [one.name for one in wasm]
    assert all(check.gradient_error < 1e-4 for check in found.checks)
    made = CliRunner().invoke(app, ["report", str(saved), "-o", str(tmp_path / "report.html")])
    assert made.exit_code == 0, made.output
    assert seen.complaints == []


# --- Stopping ---------------------------------------------------------------------------------


def test_a_dream_can_be_stopped_and_what_was_dreamt_is_kept(visit, photo, tmp_path):
    seen = visit()
    seen.choose(photo)
    seen.says("Press Dream")
    seen.set(**{**QUICK, "iterations": "500"})
    seen.page.get_by_role("button", name="Dream", exact=True).click()
    on_the_way = re.compile(r"step \d+ of 500\. About .+ left\.")
    expect(seen.page.locator("#place")).to_contain_text(on_the_way, timeout=DREAMING)
    seen.page.get_by_role("button", name="Stop").click()
    seen.says("Stopped after")
    dreamt = pixels(seen.save(tmp_path))
    assert dreamt.shape == (48, 64, 3)
    assert np.abs(dreamt.astype(int) - pixels(photo)).mean() > 1


@pytest.mark.nightly
def test_a_long_step_can_be_stopped_at_once_and_the_page_goes_on(visit, photo):
    seen = visit()
    seen.choose(EXAMPLES / "landscape.jpg")
    seen.says("Press Dream")
    seen.page.get_by_role("button", name="Dream", exact=True).click()
    stop = seen.page.locator("#stop")
    expect(seen.page.locator("#place")).to_contain_text("octave", timeout=DREAMING)
    # Both presses within one step: playwright's own would wait for the first one's end.
    stop.evaluate("button => { button.click(); button.click(); }")
    seen.says("Stopped at once. The steps so far are lost.")
    seen.dream(photo, **QUICK)


# --- What goes wrong --------------------------------------------------------------------------

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
WRONG = {
    "empty.png": (b"", "The file is empty"),
    "notes.txt": (b"milk, bread, cheese", "not a picture that this browser can read"),
    "phone.heic": (HEIC, "This is a HEIC picture, which this browser cannot read"),
    "scan.tif": (b"II*\0\x08\0\0\0\0\0\0\0\0\0", "Use JPEG, PNG or WebP"),
    "cut.png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "The picture is damaged, or too large"),
}


def test_what_is_no_picture_is_answered_in_a_sentence(visit, photo):
    seen = visit()
    for name, (content, answer) in WRONG.items():
        seen.choose(as_file(content, name))
        seen.says(answer)
        expect(seen.status).to_have_class("wrong")
    seen.page.get_by_role("button", name="Dream", exact=True).click()
    seen.says(re.compile("The picture is damaged"))
    seen.dream(photo, **QUICK)
    expect(seen.status).not_to_have_class("wrong")


@pytest.mark.nightly
def test_a_picture_below_the_stride_is_refused_and_a_thin_one_drops_octaves(visit, tmp_path):
    tiny, thin = tmp_path / "tiny.png", tmp_path / "thin.png"
    Image.new("RGB", (7, 90), "green").save(tiny)
    Image.new("RGB", (9, 90), "green").save(thin)
    seen = visit()
    seen.choose(tiny)
    seen.says("Press Dream")
    seen.set(**QUICK)
    seen.page.get_by_role("button", name="Dream", exact=True).click()
    seen.says("The picture is 7×90 pixels, too small for this layer: both sides must be 8 or more")
    seen.dream(thin, **QUICK)
    seen.says("Octaves left out, as too small for this layer: 1.")


def test_a_name_is_shown_as_it_is(visit, photo):
    seen = visit()
    name = "<img src=x onerror=alert(1)>.png"
    seen.dream(as_file(photo.read_bytes(), name, "image/png"), **QUICK)
    expect(seen.page.locator("#caption")).to_have_text(name)
    expect(seen.page.locator("#facts")).to_contain_text(name)
    assert seen.complaints == []


@pytest.mark.nightly
def test_too_little_memory_is_said_so_and_a_smaller_picture_goes(visit, photo):
    seen = visit("?memory=128&threads=1")
    seen.choose(EXAMPLES / "landscape.jpg")
    seen.says("Press Dream")
    seen.set(octaves="1", iterations="1")
    seen.page.get_by_role("button", name="Dream", exact=True).click()
    seen.says(re.compile("There was not enough memory for 512×342 pixels"))
    seen.says("Choose a smaller size")
    seen.dream(photo, **QUICK)


def test_a_browser_without_webassembly_is_told_so(playwright, address, photo):
    started = launch(playwright, "--js-flags=--jitless")
    seen = Visit(started.new_context(), address)
    expect(seen.page.locator("#offline")).to_contain_text("runs no WebAssembly")
    seen.choose(photo)
    seen.says("Press Dream")
    seen.page.get_by_role("button", name="Dream", exact=True).click()
    seen.says("This browser runs no WebAssembly")
    started.close()


# --- What it takes ----------------------------------------------------------------------------


@pytest.mark.nightly
def test_a_square_of_512_pixels_takes_350_mib_at_most(visit, tmp_path):
    square = tmp_path / "square.png"
    with Image.open(EXAMPLES / "cat.jpg") as cat:
        cat.convert("RGB").resize((512, 512)).save(square)
    seen = visit()
    seen.dream(square, octaves="1", iterations="2")
    facts = seen.page.locator("#facts").text_content()
    assert 150 < int(re.search(r"(\d+) MiB", facts)[1]) <= 350


def test_a_huge_photograph_is_made_smaller(visit, tmp_path):
    huge = tmp_path / "huge.jpg"
    with Image.open(EXAMPLES / "landscape.jpg") as landscape:
        landscape.convert("RGB").resize((9000, 6000)).save(huge, quality=60)
    seen = visit()
    seen.choose(huge)
    seen.says("huge.jpg: 512×341 pixels, made smaller from 9000×6000. Press Dream.")


@pytest.mark.nightly
def test_a_first_dream_takes_15_seconds_a_step_4_of_the_cpus_and_the_page_answers_all_the_while(
    playwright, address
):
    started = launch(playwright)
    sky = EXAMPLES / "sky-182x158.png"
    found = [measure_web.measure(started, address, sky, {}, again=True) for _ in range(3)]
    started.close()
    native = measure_web.Native(sky, found[0].threads)
    assert min(one.seconds for one in found) <= 15
    assert min(one.blocked for one in found) <= 100  # milliseconds
    assert min(one.step for one in found) <= 4 * min(native.step() for _ in range(3))


# --- By keyboard, on a phone, to a screen reader ----------------------------------------------


def test_everything_can_be_done_by_keyboard(visit, photo):
    seen = visit()
    page = seen.page
    # Heard from now on: the browser might show its own dialog to a listener who comes too late.
    page.on("filechooser", lambda chooser: None)
    page.keyboard.press("Tab")
    expect(page.locator("#file")).to_be_focused()
    assert (
        page.locator("label[for=file]").evaluate("label => getComputedStyle(label).outlineWidth")
        == "3px"
    )
    with page.expect_file_chooser() as waiting:
        page.keyboard.press("Space")
    waiting.value.set_files(photo)
    seen.says("Press Dream")
    seen.set(**QUICK)
    page.get_by_role("button", name="Dream", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#stop")).to_be_focused()
    seen.says(re.compile("Done after"))
    expect(page.locator("#go")).to_be_focused()
    split = page.get_by_role("slider")
    split.focus()
    page.keyboard.press("Home")
    assert line_of(page) == "0%"
    page.keyboard.press("ArrowRight")
    assert line_of(page) == "1%"
    expect(split).to_have_attribute("aria-valuetext", "1 percent dream, the rest photograph")


def line_of(page: Page) -> str:
    return page.locator("#frame").evaluate("frame => frame.style.getPropertyValue('--split')")


def test_the_line_follows_a_finger(visit, photo):
    seen = visit()
    seen.choose(photo)
    seen.says("Press Dream")
    frame = seen.page.locator("#frame")
    box = frame.bounding_box()
    frame.click(position={"x": box["width"] / 4, "y": 20})
    assert line_of(seen.page) == "25%"


def test_whatever_can_be_used_has_a_name(visit, photo):
    seen = visit()
    seen.dream(photo, **QUICK)
    seen.page.get_by_text("More settings", exact=True).click()
    tree = seen.page.locator("body").aria_snapshot()
    for line in tree.splitlines():
        role = line.strip().removeprefix("- ")
        if role.startswith(("button", "combobox", "spinbutton", "textbox", "slider", "img")):
            assert re.match(r'\w+ "[^"]+"', role), line
    names = ("Layer", "Longer side", "Strength", "Octaves", "Iterations", "Seed", "Jitter")
    for name in (*names, "Octave scale"):
        expect(seen.page.get_by_label(name, exact=False).first).to_be_visible()
    expect(seen.page.get_by_role("img", name="The dream of my photo.png")).to_be_visible()
    expect(seen.status).to_have_attribute("role", "status")


def test_settings_out_of_range_are_held_by_the_browser(visit, photo):
    seen = visit()
    seen.choose(photo)
    seen.says("Press Dream")
    for name, value in {"octave_scale": "1", "octaves": "0", "jitter": "-1", "seed": "x"}.items():
        field = seen.page.locator(f"[name={name}]")
        kept = field.input_value()
        field.evaluate("(field, value) => { field.value = value; }", value)
        assert not field.evaluate("field => field.checkValidity()"), name
        field.evaluate("(field, value) => { field.value = value; }", kept)
        assert field.evaluate("field => field.checkValidity()"), name


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_every_width_bright_and_dark(browser, address, photo, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    seen = Visit(context, address)
    for _ in range(2):
        assert seen.page.locator("html").evaluate("html => html.scrollWidth") == width
        seen.choose(photo)
        seen.says("Press Dream")
    paper = seen.page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    red = int(re.findall(r"\d+", paper)[0])
    assert red > 200 if scheme == "light" else red < 60
    for box in seen.page.locator("button:visible, select:visible, .button:visible").all():
        assert box.bounding_box()["height"] >= 44  # pixels that a finger can hit
    context.close()
