"""Graph targets: for whom a graph is shaped.

Execution providers differ in which operators are quick and which are right, so a graph is written
for a target and names it in its metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import onnx_ir as ir
from onnx_ir.passes.common import (
    CommonSubexpressionEliminationPass,
    RemoveUnusedNodesPass,
)

from ort_deepdream.export.expansions import (
    Expansion,
    coreml,
    cpu,
    cuda,
    cuda_half,
    expand,
    portable,
)
from ort_deepdream.export.passes import (
    arithmetic,
    bands,
    first_layer,
    fusions,
    masks,
    norm,
    order,
    pools,
    powers,
    sums,
)
from ort_deepdream.export.passes.dimensions import fix_dimensions, measure_by_image, name_dimensions

Size = tuple[int, int]  # (height, width)
Pass = Callable[[ir.Model], int]  # changes the model, returns how many changes it made


@dataclass(frozen=True)
class Target:
    """What is done to a lowered graph.

    `passes` run in order; then `expansions` write out the composites, and `finishing` is for what
    can only be done to plain operators.
    """

    name: str
    purpose: str
    passes: tuple[Pass, ...]
    expansions: Mapping[str, Expansion]
    finishing: tuple[Pass, ...] = ()
    precisions: tuple[str, ...] = ("float32",)
    half_expansions: Mapping[str, Expansion] | None = None  # in float16; right in any layout

    def apply(self, model: ir.Model, size: Size | None = None, precision: str = "float32") -> None:
        """Shape the graph, for pictures of any size or of `size` alone.

        It stays in float32; `precision` is what it will be computed in.
        """
        in_half = self.half_expansions if precision == "float16" else None
        share_and_prune(model)
        self._run(self.passes, model)
        if size is not None:
            fix_dimensions(model, *size)  # which expansions read
        expand(model, in_half or self.expansions)
        share_and_prune(model)
        if size is not None:
            fix_dimensions(model, *size)
        else:
            name_dimensions(model)
        self._run(self.finishing, model)

    def _run(self, passes: tuple[Pass, ...], model: ir.Model) -> None:
        for change in passes:
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
            portable.EXPANSIONS,
            precisions=("float32", "float16"),
        ),
        Target(
            "cpu",
            "ONNX Runtime's CPU provider: keeps its blocked layout, avoids its slow kernels",
            (
                arithmetic.merge_constant_factors,
                masks.mask_before_slice,
                masks.drop_idle_masks,
                masks.mask_before_pool,
                first_layer.fuse_first_layers,
                sums.merge_pointwise_sums,
                norm.share_scaled_gradient,
                bands.fold_factor_into_band,
                bands.convolve_along_channels,
            ),
            cpu.EXPANSIONS,
            finishing=(measure_by_image, pools.merge_strided_pools),
        ),
        Target(
            "coreml",
            "CoreML's ML Programs, of known sizes: operators that its table has; never run there",
            (
                arithmetic.merge_constant_factors,
                masks.mask_before_slice,
                masks.drop_idle_masks,
                masks.mask_before_pool,
                first_layer.fuse_first_layers,
                sums.merge_pointwise_sums,
                norm.share_scaled_gradient,
                bands.fold_factor_into_band,
            ),
            coreml.EXPANSIONS,
            finishing=(measure_by_image,),
        ),
        Target(
            "cuda",
            "ONNX Runtime's CUDA provider: few kernels, sums that are the same each time",
            (
                arithmetic.merge_constant_factors,
                sums.merge_all_pointwise_sums,
                masks.mask_after_concat,
                masks.mask_before_slice,
                masks.drop_idle_masks,
                masks.mask_before_pool,
                norm.share_scaled_gradient,
                bands.fold_factor_into_band,
                bands.compute_bands,
                powers.write_powers,
                pools.add_to_pool_grad,
            ),
            cuda.EXPANSIONS,
            finishing=(pools.merge_pools, fusions.fuse_relu, order.order_by_depth),
            precisions=("float32", "float16"),
            half_expansions=cuda_half.EXPANSIONS,
        ),
    )
}
