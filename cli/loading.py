"""The model of a dream, loaded beside what else there is to do before the first step.

ONNX Runtime lets other threads have Python while it makes a session. Importing Pillow and the rest
of what a dream needs takes about as long, or longer where the graph is kept as it was optimised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from ort_deepdream.cli.machine import Machine
from ort_deepdream.cli.messages import note, stages
from ort_deepdream.cli.sources import (
    OPTIMISED,
    Request,
    find_model,
    model_at_hand,
    sweep_cache,
)
from ort_deepdream.engine.backends import BACKENDS, Backend
from ort_deepdream.engine.loading import load_model
from ort_deepdream.engine.model import Model
from ort_deepdream.marks import mark
from ort_deepdream.weights.catalogue import cache_folder


@contextmanager
def loading(wanted: Request, machine: Machine) -> Iterator[Callable[[], Model]]:
    """Begin to load the model if its file is at hand; call what is yielded to have it.

    A file that is not is downloaded or exported by that call, not before: what is wrong with the
    picture should be said before minutes of work.

    Raise DreamError if the backend cannot be had; that
    call raises it for the model.
    """
    chosen = machine.find()

    def load(path: Path) -> Model:
        sweep_cache()
        graph_cache = cache_folder() / OPTIMISED
        return load_model(path, chosen, machine.threads, machine.allow_cpu_nodes, graph_cache)

    mark("import")
    with ThreadPoolExecutor(1) as beside:
        at_hand = model_at_hand(wanted, chosen.file_target)
        begun = at_hand and beside.submit(load, at_hand)

        def finish() -> Model:
            loaded = begun or beside.submit(load, find_model(wanted, chosen.file_target))
            with stages() as show_stage:
                show_stage("loading the model")
                model = loaded.result()
            if machine.backend == "auto" and machine.provider_library is None:
                note(what_auto_took(chosen))
            return model

        yield finish


def what_auto_took(chosen: Backend) -> str:
    """Return what is said of a backend that nobody chose."""
    tried = [backend.name for backend in BACKENDS.values() if backend.in_auto]
    better = tried[: tried.index(chosen.name)]
    reason = f"; `dream backends` tells why not on {' or '.join(better)}" if better else ""
    return f"running on {chosen.name}{reason}"
