r"""Pack what an acceptance on a borrowed GPU needs, and print the steps there.

    python -m scripts.gpu_carry .carry                 # from the installed onnxruntime-gpu
    python -m scripts.gpu_carry .carry --wheel WHEEL   # for another Python than this one
    python -m scripts.gpu_carry .carry --gpu 80        # for an A100; 90 are H100 and H200

For a machine with a GPU and no network, whose Python has PyTorch with CUDA (NVIDIA's libraries come
with it), onnx, onnx-ir, numpy, psutil and pytest, and which takes some 64 MiB at a time, the
checkout among them. ONNX Runtime's wheel is four times as large: without the machine code of other
GPUs, TensorRT and its tools it packs into two pieces. The folder gets

    1/, 2/ ...   pieces of the archive, each small enough beside the checkout
    last/        wheels that are missing there, float16 gradient files, and the list of libraries

Wheels are those in `--wheels FOLDER`. For Python 3.12 they come, and onnxruntime-gpu's likewise, by

    pip download --no-deps --only-binary=:all: --python-version 3.12 -d FOLDER \
        --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 -c constraints.txt \
        annotated-doc annotated-types pillow platformdirs pydantic pydantic-core typer \
        typing-extensions typing-inspection
"""

from __future__ import annotations

import argparse
import io
import lzma
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from importlib.metadata import distribution
from pathlib import Path

from ort_deepdream.errors import DreamError
from scripts.gpu_setup import ARCHIVE, LIBRARIES

PROVIDER = "onnxruntime/capi/libonnxruntime_providers_cuda.so"
LEFT_OUT = re.compile(
    r"onnxruntime/(transformers|quantization|tools|datasets)/"
    r"|.*/(libonnxruntime\.so[^/]*|libonnxruntime_providers_tensorrt\.so|__pycache__/.*)$"
)
MIB = 2**20
MOST = 30  # MiB of a piece
PRESET = 3  # xz's; higher ones take minutes for one MiB
LAYER = "inception_4c/output"
HALVES = ("cuda", "portable")  # graph targets with float16
# NVIDIA's fat binaries: a header, and then entries of which a kind is machine code for one GPU.
MAGIC, MACHINE_CODE, ENTRY = 0xBA55ED50, 2, 32

Member = tuple[str, bytes]


def members(wheel: Path | None) -> Iterator[Member]:
    """Yield every file of the wheel, or of the installed package, by its name in site-packages."""
    if wheel is not None:
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if not name.endswith("/"):
                    yield name, archive.read(name)
        return
    for file in distribution("onnxruntime-gpu").files or ():
        path = Path(str(file.locate()))
        if path.is_file() and ".." not in file.parts:
            yield file.as_posix(), path.read_bytes()


def thin(library: bytes, gpu: int) -> bytes:
    """Return the library, as long as it was, without the machine code of other GPUs than sm_`gpu`.

    Raise DreamError when it has none for that GPU.
    """
    data, kept = bytearray(library), 0
    magic, at = struct.pack("<I", MAGIC), 0
    while (at := data.find(magic, at)) >= 0:
        _, _, header, size = struct.unpack_from("<IHHQ", data, at)
        entry, end = at + header, at + header + size
        while entry + ENTRY <= end:
            kind, _, head, length = struct.unpack_from("<HHIQ", data, entry)
            (its_gpu,) = struct.unpack_from("<I", data, entry + 28)
            if head == 0:
                break
            if kind == MACHINE_CODE and its_gpu != gpu:
                data[entry + head : entry + head + length] = bytes(length)
            elif kind == MACHINE_CODE:
                kept += length
            entry += head + length
        at = max(end, at + 1)
    if not kept:
        raise DreamError(f"this onnxruntime has no machine code for sm_{gpu}; choose another --gpu")
    return bytes(data)


