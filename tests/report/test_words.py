"""Numbers as words."""

from __future__ import annotations

import math

import pytest

from ort_deepdream.report import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (9.996, "10.0"),
        (999.6, "1000"),
        (1236.4, "1236"),
        (0.09119, "0.0912"),
        (11.5642619133, "11.6"),
        (1e-7, "1.00e-07"),
        (1e20, "1.00e+20"),
        (math.inf, "too large to show"),
    ],
)
def test_figures(value, text):
    assert words.figures(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 s"),
        (1.5, "1.50 s"),
        (0.9999, "1.00 s"),
        (0.0381, "38.1 ms"),
        (2.5e-5, "25.0 µs"),
        (3e-9, "3.00 ns"),
        (1e-12, "0.00100 ns"),
        (7200, "7200 s"),
    ],
)
def test_seconds(value, text):
    assert words.seconds(value) == text


def test_amounts():
    assert words.memory(1_234_000_000) == "1.23 GB"
    assert words.amount(1.32e11, "flop/s") == "132 Gflop/s"
    assert words.amount(3, "W") == "3.00 W"


def test_percent():
    assert [words.percent(share) for share in (0, 0.001, 0.037, 0.48, 0.997, 1)] == [
        "0 %",
        "under 1 %",
        "3.7 %",
        "48 %",
        "99.7 %",
        "100 %",
    ]


def test_a_string_from_a_file_is_one_line_without_what_cannot_be_seen():
    assert words.clean("a\nb\t c") == "a b c"
    assert words.clean("a\x00b\x1b[31m\u202egnp") == "a\ufffdb\ufffd[31m\ufffdgnp"
    assert words.clean("naïve 猫 ×") == "naïve 猫 ×"


def test_lists_and_counts():
    assert words.listed([]) == ""
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.counted(1, "core") == "1 core"
    assert words.counted(2, "core") == "2 cores"
