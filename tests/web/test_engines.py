"""The page in the engines of Firefox and Safari: the same dream as on the CPU, in every pixel.

Needs firefox-esr, and webkit2gtk-driver with xvfb; what is not here is skipped.
"""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from settled_dream import LAYER, SETTINGS, photograph
from webdriver import ENGINES, Firefox, WebKit, start

from ort_deepdream.engine.deepdream import dream
from ort_deepdream.engine.loading import load_model
from ort_deepdream.engine.settings import chosen
from ort_deepdream.layers import find_weights, joined
from ort_deepdream.weights.builtin import shipped_file

pytestmark = pytest.mark.slow

PATIENCE = 120.0  # seconds

DROP = """
const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
const transfer = new DataTransfer();
transfer.items.add(new File([bytes], "photo.png", { type: "image/png" }));
document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, dataTransfer: transfer }));
"""
DREAM = """
const form = document.getElementById("form");
for (const [name, value] of Object.entries(arguments[0])) form[name].value = value;
form.requestSubmit();
"""
TEXT = "return document.getElementById(arguments[0])?.textContent ?? ''"  # none while it loads
PICTURE = "return document.getElementById('dream').toDataURL()"


GUIDE = """
const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
const transfer = new DataTransfer();
transfer.items.add(new File([bytes], "guide.png", { type: "image/png" }));
document.getElementById("form").guide.files = transfer.files;
"""


# WebKit takes twice as long, so it dreams at night.
NIGHTLY = {"webkit": pytest.mark.nightly}


@pytest.fixture(params=[pytest.param(name, marks=NIGHTLY.get(name, ())) for name in ENGINES])
def engine(request) -> Iterator[Firefox | WebKit]:
    started = start(request.param)
    if started is None:
        pytest.skip(f"no {request.param} here")
    yield started
    started.close()


def wait(engine: Firefox | WebKit, text: str, place: str = "status") -> None:
    """Wait until the page has `text` in a place."""
    end = time.monotonic() + PATIENCE
    # None where the page went on to another while it was asked, as Firefox may.
    while text not in (found := engine.run(TEXT, place) or ""):
        assert time.monotonic() < end, found
        time.sleep(0.2)


@pytest.fixture(scope="module")
def wanted() -> np.ndarray:
    """The dream on the CPU."""
    model = load_model(shipped_file(LAYER, "cpu"), "cpu")
    rgb = dream(model, np.asarray(photograph(), np.float32), SETTINGS).rgb
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def dreamt(engine: Firefox | WebKit) -> np.ndarray:
    """Dream in the page that is open."""
    png = io.BytesIO()
    photograph().save(png, "PNG")
    wait(engine, "Choose a photograph to begin.")
    engine.run(DROP, base64.b64encode(png.getvalue()).decode())
    wait(engine, "photo.png: 40×32 pixels. Press Dream.")
    engine.run(DREAM, {"layer": LAYER, **chosen(SETTINGS)})
    wait(engine, "Done after")
    assert "6 steps in" in engine.run(TEXT, "facts")
    with Image.open(io.BytesIO(base64.b64decode(engine.run(PICTURE).partition(",")[2]))) as shown:
        return np.asarray(shown.convert("RGB"))


def test_it_dreams_as_the_cpu_does_and_again_without_its_server(engine, host, wanted):
    engine.open(host.address)
    wait(engine, "opens offline", "offline")
    np.testing.assert_array_equal(dreamt(engine), wanted)
    host.down = True
    try:
        engine.open(f"{host.address}index.html")
        np.testing.assert_array_equal(dreamt(engine), wanted)
    finally:
        host.down = False


@pytest.mark.nightly
def test_a_guide_leads_and_the_device_is_measured(engine, host):
    guide = photograph().transpose(Image.Transpose.ROTATE_90)
    png = io.BytesIO()
    guide.save(png, "PNG")
    engine.open(host.address)
    wait(engine, "opens offline", "offline")
    wait(engine, "Choose a photograph to begin.")
    engine.run(GUIDE, base64.b64encode(png.getvalue()).decode())
    model = load_model(joined([LAYER], "builtin", "cpu", find_weights, guided=True), "cpu")
    photo, led = (np.asarray(one, np.float32) for one in (photograph(), guide))
    wanted = np.clip(np.rint(dream(model, photo, SETTINGS, guide=led).rgb), 0, 255)
    assert np.abs(dreamt(engine) - wanted).max() <= 1
    engine.run("document.getElementById('bench').click()")
    wait(engine, "A step at 182×158 takes")
    assert engine.run("return document.getElementById('bench').textContent").startswith("Save")
