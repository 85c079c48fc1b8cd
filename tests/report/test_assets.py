"""What is inlined into a page is what its README says, and its licence is there."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import ort_deepdream.report

ASSETS = Path(ort_deepdream.report.__file__).parent / "assets"
README = (ASSETS / "README.md").read_text("utf-8")


def test_chart_js_is_the_one_that_is_named():
    (row,) = re.findall(r"^\| `(chart.+?)` \|.*\| ([\d.]+) \|.*`([0-9a-f]{64})` \|$", README, re.M)
    name, version, sha256 = row
    content = (ASSETS / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == sha256
    assert f"Chart.js v{version}".encode() in content[:100]


def test_its_licence_is_there():
    assert "MIT License" in (ASSETS / "chart.LICENSE.md").read_text("utf-8")


def test_no_asset_can_end_its_element():
    for path in ASSETS.glob("*.[cj]s*"):
        text = path.read_text("utf-8").lower()
        assert "</script" not in text
        assert "</style" not in text
        assert "\r" not in text  # a browser would change it, and the hash with it
