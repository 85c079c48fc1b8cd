"""How much a student is like its teacher, on pictures that training never saw.

    python -m training.judge STUDENT --teacher ORIGINAL --photos PHOTOS [PICTURE ...] [--json FILE]

Three questions: how much of the teacher's activations the student's explain, block by block; how
often the teacher's classifier says the same of both; and how far the teacher answers to what the
student dreamt, beside what it dreamt itself (default settings, the pictures that are named).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ort_deepdream import Model, Settings, dream, load_model, read_picture
from ort_deepdream.export.model_file import export_gradient, save
from ort_deepdream.export.weights import load_weights
from training.network import BLOCKS, BlockwiseNetwork, load_network, network_input
from training.pictures import held_out_crops, load_pool

BATCH = 40
PICTURES, SIDE = 400, 128
LAYER = "inception_4c/output"
SEED = 1
CLASSIFIER = "loss3/classifier"  # Caffe's name


@torch.no_grad()
def explained_variance(
    student: BlockwiseNetwork, teacher: BlockwiseNetwork, rgb: Tensor
) -> dict[str, float]:
    """Return the explained variance of the teacher's activations, by block.

    It is 1 - sum((s - t)^2) / sum((t - mean t)^2) for each channel over all positions of all
    pictures together, averaged over the channels that are not constant; the student runs from the
    picture. `rgb` is [N, 3, H, W] in 0..255.
    """
    sums: dict[str, list[Tensor]] = {}
    for part in torch.split(rgb, BATCH):
        picture = network_input(part)
        pairs = zip(BLOCKS, student.outputs(picture), teacher.outputs(picture), strict=True)
        for name, s, t in pairs:
            s, t = s.double(), t.double()
            found = [(s - t).square(), t, t.square(), torch.ones_like(t)]
            added = [value.sum((0, 2, 3)) for value in found]
            kept = sums.get(name)
            sums[name] = [a + b for a, b in zip(kept, added, strict=True)] if kept else added
    explained = {}
    for name, (error, total, squares, count) in sums.items():
        spread = squares - total.square() / count
        varied = spread > 1e-9 * squares
        explained[name] = (1 - error[varied] / spread[varied]).mean().item()
    return explained


def classifier_of(path: Path) -> tuple[Tensor, Tensor] | None:
    """Read weight and bias of Caffe's classifier, which only some .safetensors files have."""
    try:
        with safe_open(path, framework="pt") as file:
            weight, bias = (file.get_tensor(f"{CLASSIFIER}.{part}") for part in ("weight", "bias"))
    except SafetensorError:
        return None
    return weight, bias


@torch.no_grad()
def agreement(
    student: BlockwiseNetwork,
    teacher: BlockwiseNetwork,
    classifier: tuple[Tensor, Tensor],
    rgb: Tensor,
) -> dict[str, float]:
    """Return how often the teacher's first class is the student's first, or in its first five.

    Both networks' last block goes through the teacher's own classifier (weight [1000, 1024], bias).
    """
    first = five = 0
    for part in torch.split(rgb, BATCH):
        picture = network_input(part)
        truth, found = (
            torch.nn.functional.linear(network.outputs(picture)[-1].mean((2, 3)), *classifier)
            for network in (teacher, student)
        )
        best = truth.argmax(1, keepdim=True)
        first += int((found.argmax(1, keepdim=True) == best).sum())
        five += int((found.topk(5).indices == best).sum())
    return {"top1": first / len(rgb), "top5": five / len(rgb)}


def dream_ratio(student: Model, teacher: Model, photo: Path) -> dict[str, float]:
    """Return the teacher's objective of a photo, of its own default dream, of the student's."""
    rgb = read_picture(photo).rgb
    settings = Settings(seed=SEED)
    pictures = {
        "photo": rgb,
        "teacher": dream(teacher, rgb, settings).rgb,
        "student": dream(student, rgb, settings).rgb,
    }
    found = {name: teacher.gradient(teacher.preprocess(p))[0] for name, p in pictures.items()}
    found["ratio"] = found["student"] / found["teacher"]
    found["gain"] = (found["student"] - found["photo"]) / (found["teacher"] - found["photo"])
    return found


def exported(weights: Path, folder: Path) -> Model:
    """Export the default layer's model of a weights file and load it on the CPU."""
    path = folder / f"{weights.stem}.onnx"
    save(export_gradient(load_weights(str(weights)), [LAYER]), path)
    return load_model(path, "cpu")


def dream_ratios(student: Path, teacher: Path, photos: Sequence[Path]) -> dict[str, object]:
    """Return the `dream_ratio` of each photo, and the mean of the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = (exported(weights, Path(folder)) for weights in (student, teacher))
    by_photo = {photo.name: dream_ratio(ours, theirs, photo) for photo in photos}
    means = {
        key: sum(row[key] for row in by_photo.values()) / len(by_photo) for key in ("ratio", "gain")
    }
    return {"mean": means, **by_photo}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("student", type=Path)
    parser.add_argument("pictures", type=Path, nargs="*", help="to dream on")
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True, help="the folder of the training")
    parser.add_argument("--pools", type=Path, help="the folder of the run, which has its pictures")
    parser.add_argument("--seed", type=int, default=0, help="of the training")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    o = parser.parse_args()
    student, teacher = load_network(o.student), load_network(o.teacher)
    pool = load_pool(o.photos, "held_out", o.seed, o.pools or o.student.parent)
    rgb = held_out_crops(pool, PICTURES, SIDE)
    figures: dict[str, object] = {
        "pictures": len(rgb),
        "side": SIDE,
        "explained_variance": explained_variance(student, teacher, rgb),
    }
    classifier = classifier_of(o.teacher)
    if classifier is not None:
        figures["agreement"] = agreement(student, teacher, classifier, rgb)
    if o.pictures:
        figures["dreams"] = dream_ratios(o.student, o.teacher, o.pictures)
    text = json.dumps(figures, indent=1)
    if o.json:
        o.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
