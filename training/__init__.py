"""Trains the network that ships with the package, from material in Debian packages and from noise.

Not part of the wheel. `training/README.md` says how to repeat it.
"""
