"""Set up what `scripts.gpu_carry` packed, on a machine with a GPU, PyTorch and no network.

    python3 scripts/gpu_setup.py PIECES SITE

PIECES is the folder that all pieces were copied to; SITE, a folder to be made, gets the packages.
Needs the standard library alone. It prints the PYTHONPATH to use, and what is missing.
"""

from __future__ import annotations

import importlib.util
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ARCHIVE, LIBRARIES = "onnxruntime.tar.xz", "libraries.txt"
METADATA = "Metadata-Version: 2.1\nName: ort-deepdream\nVersion: 0.1.0\n"


def unpack(pieces: Path, site: Path) -> None:
    """Put the pieces of the archive together again, and unpack it and the wheels into `site`."""
    parts = sorted(pieces.glob(f"{ARCHIVE}.*"))
    if not parts:
        raise SystemExit(f"gpu_setup: {pieces} has no {ARCHIVE}.00; copy every piece there first")
    with tempfile.TemporaryFile() as whole:
        for part in parts:
            whole.write(part.read_bytes())
        whole.seek(0)
        with tarfile.open(fileobj=whole, mode="r:xz") as archive:
            archive.extractall(site, filter="data")
    for wheel in sorted(pieces.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)


def link_libraries(site: Path, packages: Path) -> None:
    """Let ONNX Runtime find NVIDIA's libraries, which came with PyTorch, beside itself."""
    link = site / "nvidia"
    if (packages / "nvidia").is_dir() and not link.exists():
        link.symlink_to(packages / "nvidia")


def missing_libraries(pieces: Path, site: Path) -> list[str]:
    """Return which of the libraries that ONNX Runtime asks for did not come with PyTorch."""
    wanted = (pieces / LIBRARIES).read_text().split()
    return [name for name in wanted if not any((site / "nvidia").glob(f"**/{name}"))]


def describe(site: Path) -> None:
    """Write what tells this project's version."""
    folder = site / "ort_deepdream-0.1.0.dist-info"
    folder.mkdir(exist_ok=True)
    (folder / "METADATA").write_text(METADATA)


def torch_packages() -> Path:
    """Return the folder that PyTorch is installed in."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        raise SystemExit("gpu_setup: there is no PyTorch, whose wheels bring NVIDIA's libraries")
    return Path(found.origin).parents[1]


def main(arguments: list[str]) -> None:
    if len(arguments) != 2:
        raise SystemExit("usage: python3 scripts/gpu_setup.py PIECES SITE")
    pieces, site = map(Path, arguments)
    site.mkdir(parents=True, exist_ok=True)
    unpack(pieces, site)
    link_libraries(site, torch_packages())
    describe(site)
    for name in missing_libraries(pieces, site):
        print(f"gpu_setup: {name} is not among PyTorch's libraries", file=sys.stderr)
    print(f"export PYTHONPATH={site.resolve()}:{ROOT / 'src'}:{ROOT}")


if __name__ == "__main__":
    main(sys.argv[1:])
