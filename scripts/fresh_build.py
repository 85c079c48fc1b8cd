"""The build backend: setuptools, on an empty build/ each time.

setuptools copies what is in build/ into the wheel, and never removes from there what the sources
no longer have: a module that is gone would be installed again.
"""

from __future__ import annotations

import shutil
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403  the hooks of PEP 517 and PEP 660


def build_wheel(*arguments: Any, **options: Any) -> str:
    """Build a wheel as PEP 517 asks, from the sources alone."""
    shutil.rmtree("build", ignore_errors=True)
    return str(build_meta.build_wheel(*arguments, **options))
