"""Print what a release changed, if its tag, the version and CHANGELOG.md agree.

    python -m scripts.release_notes v0.1.0

The tag is `v` with the number in src/ort_deepdream/version.py, and CHANGELOG.md has a heading with
that number and a date. It needs the standard library alone: nothing is installed yet when it runs.
"""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHANGES = ROOT / "CHANGELOG.md"
VERSION_FILE = ROOT / "src" / "ort_deepdream" / "version.py"

HEADING = re.compile(r"^## \[(?P<version>[^]]+)\] - (?P<date>.+)$", re.MULTILINE)
DATE = re.compile(r"\d{4}-\d\d-\d\d")


def release_notes(tag: str, version: str, changes: str) -> str:
    """Return what `changes`, the text of a change log, says under the version that `tag` names.

    Raise SystemExit with one line when the tag is not that of `version`, or the change log has no
    heading for it, or one without a date.
    """
    if tag != f"v{version}":
        raise SystemExit(f"the tag is {tag}, but the version is {version}: tag v{version}")
    headings = list(HEADING.finditer(changes))
    found = next((number for number, h in enumerate(headings) if h["version"] == version), None)
    if found is None:
        raise SystemExit(f"CHANGELOG.md has no heading ## [{version}] - DATE")
    if not DATE.fullmatch(headings[found]["date"]):
        raise SystemExit(f"CHANGELOG.md calls {version} {headings[found]['date']}: give it a date")
    end = headings[found + 1].start() if found + 1 < len(headings) else len(changes)
    return changes[headings[found].end() : end].strip() + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1:
        raise SystemExit("usage: python -m scripts.release_notes TAG")
    version = runpy.run_path(str(VERSION_FILE))["VERSION"]
    print(release_notes(given[0], version, CHANGES.read_text("utf-8")), end="")


if __name__ == "__main__":
    main()
