"""What a machine tells of itself while it is measured: energy, clocks, and what slowed it.

`sensors()` returns those that can be here; each says why it is missing where it is.
"""
