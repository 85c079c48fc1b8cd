"""A server of the page for this machine alone.

It listens on 127.0.0.1, knows its files by name and nothing else of the disk, and answers no
request that was meant for another host's name.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from ort_deepdream.errors import DreamError
from ort_deepdream.web.site import Part, policy

HOST = "127.0.0.1"
INDEX = "index.html"

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
}
OTHER_TYPE = "application/octet-stream"

ISOLATION = {  # both are needed for threads in WebAssembly
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
CARE = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Server(ThreadingHTTPServer):
    """Serve `files`, by their paths, at `address`. `port` 0 takes a free one.

    Raise DreamError when the port is taken.
    """

    daemon_threads = True

    def __init__(self, files: Mapping[str, bytes | Part], port: int = 0) -> None:
        self.files = files
        self.headers = {**ISOLATION, **CARE, "Content-Security-Policy": policy()}
        try:
            super().__init__((HOST, port), Handler)
        except OverflowError:
            raise DreamError(f"port must be 0 to 65535, not {port}") from None
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            reason = "another program has it" if taken else str(error.strerror)
            raise DreamError(
                f"port {port} cannot be used ({reason}); choose another one, or 0 for any"
            ) from None

    def handle_error(self, request: object, client_address: object) -> None:
        """Report what went wrong with a request, unless the browser only hung up."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    @property
    def address(self) -> str:
        """The address of the page."""
        return f"http://{HOST}:{self.server_port}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names by which the page may be asked for."""
        return tuple(f"{name}:{self.server_port}" for name in (HOST, "localhost"))


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "ort-deepdream"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with a file."""
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        """Answer as to GET, without the content."""
        self._answer(with_content=False)

    def _answer(self, with_content: bool) -> None:
        # A page of another host can lead a browser here under its own name.
        if self.headers.get("Host") not in self.server.hosts:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return
        path = unquote(urlsplit(self.path).path).removeprefix("/") or INDEX
        found = self.server.files.get(path)
        if found is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        content = found if isinstance(found, bytes) else found.read()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", TYPES.get(f".{path.rpartition('.')[2]}", OTHER_TYPE))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_content:
            self.wfile.write(content)

    def end_headers(self) -> None:
        """Send what every answer has, an error's too."""
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing of each request."""
