"""The command `dream`."""

import gc
import os

# What is imported stays. Looking through it for cycles after each 700 objects takes as long as a
# step of a small dream.
gc.set_threshold(100_000)

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # why: engine/__init__.py
