"""Downloads from a server on this machine that does everything wrong that a server can."""

from __future__ import annotations

import hashlib
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from ort_deepdream.errors import DreamError
from ort_deepdream.weights.catalogue import (
    CACHE_VARIABLE,
    Entry,
    Folder,
    catalogue_rows,
    find,
    location,
)
from ort_deepdream.weights.download import _OPENER, _Redirects, fetch

CONTENT = np.random.default_rng(0).bytes(400_000)
LAYERS = {
    "conv1/7x7_s2_bias.bin": CONTENT[:256],
    "conv1/7x7_s2_filter.bin": CONTENT[256:40_000],
    "inception_3a/1x1_bias.bin": CONTENT[40_000:40_256],
    "inception_3a/1x1_filter.bin": CONTENT[40_256:90_000],
}
SPOILT = "inception_3a/1x1_bias.bin"
SHORT = 0.3  # seconds: the time-out of these tests


class Server(ThreadingHTTPServer):
    """`requests` lists what came: the path and the first byte asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, int]] = []
        self.finished = threading.Event()  # lets the stalling answers end

    def url(self, behaviour: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{behaviour}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of these tests."""


class Handler(BaseHTTPRequestHandler):
    """`GET /BEHAVIOUR` calls the method of that name with the first byte asked for."""

    server: Server

    def do_GET(self) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        self.server.requests.append((self.path, start))
        behaviour, _, argument = self.path.strip("/").partition("/")
        if behaviour == "layers":
            self.layers(*argument.split("/", 1), start)
        elif behaviour.isdecimal():
            self.send_error(int(behaviour))
        elif argument:
            getattr(self, behaviour)(int(argument))
        else:
            getattr(self, behaviour)(start)

    def log_message(self, *arguments: object) -> None:
        pass

    def layers(self, behaviour: str, name: str, start: int) -> None:
        """A folder of files, one of which (`SPOILT`) is as `behaviour` says."""
        content = LAYERS[name]
        if name == SPOILT and behaviour == "lacks":
            self.send_error(404)
            return
        if name == SPOILT and behaviour == "corrupts":
            content = b"?" + content[1:]
        rest = content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if behaviour == "nothing":
            return
        halved = name == SPOILT and behaviour == "halves"
        self.wfile.write(rest[: len(rest) // 2] if halved else rest)

    def head(self, start: int, length: int | None = None) -> None:
        """Announce the content from `start`, or `length` bytes of it."""
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(CONTENT) - start if length is None else length))
        self.end_headers()

    def good(self, start: int) -> None:
        self.head(start)
        self.wfile.write(CONTENT[start:])

    def slow(self, start: int) -> None:
        self.head(start)
        for position in range(start, len(CONTENT), 100_000):
            self.server.finished.wait(0.2)
            self.wfile.write(CONTENT[position : position + 100_000])

    def nothing(self, start: int) -> None:
        self.head(start)

    def truncates(self, start: int) -> None:
        """Half of what is missing, every time."""
        self.head(start)
        self.wfile.write(CONTENT[start : (start + len(CONTENT)) // 2])

    def truncates_once(self, start: int) -> None:
        (self.good if start else self.truncates)(start)

    def truncates_without_ranges(self, start: int) -> None:
        self.truncates(0)

    def corrupts(self, start: int) -> None:
        self.head(start)
        self.wfile.write(bytes([CONTENT[start] ^ 1]) + CONTENT[start + 1 :])

    def another_file(self, start: int) -> None:
        self.head(0, length=17)
        self.wfile.write(b"<html>Log in</htm")

    def stalls(self, start: int) -> None:
        self.head(start)
        self.wfile.write(CONTENT[start : start + 1000])
        self.server.finished.wait()

    def silent(self, start: int) -> None:
        self.server.finished.wait()

    def closes(self, start: int) -> None:
        self.close_connection = True

    def ignores_ranges(self, start: int) -> None:
        self.good(0)

    def another_range(self, start: int) -> None:
        self.head(start + 1)
        self.wfile.write(CONTENT[start + 1 :])

    def unannounced(self, start: int) -> None:
        """No Content-Length: the end of the connection is the end."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(CONTENT)

    def unannounced_half(self, start: int) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(CONTENT[:1000])

    def endless(self, start: int) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.server.finished.is_set():
            self.wfile.write(CONTENT)

    def redirect(self, to: str) -> None:
        self.send_response(302)
        self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def redirects(self, start: int) -> None:
        self.redirect("/good")

    def loops(self, start: int) -> None:
        self.redirect("/loops")

    def hops(self, left: int) -> None:
        self.redirect(f"/hops/{left - 1}" if left > 1 else "/good")

    def to_a_file(self, start: int) -> None:
        self.redirect("file:///etc/hostname")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.finished.set()
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache" / "inner"
    monkeypatch.setenv(CACHE_VARIABLE, str(folder))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return folder


def entry(
    *urls: str, sha256: str = hashlib.sha256(CONTENT).hexdigest(), tolerance: int = 0
) -> Entry:
    return Entry(
        name="ours",
        architecture="bvlc",
        file_name="ours.onnx",
        source="a test",
        licence="none",
        urls=urls,
        size=len(CONTENT),
        size_tolerance=tolerance,
        sha256=sha256,
    )


def leave_part(content: bytes, cache: Path) -> Path:
    cache.mkdir(parents=True)
    part = cache / "ours.onnx.part"
    part.write_bytes(content)
    return part


def failure(wanted: Entry) -> str:
    with pytest.raises(DreamError) as caught:
        fetch(wanted, timeout=SHORT)
    message = str(caught.value)
    assert "\n" not in message
    return message


# --- What works -------------------------------------------------------------------------------


def test_a_download(server: Server, cache: Path) -> None:
    steps: list[tuple[int, int | None]] = []
    path = fetch(entry(server.url("good")), lambda done, total: steps.append((done, total)))
    assert path == cache / "ours.onnx"
    assert path.read_bytes() == CONTENT
    assert steps[0] == (0, len(CONTENT))
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert steps == sorted(steps)
    assert not (cache / "ours.onnx.part").exists()

    fetch(entry(server.url("good")))  # it is there now
    assert server.requests == [("/good", 0)]


@pytest.mark.parametrize("behaviour", ["redirects", "hops/5", "unannounced"])
def test_other_ways_that_lead_there(behaviour: str, server: Server) -> None:
    assert fetch(entry(server.url(behaviour)), timeout=SHORT).read_bytes() == CONTENT


def test_a_broken_off_download_goes_on_where_it_ended(server: Server) -> None:
    assert fetch(entry(server.url("truncates_once"))).read_bytes() == CONTENT
    assert server.requests == [("/truncates_once", 0), ("/truncates_once", len(CONTENT) // 2)]


def test_an_interrupted_download_goes_on_at_the_next_call(server: Server, cache: Path) -> None:
    def interrupt(done: int, total: int | None) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(entry(server.url("slow")), interrupt)
    kept = (cache / "ours.onnx.part").stat().st_size
    assert kept > 0

    steps: list[int] = []
    path = fetch(entry(server.url("good")), lambda done, total: steps.append(done))
    assert path.read_bytes() == CONTENT
    assert server.requests[-1] == ("/good", kept)
    assert steps[0] == kept


def test_a_server_that_ignores_ranges(server: Server, cache: Path) -> None:
    leave_part(CONTENT[:1234], cache)
    assert fetch(entry(server.url("ignores_ranges"))).read_bytes() == CONTENT
    assert server.requests == [("/ignores_ranges", 1234)]


def test_a_part_that_was_wrong_is_fetched_again_from_its_beginning(
    server: Server, cache: Path
) -> None:
    leave_part(b"x" * 1234, cache)
    assert fetch(entry(server.url("good"))).read_bytes() == CONTENT
    assert server.requests == [("/good", 1234), ("/good", 0)]


@pytest.mark.parametrize("tolerance", [0, 10_000])
def test_a_part_that_was_complete(tolerance: int, server: Server, cache: Path) -> None:
    leave_part(CONTENT, cache)
    assert fetch(entry(server.url("good"), tolerance=tolerance)).read_bytes() == CONTENT
    # With an exact size there is nothing to ask; else the server answers 416.
    assert server.requests == ([("/good", len(CONTENT))] if tolerance else [])


def test_a_part_that_is_too_long(server: Server, cache: Path) -> None:
    leave_part(CONTENT + b"x", cache)
    assert fetch(entry(server.url("good"))).read_bytes() == CONTENT


def test_mirrors_are_tried_in_order(server: Server) -> None:
    urls = [server.url(b) for b in ("404", "corrupts", "truncates", "good", "500")]
    assert fetch(entry(*urls)).read_bytes() == CONTENT
    paths = list(dict.fromkeys(path for path, _ in server.requests))
    assert paths == ["/404", "/corrupts", "/truncates", "/good"]
    assert server.requests[-1][1] > 0  # what the truncating mirror gave is used


def test_a_log_in_page_does_not_cost_the_part_that_is_there(server: Server, cache: Path) -> None:
    leave_part(CONTENT[:1234], cache)
    fetch(entry(server.url("another_file"), server.url("good")))
    assert server.requests[-1] == ("/good", 1234)


def test_only_the_beginning_of_the_sum_is_known(server: Server) -> None:
    known = hashlib.sha256(CONTENT).hexdigest()[:8]
    assert fetch(entry(server.url("good"), sha256=known)).read_bytes() == CONTENT


# --- What does not ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("404", "404 Not Found"),
        ("500", "500 Internal Server Error"),
        ("closes", "Remote end closed connection without response"),
        ("truncates", "broke off after 375,000 bytes ("),
        ("truncates_without_ranges", "broke off after 200,000 bytes"),
        ("unannounced_half", "broke off after 1,000 bytes"),
        ("corrupts", "its sha256 is "),
        ("another_file", "it has 17 bytes, expected 400,000"),
        ("endless", "it has more than the expected 400,000 bytes"),
        ("silent", "no answer in time"),
        ("stalls", "broke off after 4,000 bytes: no answer in time ("),
        ("loops", "it redirects without end"),
        ("hops/6", "it redirects without end"),
        ("to_a_file", "302"),
    ],
)
def test_a_server_at_fault(behaviour: str, reason: str, server: Server, cache: Path) -> None:
    url = server.url(behaviour)
    began = time.monotonic()
    message = failure(entry(url))
    assert time.monotonic() - began < 4.5  # the time-out is ours, not the default
    assert f"could not be downloaded: {reason}" in message
    assert f"({url}); try again" in message
    assert f"put it by hand at {cache / 'ours.onnx'}; or name a file of your own" in message
    assert not (cache / "ours.onnx").exists()


def test_a_range_that_was_not_asked_for(server: Server, cache: Path) -> None:
    leave_part(CONTENT[:1234], cache)
    assert "another range" in failure(entry(server.url("another_range")))


def test_every_mirrors_reason_is_told(server: Server) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        refusing = f"http://127.0.0.1:{unused.getsockname()[1]}/x"
        message = failure(entry(refusing, server.url("404"), "nonsense"))
    assert f"Connection refused ({refusing}); " in message
    assert f"404 Not Found ({server.url('404')}); " in message
    assert "unknown url type: 'nonsense' (nonsense); try again" in message
    assert f"put {refusing} by hand at " in message


def test_a_reason_is_told_once_however_many_addresses_have_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a network, all have the same one; the named weights have seven addresses."""

    def nowhere(*arguments: object, **options: object) -> None:
        raise urllib.error.URLError(socket.gaierror(socket.EAI_NONAME, "not known"))

    monkeypatch.setattr(_OPENER, "open", nowhere)
    why = "could not be downloaded: no network, or no such host"
    two = failure(entry("https://a.example/x", "https://b.example/x"))
    assert f"{why} (a.example, b.example); try again with a network" in two
    seven = failure(find("bvlc"))
    assert f"{why} (7 addresses, from huggingface.co to chaosmail.github.io); try" in seven
    assert len(seven) < 300 + 2 * len(str(location(find("bvlc"))))


def test_no_redirect_from_https_to_http() -> None:
    handler = _Redirects()

    def follow(start: str, to: str) -> urllib.request.Request | None:
        request = urllib.request.Request(start)
        return handler.redirect_request(request, None, 302, "Found", Message(), to)  # type: ignore[arg-type]

    with pytest.raises(urllib.error.URLError, match="redirected from https to http, refused"):
        follow("https://a.example/x", "http://b.example/x")
    assert follow("https://a.example/x", "https://b.example/x") is not None
    assert follow("http://a.example/x", "https://b.example/x") is not None


# --- A folder of files ------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path: Path) -> Path:
    lines = ["file\tbytes\tsha256"]
    for name, content in LAYERS.items():
        lines.append(f"{name}\t{len(content)}\t{hashlib.sha256(content).hexdigest()}")
    path = tmp_path / "table.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


def with_folder(table: Path, *bases: str, urls: tuple[str, ...] = ("nonsense",)) -> Entry:
    return replace(entry(*urls), folder=Folder("ours_layers", tuple(f"{b}/" for b in bases), table))


def assert_whole(folder: Path) -> None:
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert found == LAYERS
    assert not folder.with_name(f"{folder.name}.part").exists()


def test_a_folder_where_no_mirror_has_the_file(server: Server, cache: Path, table: Path) -> None:
    wanted = with_folder(table, server.url("layers/good"), urls=(server.url("truncates"),))
    assert not catalogue_rows((wanted,))[0].present
    steps: list[tuple[int, int | None]] = []
    path = fetch(wanted, lambda done, total: steps.append((done, total)), timeout=SHORT)
    assert path == location(wanted) == cache / "ours_layers"
    assert_whole(path)
    assert sorted(p.name for p in cache.iterdir()) == ["ours.onnx.lock", "ours_layers"]
    of_folder = [done for done, total in steps if total == 90_000]
    assert of_folder == sorted(of_folder)
    assert (of_folder[0], of_folder[-1]) == (0, 90_000)
    [row] = catalogue_rows((wanted,))
    assert (row.present, row.size, row.path) == (True, 90_000, path)

    asked = len(server.requests)
    assert fetch(wanted) == path
    assert len(server.requests) == asked


def test_the_file_comes_before_the_folder(server: Server, cache: Path, table: Path) -> None:
    wanted = with_folder(table, server.url("layers/good"), urls=(server.url("good"),))
    assert fetch(wanted) == cache / "ours.onnx"
    assert server.requests == [("/good", 0)]


@pytest.mark.parametrize("behaviour", ["corrupts", "lacks", "halves"])
def test_another_mirror_takes_over(
    behaviour: str, server: Server, cache: Path, table: Path
) -> None:
    bases = server.url("404/layers"), server.url(f"layers/{behaviour}"), server.url("layers/good")
    assert_whole(fetch(with_folder(table, *bases), timeout=SHORT))
    first = [path.split("/")[1:3] for path, _ in server.requests]
    assert first.count(["404", "layers"]) == 1  # the other files do not ask it again
    assert first[-1] == ["layers", "good"]


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("corrupts", "its sha256 is "),
        ("lacks", "404 Not Found"),
        ("halves", "broke off after "),
    ],
)
def test_a_file_that_no_mirror_has(
    behaviour: str, reason: str, server: Server, cache: Path, table: Path
) -> None:
    base = server.url(f"layers/{behaviour}")
    wanted = with_folder(table, base)
    message = failure(wanted)
    assert f"unknown url type: 'nonsense' (nonsense); {reason}" in message
    assert f"({base}/{SPOILT}); try again" in message
    assert f"put nonsense by hand at {cache / 'ours.onnx'}" in message
    assert not (cache / "ours_layers").exists()
    assert all(part.stat().st_size for part in cache.rglob("*.part"))
    assert not catalogue_rows((wanted,))[0].present

    # What came is kept; the next time goes on with what is missing.
    before = len(server.requests)
    assert_whole(fetch(with_folder(table, server.url("layers/good")), timeout=SHORT))
    names = [path.removeprefix("/layers/good/") for path, _ in server.requests[before:]]
    assert names == [SPOILT, "inception_3a/1x1_filter.bin"]


