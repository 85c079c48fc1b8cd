"""What asv measures at each commit; benchmarks/README.md says how to run and read it.

asv imports every module of this folder to find the benchmarks in it, so nothing here imports a
library at its top: each is imported where it is used. The packages that are measured come from the
installed wheel of a commit, these files from the checkout: they skip what a commit lacks.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # why: ort_deepdream/__init__.py
