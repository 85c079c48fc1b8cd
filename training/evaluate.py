"""Held-out accuracy: `python -m training.evaluate CHECKPOINT [--json FILE]`.

The pictures are composed anew from texture renderings and background photographs that training
never saw, every class equally often, distorted as strongly as training ends with.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from training.compose import FULL, Composer, load_pools
from training.model import Classifier, from_folded

SIDE = 64  # pixels; training ends at this size
PER_CLASS = 10
BATCH = 64


def load_model(path: Path) -> Classifier:
    """A network from a checkpoint of `training.train` or from folded `.safetensors`."""
    if path.suffix == ".safetensors":
        return from_folded(load_file(path))
    saved = torch.load(path, weights_only=True)
    model = Classifier(len(saved["classes"]))
    model.load_state_dict(saved["model"])
    return model.eval()


@torch.no_grad()
def top_five(
    model: Classifier, composer: Composer, label: Tensor, side: int, strength: float
) -> Tensor:
    """The five likeliest classes of one picture of each class in `label`, [n, 5]."""
    found = []
    for step, part in enumerate(torch.split(label, BATCH)):
        picture, _ = composer.batch(step, len(part), side, strength, part)
        found.append(model(picture).topk(5).indices)
    return torch.cat(found)


def summary(names: list[str], label: Tensor, found: Tensor, worst: int = 25) -> dict[str, Any]:
    """Accuracies (whole, by kind, by family) and the commonest confusions."""
    right = found[:, 0] == label
    in_five = (found == label[:, None]).any(1)
    kinds = [names[i].split("/")[0] for i in label.tolist()]
    wrong = Counter(
        (names[a], names[b])
        for a, b in zip(label[~right].tolist(), found[~right, 0].tolist(), strict=True)
    )
    by_class = torch.zeros(len(names)).index_add(0, label, right.float())
    by_class /= torch.bincount(label, minlength=len(names)).clamp(min=1)
    return {
        "classes": len(names),
        "pictures": len(label),
        "top1": round(right.float().mean().item(), 4),
        "top5": round(in_five.float().mean().item(), 4),
        "top1_by_kind": {
            kind: round(right[torch.tensor([k == kind for k in kinds])].float().mean().item(), 4)
            for kind in sorted(set(kinds))
        },
        "classes_below_half": int((by_class < 0.5).sum()),
        "hardest": [
            {"class": names[i], "top1": round(by_class[i].item(), 3)}
            for i in by_class.argsort()[:worst].tolist()
        ],
        "confusions": [
            {"true": a, "found": b, "times": times} for (a, b), times in wrong.most_common(worst)
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="checkpoint.pt or folded .safetensors")
    parser.add_argument("--side", type=int, default=SIDE, help="picture side in pixels")
    parser.add_argument("--strength", type=float, default=FULL, help="of the distortions, 0..1")
    parser.add_argument("--per-class", type=int, default=PER_CLASS)
    parser.add_argument("--seed", type=int, default=0, help="the training's seed")
    parser.add_argument("--pools", type=Path, help="folder to keep pools in (the checkpoint's)")
    parser.add_argument("--json", type=Path, help="write the summary here too")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = load_model(options.checkpoint)
    pools = load_pools("held_out", options.seed, options.pools or options.checkpoint.parent)
    label = torch.arange(len(pools.names)).repeat(options.per_class)
    label = label[torch.randperm(len(label), generator=torch.Generator().manual_seed(0))]
    composer = Composer(pools, options.seed + 12345)
    found = top_five(model, composer, label, options.side, options.strength)
    text = json.dumps(
        {"side": options.side, "strength": options.strength, **summary(pools.names, label, found)},
        indent=1,
    )
    if options.json:
        options.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
