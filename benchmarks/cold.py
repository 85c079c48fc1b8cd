"""Before the steady state: imports, the session, the first run, the first run at a new size.

Each sample is a fresh interpreter; what precedes the part in question is its untimed `setup`. The
files have been read before, so the disk takes no part.
"""

from __future__ import annotations

from benchmarks import machine
from benchmarks.base import SMALL, Benchmark, Prepared
from benchmarks.older_commits import spelled
from benchmarks.profiles import PROFILE

# asv runs these as text within a string of its own, so without backslashes and double quotes.
IMPORT = "import numpy; from ort_deepdream import load_model"
SESSION = "model = load_model({path!r}, backend={backend!r}, threads={threads})"
IMAGE = """
noise = numpy.random.default_rng(0).uniform(0, 255, ({height}, {width}, 3))
image = model.preprocess(noise.astype(numpy.float32))
"""
# The checks are part of the time: 0.2 ms at 256x256 pixels.
RUN = """
objective, gradient = model.gradient(image)
assert objective > 0 and gradient.shape == image.shape
assert numpy.isfinite(gradient).all() and gradient.any()
"""


class Cold(Benchmark):
    repeat = PROFILE.fresh


class Import(Cold):
    def setup(self, prepared: Prepared) -> None:
        self.require_commit(prepared)

    def timeraw_engine(self, prepared: Prepared) -> str:
        return spelled("from ort_deepdream import load_model")

    def timeraw_command(self, prepared: Prepared) -> str:
        """What every `dream` command imports before it knows what is wanted."""
        return spelled("import ort_deepdream.cli.main")


class Session(Cold):
    """Reading the file, optimising the graph, laying out the weights.

    Where each size has a session of its own, it is made in the first run, and timed there.
    """

    params = (PROFILE.backends,)
    param_names = ("backend",)

    def setup(self, prepared: Prepared, backend: str) -> None:
        self.require_backend(prepared, backend)

    def timeraw_create(self, prepared: Prepared, backend: str) -> tuple[str, str]:
        return session(prepared, backend), spelled(IMPORT)


class FirstRun(Cold):
    params = (PROFILE.backends, PROFILE.sizes)
    param_names = ("backend", "pixels")

    def setup(self, prepared: Prepared, backend: str, pixels: int) -> None:
        self.require_backend(prepared, backend, pixels)
        self.require_size(prepared, backend, pixels)

    def timeraw_of_session(self, prepared: Prepared, backend: str, pixels: int) -> tuple[str, str]:
        return RUN, "\n".join([spelled(IMPORT), session(prepared, backend), image(pixels, pixels)])

    def timeraw_of_size(self, prepared: Prepared, backend: str, pixels: int) -> tuple[str, str]:
        """The session has run, but at another size."""
        before = [spelled(IMPORT), session(prepared, backend), image(SMALL, SMALL + 1), RUN]
        return RUN, "\n".join([*before, image(pixels, pixels)])


def session(prepared: Prepared, backend: str) -> str:
    path = prepared.model(backend)
    return SESSION.format(path=path, backend=backend, threads=machine.threads())


def image(height: int, width: int) -> str:
    return IMAGE.format(height=height, width=width)
