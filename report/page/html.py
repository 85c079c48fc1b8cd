"""What every page is made of: templates, styles and scripts that are inlined, files to be saved.

Strings reach a page through jinja2's escaping, or as JSON in a script that is never run. The
Content-Security-Policy lets run only the scripts and styles that are inlined here, by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

HERE = Path(__file__).parents[1]  # report/
LIBRARY = "chart.umd.min.js"
UNIT = re.compile(r"(?<=\d) (?=(%|[nµm]?s|[kMGT]?B|dB|[JW])(?!\w))")  # the space before one


@dataclass(frozen=True)
class Download:
    """A link that saves a file which is in the page itself."""

    name: str
    address: str  # data:
    sha256: str
    size: int


def environment() -> Environment:
    """Return what fills the templates: everything in them is escaped."""
    return Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_unbroken,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _unbroken(value: object) -> object:
    """Keep a number and its unit on one line."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return UNIT.sub("\N{NO-BREAK SPACE}", value)
    return value


def as_script(data: object) -> str:
    """Return JSON that can stand in a script element: nothing in it ends or begins an element."""
    text = json.dumps(data, allow_nan=False, ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def asset(name: str) -> str:
    """Return the text of a file in report/assets."""
    return (HERE / "assets" / name).read_text("utf-8")


def stylesheet() -> str:
    """Return the style of every page."""
    return asset("report.css")


def chart_library() -> str:
    """Return Chart.js without its last line, which names a file that is not in the page."""
    lines = asset(LIBRARY).splitlines()
    return "\n".join(line for line in lines if not line.startswith("//# sourceMappingURL="))


def policy(script: str, style: str) -> str:
    """Return a policy by which only these two may run or style, and nothing is fetched or sent."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_source(script)}'",
            f"style-src '{_source(style)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _source(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def download(name: str, kind: str, data: bytes) -> Download:
    """Return a file that can be saved from the page."""
    encoded = base64.b64encode(data).decode()
    sha256 = hashlib.sha256(data).hexdigest()
    return Download(name, f"data:{kind};base64,{encoded}", sha256, len(data))
