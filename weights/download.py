"""Fetch an entry's weights into the cache: checked before use, resumable, safe for two at once.

The file grows as `NAME.part` beside its final place and is renamed into it only after its size and
sha256 fit, so whatever lies under its final name is whole. A part left by an interrupted download
is continued, from the same mirror or another: all of them serve the same bytes. That is why no
`If-Range` is sent: the sha256 of the whole is a stronger check than one server's ETag, and a
continued file that fails it is fetched once more from its beginning.

Where no mirror has the file, the entry's folder is fetched, file by file in the same way. It grows
as `NAME.part`, too, and is renamed only when it is whole.
"""

from __future__ import annotations

import functools
import hashlib
import http.client
import os
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from ort_deepdream.errors import DreamError
from ort_deepdream.weights.catalogue import Entry, Folder, Known, Piece, location, size_fits

Progress = Callable[[int, int | None], None]  # bytes so far, and in all if known

TIMEOUT = 20.0  # seconds to connect, and to wait for each next bytes
LOCK_TIMEOUT = 3600.0  # seconds to wait for another process that downloads the same file
TRIES = 4  # on one mirror, as long as each brings the file further
CHUNK = 1 << 17
MOST_HOSTS = 3  # that a message names


class _MirrorError(Exception):
    """Why one mirror could not give the file."""


@dataclass(frozen=True)
class _Failure:
    """An address that gave nothing, and why."""

    url: str
    why: str


class _NoMirrorError(Exception):
    """What became of each mirror, where none gave a file."""

    def __init__(self, failures: Sequence[_Failure]) -> None:
        super().__init__(failures)
        self.failures = failures


class _BrokenOffError(_MirrorError):
    """The transfer ended early; what came is kept."""


def fetch(
    entry: Entry,
    progress: Progress = lambda done, total: None,
    timeout: float = TIMEOUT,
    lock_timeout: float = LOCK_TIMEOUT,
) -> Path:
    """Return the path of the entry's file or folder, downloaded if need be, checked in any case.

    Raise DreamError: one line with the mirrors' reasons, each told once, and with what to do.
    """
    path = location(entry)
    if entry.shipped:
        if not path.is_file():
            raise DreamError(f"the weights '{entry.name}' are not in this installation")
        return path
    try:
        if path.exists():
            return _checked(entry, path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=lock_timeout):
            here = location(entry)
            if here.exists():  # another process was quicker
                return _checked(entry, here)
            try:
                return _download(entry, path, progress, timeout)
            finally:
                _drop_empty(_part(path))
                if entry.folder is not None:
                    _drop_empty(_part(path.with_name(entry.folder.name)))
    except Timeout:
        raise DreamError(
            f"another process has been downloading {path} for too long; if there is none, "
            f"delete {path.name}.lock there"
        ) from None
    except OSError as error:
        raise DreamError(f"the cache {path.parent} cannot be used: {_reason(error)}") from None


def _checked(entry: Entry, path: Path) -> Path:
    """Return the path, where somebody may have put something by hand, if it is the entry's."""
    if entry.folder is not None and path.is_dir():
        for piece in entry.folder.pieces():
            problem = _mismatch(piece, path / piece.name)
            if problem:
                raise DreamError(
                    f"{path} is not the folder of '{entry.name}' ({piece.name}: {problem}): "
                    f"delete it"
                )
        return path
    problem = _mismatch(entry, path)
    if problem:
        raise DreamError(f"{path} is not the file of '{entry.name}' ({problem}): delete it")
    return path


def _mismatch(known: Known, path: Path) -> str | None:
    """Return what is wrong with the file, or None."""
    if not path.is_file():
        return "it is a folder" if path.is_dir() else "it is missing"
    size = path.stat().st_size
    if not size_fits(known, size):
        return f"it has {size:,} bytes, expected {_expected_size(known)}"
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if not digest.startswith(known.sha256):
        return f"its sha256 is {digest}, expected {_expected_sum(known)}"
    return None


