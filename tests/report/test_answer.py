"""The answer's words, in every situation that a result file can be in."""

from __future__ import annotations

import re

import numpy as np
import pytest
from synthetic_results import (
    NOISE,
    SEED_SIZE,
    SIZES,
    SPEED,
    check,
    contender,
    machine,
    missing,
    result,
    sample,
    seconds,
    series,
    starting,
)

from ort_deepdream.measure.analysis import FIRST, STARTING, Figure, Speedup
from ort_deepdream.measure.result import Kind, Series, Size
from ort_deepdream.report.sentences.answer import answer
from ort_deepdream.report.sentences.beside import part_shares
from ort_deepdream.report.sentences.growth import growth, wins_from
from ort_deepdream.report.sentences.head import Answer

KINDS: tuple[Kind, ...] = ("cold", "warm", "step")


def said(found: Answer, question: str) -> str:
    """What is answered to the question that begins so."""
    (point,) = [point for point in found.points if point.question.startswith(question)]
    return " ".join(point.answers)


def everything(found: Answer) -> str:
    points = " ".join(text for point in found.points for text in (point.question, *point.answers))
    return " ".join([found.headline, found.unit, found.sentence, found.noise, points])


# --- CPU and GPU -------------------------------------------------------------------------------


def test_the_headline_is_the_ratio_of_medians_at_the_seeds_size(runs):
    (run,) = runs(result())
    found = answer(run.analysis)
    ratio = seconds("cpu", SEED_SIZE, "warm") / seconds("cuda", SEED_SIZE, "warm")
    assert found.headline == f"{ratio:.1f}×"
    assert f"the GPU is {ratio:.1f} times as fast" in found.sentence
    assert "182×158 pixels, the size of 2019" in found.sentence
    assert "Synthetic Processor 4000, 4 threads" in found.sentence
    assert "Synthetic GPU" in found.sentence
    assert re.fullmatch(
        r"95 % interval [\d.]+× to [\d.]+×; all 7 samples from 6\d\d ms to 6\d\d ms, "
        r"and all 7 samples from 2\d.\d ms to 2\d.\d ms",
        found.noise,
    )
    assert found.cautions == ()


def test_the_interval_is_that_of_the_noise(runs):
    independent = [NOISE, (0.97, 1.04, 1.0, 0.95, 1.03, 1.0, 1.02)]
    times = [
        series(name, SEED_SIZE, "warm", noise=noise)
        for name, noise in zip(("cpu", "cuda"), independent, strict=True)
    ]
    (run,) = runs(result(("cpu", "cuda"), series=tuple(times)))
    low, high = map(float, re.findall(r"([\d.]+)×", answer(run.analysis).noise))
    cpu, cuda = ([s.seconds for s in one.samples] for one in times)
    ratio = np.median(cpu) / np.median(cuda)
    assert low < ratio < high
    assert 0.9 * ratio < low
    assert high < 1.1 * ratio


def test_every_other_size_has_its_speedup_and_interval(runs):
    (run,) = runs(result())
    words = said(answer(run.analysis), "At other sizes?")
    for size in SIZES[1:]:
        ratio = seconds("cpu", size, "warm") / seconds("cuda", size, "warm")
        assert f"{ratio:.1f}× at {size.width}×{size.height} (95 % interval " in words


def test_without_the_seeds_size_the_smallest_is_taken_and_named(runs):
    (run,) = runs(result(sizes=SIZES[1:]))
    assert answer(run.analysis).sentence.startswith("At 640×427 pixels a dream")


def test_steps_are_taken_where_no_dream_was_timed(runs):
    (run,) = runs(result(kinds=("step",)))
    assert "one step of a dream takes" in answer(run.analysis).sentence


def test_a_slower_gpu_is_called_slower(runs):
    times = [series("cpu", SEED_SIZE, "warm"), series("cuda", SEED_SIZE, "warm", speed=(0.1, 1e-6))]
    (run,) = runs(result(("cpu", "cuda"), series=tuple(times)))
    found = answer(run.analysis)
    ratio = (0.1 + 1e-6 * 182 * 158) / (1e-3 + 1e-6 * 182 * 158)
    assert f"the GPU is slower and takes {ratio:.2f} times as long" in found.sentence
    assert found.headline == f"{ratio:.2f}×"  # one number for one ratio
    assert found.unit == "as long on the GPU as on the CPU"
    low, high = map(float, re.findall(r"([\d.]+)×", found.noise))
    assert low <= round(ratio, 2) <= high
    assert "further dream: at no size" in said(found, "From which size").lower()


