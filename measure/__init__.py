"""Measure dreams on every backend, and judge what was measured: `dream bench`, `dream compare`."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # why: engine/__init__.py
