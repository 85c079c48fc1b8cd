"""The one error of this package that is the user's to mend."""

from __future__ import annotations


class ReportError(Exception):
    """A file that no report can be made of. The message is one line: which, what, what to do."""
