"""What all tests share: signals as in a terminal."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Take signals that were ignored as usual.

    A background job of a shell, which a test run may be, inherits an ignored SIGINT, and passes it
    on to the commands that tests start and interrupt.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            usual = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
            signal.signal(number, usual)
