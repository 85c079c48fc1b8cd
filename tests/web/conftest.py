"""The page's functions in Node, and the page as it is built; skipped where those are not here."""

from __future__ import annotations

import base64
import functools
import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ort_deepdream.errors import DreamError
from ort_deepdream.web.runtime import fetch_runtime
from ort_deepdream.web.site import build


class JavaScript:
    """Asks tests/web/answer.mjs, which is a process that goes on."""

    def __init__(self, node: str) -> None:
        self.process = subprocess.Popen(
            [node, Path(__file__).with_name("answer.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, name: str, *given: object) -> Any:
        """Return what the page's function of this name answers."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"ask": name, "given": encoded(given)}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def encoded(value: object) -> object:
    """Bring a value into JSON as answer.mjs reads it."""
    if isinstance(value, np.ndarray):
        return {str(value.dtype): base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()}
    if isinstance(value, tuple | list):
        return [encoded(one) for one in value]
    if isinstance(value, dict):
        return {name: encoded(one) for name, one in value.items()}
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53:
        return {"big": str(value)}
    return value


@pytest.fixture(scope="session")
def javascript() -> Iterator[JavaScript]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node here: apt-get install nodejs")
    started = JavaScript(node)
    yield started
    started.close()


@pytest.fixture(scope="session")
def runtime() -> Path:
    """The folder of ONNX Runtime Web, from the cache or from its package."""
    try:
        return fetch_runtime()
    except DreamError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def site(runtime: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server's folder, with the page below `page/`."""
    folder = tmp_path_factory.mktemp("site")
    build(folder / "page", runtime)
    return folder


class StaticHandler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and sends no header of ours."""

    server: Host

    def log_message(self, *arguments: object) -> None:
        self.server.requests.append(self.path)


class Host(http.server.ThreadingHTTPServer):
    """Any host of files: `requests` are the paths that it was asked for; it may be `down`."""

    def __init__(self, folder: Path) -> None:
        self.requests: list[str] = []
        self.down = False
        super().__init__(("127.0.0.1", 0), functools.partial(StaticHandler, directory=str(folder)))

    def verify_request(self, request: object, client_address: object) -> bool:
        return not self.down

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/page/"


@contextmanager
def hosting(folder: Path) -> Iterator[Host]:
    """Serve a folder for a while."""
    with Host(folder) as started:
        threading.Thread(target=started.serve_forever, daemon=True).start()
        yield started
        started.shutdown()


@pytest.fixture(scope="session")
def host(site: Path) -> Iterator[Host]:
    with hosting(site) as started:
        yield started


@pytest.fixture
def own_host(tmp_path: Path) -> Iterator[Host]:
    """A host of the empty folder `host`."""
    (tmp_path / "host").mkdir()
    with hosting(tmp_path / "host") as started:
        yield started
