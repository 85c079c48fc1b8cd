"""The command `dream`: signals and streams are minded from here on, before heavy imports.

`python -m ort_deepdream` is the same.
"""

from __future__ import annotations

import gc
import sys
from contextlib import suppress

from ort_deepdream import signals, streams


def run() -> None:
    """Run the command that was typed, and leave with its exit code."""
    signals.watch()
    streams.mind()
    # What is imported stays. Looking through it for cycles after each 700 objects takes as long as
    # a step of a small dream.
    gc.set_threshold(100_000)
    try:
        from ort_deepdream.cli.main import app
        from ort_deepdream.cli.quick import leave_others_out

        leave_others_out(app, sys.argv[1:])
        app()
    except BaseException as error:
        # Who takes the interruption for the usual end, as `dream web` does, leaves with 0.
        if signals.received is None or (isinstance(error, SystemExit) and not error.code):
            raise
        said, code = signals.farewell()
        with suppress(OSError):
            print(said, file=sys.stderr, flush=True)
        sys.exit(code)
    finally:
        # The end of a process frees everything. Python would first look through each object for
        # cycles, which takes as long as four steps of a small dream.
        gc.freeze()


if __name__ == "__main__":
    run()
