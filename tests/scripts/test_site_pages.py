"""The documents make a site: their links hold there, and it loads nothing from another host."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

pytest.importorskip("mkdocs", reason="the site needs the docs extra")

from scripts.site_pages import PAGES, ROOT, site_links

REPOSITORY = "https://example.org/project"


@pytest.mark.parametrize(
    ("page", "written", "expected"),
    [
        # from a page outside docs/ to one inside, and to itself
        ("index.md", "docs/dreaming.md", "dreaming.md"),
        ("index.md", "docs/gallery/layers.jpg", "gallery/layers.jpg"),
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


def test_the_site_is_whole_and_loads_nothing_from_elsewhere(tmp_path):
    site = tmp_path / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    sources = {path.name for path in (ROOT / "docs").glob("*.md")} | set(PAGES)
    pages = {path.name: path.read_text("utf-8") for path in site.glob("*.html")}
    assert {source.replace(".md", ".html") for source in sources} == set(pages) - {"404.html"}
    for name, page in pages.items():
        loaded = re.findall(r"<(?:script|img|iframe)\b[^>]*\bsrc=\"?([^\s\">]+)", page)
        loaded += re.findall(r"<link\b[^>]*\brel=\"?(?:stylesheet|icon|preload)[^>]*>", page)
        assert [one for one in loaded if "//" in one] == [], name
    assert "Dream on an RGB picture" in pages["reference.html"]  # from the docstrings
