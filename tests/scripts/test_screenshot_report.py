"""README's picture of a report is one that a browser drew."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from synthetic_results import result, written

from ort_deepdream.report.page.page import page
from ort_deepdream.report.runs import read_runs
from scripts.screenshot_report import find_chromium, main

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium here"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    path = folder / "report.html"
    path.write_text(page(read_runs([written(folder, result())]), []), "utf-8")
    return path


def taken(report: Path, *options: str) -> Image.Image:
    path = report.with_suffix(".png")
    main([str(report), "-o", str(path), *options])
    with Image.open(path) as picture:
        return picture.convert("RGB")


def test_its_size_is_as_asked(report):
    assert taken(report, "--width", "500", "--height", "300").size == (500, 300)
    assert report.with_suffix(".png").stat().st_size < 125_000


@pytest.mark.nightly
def test_all_of_it_is_longer(report):
    assert taken(report, "--whole").height > 3000


def test_dark_is_dark(report):
    bright, dark = (taken(report, *options).getpixel((2, 2)) for options in ((), ("--dark",)))
    assert isinstance(bright, tuple)
    assert isinstance(dark, tuple)
    assert min(bright) > 240
    assert max(dark) < 40


@pytest.mark.nightly
def test_it_can_begin_at_a_section(report):
    assert taken(report, "--at", "charts").tobytes() != taken(report).tobytes()


def test_no_report(tmp_path):
    with pytest.raises(SystemExit, match="no such file"):
        main([str(tmp_path / "nothere.html"), "-o", str(tmp_path / "x.png")])