def test_what_cannot_be_told_apart_is_not(runs):
    times = [
        series("cpu", SEED_SIZE, "warm"),
        series("cuda", SEED_SIZE, "warm", speed=SPEED["cpu"], noise=tuple(reversed(NOISE))),
    ]
    (run,) = runs(result(("cpu", "cuda"), series=tuple(times)))
    assert "no difference can be told from the noise" in answer(run.analysis).sentence


def test_one_off_dreams_and_what_share_of_them_is_starting(runs):
    (run,) = runs(result())
    words = said(answer(run.analysis), "And if the program must first be started?")
    slower = seconds("cuda", SEED_SIZE, "cold") / seconds("cpu", SEED_SIZE, "cold")
    assert f"the GPU is slower and takes {slower:.2f} times as long" in words
    for name in ("cpu", "cuda"):
        share = starting(name) / seconds(name, SEED_SIZE, "cold")
        assert f"On {name} starting is {share:.0%}".replace("%", " %") in words
        (timed,) = [contender for contender in run.contenders if contender.name == name]
        assert part_shares(timed, SEED_SIZE, STARTING) == pytest.approx([share] * len(NOISE))
        assert part_shares(timed, SEED_SIZE, FIRST) == pytest.approx(
            [0.2 * (1 - share)] * len(NOISE)
        )
    assert "kernels are chosen, is 10 % (10 % to 10 %)." in words


def test_the_size_from_which_the_gpu_wins(runs):
    words = said(answer(runs(result())[0].analysis), "From which size")
    assert "One-off dream: from 640×427 on; 0.62" in words.replace("0.619", "0.62")
    assert "Further dream: at every size that was measured, from 182×158 on." in words


def test_the_baseline_has_all_threads_and_the_others_are_beside_it(runs):
    (run,) = runs(result())
    (pair,) = run.analysis.pairs
    assert pair.cpu.name == "cpu"
    longer = seconds("cpu, 1 thread", SEED_SIZE, "warm") / seconds("cpu", SEED_SIZE, "warm")
    words = said(answer(run.analysis), "Other ways to use the CPU?")
    assert f"cpu, 1 thread takes 1.22 s, {longer:.2f} times as long as cpu" in words


def test_all_cores_by_number_are_no_other_way_to_use_the_cpu(runs):
    contenders = (contender("cpu", threads=None), contender("cpu, 4 threads"))
    times = [
        series("cpu", SEED_SIZE, "warm").model_copy(update={"contender": one.name})
        for one in contenders
    ]
    found = answer(runs(result((), contenders=contenders, series=tuple(times)))[0].analysis)
    assert said(found, "Other ways to use the CPU?") == (
        "cpu, 4 threads is cpu by another name, with all 4 cores: what they differ by is noise."
    )


def many_gpus() -> tuple[tuple[str, ...], dict[str, tuple[float, float]]]:
    speed = {"cuda half": (2e-4, 1e-8), "cuda B": (3e-4, 2e-8), "PyTorch cuda": (1e-4, 1e-9)}
    return ("cpu", "cuda", *speed), SPEED | speed


def several(names, speed, **changes):
    times = [series(name, size, "warm", speed=speed[name]) for name in names for size in SIZES]
    return result((), contenders=changes["contenders"], series=tuple(times), images=())


def test_several_gpus_the_fastest_of_full_precision_leads(runs):
    names, speed = many_gpus()
    contenders = [contender(name) for name in names]
    contenders[2] = contender("cuda half", precision="float16")
    contenders[3] = contender("cuda B", device="Synthetic GPU B")
    (run,) = runs(several(names, speed, contenders=tuple(contenders)))
    pair = run.analysis.leading
    assert pair is not None
    assert pair.accelerator.name == "cuda B"  # not PyTorch's, not the one of half precision
    words = said(answer(run.analysis), "Other ways to use a GPU?")
    for name in ("cuda (", "cuda half (", "PyTorch cuda ("):
        assert name in words
    assert "float16" in words


