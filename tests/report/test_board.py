"""The board: what stands in its rows, that it is small, and that reports are kept."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hostile_results import hostile
from synthetic_results import (
    SEED_SIZE,
    check,
    contender,
    machine,
    result,
    series,
    written,
)

from ort_deepdream.errors import DreamError
from ort_deepdream.measure.analysis import analyse
from ort_deepdream.measure.libraries import WEB
from ort_deepdream.measure.result import Model, Result, Size
from ort_deepdream.report import words
from ort_deepdream.report.board.page import DATA, addresses, board_page, write_board
from ort_deepdream.report.board.rows import COPIED, SIZES, Board, Row, rows_of_2019
from ort_deepdream.report.runs import Run

SMALL = {"images": (), "operators": (), "limits": (), "work": ()}


def rows(*results: Result) -> list[Row]:
    return board(*results).rows


def board(*results: Result) -> Board:
    made = Board()
    for number, one in enumerate(results):
        made.add(Run(f"{number}.json", "", b"", analyse(one)), f"reports/{number}.html")
    return made


def data(text: str) -> dict[str, Any]:
    found = DATA.search(text)
    assert found
    shown: dict[str, Any] = json.loads(found[1])
    return shown


def test_a_row_has_what_the_analysis_says():
    made = result(sizes=SIZES, **SMALL)
    analysis = analyse(made)
    (pair,) = analysis.pairs
    found = {row.contender: row for row in rows(made)}
    assert list(found) == ["cpu", "cpu, 1 thread", "cuda"]
    for timed in analysis.contenders:
        row = found[timed.name]
        assert row.accelerator is (timed.name == "cuda")
        assert [cell.value for cell in row.times] == [
            timed.figures["warm", size].median for size in SIZES
        ]
    assert [cell.value for cell in found["cuda"].faster] == [
        one.value for one in pair.speedups["warm"]
    ]
    assert [cell.value for cell in found["cpu"].faster] == [None, None]
    curve = found["cuda"].curve
    assert curve is not None
    assert curve.points == tuple(
        (one.size.pixels, one.value, one.low, one.high) for one in pair.speedups["warm"]
    )


def test_a_row_of_a_page_has_the_version_of_its_own_runtime():
    web = contender("cpu", library=WEB, options={"onnxruntime-web": "1.30.0"})
    found = rows(result(["cpu"], contenders=(web,), sizes=SIZES, **SMALL))
    assert found[0].versions.startswith("onnxruntime-web 1.30.0, ort-deepdream ")


def test_a_row_has_the_version_of_the_runtime_and_not_of_a_plug_in():
    packages = {"onnxruntime-ep-openvino": "1.8.1", "onnxruntime-gpu": "1.31.1"}
    found = rows(result(["cpu"], machine=machine(packages=packages), sizes=SIZES, **SMALL))
    assert found[0].versions == "onnxruntime-gpu 1.31.1, ort-deepdream 0.1.0"


def test_a_wrong_contender_has_a_row_without_times():
    made = result(checks=(check("cpu"), check("cuda", passed=False)), sizes=SIZES, **SMALL)
    (wrong,) = [row for row in rows(made) if row.contender == "cuda"]
    assert [cell.value for cell in (*wrong.times, *wrong.faster)] == [None] * 4
    assert wrong.note.startswith("failed its check")
    assert wrong.curve is None


def test_what_did_not_settle_is_marked():
    shaky = tuple(
        series(name, size, "warm", stable=False) for name in ("cpu", "cuda") for size in SIZES
    )
    found = rows(result(("cpu", "cuda"), series=shaky, **SMALL))
    shown = [cell.text for row in found for cell in (*row.times, *row.faster)]
    assert all(text.endswith(" *") for text in shown if text != words.DASH)


def test_the_rows_of_2019_are_the_seeds_and_say_so():
    cpu, gpu = rows_of_2019()
    assert (cpu.times[0].text, gpu.times[0].text) == ("11.0 s", "1.62 s")
    assert gpu.faster[0].text == "6.79×"
    assert {cpu.note, gpu.note} == {COPIED}
    assert {cpu.address, gpu.address} == {""}
    assert "Tesla K80" in gpu.machine
    assert data(board_page(Board()))["rows"]  # a board of nothing has them, too


def test_different_dreams_are_told_apart():
    other = Model(
        architecture="torchvision",
        layers=("inception_4a/output",),
        weights="builtin",
        weights_sha256="0" * 64,
        files={"cpu": "1" * 64},
    )
    usual = result(("cpu",), **SMALL)
    halved = usual.settings.model_copy(update={"octaves": 2, "octave_scale": 2.0})
    found = board(
        usual, usual, result(("cpu",), model=other, **SMALL), result(settings=halved, **SMALL)
    )
    assert len({row.dream for row in found.rows}) == 3
    assert found.rows[-1].dream == (
        "inception_4c/output of bvlc, 2 octaves of 10 steps, --octave-scale=2.0"
    )
    # The seed of a dream and the length of its steps change no work.
    free = usual.settings.model_copy(update={"seed": 5, "step": 3.0})
    assert rows(result(("cpu",), settings=free, **SMALL))[0].dream == found.rows[0].dream
    assert next(rows_of_2019()).dream == found.rows[0].dream


def test_an_attack_stays_text():
    text = board_page(board(hostile()))
    assert text.count("<script") == 2
    assert "<img" not in text
    assert len(addresses(text)) == 3


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    (folder / "more").mkdir(parents=True)
    written(folder, result(("cpu",), **SMALL), "a #1.json")
    written(folder / "more", result(("cpu",), machine=machine(gpu=None), **SMALL), "b.json")
    return folder


def test_each_row_opens_its_report(results, tmp_path):
    output = tmp_path / "board"
    assert write_board(results, output).results == 2
    text = (output / "index.html").read_text("utf-8")
    assert addresses(text) == ["reports/a%20%231.html", "reports/more/b.html"]
    back = {
        path.relative_to(output).as_posix(): re.findall('<a href="([^"#]+)">', path.read_text())
        for path in (output / "reports").rglob("*.html")
    }
    assert back == {
        "reports/a #1.html": ["../index.html"],
        "reports/more/b.html": ["../../index.html"],
    }


def test_the_report_of_a_file_that_did_not_change_is_kept(results, tmp_path):
    output = tmp_path / "board"
    write_board(results, output)
    kept, made = output / "reports" / "a #1.html", output / "reports" / "more" / "b.html"
    for report in (kept, made):
        report.write_text("as it was", "utf-8")
    written(results / "more", result(("cpu",), sizes=[SEED_SIZE], **SMALL), "b.json")
    write_board(results, output)
    assert kept.read_text("utf-8") == "as it was"
    assert made.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_another_folder_is_not_replaced(results, tmp_path):
    output = tmp_path / "mine"
    output.mkdir()
    (output / "index.html").write_text("mine")
    with pytest.raises(DreamError, match="is there, and is no board"):
        write_board(results, output)
    assert (output / "index.html").read_text() == "mine"


def test_a_file_that_is_no_result_leaves_the_board_as_it_was(results, tmp_path):
    output = tmp_path / "board"
    write_board(results, output)
    before = (output / "index.html").read_text("utf-8")
    (results / "z.json").write_text("{}")
    with pytest.raises(DreamError, match=r"z\.json: is JSON, but not a result file"):
        write_board(results, output)
    assert (output / "index.html").read_text("utf-8") == before


@pytest.mark.nightly
def test_a_thousand_results_are_two_megabytes_and_ten_seconds():
    """Of processor time, for the page; each report costs a quarter of a second once."""
    sizes = (SEED_SIZE, Size(width=512, height=512), SIZES[1])
    machines = [
        result(sizes=sizes, machine=machine(processor=f"Processor {number}"), **SMALL)
        for number in range(50)
    ]
    made, began = Board(), time.process_time()
    for number in range(1000):
        run = Run(f"{number}.json", "", b"", analyse(machines[number % len(machines)]))
        made.add(run, f"reports/machine-{number}.html")
    text = board_page(made)
    taken = time.process_time() - began
    assert len(addresses(text)) == 3000
    assert len(text.encode()) <= 2e6
    assert taken <= 10