def test_where_nothing_came_nothing_is_left(server: Server, cache: Path, table: Path) -> None:
    """Neither of a mirror that lacks the files, nor of one that breaks off at once."""
    for url, base in (("404", "404"), ("nothing", "layers/nothing")):
        failure(with_folder(table, server.url(base), urls=(server.url(url),)))
        assert [path.name for path in cache.iterdir()] == ["ours.onnx.lock"]


def test_an_interrupted_folder_goes_on(server: Server, cache: Path, table: Path) -> None:
    wanted = with_folder(table, server.url("layers/good"))

    def interrupt(done: int, total: int | None) -> None:
        if done > 256:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(wanted, interrupt)
    growing = cache / "ours_layers.part"
    assert (growing / "conv1/7x7_s2_bias.bin").read_bytes() == CONTENT[:256]
    # Cut the second file's beginning short, and spoil what is already there.
    part = growing / "conv1/7x7_s2_filter.bin.part"
    part.write_bytes(CONTENT[256:1256])
    (growing / "conv1/7x7_s2_bias.bin").write_bytes(b"?" * 256)
    before = len(server.requests)
    assert_whole(fetch(wanted))
    assert server.requests[before : before + 2] == [
        ("/layers/good/conv1/7x7_s2_bias.bin", 0),
        ("/layers/good/conv1/7x7_s2_filter.bin", 1000),
    ]


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda path: path.unlink(), "it is missing"),
        (lambda path: path.write_bytes(b""), "it has 0 bytes, expected 256"),
        (lambda path: path.write_bytes(b"?" * 256), "its sha256 is "),
    ],
    ids=["missing", "empty", "other"],
)
def test_a_folder_that_was_spoilt(
    spoil: Callable[[Path], object], problem: str, server: Server, cache: Path, table: Path
) -> None:
    wanted = with_folder(table, server.url("layers/good"))
    folder = fetch(wanted)
    spoil(folder / SPOILT)
    message = failure(wanted)
    assert message.startswith(f"{folder} is not the folder of 'ours' ({SPOILT}: {problem}")
    assert message.endswith("delete it")


