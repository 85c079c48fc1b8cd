"""The one error of this package."""

from __future__ import annotations


class ExportError(Exception):
    """A model, weights file or layer that cannot be exported; the message says what to do."""
