"""The table of what a guide costs."""

from __future__ import annotations

import sys

import pytest

from ort_deepdream import load_layer
from ort_deepdream.measure.result import Size
from scripts import compare_guide

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


@pytest.mark.nightly
@LINUX
def test_the_table(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("ORT_DEEPDREAM_CACHE", str(tmp_path))
    words = ["-l", "conv2/3x3", "--size", "48x40", "--guide", "32x36", "--rounds", "2"]
    compare_guide.main(words)
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "conv2/3x3" in line]
    layer, positions, without, led, ratio, memory = [cell.strip() for cell in row.split("│")[1:-1]]
    assert (layer, positions) == ("conv2/3x3", "80")  # 8 by 9, in 16 parts
    assert without.endswith(" ms")
    assert led.endswith(" ms")
    assert float(ratio) > 0
    assert memory.endswith(" MB")


@LINUX
def test_a_layer_that_is_not_shipped():
    with pytest.raises(SystemExit, match="compare_guide: conv2/norm2: is not shipped"):
        compare_guide.main(["-l", "conv2/norm2"])


@pytest.mark.nightly
def test_a_guide_costs_at_most_a_tenth(tmp_path, monkeypatch):
    """Of a step of the default layer, at 512x512 and with a guide of 320x240."""
    monkeypatch.setenv("ORT_DEEPDREAM_CACHE", str(tmp_path))
    layer, size = "inception_4c/output", Size(width=512, height=512)
    plain = load_layer(layer, backend="cpu", threads=1)
    led = compare_guide.guided(layer, Size(width=320, height=240))
    both = (compare_guide.ascending(model, size) for model in (plain, led))
    _, _, ratio = compare_guide.medians(*both, rounds=15)
    assert ratio <= 1.10
