"""docs/performance.md has what `scripts.cuda_counts` counts, and it counts all there is."""

from __future__ import annotations

import pytest

from ort_deepdream.weights.builtin import shipped_file
from scripts.cuda_counts import (
    PAGE,
    PLAIN,
    SMALL,
    TARGETS,
    Gpu,
    by_part,
    document,
    measured,
    total,
    written,
)


def test_the_page_has_what_is_counted_now(cuda):
    page = PAGE.read_text("utf-8")
    assert written(page, document(cuda)) == page, "python -m scripts.cuda_counts --write renews it"


@pytest.mark.parametrize("target", TARGETS)
def test_all_that_is_asked_for_belongs_to_a_part(cuda, target):
    path = shipped_file("conv2/3x3", target)
    step = measured(cuda, path, PLAIN, SMALL)["steps"][-1]
    found = total(by_part(cuda("parts", path=path, size=SMALL)))
    names = ("launches", "copies_within", "fills", "convolutions", "reductions")
    assert {name: found[name] for name in names} == {name: step[name] for name in names}


def test_what_is_reckoned():
    step = {"launches": 3, "copies_within": 2, "fills": 1, "moved": 4000, "flop": 50}
    assert Gpu("any", bandwidth=1000.0, launch=0.5, flops=10.0).seconds(step) == 3 + 4 + 5
