"""Files that are written whole or not at all, and read only as far as they can be held.

    with replacing("picture.png") as temporary:
        temporary.write_bytes(content)

A file grows under another name in the folder of its target, reaches the disk, and is renamed. So
what stands at the target is always whole, whether a disk was full, somebody pressed Ctrl-C, or the
power failed. `replacing_folder` is as much for a folder; `scratch_folder` gives one for files that
nobody keeps.

A process that is killed cannot tidy up, so the next one does. Whatever grows is locked by the
process that fills it, until that ends in whatever way: what can be locked is left over. Process ids
would not tell, for two containers that share a folder may have the same ones.

All functions that write raise the OSError that a caller has better words for; `writing` has them.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from ort_deepdream.errors import DreamError, near
from ort_deepdream.signals import undone

try:
    import fcntl
except ImportError:  # Windows: nothing is locked, and nothing swept
    fcntl = None  # type: ignore[assignment]

# What no program can mend, whatever it was doing.
REMEDIES = {
    errno.EACCES: "change who may use it, or its folder (chmod)",
    errno.EPERM: "change who may use it, or its folder (chmod)",
    errno.EROFS: "choose a place that can be written to",
    errno.ENOSPC: "make room, or choose another folder",
    errno.EIO: "look after the disk, or choose another one",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENFILE: "close other programs",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "its link leads back to itself: make another one",
}

PREFIX, SUFFIX = ".ort-deepdream-", ".tmp"  # of what is still growing

# What Docker and Podman leave in a container, for programs to tell.
OF_CONTAINERS = ("/.dockerenv", "/run/.containerenv")
# Names in a folder among which one is looked for that was meant.
MOST_NAMES = 2000

MANY, PAUSE = 500, 5.0  # so many files in a folder are looked at so many seconds apart

Name = str | os.PathLike[str]

_next_sweeps: dict[Path, float] = {}  # of folders with many files, by `time.monotonic`


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
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """Give a new folder in `parent`, which is gone at the end unless it was renamed.

    By default it is for this user alone, where the system has temporary files: raise DreamError
    when there is no such place. Raise OSError when it cannot be made in `parent`.
    """
    private = parent is None
    parent = parent or _system_folder()
    sweep(parent)
    path = _new_name(parent)
    descriptor = None
    try:
        with undone(lambda: shutil.rmtree(path, ignore_errors=True)):
            descriptor = _locked(path, lambda: _make_folder(path, 0o700 if private else 0o777))
            yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill, which replaces the one at `path` when the body ends well.

    A link at `path` stays: the folder that it names is replaced. When the body fails, or is
    interrupted, nothing has changed. Raise OSError when the folder around it cannot be written to.
    """
    target = Path(os.path.realpath(path))
    with scratch_folder(target.parent) as scratch:
        made, before = scratch / "made", scratch / "before"
        made.mkdir()
        yield made
        # In two steps, as no system has one for it.
        with suppress(FileNotFoundError):
            target.rename(before)
        try:
            made.rename(target)
        except BaseException:
            if before.exists():
                before.rename(target)
            raise


