"""A network beyond the built-in ones, as `--network`, `--mean` and `--std` name it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ort_deepdream.cli.extras import require_extra
from ort_deepdream.errors import DreamError

if TYPE_CHECKING:
    from ort_deepdream.export.library import Source

LARGEST = 1000.0  # of a mean or deviation


@dataclass(frozen=True)
class Network:
    """What was asked for: a name of torchvision's, or MODULE:FUNCTION of one's own."""

    name: str
    mean: tuple[float, float, float] | None = None  # of a picture in 0..1
    std: tuple[float, float, float] | None = None

    @property
    def is_own(self) -> bool:
        """Whether it is code of one's own, which may change unseen."""
        return ":" in self.name

    def find(self) -> Source:
        """Return its module. Raise DreamError when there is none."""
        require_extra("export")
        from ort_deepdream.export.library import find_module

        return find_module(self.name, self.mean, self.std)

    def words(self) -> list[str]:
        """Return the words that ask for it again, a file without its folders."""
        place, _, function = self.name.rpartition(":")
        shown = f"{Path(place).name}:{function}" if place.endswith(".py") else self.name
        values = (("mean", self.mean), ("std", self.std))
        numbers = [(n, ",".join(f"{x!r}" for x in v)) for n, v in values if v is not None]
        return [f"--network={shown}", *(f"--{name}={text}" for name, text in numbers)]


def network(name: str | None, mean: str | None, std: str | None) -> Network | None:
    """Return the network that was asked for; None where none was.

    Raise DreamError for numbers that are none, or that belong to no network.
    """
    if name is None:
        if mean is not None or std is not None:
            option = "--mean" if mean is not None else "--std"
            raise DreamError(f"{option} is for a network that --network names; leave it out")
        return None
    if not name or name.startswith(":") or name.endswith(":"):
        raise DreamError(f"'{name}' names no network: write resnet50, or MODULE:FUNCTION")
    return Network(name, _triple("--mean", mean, 0.0), _triple("--std", std, 1e-3))


def _triple(option: str, text: str | None, least: float) -> tuple[float, float, float] | None:
    if text is None:
        return None
    try:
        red, green, blue = (float(part) for part in text.split(","))
    except ValueError:
        red = green = blue = float("nan")
    if not all(least <= value <= LARGEST for value in (red, green, blue)):
        raise DreamError(
            f"{option} takes three numbers from {least:g} for red, green and blue, such as "
            f"0.485,0.456,0.406, not '{text[:40]}'"
        )
    return red, green, blue


def require_layers(chosen: Network, layers: Sequence[str]) -> None:
    """Raise DreamError when no layer is named: a network of any kind has no usual one."""
    if not layers:
        raise DreamError(
            f"name a layer of {chosen.name} with --layer; `dream layers --network {chosen.name}` "
            f"lists them"
        )
