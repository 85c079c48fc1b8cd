"""Files are written whole or not at all, whatever stands at the target and whatever fails."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ort_deepdream.files import replacing, require_writable, write_bytes, write_text

UNIX = pytest.mark.skipif(os.name == "nt", reason="permissions and devices of Unix")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_and_one_that_was_there(tmp_path):
    path = tmp_path / "a.txt"
    write_bytes(path, b"first\r\n")
    assert path.read_bytes() == b"first\r\n"
    write_text(str(path), "zweitens: äöü\n")
    assert path.read_bytes() == "zweitens: äöü\n".encode()
    assert names(tmp_path) == ["a.txt"]


def test_it_grows_beside_its_target_which_is_whole_meanwhile(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("half of the n")
        assert temporary.parent == path.parent
        assert path.read_text() == "old"
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("there_before", [True, False])
@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()], ids=repr)
def test_what_fails_leaves_everything_as_it_was(failure, there_before, tmp_path):
    path = tmp_path / "a.txt"
    if there_before:
        path.write_text("old")

    def write() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise failure

    with pytest.raises(type(failure)):
        write()
    assert names(tmp_path) == ["a.txt"] * there_before
    assert not there_before or path.read_text() == "old"


@UNIX
def test_a_disk_that_is_full_for_once_really(tmp_path):
    """A limit on the size of files stands for the disk's end."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    code = (
        "import resource, sys\n"
        "from ort_deepdream.files import write_bytes\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    write_bytes(sys.argv[1], bytes(5000))\n"
        "except OSError as error:\n"
        "    print(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"{errno.EFBIG}\n", "")
    assert names(tmp_path) == ["a.bin"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("write", [require_writable, lambda path: write_bytes(path, b"")])
def test_what_cannot_be_written(write, tmp_path):
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "no" / "a.txt")
    with pytest.raises(IsADirectoryError):
        write(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        write(tmp_path / "file" / "a.txt")
    assert names(tmp_path) == ["file"]


def test_asking_leaves_no_trace(tmp_path):
    require_writable(tmp_path / "a.txt")
    assert names(tmp_path) == []
    (tmp_path / "a.txt").write_text("old")
    require_writable(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_protected_file_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write to any
    with pytest.raises(PermissionError, match="write-protected"):
        write_text(path, "new")
    assert path.read_text() == "old"


# --- permissions and links ------------------------------------------------------------------------


@UNIX
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_permissions_of_any_new_file(umask, tmp_path):
    before = os.umask(umask)
    try:
        write_text(tmp_path / "a.txt", "")
    finally:
        os.umask(before)
    assert mode(tmp_path / "a.txt") == 0o666 & ~umask


@UNIX
@pytest.mark.parametrize("kept", [0o600, 0o640, 0o666, 0o755])
def test_an_existing_file_keeps_its_permissions(kept, tmp_path):
    path = tmp_path / "a.txt"
    path.touch()
    path.chmod(kept)
    with replacing(path) as temporary:
        assert mode(temporary) & ~kept == 0  # never open to more than the file is
    assert mode(path) == kept


@UNIX
@pytest.mark.parametrize("there_before", [True, False])
def test_a_link_stays_a_link(there_before, tmp_path):
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "b.txt", tmp_path / "a.txt"
    if there_before:
        target.write_text("old")
        target.chmod(0o640)
    link.symlink_to(Path("real", "b.txt"))
    write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert not there_before or mode(target) == 0o640
    assert names(tmp_path / "real") == ["b.txt"]


# --- what is not a regular file -------------------------------------------------------------------


@UNIX
def test_a_device_is_written_to_and_stays_one(tmp_path):
    write_text(os.devnull, "gone")
    require_writable(os.devnull)
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    link = tmp_path / "link"
    link.symlink_to(os.devnull)
    write_text(link, "gone")
    assert link.is_symlink()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_device_that_is_full():
    with pytest.raises(OSError, match="No space left") as caught:
        write_text("/dev/full", "more")
    assert caught.value.errno == errno.ENOSPC


@UNIX
def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(path.read_text()))
    reader.start()
    write_text(path, "through\n" * 50_000)  # more than a pipe holds
    reader.join(timeout=10)
    assert read == ["through\n" * 50_000]
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert names(tmp_path) == ["pipe"]


STDOUT = "from ort_deepdream.files import write_text\nwrite_text('/dev/stdout', 'second\\n')"


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="no /dev/stdout here")
def test_standard_output_is_written_to_whatever_it_is(tmp_path):
    piped = subprocess.run([sys.executable, "-c", STDOUT], capture_output=True, text=True)
    assert (piped.stdout, piped.stderr) == ("second\n", "")
    path = tmp_path / "out.txt"
    path.write_text("first\n")
    with path.open("a") as appended:
        subprocess.run([sys.executable, "-c", STDOUT], stdout=appended, check=True)
    assert path.read_text() == "first\nsecond\n"
    assert names(tmp_path) == ["out.txt"]
