"""ONNX Runtime Web is fetched whole and right, from its archive or file by file, or not at all."""

from __future__ import annotations

import functools
import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ort_deepdream.errors import DreamError
from ort_deepdream.web.runtime import (
    INSIDE,
    RUNTIME,
    VERSION,
    WASM,
    WEBGPU,
    fetch_runtime,
)
from ort_deepdream.weights.catalogue import CACHE_VARIABLE, Entry

PROGRAM = WASM.program
FILES = {
    name: content
    for files in (WASM, WEBGPU)
    for name, content in (
        (files.module, b"module"),
        (files.loader, b"loader" * 1000),
        (files.program, b"\0asm" * 50_000),
    )
}


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def server(tmp_path) -> Iterator[str]:
    """A registry with the archive, and a mirror with its files."""
    served = tmp_path / "served"
    (served / "dist").mkdir(parents=True)
    for name, content in FILES.items():
        (served / "dist" / name).write_bytes(content)
    (served / "archive.tgz").write_bytes(archive(FILES))
    handler = functools.partial(QuietHandler, directory=str(served))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as started:
        threading.Thread(target=started.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{started.server_port}"
        started.shutdown()


def archive(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as made:
        for name, content in {**files, "ort.other.js": b"not wanted"}.items():
            entry = tarfile.TarInfo(f"{INSIDE}/{name}")
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def entry(server, tmp_path) -> Entry:
    """The real entry, but for where its files are and what they hold."""
    content = (tmp_path / "served" / "archive.tgz").read_bytes()
    rows = [
        f"{name}\t{len(data)}\t{hashlib.sha256(data).hexdigest()}" for name, data in FILES.items()
    ]
    table = tmp_path / "table.tsv"
    table.write_text("\n".join(["file\tbytes\tsha256", *rows]) + "\n")
    return replace(
        RUNTIME,
        urls=(f"{server}/archive.tgz",),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        folder=replace(RUNTIME.folder, bases=(f"{server}/dist/",), table=table),
    )


def assert_whole(folder: Path, cache: Path) -> None:
    assert folder == cache / RUNTIME.folder.name
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
    assert not list(cache.glob("*.tgz"))  # 33 MB that nobody needs again


def test_it_comes_out_of_its_archive_and_is_then_here(entry, cache, tmp_path):
    assert_whole(fetch_runtime(entry=entry), cache)
    (tmp_path / "served" / "archive.tgz").unlink()
    assert_whole(fetch_runtime(entry=entry), cache)


def test_a_registry_that_is_out_is_made_up_for_by_a_mirror(entry, cache, tmp_path):
    (tmp_path / "served" / "archive.tgz").unlink()
    assert_whole(fetch_runtime(entry=entry), cache)


def test_an_archive_with_other_files_in_it_is_refused(entry, cache, tmp_path):
    content = archive({**FILES, PROGRAM: b"something else"})
    (tmp_path / "served" / "archive.tgz").write_bytes(content)
    known = replace(entry, size=len(content), sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(DreamError, match=f"{PROGRAM}: it has 14 bytes, expected 200,000"):
        fetch_runtime(entry=known)


def test_what_no_mirror_has_is_an_error_that_says_where_to_put_it(entry, cache):
    gone = replace(entry, urls=("http://127.0.0.1:9/a",), folder=replace(entry.folder, bases=()))
    with pytest.raises(DreamError) as error:
        fetch_runtime(entry=gone)
    message = str(error.value)
    assert message.startswith(f"the program 'onnxruntime-web-{VERSION}' could not be downloaded: ")
    assert message.endswith(f"by hand at {cache / RUNTIME.file_name}")


def test_the_archive_put_there_by_hand_is_unpacked(entry, cache):
    cache.mkdir()
    (cache / RUNTIME.file_name).write_bytes(archive(FILES))
    content = (cache / RUNTIME.file_name).read_bytes()
    known = replace(entry, urls=("http://127.0.0.1:9/a",), size=len(content))
    known = replace(known, sha256=hashlib.sha256(content).hexdigest())
    assert_whole(fetch_runtime(entry=known), cache)


def test_its_mirrors_are_public_ones():
    assert RUNTIME.urls[0].startswith("https://registry.npmjs.org/onnxruntime-web/-/")
    assert len(RUNTIME.folder.bases) == 2
    assert all(base.startswith("https://") for base in RUNTIME.folder.bases)
    names = {piece.name for piece in RUNTIME.folder.pieces()}
    assert names == set(FILES)


def test_the_real_one_is_right(runtime):
    assert {path.name for path in runtime.iterdir()} == set(FILES)
    assert f"ONNX Runtime Web v{VERSION}" in (runtime / WASM.module).read_text("utf-8")[:100]
