"""`python -m ort_deepdream` is the command `dream`."""

from ort_deepdream.cli.main import run

run()
