"""The one error of this package that is the user's to mend."""

from __future__ import annotations


class MeasureError(Exception):
    """A measurement that cannot be made, or a result file that cannot be read or written.

    The message is one line: what is wrong, with which file, and what to do.
    """
