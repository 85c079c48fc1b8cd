"""How much is measured: the profiles quick, normal and full, chosen by ORT_DEEPDREAM_BENCH."""

from __future__ import annotations

import os
from dataclasses import dataclass

VARIABLE = "ORT_DEEPDREAM_BENCH"

Repeat = tuple[int, int, float]  # asv's: at least, at most, and for how many seconds


@dataclass(frozen=True)
class Profile:
    name: str
    backends: tuple[str, ...]
    sizes: tuple[int, ...]  # sides of square pictures, in pixels
    dreams: tuple[int, ...]  # sizes at which a whole dream is timed
    rounds: int  # processes for each measurement
    steps: Repeat  # samples of a step in each of them
    fresh: Repeat  # samples of something that needs a new interpreter or seconds of work
    step_budget: float  # seconds: sizes at which a step would take longer are skipped
    compiled: bool  # whether torch.compile is measured too


# The order is that of the plots. A backend or a size is skipped, with its reason in the sidecar,
# where the machine or the commit has none of it.
BACKENDS = (
    *("cpu", "cuda", "tensorrt", "webgpu", "openvino"),
    *("nv-tensorrt-rtx", "qnn", "coreml", "directml"),
)

PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            name="quick",
            backends=("cpu", "cuda"),
            sizes=(64, 256),
            dreams=(),
            rounds=2,
            steps=(3, 12, 1.0),
            fresh=(1, 1, 1.0),
            step_budget=2.0,
            compiled=False,
        ),
        Profile(
            name="normal",
            backends=BACKENDS,
            sizes=(64, 128, 256, 512, 1024),
            dreams=(512, 1024),
            rounds=4,
            steps=(3, 20, 2.0),
            fresh=(1, 3, 3.0),
            step_budget=5.0,
            compiled=False,
        ),
        Profile(
            name="full",
            backends=BACKENDS,
            sizes=(64, 128, 256, 512, 1024, 2048),
            dreams=(512, 1024, 2048),
            rounds=6,
            steps=(5, 40, 5.0),
            fresh=(2, 5, 10.0),
            step_budget=60.0,
            compiled=True,
        ),
    )
}


def chosen() -> Profile:
    """The profile that ORT_DEEPDREAM_BENCH names; `normal` if it is not set."""
    name = os.environ.get(VARIABLE) or "normal"
    if name not in PROFILES:
        raise SystemExit(f"{VARIABLE} is '{name}': set it to one of {', '.join(PROFILES)}")
    return PROFILES[name]


PROFILE = chosen()