def sweep(folder: Path) -> int:
    """Delete what killed processes of this user left in `folder`, and nothing else.

    That is what has a name of ours and is locked by nobody, for who fills it locks it. Return how
    many files were looked at.
    """
    names: list[str] = []
    if fcntl is None:
        return 0
    with suppress(OSError), os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
        for name in names:
            if name.startswith(PREFIX) and name.endswith(SUFFIX):
                _drop_stale(Path(folder, name))
    return len(names)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Make a DreamError of what the system refuses in the body, where `path` is written."""
    try:
        yield
    except OSError as error:
        raise _in_words(path, error) from error


def read_limited(path: Path, most: int, what: str) -> bytes:
    """Return the content of a regular file that has at least one byte and at most `most`.

    Raise DreamError for anything else: a folder, a device or a pipe (whose end might never come), a
    file that is empty, larger or cannot be read. `what` says in its message what to name instead,
    such as "a result file".
    """
    try:
        status = path.stat()  # before it is opened, which would wait for a pipe's other end
        if stat.S_ISDIR(status.st_mode):
            raise DreamError(f"{path}: is a folder; name {what} in it")
        if not stat.S_ISREG(status.st_mode):
            raise DreamError(f"{path}: is a device or a pipe; save it to a file first, {what}")
        if status.st_size > most:
            raise DreamError(f"{path}: {status.st_size:,} bytes are too many for {what}")
        with path.open("rb") as stream:
            content = stream.read(status.st_size + 1)
    except FileNotFoundError:
        raise no_file(path, f"name {what}") from None
    except OSError as error:
        raise DreamError(f"{path}: {unreadable(error, f'name {what}')}") from None
    except ValueError as error:  # of a name with a zero byte
        raise DreamError(f"{path}: cannot be read ({error}); name {what}") from None
    if len(content) > status.st_size:
        raise DreamError(f"{path}: grew while it was read; wait for who writes it")
    if not content:
        raise DreamError(f"{path}: is empty; name {what}")
    return content


def unreadable(error: OSError, otherwise: str) -> str:
    """Return why a file cannot be read, and what to do: `otherwise` when it is not its mode."""
    if isinstance(error, PermissionError):
        return "no permission to read it; change that (chmod u+r) or ask its owner"
    return f"cannot be read ({error.strerror or error}); {otherwise}"


def is_missing(path: Name) -> bool:
    """Return whether nothing is at `path`.

    Something may be in a folder that this user may not look into: reading it tells why it cannot be
    had.
    """
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return True
    except OSError:
        return False
    return False


def refusal(error: OSError) -> str | None:
    """Return in one line what the system refuses, and what to do; None for what may be a bug."""
    remedy = REMEDIES.get(error.errno or 0)
    if remedy is None or error.filename is None:
        return None
    return f"{os.fsdecode(error.filename)}: {error.strerror}; {remedy}"


# --- what is growing ------------------------------------------------------------------------------


@contextmanager
def _temporary_for(path: Name) -> Iterator[Path]:
    """Give a new file in the folder of `path`, which is gone at the end unless it was renamed."""
    _refuse_protected(path)
    folder = _system_folder() if _is_device(path) else Path(os.path.realpath(path)).parent
    _sweep_again(folder)
    temporary = _new_name(folder)
    # What replaces a private file is private from the beginning.
    mode = 0o600 if Path(path).exists() else 0o666
    descriptor = None
    try:
        with undone(temporary.unlink):
            descriptor = _locked(temporary, lambda: _make_file(temporary, mode))
            yield temporary
    finally:
        with suppress(OSError):
            temporary.unlink()
        if descriptor is not None:
            os.close(descriptor)


def _sweep_again(folder: Path) -> None:
    """Sweep a folder; one with many files only now and then, for each of them is looked at."""
    if time.monotonic() < _next_sweeps.get(folder, 0.0):
        return
    if sweep(folder) >= MANY:
        _next_sweeps[folder] = time.monotonic() + PAUSE


def _new_name(folder: Path) -> Path:
    return folder / f"{PREFIX}{os.urandom(8).hex()}{SUFFIX}"


def _make_file(path: Path, mode: int) -> int:
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode)


def _make_folder(path: Path, mode: int) -> int:
    path.mkdir(mode)
    return os.open(path, os.O_RDONLY)


def _locked(path: Path, make: Callable[[], int]) -> int | None:
    """Make what will grow at `path` and lock it; return the descriptor that holds the lock.

    Return None on Windows, where what is open could be neither renamed nor deleted.
    """
    if fcntl is None:
        return _make_unlocked(path, make)
    while True:
        descriptor = make()
        with suppress(OSError):  # a file system without locks: there nothing is swept, either
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_at(path, descriptor):
            return descriptor
        os.close(descriptor)  # a sweep was quicker than the lock


def _make_unlocked(path: Path, make: Callable[[], int]) -> None:
    try:
        os.close(make())
    except PermissionError:
        if not path.is_dir():  # Windows opens no folders
            raise


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _drop_stale(path: Path) -> None:
    """Delete a file or folder of this user's that nobody has locked."""
    try:
        # Not through a link, and not waiting for a pipe's other end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return
    try:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid():
            return
        with suppress(OSError):  # locked, or where there are no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if stat.S_ISDIR(found.st_mode):
                shutil.rmtree(path, ignore_errors=True)
            elif stat.S_ISREG(found.st_mode):
                path.unlink()
    finally:
        os.close(descriptor)


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


