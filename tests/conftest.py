"""What all tests share: signals as in a terminal, and an environment as they found it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

PYTESTS_OWN = "PYTEST_CURRENT_TEST"


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


@pytest.fixture(autouse=True)
def same_environment() -> Iterator[None]:
    """Undo what a test does to the environment variables, of which result files keep some.

    A program may set them for its own process, as the engine does to switch TF32 off.
    """
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys() - {PYTESTS_OWN}:
        del os.environ[name]
    for name, value in before.items():
        if name != PYTESTS_OWN and os.environ.get(name) != value:
            os.environ[name] = value
