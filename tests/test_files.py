"""Files are written whole or not at all, whatever stands at the target and whatever fails.

And nothing is read that has no end, or is larger than can be held.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ort_deepdream.errors import DreamError
from ort_deepdream.files import (
    PREFIX,
    SUFFIX,
    read_limited,
    replacing,
    replacing_folder,
    require_writable,
    scratch_folder,
    sweep,
    write_bytes,
    write_text,
    writing,
)

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


# --- what a killed process leaves -----------------------------------------------------------------

GROWING = """
import sys
from pathlib import Path
from ort_deepdream.files import replacing, scratch_folder
with {begun} as path:
    (path / "inner" if path.is_dir() else path).write_text("half")
    print(path, flush=True)
    sys.stdin.read()
"""
BEGUN = {
    "file": (
        "replacing(sys.argv[1] + '/a.txt')",
        lambda folder: require_writable(folder / "b.txt"),
    ),
    "folder": ("scratch_folder(Path(sys.argv[1]))", sweep),
}


@contextmanager
def growing(begun: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that fills something in `folder` until its input ends or it is killed."""
    code = GROWING.format(begun=begun)
    process = subprocess.Popen(
        [sys.executable, "-c", code, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())


@UNIX
@pytest.mark.parametrize("kind", BEGUN)
def test_what_a_killed_process_left_goes_and_what_a_living_one_fills_stays(kind, tmp_path):
    begun, next_one = BEGUN[kind]
    with growing(begun, tmp_path) as (process, path):
        next_one(tmp_path)
        assert names(tmp_path) == [path.name]
        process.kill()
        process.wait()
        assert names(tmp_path) == [path.name]
        next_one(tmp_path)
        assert names(tmp_path) == []


@UNIX
def test_a_sweep_takes_nothing_of_others(tmp_path):
    kept = [
        ".ort-deepdream-0.part",
        "ort-deepdream-0.tmp",
        ".0123456789abcdef.tmp",
        "photo.tmp",
    ]
    for name in kept:
        (tmp_path / name).touch()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    link, pipe = (tmp_path / f"{PREFIX}{name}{SUFFIX}" for name in ("link", "pipe"))
    link.symlink_to(elsewhere)
    os.mkfifo(pipe)
    sweep(tmp_path)
    sweep(tmp_path / "nowhere")
    assert names(tmp_path) == sorted([*kept, "elsewhere", link.name, pipe.name])
    assert names(elsewhere) == ["precious"]


@UNIX
def test_a_sweep_takes_nothing_of_another_user(tmp_path, monkeypatch):
    path = tmp_path / f"{PREFIX}0{SUFFIX}"
    path.touch()
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    sweep(tmp_path)
    assert path.exists()
    monkeypatch.undo()
    sweep(tmp_path)
    assert not path.exists()


@UNIX
def test_a_sweep_between_making_and_locking_costs_another_try(tmp_path, monkeypatch):
    real, swept = os.open, []

    def open_and_be_swept(path, *arguments):
        descriptor = real(path, *arguments)
        if not swept:
            swept.append(path)
            Path(path).unlink()
        return descriptor

    monkeypatch.setattr(os, "open", open_and_be_swept)
    write_text(tmp_path / "a.txt", "whole")
    assert swept
    assert (tmp_path / "a.txt").read_text() == "whole"
    assert names(tmp_path) == ["a.txt"]


def test_a_scratch_folder_is_private_and_gone_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scratch_folder() as folder:
        assert folder.parent == tmp_path
        assert os.name == "nt" or mode(folder) == 0o700
        (folder / "inner").mkdir()
    assert names(tmp_path) == []


def test_a_scratch_folder_that_is_renamed_stays(tmp_path):
    with scratch_folder(tmp_path) as folder:
        (folder / "a.txt").write_text("kept")
        folder.rename(tmp_path / "kept")
    assert names(tmp_path) == ["kept"]


@pytest.mark.parametrize("linked", [False, True])
def test_a_folder_is_replaced_whole(linked, tmp_path):
    folder = tmp_path / "site"
    (tmp_path / "real").mkdir()
    if linked:
        folder.symlink_to(tmp_path / "real")
    for name in ("old", "new"):
        with replacing_folder(folder) as made:
            (made / name).touch()
            assert name not in names(folder if folder.exists() else tmp_path)
        assert names(folder) == [name]
    assert folder.is_symlink() == linked
    assert names(tmp_path) == ["real", "site"]


@pytest.mark.parametrize("there_before", [False, True])
def test_a_folder_that_is_not_filled_to_the_end_changes_nothing(there_before, tmp_path):
    folder = tmp_path / "site"
    if there_before:
        folder.mkdir()
        (folder / "old").touch()

    def interrupted() -> None:
        with replacing_folder(folder) as made:
            (made / "new").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == (["site"] if there_before else [])
    assert not there_before or names(folder) == ["old"]


def test_a_folder_that_cannot_take_its_place_leaves_the_old_one(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "old").touch()
    with pytest.raises(FileNotFoundError), replacing_folder(folder) as made:
        made.rmdir()  # what was filled is gone
    assert names(tmp_path) == ["site"]
    assert names(folder) == ["old"]


def test_no_folder_for_temporary_files_is_one_line(monkeypatch):
    def none_usable() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in [...]")

    monkeypatch.setattr(tempfile, "gettempdir", none_usable)
    with pytest.raises(DreamError, match="set TMPDIR"), scratch_folder():
        pass


def test_a_name_that_is_too_long(tmp_path):
    path = tmp_path / ("x" * 300)
    with pytest.raises(DreamError, match="the name is too long for this disk"), writing(path):
        require_writable(path)
    assert names(tmp_path) == []


@UNIX
def test_a_link_that_leads_back_to_itself(tmp_path):
    path = tmp_path / "a.txt"
    path.symlink_to(path)
    with pytest.raises(DreamError, match="a link that leads back to itself"), writing(path):
        write_text(path, "x")
    assert names(tmp_path) == ["a.txt"]


@UNIX
def test_a_file_that_may_not_grow(tmp_path):
    """As under `ulimit -f`, whose signal Python ignores."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    path = tmp_path / "a.txt"
    try:
        with pytest.raises(DreamError, match=r"allow more \(ulimit -f\)"), writing(path):
            write_text(path, "x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(tmp_path) == []


@UNIX
def test_a_disk_that_is_full_in_earnest(tmp_path):
    small = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(tmp_path)]
    if shutil.which("mount") is None or subprocess.run(small, capture_output=True).returncode:
        pytest.skip("this user may mount nothing")
    try:
        path = tmp_path / "a.txt"
        write_text(path, "old")
        with pytest.raises(DreamError, match="the disk is full; make room"), writing(path):
            write_text(path, "x" * 100_000)
        assert names(tmp_path) == ["a.txt"]
        assert path.read_text() == "old"
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@UNIX
def test_what_reads_a_pipe_and_goes(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: path.open("rb").close())
    reader.start()
    with pytest.raises(DreamError, match="who reads it has gone"), writing(path):
        write_text(path, "x" * 1_000_000)
    reader.join()


@pytest.mark.parametrize("contained", [False, True])
def test_a_folder_of_another_user_has_its_real_name_and_what_to_do(
    contained, tmp_path, monkeypatch
):
    def forbidden(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    marker = tmp_path / "marker"
    if contained:
        marker.touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ort_deepdream.files.OF_CONTAINERS", (str(marker),))
    monkeypatch.setattr(os, "open", forbidden)
    with pytest.raises(DreamError) as caught, writing(Path("x.png")):
        write_text("x.png", "x")
    said = (
        f"x.png: the folder {tmp_path} cannot be written to (Permission denied); "
        f"choose another place (-o FILE)"
    )
    owner = ', or start the container as who owns it: --user "$(id -u):$(id -g)"'
    assert str(caught.value) == said + (owner if contained else "")


# --- reading --------------------------------------------------------------------------------------

MOST, WHAT = 1000, "a list of names"


def refused(path: Path, remedy: str = WHAT) -> str:
    with pytest.raises(DreamError) as caught:
        read_limited(path, MOST, WHAT)
    assert str(caught.value).startswith(f"{path}: ")
    assert remedy in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("count", [1, MOST])
def test_a_file_within_the_limit_is_read_whole(count, tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * count)
    (tmp_path / "link").symlink_to(path)
    assert read_limited(tmp_path / "link", MOST, WHAT) == b"x" * count


def test_what_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * (MOST + 1))
    assert "1,001 bytes are too many" in refused(path)
    os.truncate(path, 100 * 2**30)  # sparse: it takes no room on the disk
    assert "107,374,182,400 bytes are too many" in refused(path)


@UNIX
def test_what_may_never_end_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/tty")):
        assert "is a device or a pipe" in refused(path)


def test_what_is_no_file_is_told(tmp_path):
    (tmp_path / "empty").touch()
    assert "is a folder; name a list of names in it" in refused(tmp_path)
    assert "is empty" in refused(tmp_path / "empty")
    assert "there is no such file" in refused(tmp_path / "nothere")
    assert "cannot be read (" in refused(tmp_path / "empty" / "below a file")
    assert "null byte" in refused(Path("a\0b"))


@UNIX
def test_what_this_user_may_not_read_is_told(tmp_path):
    path = tmp_path / "private"
    path.write_text("x")
    path.chmod(0)
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)  # nobody: permissions do not bind root
    try:
        assert "no permission to read it" in refused(path, remedy="chmod u+r")
    finally:
        os.seteuid(before)
