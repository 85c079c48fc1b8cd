"""A real result passes; each kind of forgery is refused, and for what it is."""

from __future__ import annotations

import base64
import copy
import hashlib
import io
import json
import re
import struct
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from ort_deepdream import Settings, dream, load_model, read_picture
from ort_deepdream.measure.pictures import resize_photo
from ort_deepdream.measure.result import Size
from ort_deepdream.weights.builtin import shipped_file
from scripts.check_result import check_file, main
from scripts.result_physics import least_flop

ROOT = Path(__file__).parents[2]
PHOTOS = ROOT / "examples"
REAL = ROOT / "docs" / "report" / "epyc-2-cores.json"
NOW = datetime(2027, 1, 1, tzinfo=UTC)
LAYER = "conv2/3x3"  # shipped, and quick
SIZE = Size(width=64, height=48)
LOOP = Settings(seed=0, octaves=2, iterations=6, step=8.0)

Data = dict[str, Any]
Forge = Callable[[Data], None]


def test_a_real_result_passes(capsys):
    main([str(REAL)])
    assert capsys.readouterr().out == f"{REAL}: nothing wrong\n"


def png(levels: Any, **options: Any) -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.rint(levels).astype(np.uint8)).save(buffer, "PNG", **options)
    return base64.b64encode(buffer.getvalue()).decode()


def dreamt(seed: int, photo: Any) -> str:
    model = load_model(shipped_file(LAYER, "cpu"), "cpu")
    return png(dream(model, photo, Settings(**{**LOOP.__dict__, "seed": seed})).rgb)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The photograph, small, its dream, and its dream with another seed."""
    folder = tmp_path_factory.mktemp("pictures")
    photo = read_picture(resize_photo(PHOTOS / "cat.jpg", SIZE, folder)).rgb
    return {"photo": png(photo), "dream": dreamt(0, photo), "other": dreamt(1, photo)}


@pytest.fixture(scope="module")
def honest(pictures: dict[str, str]) -> Data:
    """A real run's figures, with a dream that can be made again in no time."""
    data: Data = json.loads(REAL.read_text("utf-8"))
    file = shipped_file(LAYER, "cpu")
    data["model"] |= {
        "layers": [LAYER],
        "weights_sha256": load_model(file, "cpu").info.weights_sha256,
        "files": {"cpu": hashlib.sha256(file.read_bytes()).hexdigest()},
    }
    for name in ("seed", "octaves", "iterations", "step"):
        data["settings"][name] = getattr(LOOP, name)
    for image in data["images"]:
        image["size"] = {"width": SIZE.width, "height": SIZE.height}
        image["png"] = pictures["dream" if image["contender"] else "photo"]
    return data


def found(path: Path, data: Data) -> list[str]:
    path.write_text(json.dumps(data), "utf-8")
    return check_file(path, PHOTOS, NOW)


def test_an_honest_one_passes(honest, tmp_path):
    assert found(tmp_path / "honest.json", honest) == []


def timed(data: Data, kind: str, width: int = 182, contender: str = "cpu, 1 thread") -> Data:
    return next(
        series
        for series in data["series"]
        if (series["contender"], series["kind"], series["size"]["width"])
        == (contender, kind, width)
    )


def scale(series: Data, factor: float) -> None:
    for sample in series["samples"]:
        sample["seconds"] *= factor
        sample["parts"] = {part: s * factor for part, s in sample["parts"].items()}


def limit_of(data: Data, contender: str) -> Data:
    return next(one for one in data["limits"] if one["contender"] == contender)


def of_gpu(data: Data) -> None:
    contender = data["contenders"][0]
    contender |= {"backend": "cuda", "provider": "CUDAExecutionProvider"}


def spoil(where: str, value: object) -> Forge:
    """Return what sets one value; `where` is its path, such as machine.processor."""

    def forge(data: Data) -> None:
        *path, last = [int(word) if word.isdecimal() else word for word in where.split(".")]
        for word in path:
            data = data[word]  # type: ignore[index]
        data[last] = value  # type: ignore[index]

    return forge


def with_words(data: Data) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("note", "<script>")
    levels = Image.open(io.BytesIO(base64.b64decode(data["images"][0]["png"])))
    data["images"][0]["png"] = png(np.asarray(levels, np.float32), pnginfo=info)


def with_a_tail(data: Data) -> None:
    content = base64.b64decode(data["images"][0]["png"]) + b"PK\x03\x04"
    data["images"][0]["png"] = base64.b64encode(content).decode()


