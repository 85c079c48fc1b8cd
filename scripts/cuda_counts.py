"""What a step asks of CUDA, counted without a GPU: `python -m scripts.cuda_counts`.

ONNX Runtime's own CUDA provider runs on the stand-ins of tests/support/cuda_standins, which compute
nothing and count every call. Printed are launches, copies and bytes by part of the step, memory
held by a session, and the processor's time; what a GPU of given speeds would then take is reckoned.

    python -m scripts.cuda_counts             # print, with the processor's time on this machine
    python -m scripts.cuda_counts --bandwidth 2e12 --launch 2e-6 --flops 30e12
    python -m scripts.cuda_counts --write     # into docs/performance.md
    python -m scripts.cuda_counts --shipped   # shipped files, and float16, for tests/cuda: minutes

Needs gcc, and onnxruntime-gpu on Linux.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ort_deepdream.weights.builtin import WEIGHTS_FILE, shipped_file

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests" / "support"))

import standins  # noqa: E402  the folder above has it

PAGE = ROOT / "docs" / "performance.md"
SHIPPED = ROOT / "tests" / "cuda" / "shipped.json"
BEGIN, END = "<!-- cuda-counts:begin -->", "<!-- cuda-counts:end -->"

LAYER = "inception_4c/output"
STEM = LAYER.replace("/", "-")
TARGETS = ("portable", "cuda")
SMALL, MIDDLE, LARGE = SIZES = (158, 182), (512, 512), (1024, 1024)  # (height, width)
PLAIN, CAPTURED = {"enable_cuda_graph": "0"}, {"enable_cuda_graph": "1"}
WAYS = {"plain": PLAIN, "captured": CAPTURED}
HALF = "float16"
MIB, TIMES = 2**20, 300
# What a step may never ask for, however it is made.
NEVER = ("host_callbacks", "forbidden", "captured_host_copies", "stale_replays")

CONVOLUTIONS, POOLS, POOL_GRADIENTS, MASKS, SUMS, ASCENT = PARTS = (
    "convolutions, biases, ReLUs",
    "pools",
    "max-pool gradients",
    "masks of ReLUs, joining and cutting",
    "LRN, the objective, sums of gradients",
    "the ascent",
)
OPERATORS = {
    **dict.fromkeys(("Conv", "FusedConv", "ConvTranspose", "Relu", "DepthToSpace"), CONVOLUTIONS),
    "MaxPool": POOLS,
    **dict.fromkeys(("Concat", "Slice", "Sign", "Greater", "Cast"), MASKS),
}


def named(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"


SIDES = [*map(named, SIZES)]
Size = tuple[int, int]
Counts = Mapping[str, int]
Ask = standins.Standins


@dataclass(frozen=True)
class Gpu:
    """What a GPU is taken to do: bytes a second, seconds a launch, operations a second."""

    name: str
    bandwidth: float
    launch: float
    flops: float

    def seconds(self, step: Counts) -> float:
        """Return what a step would take: each launch, copy and fill, all bytes, all operations."""
        started = step["launches"] + step["copies_within"] + step["fills"]
        return started * self.launch + step["moved"] / self.bandwidth + step["flop"] / self.flops

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.bandwidth / 1e12:g} TB/s, {self.launch * 1e6:g} µs, "
            f"{self.flops / 1e12:g} TFLOP/s"
        )


GPUS = (
    Gpu("captured, a large GPU", 3e12, 1.5e-6, 20e12),
    Gpu("plain, a large GPU", 3e12, 4e-6, 20e12),
    Gpu("a small one", 0.5e12, 3e-6, 20e12),
)


def part_of(node: Mapping[str, Any]) -> str:
    """Return the part of a step that a node belongs to."""
    name: str = node["name"]
    if name.startswith("ascent/"):
        return ASCENT
    if "MaxPoolGrad" in name or name.startswith("max_pool2d_with_indices_backward"):
        return POOL_GRADIENTS
    of_mask = name.startswith("threshold_backward")
    return OPERATORS.get(node["operator"], MASKS if of_mask else SUMS)


def by_part(nodes: Iterable[Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """Return what is asked for by part.

    Nodes that start nothing move nothing, whatever they read.
    """
    found: dict[str, Counter[str]] = {part: Counter() for part in PARTS}
    for node in nodes:
        counts = {key: value for key, value in node.items() if isinstance(value, int)}
        if any(counts.get(key) for key in ("launches", "copies_within", "fills")):
            found[part_of(node)].update(counts)
    return found


def total(parts: Mapping[str, Counter[str]]) -> Counter[str]:
    """Return the sum of all parts."""
    return sum(parts.values(), Counter[str]())


def parts(ask: Ask, target: str, size: Size) -> dict[str, Counter[str]]:
    """Return what a step of the default layer asks for by part, not captured."""
    return by_part(ask("parts", path=shipped_file(LAYER, target), size=size))


def document(ask: Ask) -> str:
    """Return the tables of docs/performance.md that are the same on every machine."""
    steps = {
        (target, size): parts(ask, target, size) for target in TARGETS for size in (SMALL, LARGE)
    }
    totals = {key: total(found) for key, found in steps.items()}
    tables = [part_table(steps, totals), ways_table(), layers_table(), reckoned(totals, GPUS)]
    return "\n\n".join(tables)


def part_table(
    steps: Mapping[tuple[str, Size], Mapping[str, Counter[str]]],
    totals: Mapping[tuple[str, Size], Counter[str]],
) -> str:
    """Return the table of launches, copies and bytes, by part at the small size."""
    columns = ["launches", "copies, fills", "MB moved", "GFLOP"]
    head = [f"one step at {named(SMALL)}", *(f"{t}: {c}" for t in TARGETS for c in columns)]
    rows = [
        [part, *(cell for target in TARGETS for cell in cells(steps[target, SMALL][part]))]
        for part in PARTS
    ]
    for words, size in (("in all", SMALL), (f"in all at {named(LARGE)}", LARGE)):
        rows.append([words, *(cell for t in TARGETS for cell in cells(totals[t, size]))])
    return table(head, rows)


def cells(counts: Counter[str]) -> list[str]:
    others = counts["copies_within"], counts["fills"]
    return [
        f"{counts['launches']}" if counts["launches"] else "",
        ", ".join(map(str, others)) if any(others) else "",
        f"{counts['moved'] / 1e6:,.0f}",
        f"{counts['flop'] / 1e9:.1f}" if counts["flop"] else "",
    ]


def ways_table() -> str:
    """Return the table of the ways to compute the default layer, of what `--shipped` wrote down."""
    head = ["way, not captured", f"launches at {named(SMALL)}", *(f"held at {s}" for s in SIDES)]
    rows = []
    for name, ways in json.loads(SHIPPED.read_text()).items():
        stem, target, *half = name.removesuffix(".onnx").split(".")
        for way in ways if stem == STEM else ():
            if way != "captured":
                words = [target, *half, *([way] if way != "plain" else [])]
                held = (f"{size:,} MiB" for size in ways[way]["MiB"])
                rows.append([", ".join(words), str(ways[way]["step"]["launches"]), *held])
    return table(head, rows)


def layers_table() -> str:
    """Return the table of all shipped layers in both precisions, of what `--shipped` wrote down."""
    found = json.loads(SHIPPED.read_text())
    ends = [f".{target}{half}.onnx" for target in TARGETS for half in ("", f".{HALF}")]
    columns = [", ".join(end.strip(".").split(".")[:-1]) for end in ends]
    head = [
        f"launches at {named(SMALL)}, not captured",
        *columns,
        *(f"{name}: held at {SIDES[-1]}" for name in columns),
    ]
    rows = []
    for stem in dict.fromkeys(name.partition(".")[0] for name in found):
        plain = [found[f"{stem}{end}"]["plain"] for end in ends]
        launches = [str(one["step"]["launches"]) for one in plain]
        rows.append([stem.replace("-", "/"), *launches, *(f"{p['MiB'][-1]:,} MiB" for p in plain)])
    return table(head, rows)


def reckoned(totals: Mapping[tuple[str, Size], Counter[str]], gpus: Sequence[Gpu]) -> str:
    """Return the table of what steps would take."""
    columns = [(target, size) for size in (SMALL, LARGE) for target in TARGETS]
    head = ["reckoned, not measured", *(f"{named(size)}, {target}" for target, size in columns)]
    rows = [
        [str(gpu), *(f"{gpu.seconds(totals[c]) * 1e3:.1f} ms" for c in columns)] for gpu in gpus
    ]
    return table(head, rows)


def times(ask: Ask) -> str:
    """Return the table of the processor's time for a step, on this machine."""
    rows = [
        [target, *(f"{seconds(ask, target, way) * 1e3:.3f} ms" for way in WAYS)]
        for target in TARGETS
    ]
    return table(["the processor's time for a step", *WAYS], rows)


