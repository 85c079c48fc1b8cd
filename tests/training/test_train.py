import json
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ort_deepdream.export.weights import load_weights
from training import train
from training.network import BLOCKS

pytestmark = pytest.mark.slow

STEP = 1 / 64  # seconds that a step counts, however long it takes


def minutes(steps: int) -> float:
    """Plan for so many steps, on any machine."""
    return (steps - 0.5) * STEP / 60


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Namespace:
    """A run of a few steps, whose teacher is random and whose pictures are noise."""
    for name, value in {
        "STEP_CAP": STEP,
        "PIXELS": 64 * 64 * 16,
        "SIDES": (64,),
        "VARIANCE_ROUNDS": 1,
        "FIRST_MEASURES": 3,
        "WARM_UP": 5,
        "AVERAGED": 0.5,
        "CHECKED": 4,
        "CHECKED_SIDE": 64,
    }.items():
        monkeypatch.setattr(train, name, value)
    teacher, out = tmp_path / "teacher.safetensors", tmp_path / "run"
    save_file(load_weights("seeded:0").tensors, teacher)
    out.mkdir()
    noise = torch.randint(0, 256, (40, 3, 20, 20), generator=torch.Generator().manual_seed(0))
    pool = torch.nn.functional.interpolate(noise.float(), 160, mode="bilinear").byte()
    for split in ("train", "held_out"):
        torch.save(pool, out / f"pictures-{split}.pt")
    return Namespace(
        out=out, teacher=teacher, photos=tmp_path, start=None, minutes=minutes(32), rate=0.2, seed=0
    )


@pytest.mark.nightly
def test_a_run_learns_is_kept_and_goes_on(options: Namespace) -> None:
    first = train.Run(options)
    first.run()
    row = json.loads((options.out / "log.jsonl").read_text().splitlines()[-1])
    assert list(row["explained"]) == list(BLOCKS)
    assert row["explained"]["conv1"] > 0.1  # from nothing
    student = load_file(options.out / "student.safetensors")
    assert set(student) == set(load_weights("seeded:0").tensors)
    assert all(bool(value.isfinite().all()) for value in student.values())
    options.minutes = minutes(34)
    again = train.Run(options)
    assert again.progress == first.progress
    assert first.progress.step == 32
    latest = load_file(options.out / "latest.safetensors")
    for name, value in again.student.convolutions.state_dict().items():
        assert torch.equal(value, latest[name])
    again.run()
    assert again.progress.step == 34


def test_a_run_goes_on_from_what_ships(options: Namespace) -> None:
    options.start, options.minutes = options.teacher, minutes(2)
    run = train.Run(options)
    assert not run.fed_by_teacher()
    run.run()
    row = json.loads((options.out / "log.jsonl").read_text().splitlines()[-1])
    assert min(row["explained"].values()) > 0.9  # it began as the teacher itself


@pytest.mark.nightly
def test_a_run_whose_every_batch_is_not_finite_ends(
    options: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "MOST_LEFT_OUT", 3)
    run = train.Run(options)
    for weights in run.student.convolutions.parameters():
        weights.data.fill_(float("nan"))
    with pytest.raises(SystemExit, match=r"3 batches in a row were not finite: .* lower --rate"):
        run.run()
    assert run.progress.step == 0
    assert not (options.out / "latest.safetensors").exists()
