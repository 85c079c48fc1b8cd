"""Graph targets: for whom a graph is shaped.

Execution providers differ in which operators are quick and which are right, so a graph is written
for a target and names it in its metadata.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx_ir as ir
from onnx_ir.passes.common import (
    CommonSubexpressionEliminationPass,
    RemoveUnusedNodesPass,
)

from export.passes import arithmetic

Pass = Callable[[ir.Model], int]  # changes the model, returns how many changes it made


@dataclass(frozen=True)
class Target:
    """`passes` run in order after lowering; rules registered for `name` replace the general ones."""

    name: str
    purpose: str
    passes: tuple[Pass, ...]

    def simplify(self, model: ir.Model) -> None:
        share_and_prune(model)
        for change in self.passes:
            if change(model):
                share_and_prune(model)


def share_and_prune(model: ir.Model) -> None:
    """Compute equal things once and unused things not at all."""
    CommonSubexpressionEliminationPass()(model)
    RemoveUnusedNodesPass()(model)


TARGETS = {
    target.name: target
    for target in (
        Target(
            "portable",
            "plain operators that every execution provider has and computes right",
            (arithmetic.merge_constant_factors,),
        ),
        Target(
            "cpu",
            "ONNX Runtime's CPU provider: keeps its blocked layout, avoids its slow kernels",
            (arithmetic.merge_constant_factors,),
        ),
    )
}
