"""The way to a scheduler of Dask's, and how it is kept from speaking for itself."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import distributed

from ort_deepdream.errors import DreamError


def connected(address: str, patience: float) -> distributed.Client:
    """Return a client of the scheduler at an address, or of the one that wrote a file.

    Raise DreamError where none answers for so many seconds.
    """
    given = {"scheduler_file": address} if is_file(address) else {"address": address}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions, which we compare
            return distributed.Client(**given, timeout=patience, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise DreamError(
            f"--scheduler {address}: no scheduler of Dask's answers there "
            f"({' '.join(str(error).split())}); start one with `dask scheduler`"
        ) from None


def is_file(address: str) -> bool:
    """Return whether an address is that of a file that a scheduler wrote."""
    return address.endswith(".json") and Path(address).exists()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Dask from saying in the body what we tell in a line."""
    names = [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