def seconds(ask: Ask, target: str, way: str) -> float:
    found = measured(ask, shipped_file(LAYER, target), WAYS[way], SMALL, times=TIMES)
    return float(found["seconds"])


def measured(
    ask: Ask, path: Path, options: Mapping[str, str], size: Size = SMALL, **more: int
) -> dict[str, Any]:
    """Return what the child of the stand-ins measures of a file: nothing that no step may do."""
    found: dict[str, Any] = ask("measure", path=path, size=size, options=options, **more)
    assert set(found["placement"]) == {"CUDAExecutionProvider"}, found["placement"]
    assert found["complaints"] == [], found["complaints"]
    for step in found["steps"]:
        assert not [name for name in NEVER if name in step], step
        assert (step["copies_in"], step["copies_out"]) == (1, 1), step
    *_, before, last = found["steps"]
    assert before == last, "a step in the steady state is like the one before"
    assert "allocations" not in last
    return found


def shipped(ask: Ask) -> dict[str, dict[str, Any]]:
    """Return what a step of every form counts, and what its sessions hold."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in forms():
            path = form(name, Path(folder))
            found[name] = {way: of_file(ask, path, o) for way, o in ways_of(name).items()}
    return found


def ways_of(name: str) -> dict[str, dict[str, str]]:
    """Return the options of the ways that a form is counted in, by their names."""
    last, biased = {"prefer_nhwc": "1"}, {"fuse_conv_bias": "1"}
    more = {"channels last": last}
    if name.startswith(f"{STEM}.cuda.{HALF}."):
        more |= {"biases fused": biased, "channels last, biases fused": {**last, **biased}}
    elif not name.startswith(f"{STEM}.portable."):
        more = {}
    return {**WAYS, **{way: {**PLAIN, **options} for way, options in more.items()}}


def forms() -> list[str]:
    """Return the names of all that is counted: shipped files, and the same in float16."""
    names = [path.name for path in shipped_files()]
    return [*names, *(f"{name.removesuffix('.onnx')}.{HALF}.onnx" for name in names)]


def form(name: str, folder: Path) -> Path:
    """Return the file of a form; of float16 it is exported into `folder`, of weights that vary."""
    if HALF not in name:
        return WEIGHTS_FILE.parent / name
    from ort_deepdream.export.model_file import export_gradient, save
    from ort_deepdream.export.targets import TARGETS as GRAPH_TARGETS
    from ort_deepdream.export.weights import load_weights

    stem, target, *_ = name.split(".")
    layer, path = stem.replace("-", "/"), folder / name
    if not path.exists():
        weights = load_weights("seeded:0")
        save(export_gradient(weights, [layer], GRAPH_TARGETS[target], HALF), path)
    return path


def shipped_files() -> list[Path]:
    """Return the shipped files that CUDA takes."""
    return [
        path for target in TARGETS for path in sorted(WEIGHTS_FILE.parent.glob(f"*.{target}.onnx"))
    ]


def of_file(ask: Ask, path: Path, options: Mapping[str, str]) -> dict[str, Any]:
    """Return what the last of some steps counts, and the MiB that a session for each size holds."""
    found = [measured(ask, path, options, size) for size in SIZES]
    return {"step": found[0]["steps"][-1], "MiB": [-(-run["bytes"] // MIB) for run in found]}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def written(page: str, tables: str) -> str:
    """Return the page with these tables between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> None:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--write", action="store_true", help=f"the tables into {PAGE.name}")
    made.add_argument("--shipped", action="store_true", help=f"counts of all into {SHIPPED.name}")
    made.add_argument("--bandwidth", type=float, default=3e12, help="bytes a second")
    made.add_argument("--launch", type=float, default=1.5e-6, help="seconds for each launch")
    made.add_argument("--flops", type=float, default=20e12, help="operations a second")
    o = made.parse_args(arguments)
    if reason := standins.why_not():
        made.error(reason)
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(standins.Standins(standins.build(Path(folder)))) as ask,
    ):
        if o.shipped:
            SHIPPED.write_text(json.dumps(shipped(ask), indent=1) + "\n")
        elif o.write:
            PAGE.write_text(written(PAGE.read_text("utf-8"), document(ask)), "utf-8")
        else:
            totals = {
                (target, size): total(parts(ask, target, size))
                for target in TARGETS
                for size in (SMALL, LARGE)
            }
            asked = Gpu("as asked for", o.bandwidth, o.launch, o.flops)
            print(document(ask), reckoned(totals, [asked]), times(ask), sep="\n\n")


if __name__ == "__main__":
    main()
