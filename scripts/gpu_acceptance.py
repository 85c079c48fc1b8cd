"""Everything that only a machine with a GPU can prove, in one command and under eight minutes.

    python -m scripts.gpu_acceptance                      # CUDA, against PyTorch and the CPU
    python -m scripts.gpu_acceptance --backend tensorrt
    python -m scripts.gpu_acceptance --backend cpu --size 66x58 --budget 60

Needs the `export` extra and, for PyTorch on the GPU, its CUDA build; no network. What it does, each
a line of the table at the end:

- a step of the smallest graph on the backend;
- parity with autograd in float64: float32 with TF32 off and on, and float16;
- placement: every kernel of a step on the backend, no copy to or from the host among them;
- cold and steady times at every size against the CPU and PyTorch, with and without CUDA graphs.

Another backend than cuda stands in to test the logic; what is CUDA's own is then left out, and
said, and so is float16 where a device answers that it has none. The folder OUT gets
`acceptance.json`, and for `dream report` `result.json` and, of float16, `float16.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ort_deepdream import DreamError, find_backend, load_model, why_unusable
from ort_deepdream.cli.messages import table
from ort_deepdream.engine.ascent import make_ascent
from ort_deepdream.measure.libraries import OURS
from ort_deepdream.measure.operators import kernel_runs, profiled
from ort_deepdream.measure.pictures import noise, parse_size
from ort_deepdream.measure.result import Result, Size, read_result

ROOT = Path(__file__).parents[1]
PHOTO = ROOT / "examples" / "cat.jpg"
DREAM = Path(sys.executable).with_name("dream")

SIZES = ("128x128", "182x158", "256x256", "512x512", "1024x1024", "2048x2048", "4096x4096")
LAYER = "inception_4c/output"
BUDGET = 420.0  # seconds, for everything
FLOAT16_SHARE = 0.2  # of what is left for timing
STEPS = 4  # that are profiled
COPIES = ("MemcpyToHost", "MemcpyFromHost")
NO_FLOAT16 = "requires f16 but the device does not"  # ONNX Runtime, of a device that may lack it


@dataclass(frozen=True)
class Outcome:
    """One line of the table."""

    check: str
    passed: bool | None  # None: left out
    detail: str


class Acceptance:
    """The checks, in order; each adds its outcome."""

    def __init__(self, o: argparse.Namespace, out: Path) -> None:
        self.o, self.out = o, out
        self.cuda = o.backend == "cuda"
        self.has_float16 = True  # until the device says no
        self.outcomes: list[Outcome] = []
        self.started = time.perf_counter()

    def left(self) -> float:
        budget: float = self.o.budget
        return max(1.0, budget - (time.perf_counter() - self.started))

    def add(self, check: str, passed: bool | None, detail: str) -> None:
        self.outcomes.append(Outcome(check, passed, detail))
        print(f"{check}: {WORDS[passed]}; {detail}", flush=True)

    def run(self) -> None:
        single, half = self.out / "float32.onnx", self.out / "float16.onnx"
        # Only the portable target has float16.
        for path, precision, target in (
            (single, "float32", find_backend(self.o.backend).target),
            (half, "float16", "portable"),
        ):
            self.command("export", "-w", self.o.weights, "-l", self.o.layer, "-o", path,
                         "--target", target, "--precision", precision)  # fmt: skip
        self.parity(single, half)
        self.placement(single)
        self.times(single, half)

    def parity(self, single: Path, half: Path) -> None:
        """Run `dream verify` in processes of their own: TF32 is switched before CUDA starts."""
        if self.cuda:
            self.verify("parity, float32, TF32 off", single, ["use_tf32=0"], tf32="0")
            self.verify("parity, float32, TF32 on", single, ["use_tf32=1"], tf32="1")
        else:
            self.verify("parity, float32", single, [])
            self.add("parity, TF32", None, "TF32 is CUDA's")
        self.has_float16 = self.verify("parity, float16", half, []) is not None

    def verify(self, check: str, path: Path, options: Sequence[str], tf32: str = "") -> bool | None:
        words = [f"--provider-option={option}" for option in options]
        environment = {"NVIDIA_TF32_OVERRIDE": tf32} if tf32 else {}
        done = self.command("verify", path, "--backend", self.o.backend, *words,
                            check=False, environment=environment)  # fmt: skip
        said = (done.stdout.strip() or done.stderr.strip() or "nothing was said").splitlines()[-1]
        passed = judge_verify(done.returncode, said, self.cuda)
        self.add(check, passed, said if passed is not None else f"no float16 here: {said}")
        return passed

    def placement(self, path: Path) -> None:
        """Check where the kernels of some steps ran, by ONNX Runtime's profiler."""
        kernels = profiled_kernels(path, self.o.backend, self.o.sizes[0])
        provider = find_backend(self.o.backend).provider
        elsewhere = sorted({k["op_name"] for k in kernels if k["provider"] != provider})
        copies = [k for k in kernels if k["op_name"] in COPIES]
        detail = f"{len(kernels)} kernels in {STEPS} steps"
        if elsewhere:
            detail += f"; not on {provider}: {', '.join(elsewhere[:5])}"
        self.add("placement", bool(kernels) and not elsewhere, detail)
        self.add("no copy within the step", bool(kernels) and not copies, f"{len(copies)} copies")

    def times(self, single: Path, half: Path) -> None:
        name = self.o.backend
        variants = [f"{name}:use_tf32=0", f"{name}:enable_cuda_graph=0"] if self.cuda else []
        others = [] if name == "cpu" else ["cpu"]
        budget = self.left()
        self.bench("times", single, [name, *variants, *others], ["--torch"],
                   budget * (1 - FLOAT16_SHARE), self.out / "result.json")  # fmt: skip
        if self.has_float16:
            self.bench("times, float16", half, [name], [], budget * FLOAT16_SHARE,
                       self.out / "float16.json")  # fmt: skip
        else:
            self.add("times, float16", None, "no float16 here, as its parity says")
        if not self.cuda:
            self.add("CUDA graph on and off", None, "CUDA graphs are CUDA's")

    def bench(self, check: str, model: Path, backends: Sequence[str], more: Sequence[str],
              budget: float, result: Path) -> None:  # fmt: skip
        words: list[str | Path] = ["bench", PHOTO, "--model", model, *more, "-o", result]
        words += [word for name in backends for word in ("--backend", name)]
        words += [word for size in self.o.sizes for word in ("--size", str(size))]
        seconds = str(max(1, round(budget)))
        done = self.command(*words, "--trials", "3", "--budget", seconds, check=False)
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split())[-200:]
            self.add(check, False, f"exit code {done.returncode}, {result.name}: {said}")
        else:
            self.add(check, *judge_times(read_result(result), self.o.backend))

    def command(
        self, *words: str | Path, check: bool = True, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `dream` with these words. Raise DreamError when it fails and `check` is set."""
        done = subprocess.run(
            [str(DREAM), *map(str, words)],
            env={**os.environ, "COLUMNS": "100", **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise DreamError(f"dream {words[0]} failed: {' '.join(done.stderr.split())[-300:]}")
        return done


WORDS = {True: "passed", False: "FAILED", None: "left out"}


def judge_verify(code: int, said: str, cuda: bool) -> bool | None:
    """Return whether it passed.

    None when the device itself says that it has no float16, which every CUDA device has.
    """
    lacking = code != 0 and not cuda and NO_FLOAT16 in said
    return None if lacking else code == 0


def judge_times(result: Result, backend: str) -> tuple[bool, str]:
    """Return whether `backend` was timed in each way asked for, and how much was measured."""
    ours = [c for c in result.contenders if c.backend == backend and c.library == OURS]
    lost = [f"{c.name}: {c.missing}" for c in ours if c.missing is not None]
    timed = {series.contender for series in result.series}
    lost += [f"{c.name}: not timed" for c in ours if c.missing is None and c.name not in timed]
    detail = f"{len(result.series)} measurements"
    if result.skipped:
        detail += f", {len(result.skipped)} left out, each with its reason in the file"
    return not lost, "; ".join([detail, *lost])


def profiled_kernels(path: Path, backend: str, size: Size) -> list[dict[str, Any]]:
    """Return operator and provider of every kernel that ran in some steps of an ascent."""
    with profiled(load_model(path, backend), size.height, size.width) as (model, events):
        ascent = make_ascent(model, size.height, size.width)
        ascent.put(noise(model, size))
        for number in range(STEPS):
            ascent.step(1.5, number, -number)
    return [event["args"] for event in kernel_runs(events)]


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--backend", default="cuda", help="what is to be accepted")
    made.add_argument("--layer", default=LAYER)
    made.add_argument("--weights", default="builtin")
    made.add_argument(
        "--size",
        dest="sizes",
        type=parse_size,
        action="append",
        metavar="WxH",
        help="may be repeated",
    )
    made.add_argument("--budget", type=float, default=BUDGET, help="seconds for everything")
    made.add_argument("--out", type=Path, help="folder for the results; default: a new one")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    o = parser().parse_args(arguments)
    o.sizes = o.sizes or list(map(parse_size, SIZES))
    out = o.out or Path(tempfile.mkdtemp(prefix="acceptance-"))
    out.mkdir(parents=True, exist_ok=True)
    try:
        backend = find_backend(o.backend)
        reason = why_unusable(backend)
        if reason is not None:
            raise DreamError(f"backend {o.backend} cannot be used here: {reason}")
        acceptance = Acceptance(o, out)
        acceptance.add("a step", True, f"{backend.provider} on {backend.device or 'its device'}")
        acceptance.run()
    except DreamError as error:
        print(f"gpu_acceptance: error: {error}", file=sys.stderr)
        return 2
    show(acceptance.outcomes)
    text = json.dumps([asdict(outcome) for outcome in acceptance.outcomes], indent=1)
    (out / "acceptance.json").write_text(text + "\n")
    print(f"{out}: acceptance.json, and result.json for `dream report`")
    return int(any(outcome.passed is False for outcome in acceptance.outcomes))


def show(outcomes: Sequence[Outcome]) -> None:
    from rich.console import Console

    made = table("check", "", "detail")
    for outcome in outcomes:
        made.add_row(outcome.check, WORDS[outcome.passed], outcome.detail)
    Console(highlight=False).print(made)


if __name__ == "__main__":
    sys.exit(main())
