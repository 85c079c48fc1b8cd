"""The site is whole, and whatever is not is refused before anything is replaced."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import typer
from synthetic_results import result, written

from ort_deepdream.cli.main import app
from ort_deepdream.errors import DreamError
from ort_deepdream.report.board.page import addresses
from ort_deepdream.web.runtime import fetch_runtime
from scripts.publish import MARK, PublishError, Sources, check, main, parser, publish

ROOT = Path(__file__).parents[2]
SMALL = {"images": (), "operators": (), "limits": ()}


# As asv writes its own.
ASV_PAGE = """<!doctype html><html><head>
<script src="https://code.example/jquery-3.3.1.min.js" integrity="sha256-FgpCb/KJQ="
crossorigin="anonymous" onerror="js_load_failure()"></script>
<script src="https://libraries.example/flot/0.8.3/jquery.flot.time.min.js" integrity="sha512-l=="
crossorigin="anonymous" referrerpolicy="no-referrer"></script>
<link href="asv.css" rel="stylesheet">
</head></html>"""


@pytest.fixture
def newest(tmp_path: Path) -> Path:
    return written(tmp_path, result(("cpu",), **SMALL))


@pytest.fixture
def past(tmp_path: Path) -> Path:
    """Two result files; the name of one would be read as an anchor, or as the list."""
    folder = tmp_path / "results"
    folder.mkdir()
    written(folder, result(("cpu",), created="2001-01-01T00:00:00+00:00", **SMALL), "a #1.json")
    written(folder, result(("cpu",), created="2002-02-02T00:00:00+00:00", **SMALL), "index.json")
    return folder


@pytest.fixture
def asv_html(tmp_path: Path) -> Path:
    folder = tmp_path / "html"
    folder.mkdir()
    (folder / "index.html").write_text(ASV_PAGE)
    (folder / "asv.css").touch()
    (folder / "graphs.json").write_text("{}")
    return folder


def test_the_report_alone(newest, tmp_path):
    site = tmp_path / "site"
    assert publish(Sources([newest], None, None, None), site) == [site / "index.html"]
    assert "How much faster" in (site / "index.html").read_text("utf-8")
    assert "<nav" not in (site / "index.html").read_text("utf-8")


def test_with_past_reports_and_asvs_pages(newest, past, asv_html, tmp_path):
    site = tmp_path / "site"
    publish(Sources([newest], past, None, asv_html), site)
    listing = (site / "past" / "index.html").read_text("utf-8")
    assert re.findall(r'<li><a href="(.*?)">(.*?)</a>', listing) == [
        ("report-index.html", "2 February 2002"),
        ("report-a%20%231.html", "1 January 2001"),
    ]
    assert (site / "past" / "report-a #1.html").is_file()
    assert (site / "asv" / "graphs.json").is_file()
    index = (site / "index.html").read_text("utf-8")
    assert re.findall(r'<a href="([^#"]*index.html)">', index) == [
        "past/index.html",
        "board/index.html",
        "asv/index.html",
    ]
    board = (site / "board" / "index.html").read_text("utf-8")
    assert addresses(board) == ["../past/report-index.html", "../past/report-a%20%231.html"]
    assert check(site) == []


def test_asvs_pages_are_left_as_asv_wrote_them(newest, asv_html, tmp_path):
    site = tmp_path / "site"
    publish(Sources([newest], None, None, asv_html), site)
    copied, written = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*")}
        for folder in (site / "asv", asv_html)
    )
    assert copied == written
    assert b"https://" in written[Path("index.html")]  # which is no fault of the site's
    assert check(site) == []


def test_the_history_is_drawn_by_the_report(newest, tmp_path):
    results = tmp_path / "asv"
    (results / "machine").mkdir(parents=True)
    columns = ["result", "params"]
    measured = {
        "version": 2,
        "commit_hash": "0123456789abcdef",
        "env_name": "environment",
        "date": 1_000_000_000_000,
        "result_columns": columns,
        "results": {"steps.Step.time": [[0.5], []]},
    }
    (results / "machine" / "01234567-environment.json").write_text(json.dumps(measured))
    site = tmp_path / "site"
    publish(Sources([newest], None, results, None), site)
    text = (site / "index.html").read_text("utf-8")
    assert 'id="history"' in text
    assert "steps.Step.time" in text


def test_a_site_is_replaced_whole(newest, past, tmp_path):
    site = tmp_path / "site"
    publish(Sources([newest], past, None, None), site)
    publish(Sources([newest], None, None, None), site)
    assert {path.name for path in site.iterdir()} == {MARK, "index.html"}
    assert {path.name for path in tmp_path.iterdir()} == {"result.json", "results", "site"}


def refused(capsys, *words: object) -> str:
    with pytest.raises(SystemExit) as raised:
        main([str(word) for word in words])
    assert raised.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_the_page_that_dreams_lies_beside_the_report(newest, tmp_path):
    try:
        fetch_runtime()
    except DreamError as error:
        pytest.skip(str(error))
    site = tmp_path / "site"
    pages = publish(Sources([newest], None, None, None, page=True), site)
    assert pages == [site / "index.html", site / "web" / "index.html"]
    assert '<a href="web/index.html">Dream in the browser</a>' in pages[0].read_text("utf-8")
    assert '"offline": true' in (site / "web" / "release.js").read_text("utf-8")
    assert (site / "web" / "sw.js").is_file()


def test_a_page_that_cannot_be_built_replaces_nothing(newest, tmp_path, monkeypatch, capsys):
    def no_runtime():
        raise DreamError("the program 'onnxruntime-web' could not be downloaded")

    site = tmp_path / "site"
    publish(Sources([newest], None, None, None), site)
    monkeypatch.setattr("scripts.publish.fetch_runtime", no_runtime)
    assert "could not be downloaded" in refused(capsys, newest, "-o", site)
    assert {path.name for path in site.iterdir()} == {MARK, "index.html"}
    main([str(newest), "-o", str(site), "--without-page"])
    assert "1 page, every link followed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ("https://elsewhere.example/x.js", "refers to another host"),
        ("//elsewhere.example/x.js", "refers to another host"),
        ("nothere.html", "leads nowhere"),
        ("past/", "leads nowhere"),
        ("../outside.html", "leads out of the site"),
        ("#nothere", "there is no #nothere"),
        ("index.html#nothere", "there is no index.html#nothere"),
    ],
)
def test_links_are_followed(newest, tmp_path, link, problem):
    site = tmp_path / "site"
    publish(Sources([newest], None, None, None), site)
    (tmp_path / "outside.html").touch()
    index = site / "index.html"
    index.write_text(index.read_text("utf-8") + f'<a href="{link}">', "utf-8")
    (found,) = check(site)
    assert problem in found


def test_good_links_are_good(newest, tmp_path):
    site = tmp_path / "site"
    publish(Sources([newest], None, None, None), site)
    (site / "other.html").write_text('<p id="here"><a href="index.html#answer"><a href="#here">')
    assert check(site) == []


def test_a_site_that_is_not_whole_replaces_nothing(newest, asv_html, tmp_path, monkeypatch):
    site = tmp_path / "site"
    publish(Sources([newest], None, None, None), site)
    before = (site / "index.html").read_bytes()
    monkeypatch.setattr("scripts.publish.ASV", "asv#1")  # a link to it leads elsewhere
    with pytest.raises(PublishError, match="leads nowhere: asv"):
        publish(Sources([newest], None, None, asv_html), site)
    assert (site / "index.html").read_bytes() == before


def test_a_folder_that_is_no_site_is_left_alone(newest, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    with pytest.raises(PublishError, match="not made by this script"):
        publish(Sources([newest], None, None, None), precious)


def test_mistakes_are_one_line(newest, tmp_path, capsys):
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    assert "there is no such file" in refused(capsys, "nothere.json", "-o", site)
    assert "create it first" in refused(capsys, newest, "-o", tmp_path / "nowhere" / "site")
    assert "no result file" in refused(capsys, newest, "--past", empty, "-o", site)
    assert "no results of asv" in refused(capsys, newest, "--asv", empty, "-o", site)
    assert "asv publish" in refused(capsys, newest, "--asv-html", empty, "-o", site)
    assert not site.exists()


def test_the_workflows_commands_can_be_typed():
    text = (ROOT / ".github" / "workflows" / "pages.yml").read_text("utf-8")
    (bench,) = re.findall(r"run: dream (bench .+)$", text, re.MULTILINE)
    name, *words = shlex.split(bench)
    typer.main.get_command(app).commands[name].make_context(name, list(words))
    assert (ROOT / words[0]).is_file()
    (publishing,) = re.findall(r"python -m scripts\.publish (.+)$", text, re.MULTILINE)
    chosen = parser().parse_args(shlex.split(publishing))
    assert str(chosen.output) == "site/measured"  # beside the documents
    assert re.search(r"path: site$", text, re.MULTILINE)