def bomb(says: dict[str, int]) -> Forge:
    """Return what puts a picture of 40,000 by 40,000 pixels in, of which the file `says` less."""

    def forge(data: Data) -> None:
        header = struct.pack(">II5B", 40_000, 40_000, 8, 2, 0, 0, 0)
        parts = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
        content = b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(part)) + kind + part + struct.pack(">I", zlib.crc32(kind + part))
            for kind, part in parts
        )
        data["images"][1] |= {"size": says, "png": base64.b64encode(content).decode()}

    return forge


def repeated(data: Data) -> None:
    samples = timed(data, "warm")["samples"]
    timed(data, "warm")["samples"] = samples * 2


def copied(data: Data) -> None:
    timed(data, "step")["samples"] = timed(data, "step", contender="cpu, 2 threads")["samples"]


def made_equal(data: Data) -> None:
    for sample in timed(data, "step")["samples"]:
        sample["seconds"] = 0.025


def spread_out(data: Data) -> None:
    for number, sample in enumerate(timed(data, "step", 512)["samples"]):
        sample["seconds"] *= 1 + 0.2 * number


def unchecked(data: Data) -> None:
    data["checks"] = [one for one in data["checks"] if "cpu, 2 threads" not in one.values()]


def without_autograd(data: Data) -> None:
    data["checks"] = [one for one in data["checks"] if one["reference"] == "cpu, 1 thread"]


def with_energy(data: Data) -> None:
    used = {"contender": "cpu, 1 thread", "size": {"width": 182, "height": 158}}
    joules = {"package-0": 1e6}
    data["energy"] = [used | {"dreams": 9, "seconds": 12.0, "joules": joules, "missing": None}]


def with_throughput(data: Data) -> None:
    of = {"contender": "cpu, 1 thread", "size": {"width": 182, "height": 158}}
    tried = [{"at_once": 2, "dreams_per_hour": 90000.0, "seconds": [1.5, 1.6]}]
    data["throughput"] = [of | {"tried": tried, "missing": None}]


# What is done to the file, and what has to be said of it.
FORGERIES: dict[str, tuple[Forge, str]] = {
    "another program's file": (spoil("schema", "ort-deepdream/bunch"), "not a result file"),
    "a version that is not there yet": (spoil("version", "1.99"), "has version 1.99"),
    "a field of its own": (spoil("machine.score", 9000), "is damaged: machine.score"),
    "a date to come": (spoil("created", "2031-01-01T00:00:00+00:00"), "created: nothing was"),
    "a date before the program": (spoil("created", "2019-01-01T00:00:00+00:00"), "created: noth"),
    "a date without a zone": (spoil("created", "2026-11-23T07:02:02"), "names no time zone"),
    "an element of HTML": (spoil("machine.system", "<img src=x>"), "machine.system: has markup"),
    "a link": (spoil("warnings", ["see [this](http://x.example)"]), "warnings.0: has markup"),
    "text that turns": (spoil("machine.processor", "EPYC \u202eCPU"), "cannot be seen"),
    "a name of a package": (spoil("machine.packages", {"<b>": "1"}), "a name in machine.packages"),
    "an interrupted run": (spoil("complete", False), "was interrupted"),
    "another command": (spoil("command", ["vi", "result.json"]), "not written by `dream bench`"),
    "changed files": (spoil("machine.commit", "1838ea5d51ed+"), "differ from their commit"),
    "a step beyond arithmetic": (lambda d: scale(timed(d, "step"), 0.02), "its arithmetic takes"),
    "a peak beyond any core": (
        lambda d: limit_of(d, "cpu, 1 thread").update(flops=1e15),
        "no machine of its kind does more",
    ),
    "a copy beyond any memory": (
        lambda d: limit_of(d, "cpu, 1 thread").update(bytes_per_second=1e15),
        "copies 1e+15 bytes a second",
    ),
    "a dream without its steps": (lambda d: scale(timed(d, "warm"), 0.1), "its steps alone take"),
    "a start before the beginning": (lambda d: scale(timed(d, "cold"), 0.5), "without its start"),
    "a larger picture in less time": (lambda d: scale(timed(d, "cold", 512), 0.05), "is smaller"),
    "samples that are all equal": (made_equal, "all samples are equal"),
    "rounds that are there twice": (repeated, "the same samples stand there more than once"),
    "samples of another contender": (copied, "has samples of"),
    "a spread that is denied": (spread_out, "says stable = True"),
    "a spread that is made up": (
        lambda d: timed(d, "step").update(stable=False),
        "says stable = False",
    ),
    "parts that do not add up": (
        lambda d: timed(d, "warm")["samples"][0]["parts"].update(steps=0.1),
        "the parts of a sample",
    ),
    "a part of its own": (
        lambda d: timed(d, "step")["samples"][0]["parts"].update(thinking=0.0),
        "the parts of a sample",
    ),
    "a contender that nobody checked": (unchecked, "nothing was compared with it"),
    "no independent check": (without_autograd, "nothing was compared with PyTorch autograd"),
    "a check that cannot pass": (spoil("checks.1.gradient_error", 0.5), "do not pass"),
    "a check without numbers": (spoil("checks.1.gradient_error", None), "do not pass"),
    "dreams that are not alike": (spoil("checks.5.psnr", 12.0), "do not pass"),
    "more threads than cores": (spoil("contenders.0.threads", 64), "64 threads on 2 cores"),
    "a GPU that is not there": (of_gpu, "ran on a GPU, and the machine has none"),
    "another photograph": (spoil("photo.sha256", "0" * 64), "is none of the photographs"),
    "another gradient file": (spoil("model.files", {"cpu": "0" * 64}), "is not the shipped one"),
    "a dream of another seed": (spoil("settings.seed", 1), "is not what these settings dream"),
    "no dream": (lambda d: d["images"].pop(1), "its dream is not in it"),
    "the photograph as a dream": (
        lambda d: d["images"][1].update(png=d["images"][0]["png"]),
        "its dream is the photograph",
    ),
    "a dream as the photograph": (
        lambda d: d["images"][0].update(png=d["images"][1]["png"]),
        "the photograph is not cat.jpg",
    ),
    "a picture of another size": (
        lambda d: d["images"][0].update(size={"width": 65, "height": 48}),
        "has 64x48 pixels, and says 65x48",
    ),
    "a picture with words in it": (with_words, "more than a picture in it: tEXt"),
    "a picture with a file behind it": (with_a_tail, "more than a picture in it: rest"),
    "more power than any supply": (with_energy, "package-0 took 8.33e+04 watts"),
    "more dreams than were made": (with_throughput, "2 at once cannot make so many dreams"),
    "a picture that fills the memory": (
        bomb({"width": 64, "height": 48}),
        "is no PNG (DecompressionBombError)",
    ),
    "a picture that says it does": (
        bomb({"width": 40_000, "height": 40_000}),
        "dreams are compared at 65,536 at most",
    ),
    "what is no picture": (spoil("images.0.png", "PHN2Zz4="), "is no PNG"),
}

