"""Films as they are read: which frames, upright, when, and what is refused in one line."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from clips import draw_clip, facts, noise

from ort_deepdream.errors import DreamError
from ort_deepdream.film.encoding import Look
from ort_deepdream.film.reading import Part, open_source
from ort_deepdream.film.sound import CopiedSound, check_sound
from scripts.make_clip import Sine


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_raw(name: str, codec: str, frames: list[np.ndarray], layout: str, **stream) -> Path:
    """Write a film with PyAV alone, at 25 frames a second; `stream` has its other properties."""
    turned = stream.pop("rotation", 0)
    with av.open(name, "w") as container:
        made = container.add_stream(codec, rate=25, **stream.pop("of", {}))
        made.height, made.width = frames[0].shape[:2]
        made.pix_fmt = layout
        for key, value in stream.items():
            setattr(made.codec_context, key, value)
        if turned:
            made.set_display_rotation(turned)
        for rgb in frames:
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=layout)
            frame.color_trc = stream.get("color_trc", 1)
            container.mux(made.encode(frame))
        container.mux(made.encode())
    return Path(name)


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        (Part(), [0, 1, 2, 3, 4, 5]),
        (Part(Fraction(1, 25)), [1, 2, 3, 4, 5]),
        (Part(Fraction(1, 26), Fraction(4, 25)), [1, 2, 3]),
        (Part(stop=Fraction(9)), [0, 1, 2, 3, 4, 5]),
        (Part(every=2), [0, 2, 4]),
        (Part(Fraction(1, 25), Fraction(5, 25), 3), [1, 4]),
    ],
)
def test_the_frames_of_a_part(part, wanted):
    source = open_source(draw_clip("a.mp4"))
    found = list(source.frames(part))
    assert [frame.at * source.look.time_base * 25 for frame in found] == wanted
    assert abs(source.expected(part) - len(wanted)) <= 1
    whole = [frame.rgb for frame in source.frames()]
    for frame, number in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(frame.rgb, whole[number])


@pytest.mark.parametrize(
    ("name", "codec", "layout"),
    [("a.mp4", "libx264", "yuv420p"), ("a.mkv", "libx264", "yuv420p"), ("a.gif", "gif", "rgb8")],
)
def test_a_part_far_within_has_the_same_frames_as_the_whole(name, codec, layout):
    """Whether there is a way to jump to it or not."""
    frames = [noise(24, 32, seed) for seed in range(30)]
    source = open_source(write_raw(name, codec, frames, layout, gop_size=7))
    whole = list(source.frames())
    assert len(whole) == 30
    for first in (0, 6, 7, 8, 20, 29):
        start = whole[first].at * source.look.time_base
        for begin, wanted in (
            (start, whole[first:]),
            (start + Fraction(1, 999), whole[first + 1 :]),
        ):
            found = list(source.frames(Part(begin))) if wanted else []
            assert [frame.at for frame in found] == [frame.at for frame in wanted]
            assert all(map(np.array_equal, (f.rgb for f in found), (f.rgb for f in wanted)))


def test_a_film_that_begins_late_begins_at_nothing():
    """As in a transport stream, whose clock was running already."""
    draw_clip("a.mkv", ticks=[90_000 * 100 + 3600 * number for number in range(6)])
    source = open_source(Path("a.mkv"))
    assert source.begins == 100
    assert [frame.at for frame in source.frames()] == [0, 40, 80, 120, 160, 200]


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_turned_film_is_read_upright(turns):
    rgb = noise(32, 48)
    film = write_raw(
        "a.mp4", "libx264", [rgb], "yuv420p", rotation=90 * turns, sample_aspect_ratio=Fraction(2)
    )
    source = open_source(film)
    (frame,) = source.frames()
    upright = np.rot90(rgb, turns)  # against the clock, as FFmpeg says it of a display matrix
    assert frame.rgb.shape == upright.shape == (source.look.height, source.look.width, 3)
    assert np.abs(frame.rgb.astype(float) - upright).mean() < 10  # and 45 turned otherwise
    assert source.look.pixel_aspect == (2 if turns % 2 == 0 else Fraction(1, 2))


def test_what_the_film_says_of_itself_is_written_again():
    look = Look(48, 32, Fraction(25), Fraction(1, 12800), Fraction(4, 3), True, 6, 5, 6)
    ticks = [512 * number for number in range(6)]
    draw_clip("a.mp4", size=(48, 32), ticks=ticks, look=look)
    assert open_source(Path("a.mp4")).look == look


@pytest.mark.parametrize(
    ("name", "codec", "layout"),
    [("a.gif", "gif", "rgb8"), ("a.mkv", "ffv1", "bgr0"), ("a.png", "png", "rgb24")],
)
def test_films_in_rgb_are_read_and_meant_as_bt709(name, codec, layout):
    frames = [noise(24, 32)] * (1 if name == "a.png" else 3)
    source = open_source(write_raw(name, codec, frames, layout))
    found = [frame.rgb for frame in source.frames()]
    assert len(found) == len(frames)
    assert np.abs(found[0].astype(float) - frames[0]).mean() < (25 if codec == "gif" else 0.1)
    assert (source.look.matrix, source.look.full_range) == (1, False)


def test_frames_without_times_follow_one_another():
    draw_clip("a.mp4")
    with av.open("a.mp4") as film, av.open("a.h264", "w", format="h264") as raw:
        stream = raw.add_stream_from_template(film.streams.video[0])
        for packet in film.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                raw.mux(packet)
    source = open_source(Path("a.h264"))
    ticks = [frame.at for frame in source.frames()]
    assert len(ticks) == 6
    assert all(before < now for before, now in pairwise(ticks))


@pytest.mark.parametrize(
    ("name", "codec", "layout", "shown"),
    [("a.mkv", "mjpeg", "yuvj420p", 6), ("a.mp4", "libx264", "yuv420p", 8)],
)
def test_what_is_damaged_is_passed_over_or_made_up_for_and_told(name, codec, layout, shown):
    frames = [noise(64, 96, seed) for seed in range(8)]
    film = write_raw(name, codec, frames, layout)
    with av.open(str(film)) as container:
        packets = [(one.pos, one.size) for one in container.demux(video=0) if one.dts is not None]
    content = bytearray(film.read_bytes())
    for begin, size in (packets[2], packets[5]):
        kept = begin + size // 3
        content[kept : begin + size] = bytes(begin + size - kept)
    film.write_bytes(content)
    damaged: list[int] = []
    found = list(open_source(film).frames(damaged=lambda: damaged.append(1)))
    assert (len(found), len(damaged)) == (shown, 2)


def test_a_film_that_breaks_off_has_the_frames_before():
    film = write_raw("a.mkv", "mjpeg", [noise(64, 96, seed) for seed in range(8)], "yuvj420p")
    content = film.read_bytes()
    film.write_bytes(content[: len(content) // 2])
    assert 1 <= len(list(open_source(film).frames())) < 8


def two_sizes(name: str) -> Path:
    """Write a film whose frames change their size: two streams of MPEG-2, one after the other."""
    parts = []
    for side in (48, 64):
        part = write_raw(f"{side}.mpg", "mpeg2video", [noise(side, 64)] * 3, "yuv420p")
        with av.open(str(part)) as film:
            parts += [bytes(packet) for packet in film.demux(video=0)]
    Path(name).write_bytes(b"".join(parts))
    return Path(name)


def only_sound(name: str) -> Path:
    draw_clip("a.mp4", sound=Sine(1 / 25))
    with av.open("a.mp4") as film, av.open(name, "w") as sound:
        stream = sound.add_stream_from_template(film.streams.audio[0])
        for packet in film.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                sound.mux(packet)
    return Path(name)


def test_frames_that_change_their_size_are_one_line():
    source = open_source(two_sizes("a.m2v"))
    said = r"a\.m2v: the frame at 0\.\d\d seconds has 64x64 pixels where the first has 64x48; cut"
    with pytest.raises(DreamError, match=said):
        list(source.frames())


def refused(path: str | Path) -> str:
    with pytest.raises(DreamError) as error:
        list(open_source(Path(path)).frames())
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_is_no_film_is_one_line(tmp_path):
    Path("text.mp4").write_text("not a film, only some words")
    Path("empty.mp4").touch()
    Path("folder.mp4").mkdir()
    assert refused("none.mp4") == "none.mp4: there is no such file; check its name and folder"
    assert refused("folder.mp4") == "folder.mp4: is a folder; name a film in it"
    for name in ("text.mp4", "empty.mp4"):
        assert refused(name).startswith(f"{name}: is no film that FFmpeg can read (")
    assert refused(only_sound("a.m4a")) == "a.m4a: has no pictures, only sound; name a film"
    film = draw_clip("a.mp4")
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    assert "a.mp4: " in refused(film)


def test_what_would_not_be_what_it_was_is_one_line():
    frames = [noise(32, 48)]
    assert "of high dynamic range" in refused(
        write_raw("a.mp4", "libx264", frames, "yuv420p10le", color_trc=16)
    )
    flags = {"options": {"x264-params": "tff=1"}}
    film = write_raw("b.mp4", "libx264", frames * 3, "yuv420p", of=flags)
    assert refused(film).startswith("b.mp4: is interlaced: each frame is two half pictures; ")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"every": 0}, "every must be 1 or more, not 0"),
        ({"start": Fraction(-1)}, "a film begins at 0 seconds, not at -1"),
        ({"start": Fraction(2), "stop": Fraction(1)}, "the part from 2 to 1 seconds is empty"),
    ],
)
def test_parts_that_there_cannot_be(given, said):
    with pytest.raises(DreamError, match=said):
        Part(**given)


def test_a_part_after_the_end_is_one_line():
    source = open_source(draw_clip("a.mp4"))
    with pytest.raises(DreamError, match=r"a\.mp4: there is no frame in that part"):
        list(source.frames(Part(Fraction(5))))


# --- sound ----------------------------------------------------------------------------------------


def copied(source: Path, name: str, *window: Fraction) -> list[tuple[Fraction, bytes]]:
    with CopiedSound(source, *window) as sound:
        draw_clip(name, sound=sound)
    return facts(name).sound


def test_sound_is_copied_packet_by_packet():
    source = draw_clip("a.mp4", sound=Sine(1.0))
    told = facts(source).sound
    assert len(told) > 90
    assert copied(source, "b.mp4") == told
    assert [packet for _, packet in copied(source, "b.mkv")] == [packet for _, packet in told]


def test_of_a_part_its_sound_is_copied_to_the_beginning():
    source = draw_clip("a.mp4", sound=Sine(1.0))
    told = facts(source).sound
    start, stop = Fraction(1, 2), Fraction(3, 2)
    wanted = [(at - start, packet) for at, packet in told if start <= at < stop]
    assert copied(source, "b.mp4", start, stop) == wanted


def test_all_sound_of_a_film_that_begins_late_is_copied():
    """Of a transport stream, whose AAC is framed otherwise."""
    source = draw_clip("a.mp4", sound=Sine(1.0))
    with av.open(str(source)) as film, av.open("a.ts", "w") as stream:
        made = {one.index: stream.add_stream_from_template(one, True) for one in film.streams}
        for packet in film.demux():
            if packet.dts is not None:
                packet.stream = made[packet.stream_index]
                stream.mux(packet)
    late = open_source(Path("a.ts"))
    assert late.begins > 0
    told, found = facts("a.ts").sound, copied(Path("a.ts"), "b.mp4", late.begins)
    assert len(found) == len(told)
    for (at, _), (then, _) in zip(found, told, strict=True):
        assert abs(at - (then - late.begins)) < 0.0001
    assert [packet for _, packet in found] == [packet for _, packet in facts(source).sound]


def test_sound_that_the_film_cannot_hold_is_one_line():
    source = draw_clip("a.mp4", sound=Sine(1.0))
    check_sound(source, Path("b.mkv"))
    with pytest.raises(DreamError) as error:
        check_sound(source, Path("b.webm"))
    assert str(error.value) == (
        "a.mp4: its sound is aac, which a webm file cannot hold; name the film .mkv, or leave the "
        "sound out (--no-sound)"
    )
