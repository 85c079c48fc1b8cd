"""The control groups that this process is in, such as a container's, of version 1 or 2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def groups(
    proc: Path, controller: str, *, version_1: Path, version_2: Path
) -> Iterator[tuple[Path, Path]]:
    """Yield root and folder of each group that may limit this process, from the innermost out.

    The root is `version_1` or `version_2`, whichever it was found in: the folders that the kernel
    shows the groups in, as `proc` is the one of its processes. `controller` is version 1's name of
    what is limited. In a container a group's path may be as seen from outside: what is not there is
    the caller's to pass over.
    """
    with suppress(OSError, ValueError):
        for line in (proc / "self" / "cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                yield from ((version_2, group) for group in _outwards(version_2, path))
            elif controller in controllers.split(","):
                yield from ((version_1, group) for group in _outwards(version_1, path))


def _outwards(root: Path, path: str) -> Iterator[Path]:
    """Yield a group's folder and those around it, up to `root`."""
    folder = root / path.strip("/")
    for group in [folder, *folder.parents]:
        yield group
        if group == root:
            return
