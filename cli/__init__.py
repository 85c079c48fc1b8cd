"""The command `dream`."""

import gc

from ort_deepdream.marks import mark

mark("start")

# What is imported stays. Looking through it for cycles after each 700 objects takes as long as a
# step of a small dream.
gc.set_threshold(100_000)
