"""Films as they are written: read again by PyAV, their colours reckoned by hand."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import facts, length

from ort_deepdream.errors import DreamError
from ort_deepdream.film.encoding import Look, check_film, writing_film

RATE = Fraction(30000, 1001)
# Kr and Kb of ITU-T H.273's matrices.
MATRICES = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ramp(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    levels = [255 * x / width, 255 * y / height, 255 - 255 * x / width]
    return np.stack(levels, axis=2).astype(np.uint8)


def write(name: str, look: Look, ticks: list[int], comment: str = "") -> Path:
    with writing_film(Path(name), look, comment) as film:
        for number, at in enumerate(ticks):
            film.add(np.roll(ramp(look.height, look.width), number, 1), at, 7)
    return Path(name)


@pytest.mark.parametrize(
    ("base", "ticks"),
    [
        (Fraction(1, 30), [0, 1, 2, 3]),
        (Fraction(1001, 30000), [5, 6, 7]),
        (Fraction(1, 90_000), [3003, 6006, 9100, 12_000, 30_001]),
        (Fraction(1, 1000), [0, 33, 66, 250, 251, 1000]),
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm"])
def test_each_frame_has_its_time(suffix, base, ticks):
    film = write(f"a{suffix}", Look(32, 24, RATE, base), ticks)
    shown = facts(film).times
    wanted = [at * base for at in ticks]
    if suffix == ".webm":  # which counts milliseconds
        assert np.abs(np.array(shown, float) - np.array(wanted, float)).max() <= 0.00051
    else:
        assert shown == wanted


def test_the_last_frame_is_shown_as_long_as_it_is():
    write("a.mp4", Look(32, 24, RATE, Fraction(1, 90_000)), [7 * number for number in range(5)])
    assert length("a.mp4") == Fraction(35, 90_000)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", MATRICES)
def test_colours_are_those_that_the_film_names(matrix, full):
    colour = np.array([200, 90, 30])
    look = Look(32, 24, RATE, Fraction(1, 30), full_range=full, matrix=matrix)
    with writing_film(Path("a.mp4"), look) as film:
        film.add(np.broadcast_to(colour, (24, 32, 3)).astype(np.uint8), 0)
    with av.open("a.mp4") as container:
        (frame,) = container.decode(video=0)
    assert (frame.colorspace, frame.color_range) == (matrix, 2 if full else 1)
    planes = [np.frombuffer(one, np.uint8)[one.line_size * 3 + 5] for one in frame.planes]

    red, blue = MATRICES[matrix]
    luma = np.array([red, 1 - red - blue, blue]) @ colour
    chroma = (colour[2] - luma) / (2 - 2 * blue), (colour[0] - luma) / (2 - 2 * red)
    wanted = np.array([luma, *chroma])
    wanted *= 1 if full else np.array([219, 224, 224]) / 255
    wanted += [0 if full else 16, 128, 128]
    assert np.abs(wanted - planes).max() <= 2  # the codec's own loss


@pytest.mark.parametrize(
    ("name", "read"), [("a.mp4", (36, 48)), ("a.mkv", (36, 48)), ("a.webm", (35, 47))]
)
def test_an_odd_side_is_a_row_more_in_h264_and_nothing_in_vp9(name, read):
    write(name, Look(47, 35, RATE, Fraction(1, 30)), [0, 1])
    with av.open(name) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert frame.shape == (*read, 3)
    inside = frame[:35, :47].astype(float) - ramp(35, 47)
    assert np.abs(inside).mean() < 6
    if read == (36, 48):
        assert np.abs(frame[-1].astype(float) - frame[-2]).max() < 12


def test_pixels_that_are_not_square_and_the_comment_are_kept():
    write("a.mp4", Look(32, 24, RATE, Fraction(1, 30), Fraction(4, 3)), [0], '{"a": "é"}')
    with av.open("a.mp4") as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)
        assert container.metadata["comment"] == '{"a": "é"}'
    head = Path("a.mp4").read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")  # it plays while it is downloaded


@pytest.mark.parametrize(
    ("name", "aspect", "said"),
    [
        ("a.avi", 1, "a.avi: a film cannot be written so; did you mean .mp4? (.mkv, .mov, .mp4,"),
        ("a.mp5", 1, "a.mp5: a film cannot be written so; did you mean .mp4?"),
        ("none/a.mp4", 1, "none/a.mp4: the folder none does not exist; create it first"),
        ("a.webm", 2, "a.webm: the pixels of this film are 2 times as wide as high, which .webm"),
    ],
)
def test_what_cannot_be_written_is_one_line(name, aspect, said):
    look = Look(32, 24, RATE, Fraction(1, 30), Fraction(aspect))
    with pytest.raises(DreamError) as refused:
        check_film(Path(name), Fraction(aspect))
    with pytest.raises(DreamError) as late, writing_film(Path(name), look):
        pass
    assert str(refused.value) == str(late.value)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    ("frame", "at", "said"),
    [
        (ramp(24, 30), 1, r"a frame of this film is uint8 \[24, 32, 3\], not uint8 \[24, 30, 3\]"),
        (ramp(24, 32).astype(float), 1, "not float64"),
        (ramp(24, 32), 0, "a frame at tick 0 cannot follow the one at 0"),
    ],
)
def test_a_film_that_fails_leaves_what_was_there(frame, at, said):
    Path("a.mp4").write_bytes(b"before")

    def fail() -> None:
        with writing_film(Path("a.mp4"), Look(32, 24, RATE, Fraction(1, 30))) as film:
            film.add(ramp(24, 32), 0)
            film.add(frame, at)

    with pytest.raises(DreamError, match=said):
        fail()
    assert [path.name for path in Path().iterdir()] == ["a.mp4"]
    assert Path("a.mp4").read_bytes() == b"before"
