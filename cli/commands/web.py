"""`dream web`: the page that dreams in a browser, from this machine to itself."""

from __future__ import annotations

import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from ort_deepdream import signals
from ort_deepdream.cli.messages import bar, note, say
from ort_deepdream.files import is_missing
from ort_deepdream.web.runtime import PACKAGE, RUNTIME, fetch_runtime
from ort_deepdream.web.server import Server
from ort_deepdream.web.site import site_files
from ort_deepdream.weights.catalogue import cache_folder, location


def serve(port: int, open_browser: bool) -> None:
    """Serve the page on 127.0.0.1 until Ctrl-C. Raise DreamError when it cannot be served."""
    # The server is always there when the page is: nothing need be kept in the browser.
    with Server(site_files(_runtime(), offline=False), port) as server:
        say(f"{server.address}: the page is there until Ctrl-C")
        if open_browser and not webbrowser.open(server.address):
            note("no browser could be opened: open the page yourself")
        try:
            with signals.raised():
                server.serve_forever()
        except KeyboardInterrupt:
            say("")  # below the ^C of a terminal


@contextmanager
def served() -> Iterator[str]:
    """Serve the page for a while, and yield its address. Raise DreamError when it cannot be."""
    with Server(site_files(_runtime(), offline=False)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.address
        finally:
            server.shutdown()


def _runtime() -> Path:
    if is_missing(location(RUNTIME)):
        note(f"downloading {PACKAGE} to {cache_folder()}")
    with bar(f"downloading {PACKAGE}") as update:

        def tell(done: int, total: int | None) -> None:
            update(done / (total or RUNTIME.size), f"downloading {PACKAGE}")

        return fetch_runtime(tell)
