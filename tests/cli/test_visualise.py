"""`dream visualise`: what it writes, says and stores, and what it refuses."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable

import numpy as np
import pytest

from ort_deepdream import read_metadata, read_picture


@pytest.fixture
def quick(dream, cache, tmp_path, monkeypatch) -> Callable[..., object]:
    """`dream visualise` of small pictures in three steps, in an empty folder, on the CPU."""
    monkeypatch.chdir(tmp_path)
    settings = ["--size", 24, "--steps", 3, "--backend", "cpu", "--threads", 1]
    return lambda *words: dream("visualise", *settings, *words)


def test_a_channel_is_a_picture_named_after_it(quick, tmp_path):
    outcome = quick("--layer", "conv2/3x3:7", "--seed", 1)
    assert re.fullmatch(
        r"conv2-3x3-7.png: 24x24, conv2/3x3:7, cpu, seed 1, [\d.]+ s\n", outcome.stdout
    )
    assert outcome.stderr == ""
    (written,) = tmp_path.iterdir()
    assert read_picture(written).rgb.shape == (24, 24, 3)
    assert quick("--layer", "conv2/3x3:7").stdout.startswith("conv2-3x3-7-2.png: ")


def test_the_stored_command_draws_it_again(quick, dream, tmp_path):
    quick("--layer", "conv2/3x3:7", "--neuron", "--colour", "200,90,40", "-o", "one.png")
    metadata = read_metadata("one.png")
    name, command, *words = shlex.split(metadata["deepdream.command"])
    assert (name, command) == ("dream", "visualise")
    assert {"--neuron", "--colour=200.0,90.0,40.0"} <= {*words}
    assert metadata["deepdream.layers"] == '["conv2/3x3:7"]'
    assert metadata["deepdream.neuron"] == "True"
    assert dream("visualise", *words, "-o", "again.png").exit_code == 0
    assert (read_picture("one.png").rgb == read_picture("again.png").rgb).all()


def test_several_channels_are_a_sheet_with_their_numbers(quick):
    outcome = quick("--layer", "conv2/3x3", "--channels", "0-1,7", "--seed", 1)
    assert outcome.stdout.startswith("conv2-3x3-sheet.png: 52x84, 3 pictures, cpu, seed 1, ")
    sheet = read_picture("conv2-3x3-sheet.png").rgb
    quick("--layer", "conv2/3x3:7", "--seed", 1, "-o", "alone.png")
    np.testing.assert_array_equal(sheet[42:66, :24], read_picture("alone.png").rgb)
    below = sheet[67:84, :24]
    assert below.min() < 60  # a dark number
    assert np.mean(below == 255) > 0.5  # on white
    assert (sheet[42:, 28:] == 255).all()  # there is no fourth
    metadata = read_metadata("conv2-3x3-sheet.png")
    assert json.loads(metadata["deepdream.layers"]) == [f"conv2/3x3:{n}" for n in (0, 1, 7)]
    assert "deepdream.gradient_file_sha256" not in metadata


def test_layers_of_different_names_are_a_sheet(quick):
    outcome = quick("--layer", "conv2/3x3:7", "--layer", "inception_3b/output:3", "-o", "two.jpg")
    assert outcome.stdout.startswith("two.jpg: 52x42, 2 pictures, ")
    assert read_picture("two.jpg").rgb.shape == (42, 52, 3)


def test_a_gradient_file_is_drawn_as_it_is(quick, model):
    outcome = quick("--model", model)
    assert outcome.stdout.startswith("3a.png: 24x24, inception_3a/output, cpu, ")


def test_a_channel_that_never_answers_is_noted(quick, monkeypatch):
    import ort_deepdream.engine.model

    real = ort_deepdream.engine.model.Model.gradient
    monkeypatch.setattr(
        "ort_deepdream.engine.model.Model.gradient",
        lambda self, image: (0.0, 0 * real(self, image)[1]),
    )
    outcome = quick("--layer", "conv2/3x3:7")
    assert outcome.stderr.startswith("dream: note: conv2/3x3:7 answered to no noise")
    assert outcome.exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--layer", "conv3"], "the architecture bvlc has no layer 'conv3'"),
        (["--layer", "conv2/3x3:192"], "layer conv2/3x3 has no channel '192'"),
        (["--channels", "5-3"], "--channels 5-3: a range goes upwards"),
        (["--channels", "0-9999"], "--channels 0-9999: a range goes upwards, and all have 4096"),
        (["--channels", "1,x"], "--channels must be numbers and ranges such as 0-31,40, not '1,x'"),
        (["--channels", ""], "--channels must be numbers and ranges such as 0-31,40, not ''"),
        (["--layer", "conv2/3x3:1", "--channels", "2"], "--channels goes with one --layer, which"),
        (["--model", "a.onnx", "--channels", "2"], "--model and --channels exclude each other"),
        (["--model", "a.onnx", "--layer", "conv2/3x3"], "--model and --layer exclude each other"),
        (["--layer", "inception_4c/output", "--size", "8"], "a picture of 8x8 pixels is too small"),
        (["--size", "1"], "--size must be 8 to 8192, not 1"),
        (["--colour", "1,2"], "colour must be red, green and blue, not 2 numbers"),
        (["--colour", "1,2,256"], "--colour must be 0 to 255, not 256"),
        (["-o", "missing/a.png"], "missing/a.png: the folder missing does not exist"),
        (["-o", "a.txt"], "a.txt"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(quick, tmp_path, words, message):
    assert message in quick(*words).error
    assert not list(tmp_path.iterdir())
