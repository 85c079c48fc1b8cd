"""What it costs to make a gradient file: a fresh interpreter, as for `dream export`."""

from __future__ import annotations

from benchmarks.base import LAYER, WEIGHTS, Benchmark, Prepared
from benchmarks.older_commits import spelled
from benchmarks.profiles import PROFILE

IMPORT = """
from ort_deepdream.export.model_file import export_gradient, save
from ort_deepdream.export.targets import TARGETS
from ort_deepdream.export.weights import load_weights
"""
# It is checked as it is saved: by onnx's checker, and by one run.
EXPORT = """
from pathlib import Path
weights = load_weights({weights!r})
model = export_gradient(weights, [{layer!r}], TARGETS[{target!r}])
save(model, Path('exported.onnx'))
"""


class Export(Benchmark):
    """For the CPU: the targets take as long as one another."""

    repeat = PROFILE.fresh

    def setup(self, prepared: Prepared) -> None:
        self.require_commit(prepared)

    def timeraw_export(self, prepared: Prepared) -> tuple[str, str]:
        return EXPORT.format(weights=WEIGHTS, target="cpu", layer=LAYER), spelled(IMPORT)

    def timeraw_import(self, prepared: Prepared) -> str:
        """Mostly PyTorch's."""
        return spelled(IMPORT)
