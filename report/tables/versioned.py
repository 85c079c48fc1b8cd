"""A table of contenders, with the versions of their libraries where those differ."""

from __future__ import annotations

from collections.abc import Sequence

from ort_deepdream.measure.analysis import TimedContender
from ort_deepdream.report import words
from ort_deepdream.report.tables.table import Table
from ort_deepdream.report.versions import differ, package


def versioned(table: Table, at: int, contenders: Sequence[TimedContender]) -> Table:
    """Return the table with a column of versions at a place; as it is where they are the same.

    `contenders` has the one that each row is of.
    """
    if not differ(contenders):
        return table
    rows = tuple(
        (*row[:at], package(one) or words.DASH, *row[at:])
        for row, one in zip(table.rows, contenders, strict=True)
    )
    return Table((*table.headings[:at], "version", *table.headings[at:]), rows, table.words + 1)
