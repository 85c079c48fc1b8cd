"""What is run by hand."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # why: ort_deepdream/__init__.py
