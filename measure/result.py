"""The result file: everything `dream bench` measured, with what is needed to judge and repeat it.

One JSON file, described in docs/result-file.md and, for programs, docs/result.schema.json. Times
are in seconds, sizes in pixels, memory in bytes. What was not measured is `missing` with its
reason, never a guess.

A file of a newer minor version is read, and the fields that are unknown here are written back with
the others; without one, an unknown field is damage.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    create_model,
    field_validator,
    model_serializer,
    model_validator,
)

from ort_deepdream.engine.settings import Limits
from ort_deepdream.engine.settings import Settings as Loop
from ort_deepdream.errors import DreamError
from ort_deepdream.files import write_text, writing
from ort_deepdream.measure.json_files import read_json
from ort_deepdream.text import clean

SCHEMA: Literal["ort-deepdream/bench"] = "ort-deepdream/bench"
MAJOR, MINOR = 1, 2
VERSION = f"{MAJOR}.{MINOR}"
MOST_BYTES = 100_000_000  # of a file; a full run has a few million
WHAT = "a result file that `dream bench` wrote"

# A fault takes more memory than what is at fault, and one is all that is told.
FIRST_FAULT = FailFast()

# Far beyond what can be measured, so that sums, ratios and drawings of what is valid stay finite.
Seconds = Annotated[float, Field(ge=0, le=1e9)]
Measured = Annotated[float, Field(ge=1e-9, le=1e9)]  # as seconds
Bytes = Annotated[int, Field(ge=0, le=10**18)]
Rate = Annotated[float, Field(gt=0, le=1e21)]  # a second
Amount = Annotated[float, Field(gt=0, le=1e21)]
Count = Annotated[int, Field(ge=0, le=2**53)]  # what every reader of JSON keeps exact
Pixels = Annotated[int, Field(ge=1, le=100_000)]
Joules = Annotated[float, Field(ge=0, le=1e12)]
Celsius = Annotated[float, Field(ge=-300, le=10_000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=10_000)]
Words = Annotated[tuple[Text, ...], FIRST_FAULT, Field(max_length=100)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Base64 = Annotated[str, Field(pattern="^[A-Za-z0-9+/]*={0,2}$", max_length=100_000_000)]

# cold: a one-off dream, `dream run` in a fresh process, from its start to its end.
# warm: a further whole dream in a process that has done one, from the photo on disk to the dream's.
# step: one gradient-ascent step in the steady state, at full size.
Kind = Literal["cold", "warm", "step"]


def _as_text(version: object) -> object:
    """Return 1 as "1.0": so it was written before there were minor versions."""
    return "1.0" if type(version) is int and version == 1 else version


VersionText = Annotated[str, Field(pattern=rf"^{MAJOR}\.(0|[1-9][0-9]{{0,5}})$")]
Version = Annotated[
    VersionText, BeforeValidator(_as_text, json_schema_input_type=Literal[1] | VersionText)
]


class Record(BaseModel):
    """A part of a result file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_serializer(mode="wrap")
    def _with_unknown(self, known: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {**known(self), **(self.model_extra or {})}


class Size(Record):
    """Width and height in pixels."""

    width: Pixels
    height: Pixels

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def pixels(self) -> int:
        """How many pixels there are."""
        return self.width * self.height


class Machine(Record):
    """Where it was measured. Unknown things are None."""

    processor: Text
    cores: Annotated[int, Field(ge=1, le=100_000)]
    # Of what a container is granted; files from before have none.
    cpu_quota: Annotated[float, Field(gt=0, le=100_000)] | None = None
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
    layers: Annotated[tuple[Name, ...], FIRST_FAULT, Field(min_length=1, max_length=1000)]
    weights: Text
    weights_sha256: Name
    files: dict[Name, Sha256]  # by graph target


class Photo(Record):
    """The photograph that was dreamt on, before it was resized."""

    name: Name  # without folders
    sha256: Sha256
    width: Pixels
    height: Pixels


# Those of version 1.0, which every file has. In a file from before another was added, that one had
# no effect, which is what a setting's default stands for.
FIRST_SETTINGS = frozenset({"iterations", "octaves", "octave_scale", "step", "jitter", "seed"})


def settings_fields(loop: type[Loop]) -> dict[str, Any]:
    """Return the loop's settings, as the engine declares them, for pydantic."""
    return {declared.name: _settings_field(declared) for declared in dataclasses.fields(loop)}


def _settings_field(declared: dataclasses.Field[Any]) -> Any:
    drawn = declared.default is dataclasses.MISSING  # anew for each dream
    default = ... if drawn or declared.name in FIRST_SETTINGS else declared.default
    described = Field(description=declared.metadata["help"])
    return Annotated[_settings_type(declared.type, declared.metadata["limits"]), described], default


def _settings_type(kind: Any, limits: Limits | tuple[str, ...] | None) -> Any:
    """Return the type of a setting's values, within its limits."""
    if limits is None:
        return kind
    if not isinstance(limits, Limits):
        return Literal[("", *limits)]
    several = get_args(kind)
    if several:
        return GenericAlias(tuple, (_settings_type(several[0], limits), ...))
    bounds = {"ge": limits.least, "le": limits.most, "gt": limits.above}
    finite: dict[str, Any] = {end: bound for end, bound in bounds.items() if math.isfinite(bound)}
    return Annotated[kind, Field(**finite)]


class Settings(create_model("Settings", __base__=Record, **settings_fields(Loop))):  # type: ignore[misc]
    """The settings of the loop. A field of engine.settings.Settings is a field here."""


class Contender(Record):
    """Something that was timed: a backend with its options. `missing` says why it was not."""

    name: Name  # unique in the file: "cpu", "cpu, 1 thread", "cuda", "PyTorch eager, cpu"
    library: Name  # "ONNX Runtime", "PyTorch" or "ONNX Runtime Web"
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
    browser: Text | None = None  # that it ran in, with its version; files from before have none
    # The library or package that the provider is plugged in from; older files have none.
    plugin: Text | None = None
    plugin_version: Name | None = None
    isolated: bool | None = None  # of a page: whether the browser grants it threads


class Sample(Record):
    """One measured dream or step."""

    seconds: Measured
    parts: dict[Name, Seconds]  # docs/result-file.md names them; they add up to `seconds`
    peak_memory: Bytes | None  # cold: largest resident size of the process
    device_memory: Bytes | None
    load: (
        Annotated[float, Field(ge=0, le=100_000)] | None
    )  # the machine's other work meanwhile: busy cores
    # What sensors saw meanwhile; files from before them have none.
    slowed: Words = ()  # what slowed the clocks, in words: such a sample is left out of figures
    capped: Words = ()  # what held them where they were meant to be, such as a power limit
    clocks: dict[Name, Rate] = Field(default={})  # mean, Hz, by device
    temperatures: dict[Name, Celsius] = Field(default={})  # highest
    powers: dict[Name, Joules] = Field(default={})  # mean, watts


class Measurement(NamedTuple):
    """What is measured again and again: the samples of one series."""

    contender: str  # its name
    size: Size
    kind: Kind


class Series(Record):
    """Samples of one contender at one size; all series of a file were measured interleaved."""

    contender: Name
    size: Size
    kind: Kind
    # Seconds of what went before the samples, in its order: the process's first steps or dreams.
    first: Annotated[tuple[Measured, ...], FIRST_FAULT, Field(max_length=1000)] = ()
    samples: Annotated[tuple[Sample, ...], FIRST_FAULT, Field(max_length=100_000)]
    stable: bool  # the median settled before the budget ended
    note: Text | None  # what a reader must know, such as why it is unstable

    @property
    def measurement(self) -> Measurement:
        """Return what the samples are of."""
        return Measurement(self.contender, self.size, self.kind)


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


class Energy(Record):
    """What further dreams took, one after another for long enough. `missing` says why nothing."""

    contender: Name
    size: Size
    dreams: Count
    seconds: Seconds
    joules: dict[Name, Joules]  # of all of them together, by device; what is idle takes some, too
    missing: Text | None


class AtOnce(Record):
    """Further dreams of so many processes at once."""

    at_once: Annotated[int, Field(ge=1, le=10_000)]
    dreams_per_hour: Rate
    seconds: Annotated[
        tuple[Measured, ...], FIRST_FAULT, Field(max_length=100_000)
    ]  # of each dream


class Throughput(Record):
    """How many dreams a contender makes with more and more at once, the fewest first."""

    contender: Name
    size: Size
    tried: Annotated[tuple[AtOnce, ...], FIRST_FAULT, Field(max_length=100)]
    missing: Text | None


class Image(Record):
    """A picture to look at: the original at a size (contender None), or a contender's dream."""

    contender: Name | None
    size: Size
    png: Base64


class Result(Record):
    """A result file."""

    schema_name: Literal["ort-deepdream/bench"] = Field(default=SCHEMA, alias="schema")
    version: Version = VERSION
    created: Name  # ISO 8601, UTC
    command: Annotated[tuple[Text, ...], FIRST_FAULT, Field(max_length=1000)]  # that repeats it
    complete: bool  # False after an interruption: --resume goes on
    machine: Machine
    model: Model
    photo: Photo
    settings: Settings
    contenders: Annotated[tuple[Contender, ...], FIRST_FAULT, Field(max_length=1000)]
    series: Annotated[tuple[Series, ...], FIRST_FAULT, Field(max_length=10_000)]
    skipped: Annotated[tuple[Skipped, ...], FIRST_FAULT, Field(max_length=10_000)]
    checks: Annotated[tuple[Check, ...], FIRST_FAULT, Field(max_length=10_000)]
    operators: Annotated[tuple[Operator, ...], FIRST_FAULT, Field(max_length=100_000)]
    limits: Annotated[tuple[Limit, ...], FIRST_FAULT, Field(max_length=1000)]
    work: Annotated[tuple[Work, ...], FIRST_FAULT, Field(max_length=1000)]
    energy: Annotated[tuple[Energy, ...], FIRST_FAULT, Field(max_length=1000)] = ()
    throughput: Annotated[tuple[Throughput, ...], FIRST_FAULT, Field(max_length=1000)] = ()
    sensors: dict[Name, Text | None] = Field(
        default={}
    )  # why each has nothing to tell; null: it has
    price_per_hour: Annotated[float, Field(gt=0, le=1e9)] | None = None  # in any currency
    images: Annotated[tuple[Image, ...], FIRST_FAULT, Field(max_length=1000)]
    warnings: Annotated[tuple[Text, ...], FIRST_FAULT, Field(max_length=1000)]  # a busy machine ...

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
        _require_unique("series", [series.measurement for series in self.series])
        _require_unique("limit", [limit.contender for limit in self.limits])
        _require_unique("work", [work.size for work in self.work])
        _require_unique("throughput", [(one.contender, one.size) for one in self.throughput])
        _require_unique("energy", [(energy.contender, energy.size) for energy in self.energy])
        _require_unique("image", [(image.contender, image.size) for image in self.images])
        _require_unique("operator", [(o.contender, o.size, o.operator) for o in self.operators])
        owners = {
            "series": [series.contender for series in self.series],
            "skipped measurement": [skipped.contender for skipped in self.skipped],
            "check": [check.contender for check in self.checks],
            "operator": [operator.contender for operator in self.operators],
            "limit": [limit.contender for limit in self.limits],
            "energy": [energy.contender for energy in self.energy],
            "throughput": [one.contender for one in self.throughput],
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
    """Return what is in a result file.

    Raise DreamError when it cannot be read, is larger than such a file can be, is damaged, or has a
    version that is not understood here.
    """
    content, found = read_json(path, MOST_BYTES, WHAT)
    newer = _minor_version(path, found) > MINOR
    try:
        return Result.model_validate_json(content, extra="allow" if newer else "forbid")
    except ValidationError as error:
        raise DreamError(
            f"{path}: is damaged: {_first(error)}; measure again with `dream bench`"
        ) from error


def _minor_version(path: Path, found: Any) -> int:
    """Return the minor version of a file. Raise DreamError for another major one."""
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise DreamError(f"{path}: is JSON, but not a result file that `dream bench` wrote")
    version = found.get("version")
    text = f"{version}.0" if type(version) is int else version
    parts = re.fullmatch(r"(\d{1,6})\.(\d{1,6})", text) if isinstance(text, str) else None
    if parts is None:
        raise DreamError(f"{path}: does not say which version it has; measure again")
    major, minor = map(int, parts.groups())
    if major > MAJOR:
        raise DreamError(
            f"{path}: has version {version}, and this program reads {VERSION}; "
            f"update ort-deepdream to read this: pip install -U ort-deepdream"
        )
    if major < MAJOR:
        raise DreamError(
            f"{path}: has version {version}, and this program reads {VERSION}; "
            f"measure again, or read it with an older ort-deepdream"
        )
    return minor


def _first(error: ValidationError) -> str:
    """Return the first of the things that are wrong, in one line."""
    details = error.errors(include_url=False, include_input=False)
    where = ".".join(clean(str(part))[:60] for part in details[0]["loc"])
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    what = clean(details[0]["msg"])[:300]
    return f"{where}: {what}{more}" if where else f"{what}{more}"


def keep_unknown(result: Result, before: Result) -> Result:
    """Return `result`, which goes on with `before`, with what only `before` has.

    That is the version and the unknown fields of a newer program: of the file, of its contenders
    and series. All smaller records are carried over whole by whoever goes on.
    """
    contenders = {contender.name: contender for contender in before.contenders}
    series = {one.measurement: one for one in before.series}
    kept = result.model_copy(
        update={
            "version": max(result.version, before.version, key=minor_of),
            "contenders": tuple(
                _keep_fields(one, contenders.get(one.name)) for one in result.contenders
            ),
            "series": tuple(
                _keep_fields(one, series.get(one.measurement)) for one in result.series
            ),
        }
    )
    return _keep_fields(kept, before)


def minor_of(version: str) -> int:
    """Return the minor number of a version."""
    return int(version.partition(".")[2])


AnyRecord = TypeVar("AnyRecord", bound=Record)


def _keep_fields(record: AnyRecord, before: AnyRecord | None) -> AnyRecord:
    unknown = before.model_extra if before else None
    if not unknown:
        return record
    kept = record.model_copy()
    # As pydantic itself stores them; records are frozen, and `update` is for known fields.
    object.__setattr__(kept, "__pydantic_extra__", {**(kept.model_extra or {}), **unknown})
    return kept


def write_result(path: Path, result: Result) -> None:
    """Write all of it or nothing. Raise DreamError when the folder cannot be written to."""
    with writing(path):
        write_text(path, result.model_dump_json(by_alias=True, indent=1) + "\n")