def test_pytorch_is_set_against_pytorch(runs):
    names = ("cpu", "cuda", "PyTorch cpu", "PyTorch cuda")
    speed = SPEED | {"PyTorch cpu": (1e-3, 3e-6), "PyTorch cuda": (1e-3, 1e-7)}
    made = several(names, speed, contenders=tuple(contender(name) for name in names))
    pairs = runs(made)[0].analysis.pairs
    found = {(pair.cpu.name, pair.accelerator.name) for pair in pairs}
    assert found == {("cpu", "cuda"), ("PyTorch cpu", "PyTorch cuda")}


@pytest.mark.parametrize(
    ("rival", "speed", "verdict"),
    [
        ("PyTorch cpu", (2e-3, 2e-6), "ONNX Runtime is 2.00 times as fast ("),
        ("PyTorch cpu", (5e-4, 5e-7), "ONNX Runtime is slower and takes 2.00 times as long ("),
        ("PyTorch cpu", SPEED["cpu"], "no difference can be told from the noise ("),
        ("cpu, 1 thread", (2e-3, 2e-6), "cpu is 2.00 times as fast ("),
    ],
)
def test_without_a_gpu_the_first_sentence_has_a_verdict_on_what_was_measured(
    runs, rival, speed, verdict
):
    noise = tuple(reversed(NOISE)) if speed == SPEED["cpu"] else NOISE
    times = (
        series("cpu", SEED_SIZE, "warm"),
        series(rival, SEED_SIZE, "warm", speed=speed, noise=noise),
    )
    contenders = (contender("cpu"), contender(rival))
    made = result((), contenders=contenders, series=times, checks=())
    first, _, second = answer(runs(made)[0].analysis).sentence.partition("). ")
    assert f"with {rival}: {verdict}95 % interval " in first
    assert second.startswith("How much faster a GPU is cannot be said here")


def test_a_driver_that_plays_a_gpu_is_none(runs):
    played = contender("cuda", backend="webgpu", device="llvmpipe (LLVM 15.0)")
    (run,) = runs(result(("cpu", "cuda"), contenders=(contender("cpu"), played)))
    assert answer(run.analysis).unit == "a dream on the CPU; no GPU compared"


def test_openvino_on_the_processor_is_no_gpu(runs):
    other = contender("cuda", backend="openvino", device="Synthetic Processor 4000")
    (run,) = runs(result(("cpu", "cuda"), contenders=(contender("cpu"), other)))
    assert answer(run.analysis).unit == "a dream on the CPU; no GPU compared"


def test_a_device_that_is_not_known_is_doubted(runs):
    (run,) = runs(
        result(("cpu", "cuda"), contenders=(contender("cpu"), contender("cuda", device=None)))
    )
    found = answer(run.analysis)
    (caution,) = found.cautions
    assert caution == "cuda: its device is not known, and may be a processor that plays a GPU."
    assert found.unit == "as fast on cuda as on the CPU"
    assert (
        "on cuda (an unknown device; ONNX Runtime): cuda is 23.6 times as fast." in found.sentence
    )
    assert "the GPU" not in everything(found)


def test_a_faster_cpu_is_not_passed_over(runs):
    times = [
        series("cpu", SEED_SIZE, "warm", speed=SPEED["cpu, 1 thread"]),
        series("cpu, 1 thread", SEED_SIZE, "warm", speed=SPEED["cpu"]),
        series("cuda", SEED_SIZE, "warm"),
    ]
    found = answer(runs(result(series=tuple(times)))[0].analysis)
    ratio = seconds("cpu", SEED_SIZE, "warm") / seconds("cuda", SEED_SIZE, "warm")
    (caution,) = found.cautions
    assert caution.startswith("cpu, 1 thread is faster than cpu, which the GPU is set against here")
    assert f"against it the GPU is {ratio:.1f} times as fast (95 % interval" in caution


# --- Failed checks, unstable series, interruptions ------------------------------------------------


def test_a_failed_contender_is_left_out_and_named(runs):
    checks = (check("cpu"), check("cpu, 1 thread"), check("cuda", passed=False))
    found = answer(runs(result(checks=checks))[0].analysis)
    assert found.unit == "a dream on the CPU; no GPU compared"
    assert "cuda failed its check." in said(found, "Why is no GPU compared?")
    (caution,) = found.cautions
    assert "cuda failed its check at 182×158 and is left out of the answer" in caution
    assert "dreams of 1 step in each octave alike to 9.70 dB, gradient off by 0.80" in caution
    assert "a gradient within 0.001" in caution
    assert "23.6" not in everything(found)


