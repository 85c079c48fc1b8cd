"""Passes over a graph: each finds one equation's left side and writes the right one."""
