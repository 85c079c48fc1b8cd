"""The result file: everything `dream bench` measured, with what is needed to judge and repeat it.

One JSON file, described in docs/result-file.md. Times are in seconds, sizes in pixels, memory in
bytes. What was not measured is `missing` with its reason, never a guess.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import from_json

from ort_deepdream.errors import DreamError
from ort_deepdream.measure.files import write_whole

SCHEMA: Literal["ort-deepdream/bench"] = "ort-deepdream/bench"
VERSION: Literal[1] = 1
MOST_BYTES = 500_000_000  # of a file; a full run has a few million

# Far beyond what can be measured, so that sums, ratios and drawings of what is valid stay finite.
Seconds = Annotated[float, Field(ge=0, le=1e9)]
Measured = Annotated[float, Field(ge=1e-9, le=1e9)]  # as seconds
Bytes = Annotated[int, Field(ge=0, le=10**18)]
Rate = Annotated[float, Field(gt=0, le=1e21)]  # a second
Amount = Annotated[float, Field(gt=0, le=1e21)]
Count = Annotated[int, Field(ge=0, le=2**53)]  # what every reader of JSON keeps exact
Pixels = Annotated[int, Field(ge=1, le=100_000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=10_000)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Base64 = Annotated[str, Field(pattern="^[A-Za-z0-9+/]*={0,2}$", max_length=100_000_000)]

# cold: the first dream of a fresh process, from its start to the picture on disk.
# warm: a further whole dream in a process that has done one, from the photo on disk to the dream's.
# step: one gradient-ascent step in the steady state, at full size.
Kind = Literal["cold", "warm", "step"]


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Size(Record):
    width: Pixels
    height: Pixels

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


class Machine(Record):
    """Where it was measured. Unknown things are None."""

    processor: Text
    cores: Annotated[int, Field(ge=1, le=100_000)]
    memory: Bytes
    system: Text  # OS and its version
    python: Name
    packages: dict[Name, Name]  # versions: onnxruntime-gpu, numpy, torch, CUDA and cuDNN wheels ...
    project: Name  # version of ort-deepdream
    commit: Name | None  # with "+" if the checkout had changes
    environment: dict[
        Name, Text
    ]  # variables that matter: OMP_NUM_THREADS, NVIDIA_TF32_OVERRIDE ...
    gpu: Text | None
    gpu_memory: Bytes | None
    gpu_driver: Name | None
    gpu_power_limit: Annotated[float, Field(ge=0, le=1e6)] | None  # watts
    cuda: Name | None
    cudnn: Name | None


class Model(Record):
    """The gradient file that was run (one for each graph target) and the weights in it."""

    architecture: Name
    layers: Annotated[tuple[Name, ...], Field(min_length=1, max_length=1000)]
    weights: Text
    weights_sha256: Name
    files: dict[Name, Sha256]  # by graph target


class Photo(Record):
    name: Name  # without folders
    sha256: Sha256
    width: Pixels
    height: Pixels


class Settings(Record):
    """Of the dream."""

    iterations: Annotated[int, Field(ge=1, le=2**53)]
    octaves: Annotated[int, Field(ge=1, le=1000)]
    octave_scale: Annotated[float, Field(gt=1)]
    step: float
    jitter: Count
    seed: Count


class Contender(Record):
    """Something that was timed: a backend with its options. `missing` says why it was not."""

    name: Name  # unique in the file: "cpu", "cpu, 1 thread", "cuda", "PyTorch eager, cpu"
    library: Name  # "ONNX Runtime" or "PyTorch"
    backend: Name
    provider: Name
    device: Text | None
    threads: Annotated[int, Field(ge=1, le=100_000)] | None
    options: dict[Name, Text]  # provider options as they were in force
    precision: Name  # "float32", "float32 (TF32)", "float16"
    target: Name | None  # the graph target
    placement: dict[Name, Count]  # nodes of the step by execution provider
    cpu_nodes_allowed: bool = False  # on another backend; files from before it have none
    missing: Text | None


class Sample(Record):
    """One measured dream or step."""

    seconds: Measured
    parts: dict[Name, Seconds]  # docs/result-file.md names them; they add up to `seconds`
    peak_memory: Bytes | None  # cold: largest resident size of the process
    device_memory: Bytes | None
    load: (
        Annotated[float, Field(ge=0, le=100_000)] | None
    )  # the machine's other work meanwhile: busy cores


class Series(Record):
    """Samples of one contender at one size; all series of a file were measured interleaved."""

    contender: Name
    size: Size
    kind: Kind
    samples: Annotated[tuple[Sample, ...], Field(max_length=100_000)]
    stable: bool  # the spread settled before the budget ended
    note: Text | None  # what a reader must know, such as why it is unstable


class Skipped(Record):
    """A measurement that was asked for and not made."""

    contender: Name
    size: Size
    kind: Kind
    reason: Text


class Check(Record):
    """Whether a contender computed what the reference did. A fast wrong answer is a failure."""

    contender: Name
    reference: Name  # another contender, or "PyTorch autograd, float64"
    size: Size
    equal: bool | None  # whether two short dreams are equal; None when none were compared
    psnr: Annotated[float, Field(ge=-1000, le=1000)] | None  # of the two, in dB; None when equal
    gradient_error: Annotated[float, Field(ge=0, le=1e21)] | None  # relative, in the 2-norm
    limit: Text  # what was required, in words
    passed: bool


class Operator(Record):
    """A share of one contender's step, by ONNX Runtime's profiler."""

    contender: Name
    size: Size
    operator: Name
    share: Annotated[float, Field(ge=0, le=1)]
    nodes: Count


class Limit(Record):
    """What the hardware could do: measured by a large matrix product and a large copy."""

    contender: Name
    flops: Rate
    bytes_per_second: Rate | None


class Work(Record):
    """What one step asks for, counted from the graph."""

    size: Size
    flop: Amount
    bytes: Amount | None  # read and written by all kernels


class Image(Record):
    """A picture to look at: the original at a size (contender None), or a contender's dream."""

    contender: Name | None
    size: Size
    png: Base64