BY_ITS_DREAM = {"another gradient file", "a dream of another seed"}


@pytest.mark.parametrize("kind", FORGERIES)
def test_a_forgery_is_refused(honest, tmp_path, kind):
    forge, said = FORGERIES[kind]
    data = copy.deepcopy(honest)
    if kind not in BY_ITS_DREAM:  # as of other weights: what cannot be made again takes no time
        data["model"]["weights_sha256"] = "0" * 64
    forge(data)
    wrong = found(tmp_path / "result.json", data)
    assert [sentence for sentence in wrong if said in sentence], wrong


def test_a_name_that_means_more_than_a_file(honest, tmp_path):
    assert found(tmp_path / "a b;c.json", honest) == [
        "its name is not letters, digits, dots, hyphens and underscores before .json"
    ]


def test_what_is_wrong_is_said_by_file_and_the_exit_code_is_1(honest, tmp_path, capsys):
    path = tmp_path / "result.json"
    path.write_text(json.dumps(honest | {"complete": False}))
    with pytest.raises(SystemExit, match="1"):
        main([str(REAL), str(path)])
    said = capsys.readouterr()
    assert said.err == f"{path}: was interrupted; finish it with --resume\n"
    assert said.out == f"{REAL}: nothing wrong\n"


def test_the_least_arithmetic_is_what_convolutions_take():
    """Of conv1 at stride 2 and of conv2/3x3 at stride 4, each forwards and back."""
    places = (182 // 2) * (158 // 2), (182 // 4) * (158 // 4)
    forwards = 2 * 64 * 3 * 49 * places[0] + 2 * 192 * 64 * 9 * places[1]
    size = Size(width=182, height=158)
    assert least_flop("bvlc", LAYER, size) == 2 * forwards
    assert least_flop("bvlc", "inception_4c/output", size) > least_flop("bvlc", LAYER, size)
    assert least_flop("alexnet", "conv5", size) == 0


def test_contributing_says_how_to_hand_in():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert re.search(r"python -m scripts\.check_result results/\S+\.json", text)
