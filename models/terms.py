"""What a dream amplifies, as it is written: `LAYER[:CHANNEL][=WEIGHT]`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from models.errors import ModelsError

LONGEST_CHANNEL = 6  # digits: int() refuses thousands of them


@dataclass(frozen=True)
class Term:
    """One layer of an objective, or one of its channels, with its weight."""

    layer: str
    channel: int | None = None
    weight: float = 1.0

    def __str__(self) -> str:
        channel = "" if self.channel is None else f":{self.channel}"
        weight = "" if self.weight == 1 else f"={self.weight!r}".removesuffix(".0")  # every digit
        return f"{self.layer}{channel}{weight}"


def read_term(text: str) -> Term:
    """Read `LAYER[:CHANNEL][=WEIGHT]`, such as `inception_3b/output=0.5`.

    Whether there is such a layer, and such a channel of it, only a network can tell. Raises
    ModelsError for a channel that is no number, or a weight that is zero or not finite.
    """
    name, equals, weight_text = text.partition("=")
    layer, colon, channel_text = name.partition(":")
    channel = None
    if colon:
        if not channel_text.isdecimal():
            raise ModelsError(
                f"layer {layer} has no channel '{channel_text}': channels are numbered from 0"
            )
        if len(channel_text) > LONGEST_CHANNEL:
            raise ModelsError(f"layer {layer} has no channel of {len(channel_text)} digits")
        channel = int(channel_text)
    weight = 1.0
    if equals:
        try:
            weight = float(weight_text)
        except ValueError:
            weight = math.nan
        if not math.isfinite(weight) or weight == 0:
            raise ModelsError(f"'{text}': the weight after '=' must be a finite number, not zero")
    return Term(layer, channel, weight)
