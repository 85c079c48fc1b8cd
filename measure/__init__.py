"""Measure dreams on every backend, and judge what was measured: `dream bench`, `dream compare`."""
