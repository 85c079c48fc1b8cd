"""The build backend: setuptools, on an empty build/ each time, and with the commit in the package.

setuptools copies what is in build/ into the wheel, and never removes from there what the sources
no longer have: a module that is gone would be installed again. And an installed copy, whose results
should say what they are of, has no repository that it could ask.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403  the hooks of PEP 517 and PEP 660

NOTED = Path("src/ort_deepdream/commit.txt")  # measure/machine.py reads it


def build_wheel(*arguments: Any, **options: Any) -> str:
    """Build a wheel as PEP 517 asks, from the sources alone."""
    shutil.rmtree("build", ignore_errors=True)
    with _commit_noted():
        return str(build_meta.build_wheel(*arguments, **options))


def build_sdist(*arguments: Any, **options: Any) -> str:
    """Build an sdist as PEP 517 asks."""
    with _commit_noted():
        return str(build_meta.build_sdist(*arguments, **options))


@contextmanager
def _commit_noted() -> Iterator[None]:
    """Have the commit in the package meanwhile; what an sdist has noted stays as it is."""
    commit = _commit()
    if commit is None:
        yield
        return
    NOTED.write_text(commit)
    try:
        yield
    finally:
        NOTED.unlink()


def _commit() -> str | None:
    """Return the commit of the checkout that this is, with a + when its files differ from it."""
    try:
        if Path(_git("rev-parse", "--show-toplevel")).resolve() != Path.cwd().resolve():
            return None  # of a project that this one lies in
        changed = _git("status", "--porcelain", "--untracked-files=no")
        return _git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*words: str) -> str:
    """Ask git of a checkout that may be another user's."""
    trusted = ("-c", f"safe.directory={Path.cwd()}", "-c", "core.fsmonitor=false")
    command = ["git", "--no-optional-locks", *trusted, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()
