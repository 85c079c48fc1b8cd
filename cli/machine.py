"""Where to run: the backend and its options, as a command was given them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ort_deepdream.errors import DreamError

if TYPE_CHECKING:
    from ort_deepdream.engine.backends import Backend
    from ort_deepdream.engine.model import Model


@dataclass(frozen=True)
class Machine:
    """The options for where to run, from `--backend` to `--allow-cpu-nodes`."""

    backend: str
    threads: int | None = None
    provider_options: tuple[str, ...] = ()  # each KEY=VALUE
    allow_cpu_nodes: bool = False
    provider_library: Path | None = None
    precision: str = "float32"

    def find(self) -> Backend:
        """Return the backend with these options. Raise DreamError if it cannot be had."""
        from ort_deepdream.engine.loading import find_backend

        options = dict(map(_key_and_value, self.provider_options))
        return find_backend(self.backend, options, self.provider_library, self.precision)

    def words(self, backend: Backend) -> list[str]:
        """Return the options again, for a command line that repeats the run on `backend`."""
        words = ["--backend", backend.name]
        if self.provider_library is not None:
            words.append(f"--provider-library={self.provider_library}")
        if self.precision != "float32":
            words += ["--precision", self.precision]
        if self.threads is not None:
            words += ["--threads", str(self.threads)]
        words += [f"--provider-option={option}" for option in self.provider_options]
        return words + ["--allow-cpu-nodes"] * self.allow_cpu_nodes


def where(model: Model) -> str:
    """Return the backend's name, and how many nodes it left to the CPU where that was allowed."""
    name, provider = model.backend.name, model.backend.provider
    if not model.allow_cpu_nodes:
        return name
    left = sum(count for other, count in model.placement.items() if other != provider)
    return f"{name} (nodes left to the CPU: {left})"


def _key_and_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise DreamError(f"--provider-option {text}: write KEY=VALUE, such as device_type=GPU")
    return key, value
