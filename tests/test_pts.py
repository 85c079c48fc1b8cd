"""The profile of the Phoronix Test Suite: its parts fit together, and its program runs."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from ort_deepdream.engine.backends import BACKENDS
from ort_deepdream.measure.pictures import parse_size
from ort_deepdream.version import VERSION

PROFILE = Path(__file__).parents[1] / "docs" / "pts" / "ort-deepdream"
INSTALL = (PROFILE / "install.sh").read_text("utf-8")


def xml(name: str) -> ElementTree.Element:
    return ElementTree.fromstring((PROFILE / f"{name}.xml").read_text("utf-8"))


def test_it_offers_what_there_is_and_installs_this_version():
    definition = xml("test-definition")
    assert definition.findtext("TestInformation/AppVersion") == VERSION
    assert f"ort-deepdream=={VERSION}" in INSTALL
    offered = {
        option.findtext("Identifier"): [entry.text for entry in option.iter("Value")]
        for option in definition.iter("Option")
    }
    assert set(offered["backend"]) <= set(BACKENDS)
    assert all(str(parse_size(size)) == size for size in offered["size"])


def test_the_script_is_shell():
    subprocess.run(["sh", "-n", str(PROFILE / "install.sh")], check=True)


@pytest.mark.slow
def test_what_its_program_prints_is_what_the_results_are_read_from(tmp_path):
    (program,) = re.findall(r"<<'PYTHON'\n(.*?)\nPYTHON\n", INSTALL, re.DOTALL)
    words = [sys.executable, "-P", "-c", program, "cpu", "48x40"]
    said = subprocess.run(words, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    template = xml("results-definition").findtext("ResultsParser/OutputTemplate")
    pattern = re.escape(template).replace(re.escape("#_RESULT_#"), r"(\d+\.\d+)")
    (milliseconds,) = re.findall(pattern, said)
    assert float(milliseconds) > 0
