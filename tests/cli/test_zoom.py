"""`dream zoom`: what is written, as what; what goes on, what is made again, what is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from gradient_files import write_gradient_file
from PIL import Image, ImageCms

from ort_deepdream import Settings, ZoomSettings, load_model, read_metadata, read_picture, zoom
from ort_deepdream.film.about import FORMAT
from ort_deepdream.film.frames import Frames, frames_folder

START = "from ort_deepdream.__main__ import run; run()"
QUICK = ("-b", "cpu", "--threads", 1, "--octaves", 1, "--iterations", 2, "--jitter", 2)
SAME = Settings(octaves=1, iterations=2, jitter=2, seed=0)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    levels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)
    Image.fromarray(levels).save("a.png")
    return tmp_path


@pytest.fixture(scope="module")
def frames(tiny) -> list[np.ndarray]:
    """The frames of a zoom from Python; the command makes the same."""
    levels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)
    model = load_model(tiny, "cpu", threads=1)
    return list(zoom(model, levels.astype(np.float32), SAME, ZoomSettings(frames=4, loop=2)))


def shown(path: Path | str) -> list[np.ndarray]:
    with Image.open(path) as film:
        found = []
        for number in range(film.n_frames):
            film.seek(number)
            found.append(np.asarray(film.convert("RGB")))
    return found


def numbered(folder: str) -> list[np.ndarray]:
    return [shown(path)[0] for path in sorted(Path(folder).glob("*.png"))]


def equal(found, wanted) -> bool:
    return len(found) == len(wanted) and all(map(np.array_equal, found, wanted))


def names() -> list[str]:
    return sorted(path.as_posix() for path in Path().rglob("*") if path.is_file())


def test_a_folder_holds_every_frame_in_whole(dream, tiny, frames):
    words = ("zoom", "a.png", "-m", tiny, *QUICK, "--frames", 4, "--loop", 2, "-o", "out/")
    made = dream(*words)
    assert made.exit_code == 0, made.stderr
    assert made.stdout.startswith("out: 6 frames, the loop from 3 on, of 24x20, tiny, cpu, seed 0")
    assert equal(numbered("out"), frames)
    stored = read_metadata("out/000002.png")
    assert stored["deepdream.frame"] == "2"
    assert stored["deepdream.command"] == json.loads(Path("out/film.json").read_text())["command"]
    again = dream(*words)
    assert "6 frames, the loop from 3 on, of 24x20, 6 of them before, " in again.stdout


@pytest.mark.parametrize("suffix", [".apng", ".png"])
def test_a_film_and_the_json_beside_it_make_it_again(dream, tiny, frames, suffix):
    words = ("-m", tiny, *QUICK, "--frames", 4, "--loop", 2, "--reverse")
    assert dream("zoom", "a.png", *words, "-o", f"film{suffix}").exit_code == 0
    assert equal(shown(f"film{suffix}"), frames[:1:-1])
    assert names() == ["a.png", f"film{suffix}", f"film{suffix}.json"]
    assert read_metadata(f"film{suffix}")["deepdream.loop"] == "2"

    os.mkdir("elsewhere")  # noqa: PTH102
    os.chdir("elsewhere")
    told = f"../film{suffix}.json"
    again = dream("zoom", "--repeat", told, "-m", tiny, "-o", "again.png")
    assert again.exit_code == 0, again.stderr
    assert equal(shown("again.png"), frames[:1:-1])
    # What is typed has its way.
    assert dream("zoom", "--repeat", told, "-m", tiny, "--loop", 0).exit_code == 0
    assert len(shown("../a-zoom.webp")) == 4


def test_two_kinds_of_one_name_are_told_apart(dream, tiny):
    words = ("zoom", "a.png", "-m", tiny, *QUICK, "--frames", 1)
    for number, suffix in enumerate((".png", ".gif"), 1):
        assert dream(*words, "--seed", number, "-o", f"film{suffix}").exit_code == 0
    for number, suffix in enumerate((".png", ".gif"), 1):
        told = Path(f"film{suffix}.json")
        assert f"--seed={number}" in json.loads(told.read_text())["command"]
    told.rename("film.json")  # as earlier versions called it
    again = dream("zoom", "--repeat", "film.json", "-m", tiny, "-o", "again.gif")
    assert again.exit_code == 0, again.stderr
    assert equal(shown("again.gif"), shown("film.gif"))


@pytest.mark.parametrize(("suffix", "fps", "total"), [(".gif", 30, 130), (".webp", 30, 133)])
def test_animations_last_as_long_as_they_should(dream, tiny, suffix, fps, total):
    """Four frames: hundredths of a second in a GIF, thousandths in WebP."""
    path = f"film{suffix}"
    words = ("zoom", "a.png", "-m", tiny, *QUICK, "--frames", 4, "--fps", fps, "-o", path)
    assert dream(*words).exit_code == 0
    lasts = 0
    with Image.open(path) as film:
        for number in range(film.n_frames):
            film.seek(number)
            film.load()
            lasts += film.info["duration"]
        assert film.info["loop"] == 0
    assert lasts == total
    assert dream("info", path).stdout.splitlines()[-1].startswith("dream zoom a.png --model ")


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_films_have_every_frame_at_its_time(dream, tiny, frames, suffix):
    av = pytest.importorskip("av")
    path = f"film{suffix}"
    words = ("zoom", "a.png", "-m", tiny, *QUICK, "--frames", 4, "--fps", 12.5, "-o", path)
    assert dream(*words).exit_code == 0
    with av.open(path) as film:
        comment = {key.lower(): value for key, value in film.metadata.items()}["comment"]
        found = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in film.decode(video=0)]
    assert json.loads(comment)["deepdream.command"].startswith("dream zoom a.png ")
    assert [time for time, _ in found] == pytest.approx([0, 0.08, 0.16, 0.24], abs=1e-3)
    # Noise loses much to a codec, and stays nearest to what it was.
    for number, (_, film_frame) in enumerate(found):
        near = [np.corrcoef(film_frame.mean(2).flat, one.mean(2).flat)[0, 1] for one in frames]
        assert np.argmax(near) == number


@pytest.mark.slow
def test_a_change_of_layer_and_a_guide_go_through_the_command(dream, photo):
    words = ("zoom", photo, "-b", "cpu", "--threads", 1, "--octaves", 1, "--iterations", 1)
    later = ("--at", "2:inception_3a/output:5", "--at", "2:step=3")
    made = dream(*words, "-l", "conv2/3x3", *later, "--frames", 2, "-o", "plain")
    assert made.exit_code == 0, made.stderr
    stored = json.loads(Path("plain/film.json").read_text())
    assert "--at=2:inception_3a/output:5 --at=2:step=3.0" in stored["command"]
    assert stored["made"]["at"] == '["2:inception_3a/output:5", "2:step=3.0"]'
    led = (*words, "-l", "conv2/3x3", "--guide", photo, "--frames", 2, "-o", "led")
    made = dream(*led, "--at", "2:inception_3a/output")
    assert made.exit_code == 0, made.stderr
    first, second = numbered("plain"), numbered("led")
    assert not np.array_equal(first[0], second[0])
    assert not np.array_equal(first[1], second[1])


# --- what goes on ---------------------------------------------------------------------------------


def test_more_frames_are_added_to_those_that_are_there(dream, tiny, frames):
    words = ("zoom", "a.png", "-m", tiny, *QUICK, "-o", "out", "--frames")
    assert dream(*words, 1).exit_code == 0
    more = dream(*words, 4)
    assert "4 frames of 24x20, 1 of them before, " in more.stdout
    assert equal(numbered("out"), frames[:4])
    assert "--frames=4" in json.loads(Path("out/film.json").read_text())["command"]


def test_what_was_killed_goes_on_bit_for_bit(dream, tiny, frames, monkeypatch):
    """Killed where it hurts most: with the last frame half written, and a film half written."""
    words = ("zoom", "a.png", "-m", tiny, *QUICK, "--frames", 4, "--loop", 2, "-o", "film.png")
    add = Frames.add

    def failing(self, frame, metadata):
        if len(self) == 3:
            raise KeyboardInterrupt
        add(self, frame, metadata)

    with monkeypatch.context() as patched:
        patched.setattr(Frames, "add", failing)
        assert dream(*words).exit_code != 0
    assert names() == [
        "a.png",
        *(f"film.png.frames/{n:06}.png" for n in (1, 2, 3)),
        "film.png.frames/film.json",
    ]
    (Path("film.png.frames") / ".ort-deepdream-0123456789abcdef.tmp").write_bytes(b"half")
    made = dream(*words)
    assert "3 of them before" in made.stdout
    assert equal(shown("film.png"), frames[2:])
    assert names() == ["a.png", "film.png", "film.png.json"]


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_films_of_one_stem_and_two_kinds_have_two_folders(tmp_path, suffix):
    film, key = tmp_path / f"film{suffix}", f"that of {suffix}"
    folder = frames_folder(film, key)
    assert folder == tmp_path / f"film{suffix}.frames"
    earlier = tmp_path / "film.frames"  # as it was named before: of one of them
    Frames(earlier, "that of .png").begin({"format": FORMAT})
    assert frames_folder(film, key) == (earlier if suffix == ".png" else folder)
    Frames(folder, key).begin({"format": FORMAT})
    assert frames_folder(film, key) == folder


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
def test_ctrl_c_tells_what_is_kept(tiny):
    """On a terminal, where a bar moves until then."""
    words = ["zoom", "a.png", "-m", tiny, *QUICK, "--frames", 100_000, "-o", "film.webp"]
    screen, behind = os.openpty()
    wide = {**os.environ, "COLUMNS": "80", "TERM": "xterm"}
    running = subprocess.Popen(
        [sys.executable, "-c", START, *map(str, words)], stderr=behind, env=wide
    )
    os.close(behind)
    said = b""
    second = Path("film.webp.frames/000002.png")
    while chunk := _read(screen):
        said += chunk
        if second.exists():
            running.send_signal(signal.SIGINT)
    os.close(screen)
    assert running.wait(30) == 130
    moving, _, last = said.decode().rpartition("\r\x1b[K\x1b[?25h")
    assert "dreaming" in moving
    count = len(list(Path("film.webp.frames").glob("*.png")))
    assert last.splitlines() == [
        f"dream: note: {count} of 100000 frames are in film.webp.frames; the same command goes on "
        f"after them",
        "dream: interrupted",
    ]
    assert "film.webp" not in names()


@pytest.mark.nightly
@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
def test_twenty_kills_leave_the_film_as_it_would_be(dream, tiny):
    words = ["zoom", "a.png", "-m", tiny, *QUICK, "--frames", 80, "--turn", 1]
    assert dream(*words, "-o", "whole").exit_code == 0
    command = [sys.executable, "-c", START, *map(str, words), "-o", "film.png"]
    random = np.random.default_rng(0)
    for kept in range(0, 80, 4):
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wanted = Path(f"film.png.frames/{kept + random.integers(1, 5):06}.png")
        while not wanted.exists() and running.poll() is None:
            time.sleep(0.001)
        running.kill()
        running.wait()
        assert not Path("film.png").exists()
    assert dream(*words, "-o", "film.png").exit_code == 0
    assert equal(shown("film.png"), numbered("whole"))
    assert [name for name in names() if "/" not in name] == ["a.png", "film.png", "film.png.json"]
    assert not Path("film.png.frames").exists()


def _read(screen: int) -> bytes:
    """Return what a terminal shows next; nothing where its program has ended."""
    try:
        return os.read(screen, 1 << 16)
    except OSError:
        return b""


# --- what is refused ------------------------------------------------------------------------------


def test_colours_of_a_profile_become_srgb(dream, tiny):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.open("a.png").save("b.png", icc_profile=profile)
    words = (*("-m", tiny), *QUICK, "--frames", 1, "-o")
    assert dream("zoom", "b.png", *words, "b").exit_code == 0
    assert dream("zoom", "a.png", *words, "a").exit_code == 0
    apart = numbered("a")[0].astype(int) - numbered("b")[0]
    assert np.abs(apart).max() <= 30  # a level before the dream is a few after it
    assert read_picture("b/000001.png").icc_profile is None


REFUSED = {
    "--frames=0": "--frames must be 1 to 1000000, not 0",
    "--zoom=-1": "--zoom must be -0.9 to 0.9, not -1",
    "--pan=0.5": "pan must be two numbers such as 0.5,0.5, not 1",
    "--loop=4": "loop must be less than frames, not 4 of 4",
    "-o film.mp5": "film.mp5: a film cannot be written as .mp5; did you mean .mp4?",
    "-o film.jpeg": "film.jpeg: a film cannot be written as .jpeg; did you mean",
    "-o full": "full: is not empty, and no film's; name another folder",
    "-o a.png": "a.png: would replace a.png, which this command reads; name another file",
    "-o out --reverse": "out: numbered PNGs stand as they were dreamt, so --reverse is for a film;",
    "-o no/film.gif": "no/film.gif: the folder no does not exist; create it first",
    "-o film.gif --fps 60": "film.gif: shows 50 frames a second at most, not 60; choose --fps 50",
    "-o taken.gif": "taken.gif.json: is not about a film; name the JSON file that lies",
    "--at 3:conv2/3x3": "--model and a layer in --at exclude each other: a gradient file has",
    "--at 3:stpe=x": "--at 3:stpe=x: there is no setting stpe: did you mean step?",
    "--at 3:step=300": "step must be -255 to 255, not 300.0",
    "--size 3": "the picture is 3x2 pixels, too small for tiny",
    "--repeat taken.json": "taken.json: is not about a film; name the JSON file",
    "--repeat none.json": "none.json: there is no such file; name the JSON file beside a film",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_is_one_line_and_leaves_nothing(dream, tiny, words):
    Path("full").mkdir()
    Path("full/mine.txt").write_text("mine")
    for taken in ("taken.json", "taken.gif.json"):
        Path(taken).write_text("{}")
    before = names()
    refused = dream("zoom", "a.png", "-m", tiny, *QUICK, "--frames", 4, *words.split())
    assert refused.error.startswith(REFUSED[words])
    assert names() == before


def test_only_film_files_need_the_extra_which_is_named(dream, tiny, monkeypatch):
    for name in ("av", "cv2"):
        monkeypatch.setitem(sys.modules, name, None)
    words = ("zoom", "a.png", "-m", tiny, *QUICK, "--frames", 1, "-o")
    assert dream(*words, "film.mp4").error == (
        "films need PyAV, which is not here; pip install 'ort-deepdream[film]'"
    )
    assert names() == ["a.png"]
    assert dream(*words, "film.gif").exit_code == 0


def test_other_frames_are_not_gone_on_with(dream, tiny):
    words = ("zoom", "a.png", "-m", tiny, *QUICK, "--frames", 2, "-o", "out")
    assert dream(*words).exit_code == 0
    other = dream(*words, "--zoom", 0.1)
    assert other.error == (
        "out: holds frames of another film; name another folder, or begin anew with --force"
    )
    before = numbered("out")
    assert dream(*words, "--zoom", 0.1, "--force").exit_code == 0
    assert equal(numbered("out")[:1], before[:1])
    assert not np.array_equal(numbered("out")[1], before[1])


def test_a_picture_that_nothing_answers_to_is_one_line(dream, tmp_path):
    silent = write_gradient_file(tmp_path / "silent.onnx", factor=0.0)
    refused = dream("zoom", "a.png", "-m", silent, *QUICK, "--frames", 3)
    assert refused.error.startswith("nothing of tiny answers to this picture")
    assert names() == ["a.png", "silent.onnx"]
