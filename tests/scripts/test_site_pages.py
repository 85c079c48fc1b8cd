"""The documents make a site: their links hold there, and it loads nothing from another host."""

from __future__ import annotations

import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

import ort_deepdream
from scripts.screenshot_report import find_chromium, sandbox_options

pytest.importorskip("mkdocs", reason="the site needs the docs extra")

from scripts.site_pages import PAGES, ROOT, site_links

REPOSITORY = "https://example.org/project"


@pytest.mark.parametrize(
    ("page", "written", "expected"),
    [
        # from a page outside docs/ to one inside, and to itself
        ("index.md", "docs/dreaming.md", "dreaming.md"),
        ("index.md", "docs/gallery/head.jpg", "gallery/head.jpg"),
        ("index.md", "CONTRIBUTING.md#send-a-result", "contributing.md#send-a-result"),
        ("training.md", "../docs/model-card.md", "model-card.md"),
        # from a page inside docs/ to one outside
        ("how-it-works.md", "../CONTRIBUTING.md", "contributing.md"),
        ("benchmark.md", "../benchmarks/README.md", "benchmarks.md"),
        ("dreaming.md", "../README.md#two-commands", "index.md#two-commands"),
        # to what is no page
        ("model-card.md", "../training/train.py", f"{REPOSITORY}/blob/main/training/train.py"),
        ("performance.md", "../export", f"{REPOSITORY}/tree/main/export"),
        ("index.md", "LICENSE", f"{REPOSITORY}/blob/main/LICENSE"),
        # what holds as it is
        ("dreaming.md", "model-file.md#graph", "model-file.md#graph"),
        ("dreaming.md", "#weights", "#weights"),
        ("dreaming.md", "https://example.org/x.md", "https://example.org/x.md"),
        # what leads nowhere is left for mkdocs to refuse
        ("dreaming.md", "../nothing.py", "../nothing.py"),
        ("dreaming.md", "nothing.md", "nothing.md"),
    ],
)
def test_a_link_leads_to_the_same_thing(page, written, expected):
    text = f"before [words]({written}), after"
    assert site_links(text, page, REPOSITORY) == text.replace(written, expected)


def test_code_is_left_alone():
    text = "```python\nfor f in table[name](../LICENSE): pass\n```\n[it](../LICENSE)\n"
    code, _, link = site_links(text, "python.md", REPOSITORY).rpartition("\n[it]")
    assert code == text.partition("\n[it]")[0]
    assert link == f"({REPOSITORY}/blob/main/LICENSE)\n"


def test_the_pages_from_outside_are_there():
    assert [source for source in PAGES.values() if not (ROOT / source).is_file()] == []


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_document_has_a_page(site):
    sources = {path.name for path in (ROOT / "docs").glob("*.md")} | set(PAGES)
    pages = {path.name for path in site.glob("*.html")}
    assert pages - {"404.html"} == {source.replace(".md", ".html") for source in sources}


def test_the_reference_is_made_from_the_docstrings(site):
    reference = (site / "reference.html").read_text("utf-8")
    assert inspect.getdoc(ort_deepdream.dream).splitlines()[0].rstrip(".") in reference


@pytest.mark.skipif(find_chromium() is None, reason="no chromium is installed")
def test_nothing_is_loaded_from_another_host(site):
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=sandbox_options()
        )
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        for name in ("index", "reference", "benchmark"):
            page.goto((site / f"{name}.html").as_uri(), wait_until="networkidle")
        browser.close()
    assert len(asked) > 3
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


def test_the_address_of_the_source_is_that_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    settings = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert f"\n  repository: {project['urls']['Source']}\n" in settings
    assert f"\nsite_url: {project['urls']['Documentation']}\n" in settings
