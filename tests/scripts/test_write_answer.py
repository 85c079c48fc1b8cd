"""README's answer is that of the committed result."""

from __future__ import annotations

import pytest
from synthetic_results import check, result, written

from scripts import write_answer
from scripts.write_answer import DOCUMENTS, ROOT, figures, run_of, section


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_answer_is_current(document):
    text = (ROOT / document).read_text("utf-8")
    assert text == write_answer.written(document, run_of()), (
        "python -m scripts.write_answer --words"
    )


def test_with_a_gpu_it_is_how_many_times_as_fast(tmp_path):
    text = section(run_of(written(tmp_path, result())), "docs/report").replace("\n", " ")
    assert "the GPU is 23.6 times as fast" in text
    assert "No machine with a GPU" not in text
    assert "measured 3 February 2001 on Synthetic Processor 4000, 4 cores; Synthetic GPU" in text
    assert "[![the head of a report: 23.6×, as fast on the GPU as on the CPU](" in text


def test_the_fastest_is_first_and_what_is_wrong_has_no_row(tmp_path):
    checks = (check("cpu"), check("cpu, 1 thread", passed=False), check("cuda"))
    rows = figures(run_of(written(tmp_path, result(checks=checks)))).rows
    assert [row[0] for row in rows] == ["cuda", "cpu", "Caffe, CPU, 2019", "Caffe, K80, 2019"]
    assert rows[0][1:] == ("2.03 s", "27.8 ms", "1.26 ms")
    assert rows[2][1:] == ("–", "11.0 s", "–")
