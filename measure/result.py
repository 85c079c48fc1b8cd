"""The result file: everything `dream bench` measured, with what is needed to judge and repeat it.

One JSON file, described in docs/result-file.md. Times are in seconds, sizes in pixels, memory in
bytes. What was not measured is `missing` with its reason, never a guess.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA: Literal["ort-deepdream/bench"] = "ort-deepdream/bench"
VERSION: Literal[1] = 1

# Far beyond what can be measured, so that sums, ratios and drawings of what is valid stay finite.
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Measured = Annotated[float, Field(ge=1e-9, le=1e9, allow_inf_nan=False)]  # as seconds
Bytes = Annotated[int, Field(ge=0, le=10**18)]
Rate = Annotated[float, Field(gt=0, le=1e21, allow_inf_nan=False)]  # a second
Count = Annotated[float, Field(gt=0, le=1e21, allow_inf_nan=False)]
Pixels = Annotated[int, Field(ge=1, le=100_000)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]

# cold: the first dream of a fresh process, from its start to the picture on disk.
# warm: a further whole dream in a process that has done one.
# step: one gradient-ascent step in the steady state, at full size.
Kind = Literal["cold", "warm", "step"]


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Size(Record):
    width: Pixels
    height: Pixels


class Machine(Record):
    """Where it was measured. Unknown things are None."""

    processor: str
    cores: int
    memory: Bytes
    system: str  # OS and its version
    python: str
    packages: dict[str, str]  # versions: onnxruntime-gpu, numpy, torch, CUDA and cuDNN wheels ...
    project: str  # version of ort-deepdream
    commit: str | None  # with "+" if the checkout had changes
    environment: dict[str, str]  # variables that matter: OMP_NUM_THREADS, NVIDIA_TF32_OVERRIDE ...
    gpu: str | None
    gpu_memory: Bytes | None
    gpu_driver: str | None
    gpu_power_limit: float | None  # watts
    cuda: str | None
    cudnn: str | None


class Model(Record):
    """The gradient file that was run (one for each graph target) and the weights in it."""

    architecture: str
    layers: tuple[str, ...]
    weights: str
    weights_sha256: str
    files: dict[str, Sha256]  # by graph target


class Photo(Record):
    name: str  # without folders
    sha256: Sha256
    width: Pixels
    height: Pixels


class Settings(Record):
    """Of the dream."""

    iterations: int
    octaves: int
    octave_scale: float
    step: float
    jitter: int
    seed: int


class Contender(Record):
    """Something that was timed: a backend with its options. `missing` says why it was not."""

    name: str  # unique in the file: "cpu", "cpu, 1 thread", "cuda", "PyTorch eager, cpu"
    library: str  # "ONNX Runtime" or "PyTorch"
    backend: str
    provider: str
    device: str | None
    threads: int | None
    options: dict[str, str]  # provider options as they were in force
    precision: str  # "float32", "float32 (TF32)", "float16"
    target: str | None  # the graph target
    placement: dict[str, int]  # nodes of the step by execution provider
    missing: str | None


class Sample(Record):
    """One measured dream or step."""

    seconds: Measured
    parts: dict[str, Seconds]  # cold: "start", "import", "session", "first steps", "steps", "write"
    peak_memory: Bytes | None  # cold: largest resident size of the process
    device_memory: Bytes | None
    load: float | None  # the machine's other work as it began: busy cores


class Series(Record):
    """Samples of one contender at one size; all series of a file were measured interleaved."""

    contender: str
    size: Size
    kind: Kind
    samples: tuple[Sample, ...]
    stable: bool  # the spread settled before the budget ended
    note: str | None  # what a reader must know, such as why it is unstable


class Skipped(Record):
    """A measurement that was asked for and not made."""

    contender: str
    size: Size
    kind: Kind
    reason: str


class Check(Record):
    """Whether a contender computed what the reference did. A fast wrong answer is a failure."""

    contender: str
    reference: str  # another contender, or "PyTorch autograd, float64"
    size: Size
    psnr: float | None  # dB between the two dreams; None when they are equal
    gradient_error: float | None  # relative, in the 2-norm
    limit: str  # what was required, in words
    passed: bool


class Operator(Record):
    """A share of one contender's step, by ONNX Runtime's profiler."""

    contender: str
    size: Size
    operator: str
    share: Annotated[float, Field(ge=0, le=1)]
    nodes: int


class Limit(Record):
    """What the hardware could do: measured by a large matrix product and a large copy."""

    contender: str
    flops: Rate
    bytes_per_second: Rate | None


class Work(Record):
    """What one step asks for, counted from the graph."""

    size: Size
    flop: Count
    bytes: Count | None  # read and written by all kernels


class Image(Record):
    """A picture to look at: the original at a size (contender None), or a contender's dream."""

    contender: str | None
    size: Size
    png: str  # base64


class Result(Record):
    schema_name: Literal["ort-deepdream/bench"] = Field(SCHEMA, alias="schema")
    version: Literal[1] = VERSION
    created: str  # ISO 8601, UTC
    command: tuple[str, ...]  # that repeats it
    complete: bool  # False after an interruption: --resume goes on
    machine: Machine
    model: Model
    photo: Photo
    settings: Settings
    contenders: tuple[Contender, ...]
    series: tuple[Series, ...]
    skipped: tuple[Skipped, ...]
    checks: tuple[Check, ...]
    operators: tuple[Operator, ...]
    limits: tuple[Limit, ...]
    work: tuple[Work, ...]
    images: tuple[Image, ...]
    warnings: tuple[str, ...]  # a busy machine, a throttled processor ...