# --- The cache --------------------------------------------------------------------------------


def test_a_good_file_put_there_by_hand(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "ours.onnx").write_bytes(CONTENT)
    assert fetch(entry("http://127.0.0.1:9/unused")) == cache / "ours.onnx"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (CONTENT[:-1], "it has 399,999 bytes, expected 400,000"),
        (CONTENT[:-1] + b"?", "its sha256 is "),
    ],
)
def test_a_bad_file_put_there_by_hand(
    content: bytes, problem: str, server: Server, cache: Path
) -> None:
    cache.mkdir(parents=True)
    path = cache / "ours.onnx"
    path.write_bytes(content)
    message = failure(entry(server.url("good")))
    assert message.startswith(f"{path} is not the file of 'ours' ({problem}")
    assert message.endswith("delete it")
    assert path.read_bytes() == content  # it is the user's
    assert server.requests == []


def test_a_cache_that_cannot_be_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    assert f"the cache {tmp_path}/file/cache cannot be used: Not a directory" in failure(
        entry("http://127.0.0.1:9/unused")
    )


def test_no_room_for_the_file(server: Server, cache: Path) -> None:
    resource = pytest.importorskip("resource")  # not on Windows
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        # One reason, not one for each mirror: the fault is here.
        message = failure(entry(server.url("good"), server.url("good")))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert message == f"the cache {cache} cannot be used: File too large"