def test_one_failed_check_of_several_is_enough(runs):
    checks = (check("cpu"), check("cpu, 1 thread"), check("cuda"), check("cuda", passed=False))
    assert (
        answer(runs(result(checks=checks))[0].analysis).unit
        == "a dream on the CPU; no GPU compared"
    )


def test_a_failed_baseline_is_replaced_by_the_next_cpu(runs):
    checks = (check("cpu", passed=False), check("cpu, 1 thread"), check("cuda"))
    (run,) = runs(result(checks=checks))
    pair = run.analysis.leading
    assert pair is not None
    assert pair.cpu.name == "cpu, 1 thread"


def test_where_all_failed_there_is_no_answer(runs):
    names = ("cpu", "cuda")
    checks = tuple(check(name, passed=False) for name in names)
    found = answer(runs(result(names, checks=checks))[0].analysis)
    assert found.headline == "No answer"
    assert "every contender failed its check" in found.sentence
    assert len(found.cautions) == 2


def test_a_contender_without_a_check_is_named(runs):
    found = answer(runs(result(checks=(check("cpu"), check("cuda"))))[0].analysis)
    assert found.cautions == ("Not checked for correctness: cpu, 1 thread.",)


def test_a_series_that_did_not_settle_is_marked_beside_its_figure(runs):
    times = [
        series("cpu", SEED_SIZE, "warm"),
        series("cuda", SEED_SIZE, "warm", stable=False),
    ]
    found = answer(runs(result(("cpu", "cuda"), series=tuple(times)))[0].analysis)
    assert "×; not settled; all 7 samples from" in found.noise
    (caution,) = found.cautions
    assert caution == (
        "cuda, further dream at 182×158: the spread did not settle (the machine was busy)."
    )


def test_warnings_and_interruptions_come_first(runs):
    (run,) = runs(result(complete=False, warnings=("the machine was busy",)))
    cautions = answer(run.analysis).cautions
    assert cautions[0].startswith("The measurement was interrupted")
    assert cautions[1] == "The machine was busy."


def test_many_series_that_did_not_settle_are_counted(runs):
    times = [series("cpu", size, kind, stable=False) for size in SIZES for kind in KINDS]
    (run,) = runs(result(("cpu",), series=tuple(times)))
    assert answer(run.analysis).cautions == (
        "9 of 9 measurements did not settle; each is marked in its table.",
    )


def test_one_sample_has_no_interval(runs):
    times = [series(name, SEED_SIZE, "warm", noise=(1.0,)) for name in ("cpu", "cuda")]
    (run,) = runs(result(("cpu", "cuda"), series=tuple(times)))
    found = answer(run.analysis)
    assert found.noise == "one sample, no interval"
    assert "23.6 times as fast by one sample, which does not tell a difference" in found.sentence
    assert said(found, "From which size") == (
        "Further dream: not known; a single sample does not tell a difference from noise."
    )


def test_single_samples_show_no_growth(runs):
    times = [series(n, size, "warm", noise=(1.0,)) for n in ("cpu", "cuda") for size in SIZES]
    found = answer(runs(result(("cpu", "cuda"), series=tuple(times)))[0].analysis)
    assert said(found, "Does the advantage grow").startswith("Not known: a single sample")


# --- Less than both ------------------------------------------------------------------------------


def test_cpu_only_says_why_and_what_can_be_said(runs):
    names = ("cpu", "cpu, 1 thread")
    contenders = (*map(contender, names), missing("cuda", "no NVIDIA driver was found"))
    (run,) = runs(result(names, contenders=contenders, machine=machine(gpu=None)))
    found = answer(run.analysis)
    assert found.headline == "655 ms"
    assert found.unit == "a dream on the CPU; no GPU compared"
    assert "cannot be said here" in found.sentence
    assert said(found, "Why is no GPU compared?") == "cuda: no NVIDIA driver was found."
    assert "all 7 samples from 645 ms to 668 ms" in found.noise
    growing = said(found, "How does the time grow")
    assert "1280×854 has 38.0 times as many pixels as 182×158" in growing
    times = seconds("cpu", SIZES[2], "warm") / seconds("cpu", SEED_SIZE, "warm")
    assert f"takes {times:.1f} times as long" in growing
    assert "µs for each pixel" in growing
    assert "starting is 48 %" in said(found, "And if the program")
    assert "1.87 times as long as cpu" in said(found, "Other ways to use the CPU?")
    assert "the GPU is" not in everything(found)