def _expected_size(known: Known) -> str:
    return f"{'about ' if known.size_tolerance else ''}{known.size:,}"


def _expected_sum(known: Known) -> str:
    return known.sha256 if len(known.sha256) == 64 else f"{known.sha256}..."


# --- Mirrors ----------------------------------------------------------------------------------


def _download(entry: Entry, path: Path, progress: Progress, timeout: float) -> Path:
    """Bring the entry's file to `path`, or its folder beside, and return what came."""
    failures = []
    for url in entry.urls:
        try:
            _download_file(url, entry, path, progress, timeout)
            return path
        except _MirrorError as error:
            failures.append(_Failure(url, str(error)))
    if entry.folder is not None:
        folder = path.with_name(entry.folder.name)
        try:
            _download_folder(entry.folder, folder, progress, timeout)
        except _NoMirrorError as error:
            failures += error.failures
        else:
            _part(path).unlink(missing_ok=True)
            return folder
    raise DreamError(_what_to_do(entry, path, failures))


def _what_to_do(entry: Entry, path: Path, failures: Sequence[_Failure]) -> str:
    """Return the one line about a file that none of its addresses gave."""
    what = "it" if len(failures) == 1 else entry.urls[0]
    line = (
        f"the {entry.kind} '{entry.name}' could not be downloaded: {_reasons(failures)}; try again "
        f"with a network, or put {what} by hand at {path}"
    )
    own = "; or name a file of your own with --weights FILE" if entry.kind == "weights" else ""
    return line + own


def _reasons(failures: Sequence[_Failure]) -> str:
    """Return why the addresses gave nothing, each reason once, with whose it is."""
    addresses: dict[str, list[str]] = {}
    for failure in failures:
        addresses.setdefault(failure.why, []).append(failure.url)
    return "; ".join(f"{why} ({_whose(urls)})" for why, urls in addresses.items())


def _whose(urls: Sequence[str]) -> str:
    """Return an address whole; of some the hosts; of many how many they are."""
    if len(urls) == 1:
        return urls[0]
    hosts = list(dict.fromkeys(urlsplit(url).netloc or url for url in urls))
    if len(hosts) > MOST_HOSTS:
        return f"{len(urls)} addresses, from {hosts[0]} to {hosts[-1]}"
    return ", ".join(hosts)


def _download_folder(folder: Folder, path: Path, progress: Progress, timeout: float) -> None:
    """Bring every file. Raise _NoMirrorError for one that no mirror has."""
    growing = _part(path)
    pieces = folder.pieces()
    total = sum(piece.size for piece in pieces)
    bases = list(folder.bases)
    done = 0
    for piece in pieces:
        target = growing / piece.name
        if _mismatch(piece, target):
            target.parent.mkdir(parents=True, exist_ok=True)
            piece_progress = functools.partial(_progress_of_piece, progress, done, total)
            _download_piece(piece, bases, target, piece_progress, timeout)
        done += piece.size
        progress(done, total)
    growing.rename(path)


def _progress_of_piece(
    progress: Progress, before: int, total: int, done: int, _: int | None
) -> None:
    progress(before + done, total)


def _download_piece(
    piece: Piece, bases: list[str], target: Path, progress: Progress, timeout: float
) -> None:
    """Bring a file from the first of `bases` that has it.

    A mirror that fails goes to their end: the next files do not wait for it again.
    """
    failures = []
    for _ in range(len(bases)):
        url = f"{bases[0]}{piece.name}"
        try:
            _download_file(url, piece, target, progress, timeout)
            return
        except _MirrorError as error:
            failures.append(_Failure(url, str(error)))
            bases.append(bases.pop(0))
    raise _NoMirrorError(failures)


def _download_file(url: str, known: Known, path: Path, progress: Progress, timeout: float) -> None:
    part = _part(path)
    _complete(url, known, part, progress, timeout)
    part.replace(path)


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _drop_empty(part: Path) -> None:
    """Remove a part that nothing came into: an empty file, or a folder of nothing else."""
    if part.is_dir():
        for inner in part.iterdir():
            _drop_empty(inner)
        if not any(part.iterdir()):
            part.rmdir()
    elif part.exists() and part.stat().st_size == 0:
        part.unlink()