def _system_folder() -> Path:
    """Return where the system has temporary files. Raise DreamError when there is no such place."""
    import tempfile  # few need it

    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise DreamError(
            "there is no folder for temporary files that can be written to; "
            "set TMPDIR to the name of one"
        ) from error


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


# --- what a user is told --------------------------------------------------------------------------


def no_file(path: Path, otherwise: str) -> DreamError:
    """Return the error about a file that is not there: with the nearest of its kind in its folder.

    When none is near: with `otherwise`, what to do.
    """
    try:
        with os.scandir(path.parent) as entries:
            files = [one.name for one in islice(entries, MOST_NAMES) if one.is_file()]
    except OSError:
        files = []
    kind = _kind(path.name)
    stems = {Path(name).stem: name for name in files if _kind(name) == kind}
    found = near(path.stem, stems)
    meant = otherwise if found is None else f"did you mean {path.with_name(stems[found])}?"
    return DreamError(f"{path}: there is no such file; {meant}")


def _kind(name: str) -> str:
    """Return image or video for such a file's name, else its suffix."""
    import mimetypes  # only a mistake needs it

    kind, _ = mimetypes.guess_type(name, strict=False)
    group = kind.split("/")[0] if kind else ""
    return group if group in ("image", "video") else Path(name).suffix.lower()


def _in_words(path: Path, error: OSError) -> DreamError:
    """Return the error that tells a user why `path` cannot be written, and what to do."""
    folder = path.parent
    if isinstance(error, IsADirectoryError):
        return DreamError(f"{path}: is a folder; name a file in it")
    if error.errno == errno.ENAMETOOLONG:
        return DreamError(f"{path}: the name is too long for this disk; choose a shorter one")
    if isinstance(error, WriteProtectedError):
        return DreamError(f"{path}: is write-protected; choose another name{_in_container(error)}")
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return DreamError(f"{path}: the disk is full; make room or choose another folder")
    if error.errno == errno.EFBIG:
        return DreamError(
            f"{path}: is larger than a file may be here; allow more (ulimit -f), or another disk"
        )
    # Below /proc an existing folder answers so too.
    if isinstance(error, FileNotFoundError) and is_missing(folder):
        return DreamError(f"{path}: the folder {folder} does not exist; create it first")
    if error.errno == errno.ELOOP:
        return DreamError(f"{path}: is a link that leads back to itself; choose another name")
    if isinstance(error, BrokenPipeError):
        return DreamError(f"{path}: who reads it has gone before all was written; start both again")
    if isinstance(error, NotADirectoryError):
        return DreamError(f"{path}: {folder} is not a folder; choose another one")
    # By its real name: that of a file beside a photograph may be a dot, or a link's.
    return DreamError(
        f"{path}: the folder {os.path.realpath(folder)} cannot be written to ({error.strerror}); "
        f"choose another place (-o FILE){_in_container(error)}"
    )


def _in_container(error: OSError) -> str:
    """Return what else to do in a container, whose user may not be the owner of its volumes."""
    if not isinstance(error, PermissionError) or not any(map(os.path.exists, OF_CONTAINERS)):
        return ""
    return ', or start the container as who owns it: --user "$(id -u):$(id -g)"'
