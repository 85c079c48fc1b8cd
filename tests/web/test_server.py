"""`dream web` answers this machine, with its own files, and nobody and nothing else."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from ort_deepdream.errors import DreamError
from ort_deepdream.web.runtime import WASM
from ort_deepdream.web.server import HOST, Server
from ort_deepdream.web.site import policy, site_files


@pytest.fixture(scope="module")
def server(runtime) -> Iterator[Server]:
    with Server(site_files(runtime, offline=False)) as started:
        threading.Thread(target=started.serve_forever, daemon=True).start()
        yield started
        started.shutdown()


def ask(server: Server, path: str, method: str = "GET", host: str | None = None):
    """Ask for exactly this path, which no client tidies up."""
    with closing(http.client.HTTPConnection(HOST, server.server_port)) as connection:
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", host or f"{HOST}:{server.server_port}")
        connection.endheaders()
        response = connection.getresponse()
        return response, response.read()


@pytest.mark.parametrize("path", ["/", "/index.html", "/?memory=100"])
def test_the_page_comes_with_both_isolation_headers_and_its_policy(server, path):
    response, content = ask(server, path)
    assert response.status == 200
    assert b"Dream a photograph" in content
    assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert response.headers["Content-Security-Policy"] == policy()
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"


def test_every_file_is_served_whole_as_what_it_is(server):
    kinds = {"css": "text/css", "mjs": "text/javascript", "wasm": "application/wasm"}
    for path, content in server.files.items():
        response, found = ask(server, f"/{path}")
        assert found == (content if isinstance(content, bytes) else content.read()), path
        kind = response.headers.get_content_type()
        assert kind == kinds.get(path.rpartition(".")[2], kind)
        assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_head_tells_the_length_and_sends_nothing(server):
    response, content = ask(server, "/page.mjs", "HEAD")
    assert content == b""
    assert int(response.headers["Content-Length"]) == len(ask(server, "/page.mjs")[1])


@pytest.mark.parametrize(
    "path",
    [
        "/../pyproject.toml",
        "/../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/etc/passwd",
        "/onnxruntime/../../../etc/passwd",
        "/onnxruntime/..\\..\\pyproject.toml",
        "/models/",
        "/models",
        "/page.mjs%00",
        "/__init__.py",
        "/../site.py",
        "http://127.0.0.1/../site.py",
        "/.",
        "*",
    ],
)
def test_what_is_no_file_of_the_page_is_not_there(server, path):
    response, content = ask(server, path)
    assert response.status == 404
    assert b"root:" not in content
    assert response.headers["Content-Security-Policy"] == policy()


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1"])
def test_another_hosts_name_for_this_machine_gets_nothing(server, host):
    response, content = ask(server, "/", host=host)
    assert response.status == 421
    assert b"Dream a photograph" not in content


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_can_be_sent_to_it(server, method):
    assert ask(server, "/", method)[0].status == 501


def test_only_this_machine_can_reach_it(server):
    assert server.socket.getsockname()[0] == "127.0.0.1"


def test_a_port_that_is_taken_or_none_is_said_so():
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DreamError, match=f"port {port} cannot be used .another program has it"):
            Server({}, port)
    with pytest.raises(DreamError, match="port must be 0 to 65535, not 70000"):
        Server({}, 70_000)


def test_a_browser_that_hangs_up_is_nothing_to_report(server, capfd):
    with socket.create_connection((HOST, server.server_port)) as connection:
        host = f"{HOST}:{server.server_port}"
        request = f"GET /onnxruntime/{WASM.program} HTTP/1.1\r\nHost: {host}\r\n\r\n"
        connection.sendall(request.encode())
        connection.recv(10)
        # Closed with bytes unread, a connection is reset.
    assert ask(server, "/")[0].status == 200
    time.sleep(0.5)
    assert capfd.readouterr().err == ""


# --- The command ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent otherwise there")
def test_the_command_serves_until_it_is_interrupted(runtime, tmp_path):
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    started = subprocess.Popen(
        [sys.executable, "-m", "ort_deepdream", "web"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "BROWSER": str(browser),
            "ORT_DEEPDREAM_CACHE": str(runtime.parent),
            "PYTHONUNBUFFERED": "1",
        },
    )
    assert started.stdout is not None
    address, _, rest = started.stdout.readline().partition(": ")
    assert rest == "the page is there until Ctrl-C\n"
    port = int(address.removeprefix("http://127.0.0.1:").removesuffix("/"))
    with closing(http.client.HTTPConnection(HOST, port)) as connection:
        connection.request("GET", "/release.js")
        assert b'"offline": false' in connection.getresponse().read()
    started.send_signal(signal.SIGINT)
    _, errors = started.communicate(timeout=20)
    assert (started.returncode, errors) == (0, "")
    assert (tmp_path / "opened").read_text() == address
