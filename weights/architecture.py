"""What is known of a network without PyTorch: one `Architecture` for each public form of it.

weights/architectures.py lists them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ort_deepdream.weights.receptive_field import Window


@dataclass(frozen=True)
class Preprocessing:
    """From an RGB picture in 0..255 to the network's units: `(picture[order] - mean) * scale`.

    `order` picks channels of the RGB picture; `mean` and `scale` are per channel, after reordering.
    """

    order: tuple[int, int, int]
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]


@dataclass(frozen=True)
class LayerShape:
    """`stride` is in pixels of the picture for one step in the layer.

    `windows` are those on the way to it that see most of the picture; None where nobody has said
    them: a picture is then not dreamt on in tiles.
    """

    channels: int
    stride: int
    windows: tuple[Window, ...] | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Architecture:
    """A network in one of its public forms. Another form, or another network, is another one."""

    name: str  # in gradient files and on the command line
    title: str  # in messages
    preprocessing: Preprocessing
    layers: Mapping[str, LayerShape]  # all that can be dreamt of, in the network's order
    parameters: Mapping[str, tuple[int, ...]]  # `NAME.weight` and `NAME.bias`, in that order
    layer_aliases: Mapping[str, str]  # the names of the library that it is from -> ours
    network: str  # "module:class" of the PyTorch network, which export/ alone imports
    kinds: frozenset[str]  # of weights files that have our names, as weights/readers has them
    state_dict: str = ""  # module of weights/readers/ for its library's own state dict, if any
