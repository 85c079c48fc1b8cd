"""The report as Markdown, and how a result is cited."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from hostile_results import hostile
from synthetic_results import missing, result

from ort_deepdream.report.page.citing import ADDRESS, AUTHORS, citation, tex
from ort_deepdream.report.page.markdown import escaped, markdown, table
from ort_deepdream.report.tables.table import Table
from ort_deepdream.version import VERSION


def test_it_has_the_answer_the_times_and_the_citation(runs):
    text = markdown(runs(result()))
    assert text.startswith("# How much faster is a GPU for DeepDream?\n")
    assert "**23.6×** as fast on the GPU as on the CPU" in text
    for heading in ("Times", "Warm-up", "Checks", "Where and how"):
        assert f"\n## {heading}\n\n| " in text
    assert "| cpu | 182×158 | further dream | 655 ms |" in text
    assert "    dream bench 'photo of a cat.jpg' -o result.json" in text
    assert "    @misc{ort-deepdream-" in text
    assert "Ranked" not in text


def test_without_a_gpu_it_asks_of_none(runs):
    contenders = (*result(("cpu",)).contenders, missing("cuda", "no NVIDIA driver was found"))
    text = markdown(runs(result(("cpu",), contenders=contenders)))
    assert text.startswith("# How fast is DeepDream on this machine?\n")
    assert "| cuda | everything | no NVIDIA driver was found |" in text


def test_several_runs_are_ranked(runs):
    text = markdown(runs(result(), result(("cpu",))))
    assert "\n## Ranked\n\nFurther dream at 182×158.\n\n| rank | machine |" in text
    assert "\n**B** · Synthetic Processor 4000" in text


def test_every_row_of_a_table_has_its_columns():
    made = Table(("name", "number"), (("a | b", "1"), ("c", "2")), words=1)
    assert table(made).splitlines() == [
        "| name | number |",
        "| --- | ---: |",
        r"| a \| b | 1 |",
        "| c | 2 |",
    ]


def test_strings_of_a_file_are_no_markup(runs):
    text = markdown(runs(hostile()))
    told = "\n".join(line for line in text.splitlines() if not line.startswith("    "))
    assert "script" in told
    assert not re.search(r"(?<!\\)<", told)
    assert escaped("[a](b) *c* `d`") == r"\[a\](b) \*c\* \`d\`"


def test_a_citation_names_the_machine_the_day_and_the_file(runs):
    (run,) = runs(result())
    text = citation(run)
    sha256 = hashlib.sha256(run.data).hexdigest()
    assert text.startswith(f"@misc{{ort-deepdream-{sha256[:8]},\n  author = {{{{")
    for part in (sha256, "Synthetic Processor 4000", "3 February 2001", "year = {2001}"):
        assert part in text
    assert text.count("{") == text.count("}")


def test_nothing_in_a_citation_is_tex():
    assert tex("100% & \\input{x} ~^_#$") == (
        r"100\% \& \textbackslash{}input\{x\} \textasciitilde{}\textasciicircum{}\_\#\$"
    )


def test_the_project_is_cited_by_its_version():
    text = (Path(__file__).parents[2] / "CITATION.cff").read_text("utf-8")
    assert text.startswith("cff-version: 1.2.0\n")
    assert f"\nversion: {VERSION}\n" in text
    assert f"\n  - name: {AUTHORS}\n" in text
    assert f"\nrepository-code: {ADDRESS}\n" in text
