"""Which cases of a long list are tested at each push; all of them are at night."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def sampled(cases: Iterable[tuple[Any, ...]], at_each_push: Callable[..., bool]) -> list[Any]:
    """Return parameters for `parametrize`: slow where `at_each_push` of a case, else nightly."""
    return [
        pytest.param(*case, marks=pytest.mark.slow if at_each_push(*case) else pytest.mark.nightly)
        for case in cases
    ]
