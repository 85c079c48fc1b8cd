"""Teach the network that ships with the package, from photographs and what else is at hand.

Not part of the wheel. `training/README.md` says how to repeat it.
"""
