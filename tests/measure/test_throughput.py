"""The search for how many at once is best, on planted devices; and with real processes."""

from __future__ import annotations

import math
import time
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_bench import plan
from synthetic_results import SEED_SIZE, result

from ort_deepdream.measure import throughput
from ort_deepdream.measure.analysis import analyse
from ort_deepdream.measure.bench import Bench
from ort_deepdream.measure.contenders.process import ContenderError
from ort_deepdream.measure.result import AtOnce, Throughput, read_result
from ort_deepdream.measure.throughput import COUNTS, PAYS, Crowd, Rate, best, counts_for, search
from ort_deepdream.report.sentences import costs


def device(peak: int, room: float = math.inf):
    """A device that makes more and more dreams until `peak` at once, and holds `room`."""

    def rate_of(count: int) -> Rate:
        if count > room:
            raise ContenderError("no more memory")
        return Rate(count, (1.0,), min(count, peak) - 0.01 * max(0, count - peak))

    return rate_of


@given(peak=st.integers(1, 40), room=st.integers(1, 40))
def test_it_finds_the_best_that_is_tried_and_stops_soon(peak, room):
    tried = search(device(peak, room))
    possible = [count for count in COUNTS if count <= room]
    rates = {count: device(peak)(count).a_second for count in possible}
    found = tried[best([rate.a_second for rate in tried])]
    assert found.a_second >= max(rates.values()) / PAYS
    beyond = [rate.at_once for rate in tried if rate.at_once > found.at_once]
    assert len(beyond) <= throughput.FAILED_TRIES


def test_what_one_alone_cannot_do_is_no_throughput():
    with pytest.raises(ContenderError, match="no more memory"):
        search(device(4, room=0))


def test_more_than_noise_has_to_be_won():
    assert best([10.0, 10.2, 10.1]) == 0
    assert best([10.0, 10.2, 10.4]) == 2
    assert best([10.0]) == 0


def test_a_cpu_is_not_shared_by_more_than_it_has_cores():
    assert list(counts_for(5)) == [1, 2, 3, 4]
    assert list(counts_for(None)) == list(COUNTS)


def test_all_begin_together_and_each_dreams_enough(monkeypatch):
    monkeypatch.setattr(throughput, "LEAST_SECONDS", 0.0)
    crowd = Crowd(3)
    begun: list[int] = []

    def act(number: int) -> None:
        begun.append(number)
        time.sleep(0.001 * number)

    threads = [
        Thread(target=crowd.dream_on, args=(number, lambda number=number: act(number)))
        for number in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(begun[:3]) == {0, 1, 2}  # a dream of each, before any that counts
    assert min(map(len, crowd.seconds)) >= throughput.LEAST_DREAMS


@pytest.mark.parametrize("lives", [0, 1, 2])
def test_one_that_fails_keeps_nobody_waiting(monkeypatch, lives):
    monkeypatch.setattr(throughput, "LEAST_SECONDS", 0.0)
    crowd, left = Crowd(2), [lives]

    def die() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise ContenderError("no more memory")

    said: list[str] = []

    def run(number: int, dream) -> None:
        try:
            crowd.dream_on(number, dream)
        except Exception as error:
            said.append(type(error).__name__)

    threads = [Thread(target=run, args=pair) for pair in ((0, die), (1, lambda: None))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert "ContenderError" in said


def test_it_is_said_in_words():
    found = Throughput(
        contender="cuda",
        size=SEED_SIZE,
        tried=(
            AtOnce(at_once=1, dreams_per_hour=3600.0, seconds=(1.0, 1.0)),
            AtOnce(at_once=2, dreams_per_hour=5400.0, seconds=(1.3, 1.4)),
            AtOnce(at_once=3, dreams_per_hour=5450.0, seconds=(2.0, 2.0)),
        ),
        missing=None,
    )
    late = found.model_copy(update={"contender": "cpu", "tried": (), "missing": "no time"})
    made = result(("cpu", "cuda"), throughput=(found, late), price_per_hour=2.7, images=())
    analysis = analyse(made)
    assert [*costs.prices(analysis)][1].endswith(" and 0.500 at 182×158 with 2 at once.")
    assert list(costs.throughput(analysis)) == [
        "With cuda at 182×158, 2 dreams at once make 5400 an hour, each in 1.35 s; one alone makes "
        "3600 an hour, each in 1.00 s.",
        "Throughput was not measured of cpu at 182×158: no time.",
    ]


@pytest.mark.slow
def test_a_bench_dreams_with_several_at_once(photo, tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr(throughput, "LEAST_SECONDS", 0.2)
    monkeypatch.setattr(throughput, "COUNTS", (1, 2))
    output = tmp_path / "result.json"
    asked = plan(
        photo,
        tiny_model,
        backends=("cpu",),
        threads=(1,),
        trials=1,
        most_trials=1,
        throughput=True,
    )
    Bench(asked, output).run()
    (found,) = read_result(output).throughput
    assert found.missing is None
    assert found.tried[0].at_once == 1
    for one in found.tried:
        assert len(one.seconds) >= one.at_once * throughput.LEAST_DREAMS
        each = len(one.seconds) / sum(one.seconds) * one.at_once * 3600
        assert one.dreams_per_hour == pytest.approx(each, rel=0.5)