def _complete(url: str, known: Known, part: Path, progress: Progress, timeout: float) -> None:
    """Complete and check `part`. Raise _MirrorError when this mirror cannot."""
    problem: str | None = None
    for attempt in range(1, TRIES + 1):
        start = _size(part)
        try:
            _transfer(url, known, part, progress, timeout)
        except _BrokenOffError:
            if attempt == TRIES or _size(part) <= start:
                raise
            continue
        problem = _mismatch(known, part)
        if problem is None:
            return
        part.unlink()
        if start == 0:
            break
        # Its beginning came from an earlier run or another mirror and may be what is wrong.
    raise _MirrorError(problem)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


# --- One transfer -----------------------------------------------------------------------------


def _transfer(url: str, known: Known, part: Path, progress: Progress, timeout: float) -> None:
    """Append to `part` what the server has beyond it; it is not checked here."""
    start = _size(part)
    if start >= known.size + known.size_tolerance:
        return  # an earlier run was stopped between the last byte and the check
    headers = {"User-Agent": "ort-deepdream", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        response = _OPENER.open(urllib.request.Request(url, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if start and error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # there is nothing beyond it
        raise _MirrorError(_http_reason(error)) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _MirrorError(_reason(error)) from None
    with response:
        if response.status != HTTPStatus.PARTIAL_CONTENT:
            start = 0  # the server ignored the range and sends everything
        elif _range_start(response.headers) != start:
            raise _MirrorError("the server sent another range than was asked for")
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else None
        if total is not None and not size_fits(known, total):
            raise _MirrorError(f"it has {total:,} bytes, expected {_expected_size(known)}")
        with part.open("r+b" if start else "wb") as stream:
            stream.seek(start)
            _copy(response, stream, start, total, known, progress)
            stream.flush()
            os.fsync(stream.fileno())


def _copy(
    response: http.client.HTTPResponse,
    stream: IO[bytes],
    done: int,
    total: int | None,
    known: Known,
    progress: Progress,
) -> None:
    """Append what the server sends. Raise _BrokenOffError when it is less than was announced."""
    progress(done, total)
    while True:
        try:
            chunk = response.read1(CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _BrokenOffError(f"broke off after {done:,} bytes: {_reason(error)}") from None
        if not chunk:
            break
        stream.write(chunk)
        done += len(chunk)
        progress(done, total)
        if done > known.size + known.size_tolerance:
            raise _MirrorError(f"it has more than the expected {_expected_size(known)} bytes")
    if done < (total if total is not None else known.size - known.size_tolerance):
        raise _BrokenOffError(f"broke off after {done:,} bytes")


def _range_start(headers: Message) -> int | None:
    """Return the first byte's position by `Content-Range: bytes 5-9/10`."""
    match = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
    return int(match[1]) if match else None


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow a few redirects, never from https to a scheme that anyone on the way can forge."""

    max_redirections = 5

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:
        scheme = newurl.partition(":")[0].lower()
        if scheme != "https" and (scheme != "http" or req.type == "https"):
            raise urllib.error.URLError(f"redirected from {req.type} to {scheme}, refused")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_Redirects)


def _http_reason(error: urllib.error.HTTPError) -> str:
    if "infinite loop" in str(error.msg):  # urllib's words for too many redirects, too
        return "it redirects without end"
    return f"{error.code} {str(error.reason).splitlines()[0] if error.reason else ''}".strip()


def _reason(error: Exception) -> str:
    """Return an error in a few words of one line."""
    if isinstance(error, urllib.error.URLError):
        if isinstance(error.reason, Exception):
            return _reason(error.reason)
        return str(error.reason)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "no network, or no such host"
    words = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return words.splitlines()[0] if words else type(error).__name__