FETCH = """
import sys
from ort_deepdream.weights.catalogue import Entry
from ort_deepdream.weights.download import fetch
name, url, size, sha256 = sys.argv[1:]
print(fetch(Entry("ours", "bvlc", name, "", "", urls=(url,), size=int(size), sha256=sha256)))
"""


def start_fetching(url: str) -> subprocess.Popen[str]:
    arguments = ["ours.onnx", url, str(len(CONTENT)), hashlib.sha256(CONTENT).hexdigest()]
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_at_once(server: Server, cache: Path) -> None:
    processes = [start_fetching(server.url("slow")) for _ in range(2)]
    for process in processes:
        output, _ = process.communicate(timeout=20)
        assert process.returncode == 0
        assert output.strip() == str(cache / "ours.onnx")
    assert (cache / "ours.onnx").read_bytes() == CONTENT
    assert server.requests == [("/slow", 0)]


def test_waiting_for_another_process_ends(server: Server, cache: Path) -> None:
    held = threading.Event()
    release = threading.Event()

    def hold(done: int, total: int | None) -> None:
        held.set()
        release.wait(10)

    wanted = entry(server.url("good"))
    other = threading.Thread(target=lambda: fetch(wanted, hold))
    other.start()
    held.wait(10)
    with pytest.raises(DreamError, match=r"another process .* ours\.onnx\.lock"):
        fetch(wanted, lock_timeout=0.1)
    release.set()
    other.join()
    assert location(wanted).read_bytes() == CONTENT
