"""Everything that only a machine with a GPU can prove, in one command and under eight minutes.

    python -m scripts.gpu_acceptance                      # CUDA, against PyTorch and the CPU
    python -m scripts.gpu_acceptance --files FOLDER       # float16 files that are ready
    python -m scripts.gpu_acceptance --backend tensorrt
    python -m scripts.gpu_acceptance --backend cpu --size 66x58 --budget 60

No network is needed. The shipped gradient files are used, and of float16 those in FOLDER
(`scripts.gpu_carry` makes them); without FOLDER they are exported here, which takes the `export`
extra, as parity does. PyTorch's times on a GPU need its CUDA build. In this order, each a line of
the table at the end:

- a step of the smallest graph on the backend;
- parity with autograd in float64: float32 with TF32 off and on, and float16;
- the same steps twice, to the bit;
- placement: every kernel of a step on the backend, no copy to or from the host among them;
- cold and steady times against the CPU and PyTorch, eager and as a CUDA graph, captured and plain,
  float16 and with the channels last: at the reference sizes, at the others, with TF32 off, and
  against PyTorch compiled.

Another backend than cuda stands in to test the logic; what is CUDA's own is then left out, and
said, and so is float16 where a device answers that it has none. A check that fails, or takes too
long, does not keep the next ones. After each, OUT has `acceptance.json`; the times are result files
for `dream report`, written after every round of measurements.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
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
from ort_deepdream.weights.builtin import shipped_file

ROOT = Path(__file__).parents[1]
PHOTO = ROOT / "examples" / "cat.jpg"
# The command, wherever it is installed or only on PYTHONPATH.
DREAM = (sys.executable, "-P", "-m", "ort_deepdream")

SIZES = ("182x158", "512x512", "1024x1024")
MORE_SIZES = ("128x128", "256x256", "2048x2048", "4096x4096")
COMPILED_SIZE = "512x512"
LAYER = "inception_4c/output"
BUDGET = 420.0  # seconds, for everything
LEAST = 5.0  # seconds that a measurement of times is begun with
GRACE = 90.0  # seconds that a command may take beyond its budget; more on a busy machine
PARITY, PARITY_SHARE = 120.0, 0.12  # seconds that one may take, and share of those left
STEPS = 4  # that are profiled
CHECKS = ("parity", "bits", "placement", "times")
COPIES = ("MemcpyToHost", "MemcpyFromHost")
NO_FLOAT16 = "requires f16 but the device does not"  # ONNX Runtime, of a device that may lack it
TF32 = "NVIDIA_TF32_OVERRIDE"


@dataclass(frozen=True)
class Outcome:
    """One line of the table."""

    check: str
    passed: bool | None  # None: left out
    detail: str
    seconds: float = 0.0  # since the beginning


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
        return max(0.0, budget - (time.perf_counter() - self.started))

    def add(self, check: str, passed: bool | None, detail: str) -> None:
        """Say an outcome, and write down all that are known."""
        seconds = round(time.perf_counter() - self.started, 1)
        self.outcomes.append(Outcome(check, passed, detail, seconds))
        print(f"{check}: {WORDS[passed]}; {detail}", flush=True)
        text = json.dumps([asdict(outcome) for outcome in self.outcomes], indent=1)
        (self.out / "acceptance.json").write_text(text + "\n")

    def run(self) -> None:
        self.step()
        single = shipped_file(self.o.layer, find_backend(self.o.backend).file_target)
        half = self.half("cuda" if self.cuda else "portable")
        checks = {
            "parity": lambda: self.parity(single, half),
            "bits": lambda: self.same_bits(single),
            "placement": lambda: self.placement(single),
            "times": lambda: self.times(half),
        }
        for name in self.o.only or checks:
            try:
                checks[name]()
            except DreamError as error:
                self.add(name, False, str(error))

    def step(self) -> None:
        backend = find_backend(self.o.backend)
        reason = why_unusable(backend)
        device = backend.device or "its device"
        self.add("a step", reason is None, reason or f"{backend.provider} on {device}")

    def half(self, target: str) -> Path | None:
        """Return the float16 file for a graph target: a ready one, or exported here."""
        if self.o.files is not None:
            path: Path = self.o.files / f"float16.{target}.onnx"
            return path if path.exists() else None
        path = self.out / f"float16.{target}.onnx"
        done = self.command("export", "-l", self.o.layer, "-o", path, "--target", target,
                            "--precision", "float16")  # fmt: skip
        if done.returncode:
            self.add(f"float16 for {target}", None, f"no file: {last_words(done)}")
        return None if done.returncode else path

    def parity(self, single: Path, half: Path | None) -> None:
        """Run `dream verify` in processes of their own: TF32 is switched before CUDA starts."""
        if self.cuda:
            self.verify("parity, float32, TF32 off", single, ["use_tf32=0"], tf32="0")
            self.verify("parity, float32, TF32 on", single, ["use_tf32=1"], tf32="1")
        else:
            self.verify("parity, float32", single, [])
            self.add("parity, TF32", None, "TF32 is CUDA's")
        if half is None:
            self.has_float16 = False
            self.add("parity, float16", None, "there is no float16 file")
        else:
            self.has_float16 = self.verify("parity, float16", half, []) is not None

    def verify(self, check: str, path: Path, options: Sequence[str], tf32: str = "") -> bool | None:
        words = [f"--provider-option={option}" for option in options]
        environment = {TF32: tf32} if tf32 else {}
        seconds = min(PARITY, self.left() * PARITY_SHARE)
        done = self.command("verify", path, "--backend", self.o.backend, *words,
                            environment=environment, seconds=seconds)  # fmt: skip
        said = last_words(done)
        passed = judge_verify(done.returncode, said, self.cuda)
        self.add(check, passed, said if passed is not None else f"no float16 here: {said}")
        return passed

    def same_bits(self, path: Path) -> None:
        """Check that the same steps give the same picture, whatever order atomics add in."""
        found = {pictures_hash(path, self.o.backend, self.o.sizes[0]) for _ in range(3)}
        detail = f"{len(found)} pictures of three times {STEPS} steps"
        self.add("the same to the bit", len(found) == 1, detail)

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

    def times(self, half: Path | None) -> None:
        """Measure, what matters most first; each measurement has its part of the time left."""
        name = self.o.backend
        half = half if self.has_float16 else None
        halved = [f"{name}:model={half}"] if half is not None else []
        ways = [f"{name}:enable_cuda_graph=0", f"{name}:prefer_nhwc=1"] if self.cuda else []
        if self.cuda and half is not None:
            ways.append(f"{name}:prefer_nhwc=1,model={half}")
        others = [] if name == "cpu" else ["cpu"]
        self.bench("times", [name, *halved, *ways, *others], self.o.sizes, 0.45, "result")
        if half is None:
            self.add("times, float16", None, "no float16 here, as its parity says")
        if not self.cuda:
            self.add("CUDA graph on and off", None, "CUDA graphs are CUDA's")
        if self.o.more_sizes:
            quick = [name, *halved, *others]
            self.bench("times, other sizes", quick, self.o.more_sizes, 0.5, "sizes", "--no-limits")
        if self.cuda:
            plain = [name, f"{name}:enable_cuda_graph=0"]
            self.bench("times, TF32 off", plain, self.o.sizes[:2], 0.4, "tf32-off", "--no-limits",
                       environment={TF32: "0"})  # fmt: skip
            # Last, for compiling takes as long as it likes.
            size = [parse_size(COMPILED_SIZE)] if self.o.more_sizes else self.o.sizes[:1]
            self.bench("times, PyTorch compiled", [name], size, 1.0, "compiled", "--no-limits",
                       "--profile", "full")  # fmt: skip

    def bench(
        self,
        check: str,
        backends: Sequence[str],
        sizes: Sequence[Size],
        share: float,
        name: str,
        *more: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Run `dream bench` in this share of the time left."""
        budget = self.left() * share
        if budget < LEAST:
            self.add(check, None, f"no time: {self.left():.0f} of {self.o.budget:.0f} s are left")
            return
        result = self.out / f"{name}.json"
        words: list[str | Path] = ["bench", PHOTO, "-l", self.o.layer, "--torch", *more]
        words += [word for each in backends for word in ("--backend", each)]
        words += [word for size in sizes for word in ("--size", str(size))]
        words += ["-o", result, "--trials", "3", "--budget", str(round(budget))]
        done = self.command(*words, environment=environment, seconds=budget + self.o.grace)
        if result.exists():
            passed, detail = judge_times(read_result(result), self.o.backend)
        else:
            passed, detail = False, "nothing was measured"
        if done.returncode:
            passed = False
            detail += f"; exit code {done.returncode}: {last_words(done)}"
        self.add(check, passed, f"{result.name}: {detail}")

    def command(
        self,
        *words: str | Path,
        environment: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `dream` with these words, for so many seconds at most."""
        command = [*DREAM, *map(str, words)]
        try:
            return subprocess.run(
                command,
                env={**os.environ, "COLUMNS": "100", **(environment or {})},
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            late = f"it was ended after {seconds:.0f} s"
            return subprocess.CompletedProcess(command, -1, "", late)


def last_words(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last line that a command said."""
    said = done.stdout.strip() if done.returncode == 0 else done.stderr.strip()
    said = said or done.stdout.strip() or done.stderr.strip() or "nothing was said"
    return said.splitlines()[-1][-300:]


def pictures_hash(path: Path, backend: str, size: Size) -> str:
    """Return what tells pictures apart that are not the same in every bit."""
    model = load_model(path, backend)
    ascent = make_ascent(model, size.height, size.width)
    ascent.put(noise(model, size))
    for number in range(STEPS):
        ascent.step(1.5, number, -number)
    return hashlib.sha256(ascent.take().tobytes()).hexdigest()


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
    made.add_argument("--layer", default=LAYER, help="one that has shipped files")
    made.add_argument(
        "--size",
        dest="sizes",
        type=parse_size,
        action="append",
        metavar="WxH",
        help="may be repeated; then there are no others",
    )
    made.add_argument("--only", choices=CHECKS, action="append", help="may be repeated")
    made.add_argument("--files", type=Path, help="folder of float16.cuda.onnx and so on")
    made.add_argument("--budget", type=float, default=BUDGET, help="seconds for everything")
    made.add_argument("--grace", type=float, default=GRACE, help="seconds beyond, for a command")
    made.add_argument("--out", type=Path, help="folder for the results; default: a new one")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    o = parser().parse_args(arguments)
    o.more_sizes = [] if o.sizes else [*map(parse_size, MORE_SIZES)]
    o.sizes = o.sizes or [*map(parse_size, SIZES)]
    out = o.out or Path(tempfile.mkdtemp(prefix="acceptance-"))
    out.mkdir(parents=True, exist_ok=True)
    acceptance = Acceptance(o, out)
    try:
        find_backend(o.backend)
        acceptance.run()
    except DreamError as error:
        print(f"gpu_acceptance: error: {error}", file=sys.stderr)
        return 2
    show(acceptance.outcomes)
    print(f"{out}: acceptance.json, and result files for `dream report`")
    return int(any(outcome.passed is False for outcome in acceptance.outcomes))


def show(outcomes: Sequence[Outcome]) -> None:
    from rich.console import Console

    made = table("check", "", "detail")
    for outcome in outcomes:
        made.add_row(outcome.check, WORDS[outcome.passed], outcome.detail)
    Console(highlight=False).print(made)


if __name__ == "__main__":
    sys.exit(main())
