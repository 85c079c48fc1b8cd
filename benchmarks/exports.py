"""What it costs to make a gradient file: a fresh interpreter, as for `dream export`."""

from __future__ import annotations

from benchmarks.base import LAYER, WEIGHTS, Benchmark, Prepared
from benchmarks.graphs import TARGETS
from benchmarks.profiles import PROFILE

IMPORT = "import export.model_file, export.targets, export.weights"
# It is checked as it is saved: by onnx's checker, and by one run.
EXPORT = """
from pathlib import Path
weights = export.weights.load_weights({weights!r})
target = export.targets.TARGETS[{target!r}]
model = export.model_file.export_gradient(weights, [{layer!r}], target)
export.model_file.save(model, Path('exported.onnx'))
"""


class Export(Benchmark):
    params = (TARGETS,)
    param_names = ("target",)
    repeat = PROFILE.fresh
    rounds = max(1, PROFILE.rounds // 2)

    def setup(self, prepared: Prepared, target: str) -> None:
        self.require_commit(prepared, target)
        if target not in prepared.models:
            self.skip(f"this commit has no target {target}", target)

    def timeraw_export(self, prepared: Prepared, target: str) -> tuple[str, str]:
        return EXPORT.format(weights=WEIGHTS, target=target, layer=LAYER), IMPORT


class Import(Benchmark):
    repeat = PROFILE.fresh
    rounds = max(1, PROFILE.rounds // 2)

    def setup(self, prepared: Prepared) -> None:
        self.require_commit(prepared)

    def timeraw_export(self, prepared: Prepared) -> str:
        """Mostly PyTorch's."""
        return IMPORT
