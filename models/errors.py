"""The one error of this package."""

from __future__ import annotations


class ModelsError(Exception):
    """Weights that cannot be found or fetched; the message is one line and says what to do."""
