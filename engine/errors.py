"""The one error of this package that is the user's to mend."""

from __future__ import annotations


class DreamError(Exception):
    """A picture, setting, model or backend that cannot be used.

    The message is one line: what is wrong, with which file, and what to do.
    """
