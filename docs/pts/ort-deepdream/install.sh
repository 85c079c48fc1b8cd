#!/bin/sh
# Run by the Phoronix Test Suite in a folder of its own: an environment, and the program that is timed.
python3 -m venv env && ./env/bin/pip install 'ort-deepdream==0.1.0'
echo $? >~/install-exit-status

cat >step.py <<'PYTHON'
import statistics
import sys
import time

import numpy as np

from ort_deepdream import Settings, dream, load_layer

backend, size = sys.argv[1:3]
width, height = map(int, size.split("x"))
rgb = np.random.default_rng(0).uniform(0, 255, (height, width, 3)).astype(np.float32)
model = load_layer("inception_4c/output", backend=backend)
times = []
steps = Settings(octaves=1, iterations=24, seed=0)
dream(model, rgb, steps, on_step=lambda at: times.append(time.perf_counter()))
gaps = [after - before for before, after in zip(times[3:], times[4:])]  # warm by then
print(f"A step takes {1e3 * statistics.median(gaps):.3f} ms")
PYTHON

cat >ort-deepdream <<'SHELL'
#!/bin/sh
./env/bin/python step.py "$@" >"$LOG_FILE" 2>&1
echo $? >~/test-exit-status
SHELL
chmod +x ort-deepdream