class Result(Record):
    schema_name: Literal["ort-deepdream/bench"] = Field(default=SCHEMA, alias="schema")
    version: Literal[1] = VERSION
    created: Name  # ISO 8601, UTC
    command: Annotated[tuple[Text, ...], Field(max_length=1000)]  # that repeats it
    complete: bool  # False after an interruption: --resume goes on
    machine: Machine
    model: Model
    photo: Photo
    settings: Settings
    contenders: Annotated[tuple[Contender, ...], Field(max_length=1000)]
    series: Annotated[tuple[Series, ...], Field(max_length=10_000)]
    skipped: Annotated[tuple[Skipped, ...], Field(max_length=10_000)]
    checks: Annotated[tuple[Check, ...], Field(max_length=10_000)]
    operators: Annotated[tuple[Operator, ...], Field(max_length=100_000)]
    limits: Annotated[tuple[Limit, ...], Field(max_length=1000)]
    work: Annotated[tuple[Work, ...], Field(max_length=1000)]
    images: Annotated[tuple[Image, ...], Field(max_length=1000)]
    warnings: Annotated[tuple[Text, ...], Field(max_length=1000)]  # a busy machine ...

    @field_validator("created")
    @classmethod
    def _is_a_date(cls, created: str) -> str:
        datetime.fromisoformat(created)
        return created

    @model_validator(mode="after")
    def _fits_together(self) -> Result:
        names = [contender.name for contender in self.contenders]
        _require_unique("contender", names)
        missing = {contender.name for contender in self.contenders if contender.missing is not None}
        _require_unique("series", [(s.contender, s.size, s.kind) for s in self.series])
        _require_unique("limit", [limit.contender for limit in self.limits])
        _require_unique("work", [work.size for work in self.work])
        _require_unique("image", [(image.contender, image.size) for image in self.images])
        _require_unique("operator", [(o.contender, o.size, o.operator) for o in self.operators])
        owners = {
            "series": [series.contender for series in self.series],
            "skipped measurement": [skipped.contender for skipped in self.skipped],
            "check": [check.contender for check in self.checks],
            "operator": [operator.contender for operator in self.operators],
            "limit": [limit.contender for limit in self.limits],
            "image": [image.contender for image in self.images if image.contender is not None],
        }
        for kind, owned in owners.items():
            for name in sorted(set(owned) - set(names)):
                raise ValueError(f"{kind} of '{name}', which is no contender")
        for series in self.series:
            if series.contender in missing:
                raise ValueError(f"'{series.contender}' is missing, and has a series")
        return self


def _require_unique(kind: str, keys: Iterable[object]) -> None:
    seen = set()
    for key in keys:
        if key in seen:
            raise ValueError(f"two entries of {kind} {key}")
        seen.add(key)


def read_result(path: Path) -> Result:
    """Raises DreamError when the file cannot be read or is no result file of this version."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DreamError(f"{path}: is too large for a result file of `dream bench`")
        content = path.read_bytes()
    except OSError as error:
        raise DreamError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        found = from_json(content)
    except ValueError as error:
        raise DreamError(
            f"{path}: is not JSON, or not all of it ({error}); name a file that `dream bench` wrote"
        ) from error
    _check_version(path, found)
    try:
        return Result.model_validate_json(content)
    except ValidationError as error:
        raise DreamError(
            f"{path}: is damaged: {_first(error)}; measure again with `dream bench`"
        ) from error


def _check_version(path: Path, found: Any) -> None:
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise DreamError(f"{path}: is JSON, but not a result file that `dream bench` wrote")
    version = found.get("version")
    if type(version) is not int:
        raise DreamError(f"{path}: does not say which version it has; measure again")
    if version > VERSION:
        raise DreamError(
            f"{path}: has version {version}, and this program reads {VERSION}; "
            f"update it: pip install -U ort-deepdream"
        )
    if version < VERSION:
        raise DreamError(
            f"{path}: has version {version}, and this program reads {VERSION}; "
            f"measure again, or read it with an older ort-deepdream"
        )


def _first(error: ValidationError) -> str:
    """The first of the things that are wrong."""
    details = error.errors(include_url=False, include_input=False)
    where = ".".join(str(part)[:60] for part in details[0]["loc"])
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    what = " ".join(details[0]["msg"].split())[:300]
    return f"{where}: {what}{more}" if where else f"{what}{more}"


def write_result(path: Path, result: Result) -> None:
    """Write all of it or nothing. Raises DreamError when the folder cannot be written to."""
    content = result.model_dump_json(by_alias=True, indent=1) + "\n"
    try:
        write_whole(path, content)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DreamError(f"{path}: cannot be written ({reason}); choose another with -o") from error