def pack(found: Iterator[Member], gpu: int) -> bytes:
    """Return the archive of what is needed on that GPU."""
    made = io.BytesIO()
    with (
        lzma.open(made, "wb", preset=PRESET) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, content in found:
            if LEFT_OUT.match(name):
                continue
            kept = thin(content, gpu) if name == PROVIDER else content
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(kept), 0o644
            archive.addfile(entry, io.BytesIO(kept))
    return made.getvalue()


def split(archive: bytes, folder: Path, most: int) -> list[Path]:
    """Write the archive in pieces of at most so many bytes, each in a folder of its own."""
    written = []
    for number, begin in enumerate(range(0, len(archive), most)):
        path = folder / str(number + 1) / f"{ARCHIVE}.{number:02}"
        path.parent.mkdir(parents=True)
        path.write_bytes(archive[begin : begin + most])
        written.append(path)
    return written


def libraries(provider: Path) -> list[str]:
    """Return the libraries of NVIDIA's that the provider asks for, but for the driver's."""
    words = ["readelf", "-d", str(provider)]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"\(NEEDED\).*\[(libcu[^\]]*)\]", listed)
    return sorted({*found, "libcudnn.so.9"} - {"libcuda.so.1"})


def write_halves(folder: Path) -> None:
    """Export the float16 gradient files; those of float32 are in the checkout."""
    from ort_deepdream.export.model_file import export_gradient, save
    from ort_deepdream.export.targets import TARGETS
    from ort_deepdream.export.weights import load_weights
    from ort_deepdream.weights.builtin import WEIGHTS_FILE

    weights = load_weights(str(WEIGHTS_FILE))
    for target in HALVES:
        made = export_gradient(weights, [LAYER], TARGETS[target], "float16")
        save(made, folder / f"float16.{target}.onnx")


STEPS = """\
Copy the checkout there together with one folder at a time, and run there, in the checkout:
{copies}
  together with {last}, and then:
    cp {last}/* /tmp/pieces && python3 scripts/gpu_setup.py /tmp/pieces /tmp/site &&
    export PYTHONPATH=/tmp/site:$PWD/src:$PWD PYTHONUNBUFFERED=1 &&
    python3 -m ort_deepdream backends;
    python3 -m scripts.gpu_acceptance --files /tmp/pieces --out OUT --budget 420
    NVIDIA_TF32_OVERRIDE=0 ORT_DEEPDREAM_BACKEND=cuda python3 -m pytest -q tests/backends
The folder OUT has what was found so far at any time: acceptance.json, and result files for
`dream report`."""


def steps(folder: Path, pieces: Sequence[Path]) -> str:
    """Return what is to be done there."""
    copies = "\n".join(
        f"  together with {piece.parent}:\n    mkdir -p /tmp/pieces && cp {piece} /tmp/pieces"
        for piece in pieces
    )
    return STEPS.format(copies=copies, last=folder / "last")


def main(arguments: Sequence[str] | None = None) -> int:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("folder", type=Path, help="to be made")
    made.add_argument("--wheel", type=Path, help="onnxruntime-gpu for the Python there")
    made.add_argument("--gpu", type=int, default=90, help="its compute capability, without the dot")
    made.add_argument("--wheels", type=Path, help="folder of wheels that are missing there")
    made.add_argument("--most", type=float, default=MOST, help="MiB of a piece")
    o = made.parse_args(arguments)
    try:
        pieces = make(o.folder, o.wheel, o.gpu, o.wheels, int(o.most * MIB))
    except (DreamError, OSError, zipfile.BadZipFile) as error:
        print(f"gpu_carry: error: {error}", file=sys.stderr)
        return 2
    for path in (*pieces, o.folder / "last"):
        inside = path.rglob("*") if path.is_dir() else [path]
        print(f"{path}: {sum(file.stat().st_size for file in inside) / MIB:.1f} MiB")
    print(steps(o.folder, pieces))
    return 0


def make(
    folder: Path, wheel: Path | None, gpu: int, wheels: Path | None, most: int
) -> Sequence[Path]:
    """Make the folder; return the pieces of the archive. Raise DreamError if it is there."""
    if folder.exists():
        raise DreamError(f"{folder} is there already; name another, or delete it")
    archive = pack(members(wheel), gpu)
    pieces = split(archive, folder, most)
    last = folder / "last"
    last.mkdir()
    for path in wheels.glob("*.whl") if wheels is not None else ():
        shutil.copy(path, last)
    provider = Path(str(distribution("onnxruntime-gpu").locate_file(PROVIDER)))
    (last / LIBRARIES).write_text("\n".join(libraries(provider)) + "\n")
    write_halves(last)
    return pieces


if __name__ == "__main__":
    sys.exit(main())
