"""The headings that `--help` groups options under."""

MODEL = "What to dream"
SIZE = "At what size"
KEPT = "What to keep of the photo"
LOOP = "How to dream"
MACHINE = "Where to run"
AMOUNT = "How much to measure"
OUTPUT = "What to write"
