"""Give the site, as mkdocs.yml builds it, pages from outside docs/ and links that hold there.

Every document is written to be read on GitHub, so its links are paths in the repository. In the
site a link to a document becomes a link to its page; one to any other file outside docs/ leads to
that file in the repository on the web. A link to nothing is left, for `mkdocs build --strict` to
refuse.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
DOCS = "docs"

# Pages of the site that lie outside docs/.
PAGES = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "security.md": "SECURITY.md",
    "benchmarks.md": "benchmarks/README.md",
    "training.md": "training/README.md",
}

FENCED = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
TARGET = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside docs/."""
    for page, source in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the page's text with its links changed to those that hold in the site."""
    if page.file.src_uri == "index.md":
        page.meta["hide"] = ["navigation"]  # it is alone in its section
    return site_links(markdown, page.file.src_uri, config.extra["repository"])


def site_links(markdown: str, page: str, repository: str) -> str:
    """Return `markdown`, the text of `page`, with the links that hold in the site.

    `page` is a path in the site's sources, such as `contributing.md`; `repository` is its address.
    """
    folder = posixpath.dirname(PAGES.get(page, f"{DOCS}/{page}"))
    parts = FENCED.split(markdown)  # every other one is code, whose brackets are not links
    parts[::2] = (_links(text, folder, page, repository) for text in parts[::2])
    return "".join(parts)


def _links(text: str, folder: str, page: str, repository: str) -> str:
    return TARGET.sub(lambda found: _link(found[0], folder, page, repository), text)


def _link(target: str, folder: str, page: str, repository: str) -> str:
    """Return where a link of a document in `folder` leads in the site."""
    name, hash_sign, anchor = target.partition("#")
    if not name or ":" in name:  # within the page, or already an address
        return target
    path = posixpath.normpath(posixpath.join(folder, name))
    here = posixpath.dirname(page)
    pages = {source: uri for uri, source in PAGES.items()}
    if path in pages:
        return posixpath.relpath(pages[path], here) + hash_sign + anchor
    if path.startswith(f"{DOCS}/") and not (ROOT / path).is_dir():
        return posixpath.relpath(path.removeprefix(f"{DOCS}/"), here) + hash_sign + anchor
    if not (ROOT / path).exists():
        return target
    kind = "tree" if (ROOT / path).is_dir() else "blob"
    return f"{repository}/{kind}/main/{path}{hash_sign}{anchor}"
