"""Measure dreams on every backend, and keep what was measured: `dream bench` and `dream compare`."""
