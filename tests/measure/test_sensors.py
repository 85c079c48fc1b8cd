"""Sensors on machines that are replayed, for none that tests run on has them."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replayed import FakeFiles, FakeNvml, Trace

from ort_deepdream.measure.sensors.energy import RENEWALS, NoEnergyError, energy
from ort_deepdream.measure.sensors.nvml import SLOWED, Nvml
from ort_deepdream.measure.sensors.powercap import Powercap
from ort_deepdream.measure.sensors.processor import HOT, QUOTA, STOLEN, Processor
from ort_deepdream.measure.sensors.watch import Seen, Watch, sensors


class Machine:
    """A replayed machine and what watches it; its files are as of each look."""

    def __init__(self, folder: Path, trace: Trace) -> None:
        self.trace, self.files = trace, FakeFiles(folder, trace)
        processor = Processor(self.files.cpus, self.files.proc, self.files.groups)
        found = [Nvml(FakeNvml(trace)), Powercap(self.files.powercap), processor]
        assert [sensor.missing for sensor in found] == [None] * 3
        found[0].is_watched = False  # looks are those of `work`, not of a thread's clock
        self.watch = Watch(found, trace.clock, cores=2)

    def work(self, seconds: float, every: float = 0.25) -> None:
        for _ in range(round(seconds / every)):
            self.trace.now += every
            self.files.write()
            self.watch.look()

    def seen(self, seconds: float, every: float = 0.25) -> Seen:
        with self.watch.during() as found:
            self.work(seconds, every)
        return found


@settings(max_examples=20)
@given(watts=st.floats(20, 700), dream=st.floats(0.02, 3), idle=st.floats(0.05, 0.8))
def test_the_energy_of_a_dream_is_right_within_one_per_cent(watts, dream, idle):
    """A GPU that takes `watts` while it dreams and a part of them, `idle`, while it does not."""
    trace, ends = Trace(now=7.03), []

    def joules(second: float) -> float:
        begins = ends[0] - dream if ends else math.inf
        dreamt = min(second, ends[-1]) - begins if second > begins else 0.0
        return (idle * (second - 7) + (1 - idle) * dreamt) * watts

    def run() -> None:
        trace.now += dream
        ends.append(trace.now)

    trace.gpu = joules
    found = energy(run, Watch([Nvml(FakeNvml(trace))], trace.clock), trace.clock, trace.sleep)
    assert found.seconds >= RENEWALS * Nvml.update
    assert found.dreams == len(ends)
    assert found.joules["GPU 0"] / found.dreams == pytest.approx(watts * dream, rel=0.01)


def test_a_packages_counter_begins_anew(tmp_path):
    trace = Trace(package=lambda second: 200 * second)
    files = FakeFiles(tmp_path, trace)
    sensor = Powercap(files.powercap)
    before = sensor.joules()["package-0"]
    for _ in range(10):
        trace.now += 600.0
        files.write()
        sensor.joules()
    assert 4 * files.RANGE < 200 * 10 * 600
    grown = sensor.joules()["package-0"] - before
    assert grown == pytest.approx(200 * 10 * 600, rel=1e-6)
    assert list(sensor.joules()) == ["package-0"]  # psys holds it, too: not counted twice


def test_a_counter_that_stands_still_is_told(tmp_path):
    trace = Trace()
    watch = Watch([Nvml(FakeNvml(trace))], trace.clock)
    with pytest.raises(NoEnergyError, match="its energy counter stands still"):
        energy(lambda: trace.sleep(1), watch, trace.clock, trace.sleep)


def test_without_a_counter_it_is_said_why(tmp_path):
    trace = Trace()
    old = Nvml(FakeNvml(trace, has_energy=False))
    with pytest.raises(NoEnergyError, match="RAPL: there are no energy counters in"):
        energy(lambda: None, Watch([old, Powercap(tmp_path)], trace.clock))


# What is injected, and in which words it has to be told.
SLOWDOWNS: dict[str, tuple[dict[str, object], str]] = {
    **{
        f"reason {bit:#x}": ({"reasons": lambda s, bit=bit: bit if 1 <= s < 1.25 else 0}, words)
        for bit, words in SLOWED.items()
    },
    "between two looks": ({"lost": lambda s: 0.2 if s > 1.02 else 0.0}, "the GPU was too hot"),
    "heat of the processor": ({"hot": lambda s: 1.0 if s > 1 else 0.0}, HOT),
    "steal time": ({"stolen": lambda s: 0.15 * s}, STOLEN),
    "the quota": ({"throttled": lambda s: 0.05 * s}, QUOTA),
}


@pytest.mark.parametrize("kind", SLOWDOWNS)
def test_every_slowdown_is_flagged(tmp_path, kind):
    courses, words = SLOWDOWNS[kind]
    machine = Machine(tmp_path, Trace(**courses))  # type: ignore[arg-type]
    assert machine.seen(2.0).slowed == [words]


def test_a_clean_machine_is_never_called_slow(tmp_path):
    """In 100 runs, of which each has noise that is none: a power limit, a tick, a slice."""
    machine = Machine(
        tmp_path,
        Trace(
            gpu=lambda s: 300 * s,
            package=lambda s: 90 * s,
            reasons=lambda s: (0x1, 0x4, 0x2, 0x0)[int(s * 2) % 4],
            hot=lambda s: 41.0,  # since it was started
            stolen=lambda s: 12 + 0.01 * math.floor(s),  # a tick each second
            throttled=lambda s: 3.0 + 0.001 * math.floor(s / 2),
        ),
    )
    runs = [machine.seen(1 + number % 3, every=0.5) for number in range(100)]
    assert [run.slowed for run in runs if run.slowed] == []
    assert {word for run in runs for word in run.capped} == {
        "the GPU was at its power limit",
        "the GPU's clocks were set by hand",
    }


def test_what_was_seen_is_added_up(tmp_path):
    trace = Trace(gpu=lambda second: 300 * second, package=lambda second: 90 * second)
    found = Machine(tmp_path, trace).seen(2.0)
    assert found.seconds == pytest.approx(2.0)
    assert found.joules == pytest.approx({"GPU 0": 600, "package-0": 180})
    assert found.clocks == {"GPU 0": 1.41e9, "processor": 3.1e9}
    assert found.temperatures == {"GPU 0": 61}
    assert found.powers == {"GPU 0": 250}


def test_a_thread_watches_what_only_tells_of_the_moment():
    trace = Trace()
    trace.reasons = lambda second: 0x40 if trace.now == 1 else 0
    watch = Watch([Nvml(FakeNvml(trace))], trace.clock)
    with watch.during() as found:
        trace.now = 1.0
        while not any(moment.slowed for moment in watch.moments):
            pass
        trace.now = 2.0
    assert found.slowed == ["the GPU was too hot, by its hardware"]


def test_a_sensor_that_is_not_there_says_why(tmp_path, monkeypatch):
    broken = FakeNvml(Trace(), why_not="Driver Not Loaded")
    assert Nvml(broken).missing == "the driver does not answer: Driver Not Loaded"
    assert Powercap(tmp_path).missing == f"there are no energy counters in {tmp_path}"
    assert Processor(*[tmp_path] * 3).missing == f"there is neither {tmp_path}/stat nor its like"
    monkeypatch.setitem(sys.modules, "pynvml", None)  # as if it were not installed
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Nvml().missing == "there is no NVIDIA driver"
    (tmp_path / "nvidia-smi").touch(0o755)
    assert Nvml().missing == "there is no pynvml; pip install 'ort-deepdream[sensors]'"
    assert {sensor.name for sensor in sensors()} == {"NVML", "RAPL", "processor"}
