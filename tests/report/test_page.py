"""The page as a file: one document, a policy that names its scripts, nothing from elsewhere."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hostile_results import ATTACK, hostile
from synthetic_results import SEED_SIZE, contender, missing, result, series, skipped, written

from ort_deepdream.measure.analysis import analyse
from ort_deepdream.measure.libraries import WEB
from ort_deepdream.measure.result import Result, read_result
from ort_deepdream.report.page.html import as_script, environment
from ort_deepdream.report.page.page import page
from ort_deepdream.report.runs import Run, read_runs
from ort_deepdream.report.tables import facts


class Document(HTMLParser):
    """The elements of a page, and the text of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[tuple[str, str]] = []  # (kind, text)
        self.words: list[str] = []
        self.open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.open = dict(attrs).get("type") or tag

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self.open = ""

    def handle_data(self, data: str) -> None:
        if self.open:
            self.inline.append((self.open, data))
        else:
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def policy(self) -> str:
        (found,) = [meta["content"] for meta in self.all("meta") if "http-equiv" in meta]
        return str(found)


def sha256(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def inline(document: Document, kind: str) -> str:
    return "".join(text for found, text in document.inline if found == kind)


def test_the_policy_lets_run_what_is_inlined_and_no_more(runs):
    document = Document(page(runs(result()), []))
    assert len(document.all("script")) == 2
    assert document.policy == (
        f"default-src 'none'; script-src '{sha256(inline(document, 'script'))}'; "
        f"style-src '{sha256(inline(document, 'style'))}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def test_nothing_comes_from_elsewhere(runs):
    document = Document(page(runs(result()), []))
    for tag, attributes in document.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        for name in ("src", "href", "action", "data"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#")), (tag, attributes)
    assert "url(" not in inline(document, "style")
    assert "@import" not in inline(document, "style")


def test_every_chart_has_its_table_and_every_picture_its_words(runs):
    document = Document(page(runs(result()), []))
    drawn = json.loads(inline(document, "application/json"))
    assert [chart["name"] for chart in drawn] == [
        "speedup",
        "time",
        "parts",
        "operators",
        "memory",
        "limit",
        "order",
    ]
    assert len(document.all("details")) == len(drawn)
    assert all(image["alt"] for image in document.all("img"))
    assert all(canvas["aria-label"] for canvas in document.all("canvas"))


def test_what_was_not_measured_is_a_row_with_its_reason(runs):
    contenders = (*result(("cpu",)).contenders, missing("cuda", "no NVIDIA driver was found"))
    left_out = skipped("cpu", SEED_SIZE, "cold", "the budget was over")
    of_missing = skipped("cuda", SEED_SIZE, "step", "it is missing altogether")
    made = result(("cpu",), contenders=contenders, skipped=(left_out, of_missing))
    words = Document(page(runs(made), [])).words
    assert "it is missing altogether" not in words
    for cell in ("no NVIDIA driver was found", "one-off dream at 182×158", "the budget was over"):
        assert cell in words


def test_the_two_suppositions_are_put_to_the_test_only_with_a_gpu(runs):
    with_gpu, without = (page(runs(made), []) for made in (result(), result(("cpu",))))
    assert "puts the two to the test" in with_gpu
    assert "neither can be tested here" in without
    assert "puts the two to the test" not in without


def test_the_command_can_be_copied(runs):
    text = "".join(Document(page(runs(result()), [])).words)
    assert "\ndream bench 'photo of a cat.jpg' -o result.json\n" in text


def test_settings_are_words_that_everybody_reads(runs):
    (run,) = runs(result())
    rows = dict(facts.dream(run).rows)
    assert (rows["keep colours"], rows["octave sizes"], rows["iterations"]) == ("no", "–", "10")


@pytest.mark.parametrize("text", ["480 s", "1.03 ms", "22 %", "16.3 µs", "25.3 GB", "40 dB"])
def test_a_number_stays_on_a_line_with_its_unit(text):
    shown = environment().from_string("{{ text }}").render(text=f"{text}, 3 samples")
    assert shown == f"{text.replace(' ', chr(0xA0))}, 3 samples"


def test_several_runs_are_told_apart_and_compared(runs):
    document = Document(page(runs(result(), result(("cpu",))), []))
    assert "A · Synthetic Processor 4000, 4 cores; Synthetic GPU" in document.words
    assert "The runs against one another" in document.words
    assert "A · cuda" in document.words
    assert {"result0.json", "result1.json"} <= set(document.words)
    assert {link["download"] for link in document.all("a") if "download" in link} == {
        "A.json",
        "B.json",
        "samples.csv",
    }


def test_single_samples_have_no_interval_anywhere(runs):
    times = [
        series(name, SEED_SIZE, kind, noise=(1.0,))
        for name in ("cpu", "cuda")
        for kind in ("cold", "warm", "step")
    ]
    text = page(runs(result(("cpu", "cuda"), series=tuple(times), images=())), [])
    shown = " ".join(Document(text).words)
    assert "one sample, no interval" in shown
    assert not re.findall(r"[\d.]+× to [\d.]+×|\d ms to \d|all \d", shown)


def test_too_many_runs_are_refused(tmp_path):
    path = written(tmp_path, result(("cpu",), images=()))
    with pytest.raises(Exception, match="27 result files are too many for one report; 26 at most"):
        read_runs([path] * 27)


# --- What can be saved ---------------------------------------------------------------------------


def saved(document: Document, name: str) -> bytes:
    (link,) = [link for link in document.all("a") if link.get("download") == name]
    return base64.b64decode(str(link["href"]).partition(",")[2])


def test_the_result_file_is_saved_as_it_was(runs, tmp_path):
    document = Document(page(runs(result()), []))
    path = tmp_path / "saved.json"
    path.write_bytes(saved(document, "result.json"))
    assert path.read_bytes() == (tmp_path / "result0.json").read_bytes()
    assert read_result(path) == result()
    assert hashlib.sha256(path.read_bytes()).hexdigest() in document.words


def test_the_csv_has_every_sample(runs):
    made = result()
    rows = list(
        csv.DictReader(io.StringIO(saved(Document(page(runs(made), [])), "samples.csv").decode()))
    )
    seconds = [sample.seconds for series in made.series for sample in series.samples]
    assert sorted(float(row["seconds"]) for row in rows) == sorted(seconds)
    assert rows[0]["contender"] == "cpu"
    assert (rows[0]["width"], rows[0]["height"]) == ("182", "158")


def test_a_spreadsheet_works_nothing_out(runs):
    name = "=HYPERLINK(1)"
    (cpu,) = result(("cpu",)).contenders
    one = result(("cpu",), kinds=("warm",), checks=(), operators=(), limits=(), images=())
    made = one.model_copy(
        update={
            "contenders": (cpu.model_copy(update={"name": name}),),
            "series": tuple(s.model_copy(update={"contender": name}) for s in one.series),
        }
    )
    text = saved(Document(page(runs(made), [])), "samples.csv").decode()
    assert {row["contender"] for row in csv.DictReader(io.StringIO(text))} == {f"'{name}"}


# --- Hostile files -------------------------------------------------------------------------------


def test_strings_stay_strings(runs):
    honest, attacked = (Document(page(runs(made), [])) for made in (result(), hostile()))
    # The same elements, but for pictures, which are no PNG, and rows of parts.
    for tag in ("script", "style", "link", "meta", "canvas", "a", "section", "iframe", "svg", "b"):
        assert len(attacked.all(tag)) == len(honest.all(tag)), tag
    assert attacked.all("img") == []
    assert "<script>window.hacked=1</script>" in "".join(attacked.words)
    assert not re.search("[\0\x1b\u202e]", "".join(attacked.words))
    assert "7*7" in "".join(attacked.words)  # jinja2 saw no template in it


def test_strings_in_the_charts_stay_strings(runs):
    text = page(runs(hostile()), [])
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    assert "<" not in data[1]
    labels = [
        curve["label"] for chart in json.loads(data[1]) for curve in chart["views"][0]["curves"]
    ]
    assert any("<script>window.hacked=1</script>" in label for label in labels)


def test_json_for_a_script_element():
    text = as_script({"a": "</script><!--&\u2028"})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"a": "</script><!--&\u2028"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_script(float("nan"))


def test_huge_numbers_leave_no_number_that_json_has_not(runs, recwarn):
    page(runs(hostile()), [])
    assert list(recwarn) == []


def test_the_attack_is_one():
    assert isinstance(hostile(), Result)
    assert all(ATTACK in contender.name for contender in hostile().contenders)


def test_a_page_is_the_same_when_made_again(runs):
    found = runs(result())
    assert page(found, []) == page(found, [])


def test_templates_and_assets_are_installed():
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    data = project["tool"]["setuptools"]["package-data"]["ort_deepdream.report"]
    assert data == ["assets/*", "templates/*"]


@pytest.mark.parametrize(
    ("isolated", "said"), [(True, ""), (False, ", not isolated"), (None, "")]
)  # None: its browser was not tried
def test_a_page_without_threads_is_said_to_be_one(isolated, said):
    web = contender("cpu", library=WEB, browser="Chromium 156", isolated=isolated)
    made = result(["cpu"], contenders=(web,))
    rows = facts.contenders(Run("web.json", "", b"", analyse(made))).rows
    assert [row[1] for row in rows] == [f"{WEB} in Chromium 156{said}"]
