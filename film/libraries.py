"""PyAV and OpenCV, which the extra `film` installs: imported here, where they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ort_deepdream.errors import DreamError

NAMES = {"av": "PyAV", "cv2": "OpenCV"}


def pyav() -> Any:
    """Return the module `av`. Raise DreamError where it is not installed."""
    return _imported("av")


def opencv() -> Any:
    """Return the module `cv2`. Raise DreamError where it is not installed."""
    return _imported("cv2")


def _imported(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise DreamError(
            f"films need {NAMES[name]}, which is not here; pip install 'ort-deepdream[film]'"
        ) from None
