"""What a notebook shows of a dream, a picture and a model, and a dream watched."""

from __future__ import annotations

import base64
import dataclasses
import io
import math
import os
import re
import signal
import subprocess
import sys
import threading
from xml.etree import ElementTree

import numpy as np
import pytest
from gradient_files import write_gradient_file
from PIL import Image

from ort_deepdream import Dream, Model, Picture, Progress, Settings, dream, load_model, watching
from ort_deepdream.engine.notebook import SIDE, table_html

QUICK = Settings(iterations=3, octaves=2, jitter=5, seed=7)
RGB = np.full((40, 60, 3), 99, np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    return load_model(write_gradient_file(path), "cpu", threads=1)


@pytest.fixture(scope="module")
def dreamt(model: Model) -> Dream:
    return dream(model, RGB, QUICK)


def parsed(html: str) -> ElementTree.Element:
    """Return the HTML as XML, once what HTML need not close is closed: it is well-formed."""
    return ElementTree.fromstring(re.sub(r"(<img [^>]*)>", r"\1/>", html))


def images(html: str) -> list[Image.Image]:
    data = re.findall(r'src="data:image/\w+;base64,([^"]+)"', html)
    return [Image.open(io.BytesIO(base64.b64decode(text))) for text in data]


def cells(html: str) -> dict[str, str]:
    rows = parsed(html).iter("tr")
    return {row.find("th").text: row.find("td").text for row in rows}


# --- Dream, Picture, Model ----------------------------------------------------------------------


def test_a_dream_lies_under_its_photograph(dreamt):
    after, before = (np.asarray(image, np.float64) for image in images(dreamt._repr_html_()))
    assert np.abs(before - RGB).mean() < 1
    # JPEG is no more than near: far nearer to the dream than the photograph is.
    apart = np.abs(after - dreamt.rgb).mean()
    assert apart < 0.5 * np.abs(RGB - dreamt.rgb).mean()


def test_a_dream_says_its_settings(dreamt):
    html = dreamt._repr_html_()
    said = cells(html)
    assert said["seed"] == "7"
    assert said["octave-scale"] == "1.4"
    assert said["sizes"] == "43x29, 60x40"
    assert "60x40, 6 steps" in "".join(parsed(html).itertext())


def test_a_dreams_objectives_are_a_curve_for_each_octave(dreamt):
    curves = list(parsed(dreamt._repr_html_()).iter("polyline"))
    points = [[tuple(map(float, p.split(","))) for p in c.get("points").split()] for c in curves]
    assert [len(curve) for curve in points] == [3, 3]
    steps = [point for curve in points for point in curve]
    across = [x for x, _ in steps]
    assert across == sorted(across)
    # Downwards on the screen is down: the highest objective is at the top.
    values = [value for octave in dreamt.objectives for value in octave]
    assert np.argsort([-y for _, y in steps]).tolist() == np.argsort(values).tolist()


def test_an_objective_that_is_no_number_is_left_out(dreamt):
    broken = dataclasses.replace(dreamt, objectives=((math.nan, 1.0), (math.inf, 2.0)))
    curves = parsed(broken._repr_html_()).iter("polyline")
    assert [len(curve.get("points").split()) for curve in curves] == [1, 1]
    nothing = dataclasses.replace(dreamt, objectives=((math.nan,),))
    assert not list(parsed(nothing._repr_html_()).iter("svg"))


def test_a_large_picture_is_shown_small():
    (shown,) = images(Picture(np.zeros((700, 1400, 3), np.float32))._repr_html_())
    assert shown.size == (SIDE, SIDE // 2)
    assert shown.format == "JPEG"


def test_a_picture_keeps_its_transparency_and_its_colour_profile():
    alpha = np.zeros((40, 60), np.uint8)
    (shown,) = images(Picture(RGB, alpha=alpha, icc_profile=b"a profile")._repr_html_())
    assert np.asarray(shown)[..., 3].max() == 0
    assert shown.info["icc_profile"] == b"a profile"


def test_a_model_says_what_runs_where(model):
    said = cells(model._repr_html_())
    assert said["layers"] == ", ".join(model.info.layers)
    assert said["backend"] == "cpu"
    assert said["gradient file"] == "tiny.onnx"  # and not whose folder it lies in


def test_text_of_a_file_is_no_html():
    said = table_html({"layers": "<script>alert(1)</script>\x1b[2J"})
    assert "<script" not in said
    assert cells(said)["layers"].startswith("<script>alert(1)</script>\N{REPLACEMENT CHARACTER}")


def test_a_dream_loads_nothing_for_notebooks():
    code = (
        "import sys, ort_deepdream; ort_deepdream.dream, ort_deepdream.load_model\n"
        "assert not [n for n in sys.modules if 'notebook' in n or n.startswith('IPython')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- watching -----------------------------------------------------------------------------------


def test_an_interrupt_ends_the_dream_and_keeps_it(model):
    handler = signal.getsignal(signal.SIGINT)
    with watching() as watch:

        def interrupted(progress: Progress) -> bool | None:
            if progress.iteration == 2:
                os.kill(os.getpid(), signal.SIGINT)
            return watch(progress)

        kept = dream(model, RGB, QUICK, on_step=interrupted)
    assert kept.stopped
    assert [len(values) for values in kept.objectives] == [2]
    assert kept.rgb.shape == RGB.shape
    assert np.abs(kept.rgb - RGB).max() > 0
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_second_interrupt_is_one():
    with watching():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_dream_is_watched_in_any_thread(model, dreamt):
    kept: list[Dream] = []

    def work() -> None:
        with watching() as watch:
            kept.append(dream(model, RGB, QUICK, on_step=watch))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert np.array_equal(kept[0].rgb, dreamt.rgb)


def test_nothing_is_printed_outside_a_notebook(model, capfd):
    with watching() as watch:
        dream(model, RGB, QUICK, on_step=watch)
    assert capfd.readouterr() == ("", "")
