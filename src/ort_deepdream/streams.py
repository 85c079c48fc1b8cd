"""Standard streams that are closed, full, or gone with the terminal."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def open_closed() -> None:
    """Open each standard stream that the process was started without, to nowhere.

    Otherwise the next file that is opened would become the standard error of every library.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest that is free
    sys.stdin = sys.stdin or open(0)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w")  # noqa: SIM115
    if sys.stdout.errors == "strict":  # what its encoding lacks is no reason to stop
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def failure(stream: TextIO) -> OSError | None:
    """Return why a stream takes no more, or None; one that does not leads to nowhere afterwards.

    So it is asked after an OSError whether the stream was its cause, and Python does not ask again
    at its end.
    """
    try:
        stream.flush()
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        return error
    return None
