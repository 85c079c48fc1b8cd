"""What it costs to make a gradient file: a fresh interpreter, as for `dream export`."""

from __future__ import annotations

from benchmarks.base import LAYER, WEIGHTS, Benchmark, Prepared
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
    """For the CPU: the targets take as long as one another."""

    repeat = PROFILE.fresh

    def setup(self, prepared: Prepared) -> None:
        self.require_commit(prepared)

    def timeraw_export(self, prepared: Prepared) -> tuple[str, str]:
        return EXPORT.format(weights=WEIGHTS, target="cpu", layer=LAYER), IMPORT

    def timeraw_import(self, prepared: Prepared) -> str:
        """Mostly PyTorch's."""
        return IMPORT
