"""As much of WebDriver as the tests need, for the engines that playwright cannot drive here.

Firefox is spoken to by its own Marionette, WebKitGTK through its WebKitWebDriver.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

STARTING = 60.0  # seconds that a browser may take
SCRIPT = 120.0  # seconds that a script may
MINI_BROWSER = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


class Firefox:
    """A Firefox without a window, driven by Marionette: messages of JSON, each after its length."""

    def __init__(self, program: str) -> None:
        self.closing = ExitStack()
        profile = Path(self.closing.enter_context(tempfile.TemporaryDirectory()))
        port = free_port()
        (profile / "user.js").write_text(f'user_pref("marionette.port", {port});\n')
        command = [program, "--headless", "--marionette", "--no-remote", "--profile", str(profile)]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_home(profile)
        )
        self.closing.callback(process.wait)
        self.closing.callback(process.kill)
        self.socket = self.closing.enter_context(_connected(port))
        self.stream = self.closing.enter_context(self.socket.makefile("rb"))
        self._read()  # its greeting
        self.number = 0
        self._command("WebDriver:NewSession", {})
        self._command("WebDriver:SetTimeouts", {"script": int(SCRIPT * 1000)})

    def open(self, address: str) -> None:
        """Load a page."""
        self._command("WebDriver:Navigate", {"url": address})

    def run(self, script: str, *given: object) -> Any:
        """Return what a script returns, or promises."""
        body = {"script": script, "args": given, "sandbox": None}
        return self._command("WebDriver:ExecuteScript", body)["value"]

    def close(self) -> None:
        """End the browser."""
        self.closing.close()

    def _command(self, name: str, body: object) -> Any:
        self.number += 1
        text = json.dumps([0, self.number, name, body]).encode()
        self.socket.sendall(b"%d:%s" % (len(text), text))
        _, _, error, result = self._read()
        assert error is None, error
        return result

    def _read(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            length += self.stream.read(1)
        return json.loads(self.stream.read(int(length[:-1])))


class WebKit:
    """WebKitGTK's small browser on a screen in memory."""

    def __init__(self, program: str) -> None:
        self.closing = ExitStack()
        home = Path(self.closing.enter_context(tempfile.TemporaryDirectory()))
        port = free_port()
        screen = ["xvfb-run", "-a"] if not os.environ.get("DISPLAY") else []
        process = subprocess.Popen(
            [*screen, program, f"--port={port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_home(home),
            start_new_session=True,
        )
        self.closing.callback(process.wait)
        self.closing.callback(os.killpg, process.pid, 15)
        _connected(port).close()
        self.base = f"http://127.0.0.1:{port}/session"
        options = {"binary": MINI_BROWSER, "args": ["--automation"]}
        wanted = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        self.base += "/" + self._command("", {"capabilities": wanted})["sessionId"]
        self._command("/timeouts", {"script": int(SCRIPT * 1000)})

    def open(self, address: str) -> None:
        """Load a page."""
        self._command("/url", {"url": address})

    def run(self, script: str, *given: object) -> Any:
        """Return what a script returns, or promises."""
        return self._command("/execute/sync", {"script": script, "args": given})

    def close(self) -> None:
        """End the browser."""
        with suppress(OSError):
            request = urllib.request.Request(self.base, method="DELETE")
            urllib.request.urlopen(request, timeout=STARTING).close()
        self.closing.close()

    def _command(self, path: str, body: object) -> Any:
        request = urllib.request.Request(self.base + path, json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=SCRIPT + STARTING) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from None


def _home(folder: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(folder), "XDG_CACHE_HOME": str(folder)}


def _connected(port: int) -> socket.socket:
    end = time.monotonic() + STARTING
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=SCRIPT + STARTING)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


ENGINES = {
    "firefox": (Firefox, ("firefox-esr", "firefox")),
    "webkit": (WebKit, ("WebKitWebDriver",)),
}


def start(name: str) -> Firefox | WebKit | None:
    """Start an engine; None where its program is not here."""
    kind, programs = ENGINES[name]
    found = next(filter(None, map(shutil.which, programs)), None)
    return None if found is None else kind(found)
