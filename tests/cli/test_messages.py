"""What is shown while a command works, and what is made of text from elsewhere."""

from __future__ import annotations

import io
import os
import re
import sys
import time

import pytest

from ort_deepdream import signals
from ort_deepdream.cli import messages
from ort_deepdream.cli.messages import bar, console, plain, say, stages, table

WHAT = "octave 3/4, 4032x3024, step 5/10"
LONG = "round 12: cuda, CPU nodes allowed, at 1024x768, a further dream in the same process"
CLEAR = "\x1b[2J\x1b]0;owned\x07\u202e"


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> Terminal:
    """Put one in the place of stderr: in the test itself, for pytest puts its own there before."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    return stream


def shown(stream: Terminal) -> list[str]:
    text = re.sub(r"\x1b\[[\d;?]*\w", "", stream.getvalue())
    return [line for line in re.split("[\r\n]", text) if line.strip()]


@pytest.mark.parametrize("width", [20, 30, 40, 48, 51, 52, 59, 60, 72, 80, 120])
@pytest.mark.parametrize("what", [WHAT, LONG])
@pytest.mark.parametrize("done", [0.0, 0.15, 0.999, 1.0])
def test_progress_tells_the_right_share_at_every_width(monkeypatch, width, what, done):
    terminal = on_a_terminal(monkeypatch, width)
    with bar("dreaming") as update:
        update(done, what)
    last = shown(terminal)[-1]
    assert len(last) <= width
    assert re.findall(r"(\d+)%", last) == [f"{100 * done:.0f}"]
    assert not re.search(r"% ?left", last)
    assert ("left" in last) == (width >= messages.NARROW)
    assert what[:6] in last


def test_names_are_clean_in_what_moves(monkeypatch):
    terminal = on_a_terminal(monkeypatch, 80)
    with bar(CLEAR) as update:
        update(0.5, f"{CLEAR} [red]markup[/]")
    with stages() as show_stage:
        show_stage(CLEAR)
    said = terminal.getvalue()
    assert "\x1b[2J" not in said
    assert "\x1b]0" not in said
    assert "\u202e" not in said
    assert "[red]markup[/]" in said


def test_names_are_clean_in_tables_and_sentences(capsys):
    made = table("name")
    made.add_row(plain(f"[red]{CLEAR}[/]"))
    made.add_row(CLEAR)
    console().print(made)
    console().print(f"{CLEAR}\nsecond line", markup=False)
    say(f"a  b{CLEAR}\n")
    said = capsys.readouterr().out
    assert all(line.isprintable() for line in said.splitlines())
    assert "[red]" in said
    assert "\nsecond line\n" in said
    assert "a  b" in said  # a name keeps its spaces


@pytest.mark.parametrize("moving", [bar, stages])
def test_nothing_is_drawn_after_a_signal(moving, monkeypatch):
    """Rich draws from a thread of its own, after the line was cleared for the last words."""
    terminal = on_a_terminal(monkeypatch, 80)
    written: list[tuple[int, bytes]] = []
    monkeypatch.setattr(os, "write", lambda *what: written.append(what))
    with moving(*["dreaming"] * (moving is bar)) as update:
        signals._undoing[-1]()  # as a signal does, before the process leaves
        before = terminal.getvalue()
        update(*[0.5] * (moving is bar), "half of it")
        time.sleep(0.15)  # more than one of rich's frames
    assert terminal.getvalue() == before
    assert written == [(2, b"\r\x1b[K\x1b[?25h")]


def test_a_table_that_a_signal_ends_stays_and_nothing_is_drawn_on_it(monkeypatch):
    terminal = on_a_terminal(monkeypatch, 80)
    monkeypatch.setattr(sys, "stdout", terminal)
    written: list[tuple[int, bytes]] = []
    monkeypatch.setattr(os, "write", lambda *what: written.append(what))
    made = table("name")
    with messages.shown(made):
        signals._undoing[-1]()
        before = terminal.getvalue()
        made.add_row("late")
    assert "name" in before
    assert terminal.getvalue() == before
    assert written == [(1, b"\r\n\x1b[?25h")]  # what is said has a line of its own


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 120])
def test_no_name_in_a_table_is_broken_at_any_width(width, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    names = ["inception_4c/1x1", "torchvision", "[dim]relu_3x3[/]"]
    made = table("layer", "channels", "usable", "MB", numbers=("channels", "MB"))
    for name in names:
        made.add_row(name, "1024", "no: built without WebGPU; install another", "12.0")
    console().print(made)
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= width for line in lines)
    words = " ".join(lines).replace(",", "").split()
    for word in ("inception_4c/1x1", "torchvision", "relu_3x3", "1024", "12.0", "WebGPU;"):
        assert words.count(word) == (1 if word in " ".join(names) else 3)
    assert words.count("channels") == (1 if width >= 60 else 3)


@pytest.mark.parametrize("width", [None, "40"])
def test_in_a_pipe_a_row_is_one_line_unless_columns_are_asked_for(width, monkeypatch, capsys):
    if width is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", width)
    path = "/a/rather/long/way/to/" * 8 + "photo.jpg"
    made = table("name", "usable")
    with messages.shown(made):
        made.add_row("cpu", f"no: {path}: of this and that; do something else")
    lines = capsys.readouterr().out.splitlines()
    assert any("cpu" in line and path in line for line in lines) == (width is None)


def test_a_sum_may_be_broken_so_that_a_table_stays_one(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    made = table("setting", "value")
    made.add_row("gradient file sha256", "0123456789abcdef" * 4)
    console().print(made)
    said = capsys.readouterr().out
    assert "setting" in said
    assert "0123456789abcdef" * 4 in "".join(said.split())
