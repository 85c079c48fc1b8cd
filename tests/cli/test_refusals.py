"""Every mistake of a user's is one line that says what is wrong and what to do, and exit code 2."""

from __future__ import annotations

import errno
import os
import shlex
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from gradient_files import write_hungry
from onnx import TensorProto, helper
from PIL import Image

from ort_deepdream import BACKENDS


@pytest.fixture
def folder(photo: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a picture, a gradient file and what is neither."""
    folder = photo.parent
    monkeypatch.chdir(folder)
    (folder / "3a.onnx").write_bytes(model.read_bytes())
    (folder / "text.txt").write_text("no picture and no model")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "whole.png")
    (folder / "cut.png").write_bytes((folder / "whole.png").read_bytes()[:5000])
    Image.fromarray(noise[:7]).save(folder / "tiny.png")
    _write_foreign(folder / "foreign.onnx")
    write_hungry(folder / "hungry.onnx")
    _write_damaged(model, folder / "damaged.onnx", "deepdream.layers", "{")
    _write_damaged(model, folder / "future.onnx", "deepdream.format", "9")
    return folder


def _write_foreign(path: Path) -> None:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "foreign", [x], [y])
    opset = helper.make_opsetid("", 18)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), path)


def _write_damaged(model: Path, path: Path, key: str, value: str) -> None:
    damaged = onnx.load(model)
    (entry,) = (entry for entry in damaged.metadata_props if entry.key == key)
    entry.value = value
    onnx.save(damaged, path)


RUN = "run photo.png --model 3a.onnx --backend cpu"
REFUSALS = {
    # the picture
    "run nothere.jpg": ("nothere.jpg", "no such file"),
    "run text.txt": ("text.txt", "not a picture"),
    "run .": ("is a folder",),
    "run photo.png --gpu": ("there is no option --gpu: did you mean --backend cuda?",),
    "run ''": ("a file has an empty name; name one",),
    "run photo.png --weights ''": ("--weights has an empty name",),
    "bench ''": ("a file has an empty name; name one",),
    "run cut.png --model 3a.onnx": ("cut.png", "cut short", "download it again"),
    "run tiny.png --model 3a.onnx -b cpu": ("64x7 pixels, too small", "must be 8 or more"),
    "run photo.png --size huge": ("--size must be pixels, such as 640 or 640x480, not 'huge'",),
    "run photo.png --size 50%": ("not '50%'; --scale 0.5 is half the size",),
    "folder .": ("OUT is missing: `dream folder IN OUT`",),
    ".": ("is a folder; name one picture in it",),
    "run . --octaves 2": ("or have all: `dream folder . OUT`",),
    "3a.onnx": ("is no picture by its name; did you mean `dream verify 3a.onnx`?",),
    "photo": ("there is no command 'photo': did you mean photo.png?",),
    "run foto.png": ("foto.png: there is no such file; did you mean photo.png?",),
    "photo.jpeg": ("photo.jpeg: there is no such file; did you mean photo.png?",),
    "verify 3aa.onnx": ("3aa.onnx: there is no such file; did you mean 3a.onnx?",),
    "verify photo.onnx": ("photo.onnx: there is no such file; name a model file",),
    "run photo.png --preset ''": ("--preset cannot be '': choose classic,",),
    "folder . out --format ''": ("--format cannot be '': choose png,",),
    "run photo.png out.png": (
        "out.png: there is no such file",
        "write `-o out.png` for where the dream",
    ),
    "'~/photo.png'": ("in quotes ~ is not your home folder",),
    "photo.png -o '~/dream.png'": ("in quotes ~ is not your home folder",),
    # the output
    f"{RUN} -o nowhere/x.png": ("the folder nowhere does not exist",),
    f"{RUN} -o x.gif": ("cannot be written as .gif", "did you mean"),
    f"{RUN} -o photo.png": ("would replace photo.png, which this command reads",),
    # the model
    "run photo.png --model nothere.onnx": ("nothere.onnx", "no such file; name a model file"),
    "run photo.png --model text.txt": ("text.txt", "is not an ONNX file"),
    "run photo.png --model foreign.onnx": ("not one that `dream export` made",),
    "run photo.png --model damaged.onnx": ("description is damaged", "export it again"),
    "run photo.png --model future.onnx": ("format 9", "export it again"),
    f"{RUN} --layer conv2/3x3": ("--model and --layer exclude each other",),
    f"{RUN} --weights bvlc": ("--model and --weights exclude each other",),
    "run photo.png --weights bvcl": ("no weights file bvcl", "did you mean bvlc?"),
    "run photo.png --weights x/y.pth": ("no weights file x/y.pth", "`dream weights`"),
    "run photo.png --weights text.txt": ("text.txt", "not recognised as weights"),
    "run photo.png --weights seeded:x": ("seeded:N",),
    "run photo.png --weights seeded:0 --layer inception_4c/outptu": ("inception_4c/output",),
    "run photo.png --weights seeded:0 --layer conv2/3x3:192": ("channels are 0 to 191",),
    "run photo.png --weights seeded:0 --layer conv2/3x3=x": ("weight after '='",),
    "run photo.png --layer conv2/3x3=1e39": ("the weight after '=' must be 1e-09 to 1e+09",),
    "run photo.png --layer conv2/3x3=1e-45": ("the weight after '=' must be 1e-09 to 1e+09",),
    "bench .": ("is a folder; name one picture in it",),
    "bench photo.png -o x": ("x: a result file ends in .json",),
    # the backend
    "run photo.png --model 3a.onnx --backend cdua": ("no backend 'cdua'", "did you mean cuda?"),
    "run photo.png --model 3a.onnx --backend toaster": ("choose auto, cuda,",),
    "run photo.png --model 3a.onnx --provider-option=x": ("write KEY=VALUE",),
    "run photo.png --model 3a.onnx --backend DmlExecutionProvider": ("built without Dml",),
    "run photo.png --model hungry.onnx --backend cpu --octaves 1": (
        "backend cpu failed on a picture of 64x48 pixels (",
        "Failed to allocate memory for requested buffer of size",
        "choose a smaller picture, fewer octaves or another backend",
    ),
    # the parameters
    f"{RUN} --threads 0": ("threads must be 1 to 1024, not 0",),
    f"{RUN} --iterations 0": ("iterations must be 1 or more",),
    f"{RUN} --octaves 0": ("octaves must be 1 to 1000",),
    f"{RUN} --octave-scale 1": ("octave-scale must be more than 1",),
    f"{RUN} --octave-scale inf": ("octave-scale",),
    f"{RUN} --step nan": ("step must be",),
    f"{RUN} --step 1e38": ("step must be",),
    f"{RUN} --jitter=-1": ("jitter must be",),
    f"{RUN} --jitter 999999999999999999999": ("jitter must be",),
    f"{RUN} --seed=-1": ("seed must be 0 or more",),
    # the other commands
    "export --weights seeded:0 -o nowhere/x.onnx": ("the folder nowhere does not exist",),
    "export --weights seeded:0 -o .": ("is a folder",),
    "export --weights seeded:0 -o x.onnx --target cup": ("no target 'cup'", "did you mean cpu?"),
    "export --weights seeded:0 -o x.onnx -l conv9": ("no layer 'conv9'",),
    "export --weights seeded:0 -o x.onnx --size 512": ("'512' is no size", "WIDTHxHEIGHT"),
    "export --weights seeded:0 -o x.onnx --size 32x8": ("too small", "must be 16 or more"),
    "export --weights text.txt -o x.onnx": ("text.txt", "not recognised as weights"),
    "verify nothere.onnx": ("nothere.onnx", "no such file; name a model file"),
    "verify foreign.onnx": ("not one that `dream export` made",),
    "verify 3a.onnx --backend cdua": ("did you mean cuda?",),
    "layers --architecture bvlk": ("no architecture 'bvlk'", "did you mean bvlc?"),
    "layers --architecture bvlc --weights bvlc": ("exclude each other",),
    "layers --architecture bvlc --filter zzz": ("no layer of bvlc has 'zzz' in its name",),
}


@pytest.mark.parametrize("command", REFUSALS)
def test_refusal(dream, folder, command):
    before = set(folder.iterdir())
    error = dream(*shlex.split(command)).error
    for words in REFUSALS[command]:
        assert words in error
    assert set(folder.iterdir()) == before  # nothing was left behind


def test_a_name_with_spaces_that_the_shell_has_parted(dream, folder):
    (folder / "my own photo.png").write_bytes((folder / "photo.png").read_bytes())
    assert "quotes: `dream 'my own photo.png'`" in dream("my", "own", "photo.png", "--open").error
    assert "there is no command 'my'" in dream("my", "photo.png").error


def test_a_decompression_bomb(dream, folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert "3072 pixels are more than the limit of 1000" in dream(*RUN.split()).error


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc here")
def test_a_folder_that_cannot_be_written_even_by_root(dream, folder):
    error = dream(*RUN.split(), "-o", "/proc/x.png").error
    assert "the folder /proc cannot be written to" in error


def test_a_full_disk(dream, folder, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    before = set(folder.iterdir())
    words = [*RUN.split(), "--iterations", "1", "--octaves", "1"]
    assert "the disk is full; make room" in dream(*words).error
    assert set(folder.iterdir()) == before


@pytest.mark.skipif(BACKENDS["cuda"].why_not() is None, reason="CUDA can be used here")
def test_cuda_where_it_cannot_be_used_says_why_at_once(dream, folder):
    started = time.perf_counter()
    error = dream("run", "photo.png", "--model", "3a.onnx", "--backend", "cuda").error
    assert time.perf_counter() - started < 2
    assert "backend cuda cannot be used here: " in error


def test_the_output_is_tried_before_the_model_is_read(dream, folder):
    assert "folder" in dream("run", "photo.png", "-m", "nothere.onnx", "-o", "nowhere/x.png").error


def test_a_message_of_several_lines_becomes_one(dream, folder, monkeypatch):
    from ort_deepdream import DreamError

    def fail(*arguments: object) -> None:
        raise DreamError("first\n  second")

    monkeypatch.setattr("ort_deepdream.cli.loading.load_model", fail)
    assert dream(*RUN.split()).error == "first second"


def test_a_bug_keeps_its_traceback(dream, folder, monkeypatch):
    def fail(*arguments: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr("ort_deepdream.cli.loading.load_model", fail)
    with pytest.raises(KeyError, match="a bug"):
        dream(*RUN.split())
