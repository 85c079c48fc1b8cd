"""A release goes out only when tag, version and change log agree."""

from __future__ import annotations

import pytest

from ort_deepdream.version import VERSION
from scripts.release_notes import main, release_notes

CHANGES = """# Changes

## [0.2.0] - 2027-03-01

### Added

- Films.

## [0.1.0] - 2027-01-02

### Added

- Dreams.
"""


@pytest.mark.parametrize(
    ("version", "notes"),
    [("0.2.0", "### Added\n\n- Films.\n"), ("0.1.0", "### Added\n\n- Dreams.\n")],
)
def test_the_notes_are_those_of_the_version(version, notes):
    assert release_notes(f"v{version}", version, CHANGES) == notes


@pytest.mark.parametrize(
    ("tag", "version", "changes", "why"),
    [
        ("v0.2.1", "0.2.0", CHANGES, "tag v0.2.0"),
        ("0.2.0", "0.2.0", CHANGES, "tag v0.2.0"),
        ("v0.3.0", "0.3.0", CHANGES, "no heading"),
        ("v0.2.0", "0.2.0", CHANGES.replace("2027-03-01", "unreleased"), "give it a date"),
    ],
)
def test_what_does_not_agree_is_refused_in_one_line(tag, version, changes, why):
    with pytest.raises(SystemExit, match=why) as refusal:
        release_notes(tag, version, changes)
    assert "\n" not in str(refusal.value)


def test_the_files_of_this_checkout_are_read():
    with pytest.raises(SystemExit, match=f"the version is {VERSION}"):
        main(["v999"])
