"""Files that are written whole or not at all.

    with replacing("picture.png") as temporary:
        temporary.write_bytes(content)

A file grows under another name in the folder of its target, reaches the disk, and is renamed. So
what stands at the target is always whole, whether a disk was full, somebody pressed Ctrl-C, or the
power failed. All functions here raise the OSError that a caller has better words for.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SUFFIX = ".tmp"  # of files that are still growing

Name = str | os.PathLike[str]


class WriteProtectedError(PermissionError):
    """The file that is to be replaced may not be written to; its folder perhaps may."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.EACCES, "write-protected", str(path))


def write_bytes(path: Name, content: bytes) -> None:
    """Write a file as `replacing` does. Raise OSError when it cannot be written."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Name, text: str) -> None:
    """Write a file of UTF-8, its line ends as they are, as `replacing` does. Raise OSError."""
    write_bytes(path, text.encode())


@contextmanager
def replacing(path: Name) -> Iterator[Path]:
    """Give an empty file to fill, which replaces the one at `path` when the body ends well.

    A link at `path` stays: the file that it names is replaced. An existing file's permissions are
    kept; a new file has those of any new file. When the body fails, or is interrupted, nothing has
    changed. A device or a pipe cannot be replaced: what was filled is copied into it. Raise OSError
    when `path` is a folder or write-protected, or its folder cannot be written to.
    """
    with _temporary_for(path) as temporary:
        yield temporary
        if _is_device(path):
            _copy_into(path, temporary)
            return
        target = Path(os.path.realpath(path))
        _flush(temporary)
        with suppress(FileNotFoundError):
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        temporary.replace(target)
        _flush_folder(target.parent)


def require_writable(path: Name) -> None:
    """Raise the OSError that `replacing` would raise now, and leave nothing behind."""
    with _temporary_for(path):
        pass


@contextmanager
def _temporary_for(path: Name) -> Iterator[Path]:
    """Give a new file in the folder of `path`, which is gone at the end unless it was renamed."""
    _refuse_protected(path)
    folder = _scratch_folder() if _is_device(path) else Path(os.path.realpath(path)).parent
    temporary = folder / f".{os.urandom(8).hex()}{SUFFIX}"
    # What replaces a private file is private from the beginning.
    mode = 0o600 if Path(path).exists() else 0o666
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
        yield temporary
    finally:
        with suppress(OSError):
            temporary.unlink()


def _refuse_protected(path: Name) -> None:
    """Raise OSError for a folder, and for a file that somebody protected.

    Replacing it would need the folder's permission only.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not os.access(path, os.W_OK):
        raise WriteProtectedError(path)


def _is_device(path: Name) -> bool:
    """Tell whether `path` names a device, a pipe or another program's end of one.

    `/dev/stdout` does even where it leads to a regular file, which may have a beginning already.
    """
    path = Path(path)
    folder = os.path.realpath(path.parent)
    leads_away = folder == "/dev" or (folder.startswith("/proc/") and folder.endswith("/fd"))
    return path.exists() and (leads_away or not path.is_file())


def _scratch_folder() -> Path:
    import tempfile  # few write to a device

    return Path(tempfile.gettempdir())


def _copy_into(path: Name, source: Path) -> None:
    """Append the content of `source` to what a device or a pipe was given before."""
    with open(os.open(path, os.O_WRONLY | os.O_APPEND), "wb") as device:  # noqa: PTH123
        device.write(source.read_bytes())


def _flush(path: Path) -> None:
    """Wait until the file is on the disk: renamed before, it might be empty after a power cut."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Wait until the renaming is on the disk, where folders can be flushed."""
    if os.name == "nt":
        return
    with suppress(OSError):  # the file is in its place; some file systems flush no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