def test_no_gpu_was_asked_for(runs):
    found = answer(runs(result(("cpu",)))[0].analysis)
    assert said(found, "Why is no GPU compared?") == "No GPU was asked for."


def test_gpu_only_gives_no_speedup(runs):
    found = answer(runs(result(("cuda",)))[0].analysis)
    assert found.headline == "27.8 ms"
    assert found.unit == "a dream on the GPU; no CPU to compare with"
    assert "No speed-up can be given" in found.sentence


def test_a_gpu_without_its_kind_on_the_cpu_is_not_compared(runs):
    times = [series("cpu", SEED_SIZE, "warm"), series("cuda", SEED_SIZE, "step")]
    found = answer(runs(result(("cpu", "cuda"), series=tuple(times)))[0].analysis)
    assert found.unit == "a dream on the CPU; no GPU compared"
    assert "cuda was measured, but nothing of its kind" in said(found, "Why is no GPU compared?")


def test_nothing_measured(runs):
    (run,) = runs(result(("cpu",), series=()))
    assert "nothing was measured" in answer(run.analysis).sentence


# --- Growth, and from where on ------------------------------------------------------------------


def speedups(*values: float, noise: float = 0.01) -> list[Speedup]:
    figure = Figure(1, 1, 1, 1, 1, 0, 7, stable=True, note="")
    sizes = [Size(width=100 * number, height=100) for number, _ in enumerate(values, 1)]
    return [
        Speedup(figure, figure, size, value, value * (1 - noise), value * (1 + noise))
        for size, value in zip(sizes, values, strict=True)
    ]


@pytest.mark.parametrize(
    ("values", "begins"),
    [
        ((5, 10, 20), "Yes: from 5.00× at 100×100 to 20.0× at 300×100, the largest"),
        ((5, 20, 20.1, 20), "Yes, from 5.00× at 100×100 to 20.0× at 200×100; larger pictures gain"),
        ((5, 20, 10), "Yes, from 5.00× at 100×100 to 20.0× at 200×100; beyond it falls, to 10.0×"),
        ((10, 10.1, 9.9), "No: it stays between 9.90× and 10.1× from 100×100 to 300×100."),
        ((20, 10, 5), "No, it shrinks: from 20.0× at 100×100 to 5.00× at 300×100."),
        ((10, 5, 20, 15), "It rises and falls: 5.00× at 200×100, 20.0× at 300×100"),
        ((5,), "Not known: only one size"),
    ],
)
def test_growth(values, begins):
    assert growth(speedups(*values)).startswith(begins)


def test_growth_within_the_noise_is_none():
    assert growth(speedups(5, 6, 7, noise=0.3)).startswith("No: it stays between")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((2, 3), "at every size that was measured, from 100×100 on."),
        ((0.5, 1.005, 3), "from 300×100 on; 1.00× at 200×100 (95 % interval"),
        ((0.5, 0.8), "at no size that was measured (0.800× at 200×100"),
        ((2, 0.5), "only at 100×100, and not at the largest (0.500× at 200×100)."),
    ],
)
def test_from_which_size_on(values, words):
    assert wins_from(speedups(*values)).startswith(words)


def test_parts_that_were_not_measured_are_not_guessed(runs):
    bare: Series = series("cpu", SEED_SIZE, "cold")
    samples = tuple(one.model_copy(update={"parts": {}}) for one in bare.samples)
    times = (bare.model_copy(update={"samples": samples}), series("cpu", SEED_SIZE, "warm"))
    found = answer(runs(result(("cpu",), series=times))[0].analysis)
    assert said(found, "And if the program") == "Not measured."


def test_the_synthetic_parts_add_up():
    one = sample("cuda", SEED_SIZE, "cold", 1.0, seconds("cuda", SEED_SIZE, "cold"))
    assert sum(one.parts.values()) == pytest.approx(one.seconds)
