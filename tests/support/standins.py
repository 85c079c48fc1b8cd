"""ONNX Runtime's own CUDA provider, in a child process, on stand-ins for NVIDIA's libraries.

The sources in `cuda_standins/` make libraries whose kernels do nothing and which count every call:
where nodes are placed, what is launched, copied, allocated and captured is then what it would be on
a GPU. Numbers, pictures and time are not, and nothing here may say anything of them.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnxruntime

SOURCES = Path(__file__).parent / "cuda_standins"
CHILD = Path(__file__).parent / "standins_child.py"
PROVIDER = Path(onnxruntime.__file__).parent / "capi" / "libonnxruntime_providers_cuda.so"

RUNTIME = "libcudart.so.13"
LIBRARIES = {  # the runtime first: the others count with it
    RUNTIME: "runtime.c",
    "libcuda.so.1": "driver.c",
    "libcublas.so.13": "cublas.c",
    "libcublasLt.so.13": "cublaslt.c",
    "libcurand.so.10": None,
    "libcudnn.so.9": "cudnn.c",
}
# A function that the provider refers to and no source has: it says so if it is ever called.
MISSING = 'int %s(void) {{ standin_complain("not modelled", "%s"); return 801; }}\n'


def why_not() -> str | None:
    """Why the stand-ins cannot be had here, or None."""
    if sys.platform != "linux":
        return "the stand-ins are for Linux"
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return "this onnxruntime was built without CUDA"
    absent = [tool for tool in ("gcc", "nm") if shutil.which(tool) is None]
    if absent:
        return f"the stand-ins are built with {' and '.join(absent)}, which is not here"
    unknown = [name for name in _wanted() if name.startswith("libcu") and name not in LIBRARIES]
    return f"there is no stand-in for {', '.join(unknown)}" if unknown else None


@functools.cache
def _wanted() -> Mapping[str, set[str]]:
    """The names that the provider takes from other libraries, by their version: the library."""
    found: dict[str, set[str]] = defaultdict(set)
    words = ["nm", "-D", "--undefined-only", str(PROVIDER)]
    listed = subprocess.run(words, capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines():
        name, _, version = line.split()[-1].partition("@")
        found[version.lstrip("@")].add(name)
    return found


def build(folder: Path) -> Path:
    """Make the libraries in `folder`, which is then what LD_LIBRARY_PATH should name."""
    for library, source in LIBRARIES.items():
        text = (SOURCES / source).read_text() if source else ""
        wanted = _wanted().get(library, set())
        missing = [name for name in sorted(wanted) if not re.search(rf"\b{name}\(", text)]
        stubs = folder / f"{library}.c"
        stubs.write_text(
            '#include "standins.h"\n' + "".join(MISSING.format() % (n, n) for n in missing)
        )
        versions = folder / f"{library}.map"
        versions.write_text(f"{library} {{ global: *; }};\n")
        words = ["gcc", "-O1", "-shared", "-fPIC", "-I", SOURCES, f"-Wl,-soname,{library}"]
        words += [stubs, *([SOURCES / source] if source else []), "-o", folder / library]
        if wanted:
            words += [f"-Wl,--version-script={versions}"]
        if library != RUNTIME:
            words += ["-L", folder, f"-l:{RUNTIME}"]
        subprocess.run(list(map(str, words)), check=True)
    return folder


class Standins:
    """A child process on the stand-ins in `folder`, which answers calls of standins_child.py.

    `environment` injects what is wrong from the start, such as STANDIN_OLD_DRIVER=12000.
    """

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 closed in `close`
        self.child = subprocess.Popen(
            [sys.executable, CHILD],
            env={**os.environ, "LD_LIBRARY_PATH": str(folder), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )

    def __call__(self, function: str, **arguments: Any) -> Any:
        """What `function` of the child returns; AssertionError with its words if it ends."""
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        try:
            self.child.stdin.write(json.dumps([function, arguments], default=str) + "\n")
            self.child.stdin.flush()
        except BrokenPipeError:  # it is told below
            pass
        answer = self.child.stdout.readline()
        if not answer:
            self.errors.seek(0)
            raise AssertionError(f"{function} {arguments} ended the child: {self.errors.read()}")
        return json.loads(answer)

    def close(self) -> None:
        assert self.child.stdin is not None
        self.child.stdin.close()
        self.child.wait(60)
        assert self.child.stdout is not None
        self.child.stdout.close()
        self.errors.close()


def added(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """What was counted between two readings, without what was not."""
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}
