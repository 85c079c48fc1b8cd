"""No output is an input, by whatever name; a name that nobody gave replaces nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from gradient_files import write_gradient_file
from synthetic_results import result, written

from ort_deepdream.cli.outputs import check_output, newest, unused
from ort_deepdream.errors import DreamError
from ort_deepdream.weights.catalogue import SHIPPED

QUICK = ("-b", "cpu", "--iterations", "1", "--octaves", "1")


@pytest.fixture
def folder(photo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = photo.parent
    monkeypatch.chdir(folder)
    write_gradient_file(folder / "tiny.onnx")
    shutil.copy(SHIPPED / "weights.safetensors", folder / "w.onnx")
    shutil.copy(SHIPPED / "weights.safetensors", folder)
    shutil.copy(SHIPPED / "conv2-3x3.onnx", folder / "apart.onnx")
    written(folder, result(("cpu",), images=()))
    machine = folder / "asv" / "machine"
    machine.mkdir(parents=True)
    (machine / "machine.json").write_text("{}")
    return folder


def as_itself(path: Path, _: str) -> Path:
    return path


def as_a_link(path: Path, suffix: str) -> Path:
    link = path.with_name(f"link{suffix}")
    link.symlink_to(path)
    return link


def as_a_link_to_a_link(path: Path, suffix: str) -> Path:
    return as_a_link(as_a_link(path, ".link"), suffix)


def as_a_hard_link(path: Path, suffix: str) -> Path:
    link = path.with_name(f"hard{suffix}")
    os.link(path, link)
    return link


def by_another_way(path: Path, _: str) -> Path:
    return path.parent / "asv" / ".." / path.name


NAMES = [as_itself, as_a_link, as_a_link_to_a_link, as_a_hard_link, by_another_way]
# What is read, and the words of a command that would write it.
COMMANDS = {
    "run, the photo": ("photo.png", ".png", "run photo.png -m tiny.onnx -b cpu -o"),
    "run, the model": ("tiny.onnx", ".png", "run photo.png -m tiny.onnx -b cpu -o"),
    "run, the weights": ("w.onnx", ".png", "run photo.png -w w.onnx -b cpu -o"),
    "run, weights beside the model": (
        "weights.safetensors",
        ".png",
        "run photo.png -m apart.onnx -b cpu -o",
    ),
    "bench, weights beside the model": (
        "weights.safetensors",
        ".json",
        "bench photo.png -m apart.onnx -b cpu -o",
    ),
    "export, the weights": ("w.onnx", ".onnx", "export -w w.onnx -l conv2/3x3 -o"),
    "bench, the photo": ("photo.png", ".json", "bench photo.png -m tiny.onnx -b cpu -o"),
    "bench, the model": ("tiny.onnx", ".json", "bench photo.png -m tiny.onnx -b cpu -o"),
    "bench, the weights": ("w.onnx", ".json", "bench photo.png -w w.onnx -b cpu -o"),
    "report, a result": ("result.json", ".html", "report result.json -o"),
    "report, one of several": ("result.json", ".html", "report tiny.onnx result.json -o"),
    "report, asv's": ("asv/machine/machine.json", ".html", "report result.json --asv asv -o"),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", COMMANDS)
def test_no_output_is_an_input(dream, folder, case, name: Callable[[Path, str], Path]):
    read, suffix, words = COMMANDS[case]
    if case == "report, asv's" and name is by_another_way:
        pytest.skip("there is no folder beside that one")
    before = (folder / read).read_bytes()
    output = name(folder / read, suffix)
    if output.suffix != suffix and words.startswith("run") and not read.endswith(".png"):
        pytest.skip("no picture can be written under that name anyhow")
    error = dream(*words.split(), output).error
    assert f"{output}: would replace " in error
    assert "which this command reads; name another file" in error
    assert (folder / read).read_bytes() == before


def test_an_octave_is_no_input_and_not_the_dream(dream, folder, photo):
    (folder / "out.png").touch()
    (folder / "out-octave1.png").symlink_to("out.png")
    words = ("run", photo, "-m", "tiny.onnx", *QUICK, "--save-octaves", "-o", "out.png")
    assert "out-octave1.png: would replace out.png" in dream(*words).error
    assert (folder / "out.png").read_bytes() == b""


LINES = (
    "run photo.png -m tiny.onnx -b cpu -o",
    "export -w w.onnx -o",
    "bench photo.png -m tiny.onnx -b cpu -o",
    "report result.json -o",
)


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("asv/", "asv/: is a folder; name a file in it"),
        ("nowhere/", "nowhere/: is a folder; name a file in it"),
        ("nowhere/x{suffix}", "the folder nowhere does not exist; create it first"),
        ("photo.png/x{suffix}", "photo.png is not a folder; choose another one"),
        ("{suffix}", "is a suffix without a name; did you mean dream{suffix}?"),
        ("x" * 300 + "{suffix}", "the name is too long for this disk; choose a shorter one"),
        ("https://example.org/x{suffix}", "is an address; name a file here"),
    ],
)
def test_names_that_nothing_can_be_written_under(dream, folder, line, name, words):
    suffix = {"run": ".png", "export": ".onnx", "bench": ".json", "report": ".html"}
    suffix_here = suffix[line.split()[0]]
    before = set(folder.rglob("*"))
    error = dream(*line.split(), name.format(suffix=suffix_here)).error
    assert words.format(suffix=suffix_here) in error
    assert set(folder.rglob("*")) == before


# --- names that nobody gave -----------------------------------------------------------------------


def test_numbers_go_on_and_fill_gaps(tmp_path):
    path = tmp_path / "photo-dream.png"
    given = []
    for _ in range(3):
        given.append(unused(path))
        given[-1].touch()
    assert [name.name for name in given] == [
        "photo-dream.png",
        "photo-dream-2.png",
        "photo-dream-3.png",
    ]
    assert newest(path) == given[-1]
    given[1].unlink()
    given[1].symlink_to("nowhere")
    assert unused(path).name == "photo-dream-4.png"  # a link to nothing is something, too
    assert newest(tmp_path / "other.png") == tmp_path / "other.png"


def test_a_second_dream_replaces_only_what_is_named(dream, folder):
    words = ("run", "photo.png", "-m", "tiny.onnx", *QUICK)
    for name in ("photo-dream.png", "photo-dream-2.png", "photo-dream-3.png"):
        outcome = dream(*words)
        assert outcome.stdout.startswith(f"{name}: 64x48"), outcome.stderr
    first = (folder / "photo-dream.png").read_bytes()
    dream(*words, "--seed", 5, "-o", "photo-dream-2.png")
    assert (folder / "photo-dream.png").read_bytes() == first
    assert not (folder / "photo-dream-4.png").exists()


def test_two_dreams_at_once_do_not_replace_one_another(dream, folder, monkeypatch):
    import ort_deepdream.cli.commands.photo

    real = ort_deepdream.cli.commands.photo.dream

    def and_another(*arguments, **options):
        (folder / "photo-dream.png").write_text("of another")
        return real(*arguments, **options)

    monkeypatch.setattr(ort_deepdream.cli.commands.photo, "dream", and_another)
    outcome = dream("run", "photo.png", "-m", "tiny.onnx", *QUICK)
    assert outcome.stdout.startswith("photo-dream-2.png: ")
    assert (folder / "photo-dream.png").read_text() == "of another"


def test_a_second_report_replaces_only_what_is_named(dream, folder):
    for name in ("report.html", "report-2.html"):
        assert dream("report", "result.json").stdout.startswith(f"{name}: ")
    assert dream("report", "result.json", "-o", "report.html").exit_code == 0
    assert not (folder / "report-3.html").exists()


def test_a_second_bench_replaces_only_what_is_named(dream, folder):
    words = ("bench", "photo.png", "-m", "tiny.onnx", "-b", "cpu", "--size", "16x12")
    for name in ("photo-bench.json", "photo-bench-2.json"):
        outcome = dream(*words, "--trials", 1, "--budget", 1)
        assert f"\n{name}: every sample" in outcome.stdout, outcome.stderr


def test_a_photo_as_the_first_word_is_dreamt_on(dream, folder):
    outcome = dream("photo.png", "-m", "tiny.onnx", *QUICK)
    assert outcome.stdout.startswith("photo-dream.png: 64x48"), outcome.stderr
    (folder / "run").write_bytes((folder / "photo.png").read_bytes())
    assert dream("run").error.startswith("PHOTO is missing")  # a command comes first
    assert "no such file" in dream("nothere.JPG").error
    assert "is an address, not a file" in dream("https://example.org/photo.jpg").error


def test_checking_leaves_nothing(tmp_path):
    check_output(tmp_path / "x.html", [tmp_path / "nothere", "builtin"], [".html"])
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DreamError, match=r"did you mean .*dream\.HTML"):
        check_output(tmp_path / ".HTML", [], [".html"])
