"""Who is wrong when contenders differ."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from synthetic_results import result

from ort_deepdream.measure.checks import AUTOGRAD, Checker
from ort_deepdream.measure.result import Size

TRUTH = np.ones((1, 3, 4, 4), np.float32)


def checked(gradients: dict[str, float], is_known: bool) -> tuple[dict[tuple[str, str], bool], str]:
    """What each check says, and the warnings; gradients are the truth times a factor."""
    warnings: list[str] = []
    checker = Checker(None)
    records = {contender.name: contender for contender in result(tuple(gradients)).contenders}
    checker.contenders = SimpleNamespace(records=records, warn=warnings.append)  # type: ignore[assignment]
    checker.size = Size(width=4, height=4)
    found = {name: factor * TRUTH for name, factor in gradients.items()}
    if is_known:
        for name, gradient in found.items():
            checker.add(name, AUTOGRAD, float(np.abs(gradient - TRUTH).max()))
    checker.against_cpu(found, {})
    passed = {(check.contender, check.reference): check.passed for check in checker.checks}
    return passed, " ".join(warnings)


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("cuda", [1.0, 2.0])
def test_others_are_set_against_the_cpu(cuda, is_known):
    passed, warnings = checked({"cpu": 1.0, "cuda": cuda}, is_known)
    assert passed["cuda", "cpu"] == (cuda == 1)
    assert warnings == ""


def test_a_right_gpu_is_not_wrong_beside_a_wrong_cpu():
    passed, warnings = checked({"cpu": 2.0, "cuda": 1.0}, is_known=True)
    assert passed == {("cpu", AUTOGRAD): False, ("cuda", AUTOGRAD): True}
    assert warnings == "nothing was compared with cpu, which is wrong itself"


def test_a_wrong_cpu_alone_is_wrong_and_no_more():
    passed, warnings = checked({"cpu": 2.0}, is_known=True)
    assert passed == {("cpu", AUTOGRAD): False}
    assert warnings == ""
