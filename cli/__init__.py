"""The command `dream`."""

from ort_deepdream.marks import mark

mark("start")
