"""One verdict from one result file: what the terminal says, the page says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from synthetic_results import SEED_SIZE, check, contender, missing, result, series

from ort_deepdream.cli.commands.bench_tables import show
from ort_deepdream.measure.analysis import analyse
from ort_deepdream.measure.result import Contender, Result
from ort_deepdream.report.sentences.answer import answer
from ort_deepdream.report.sentences.head import Answer

Said = Callable[[Result], tuple[str, Answer]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """The terminal's text as one line, and the head of the page."""

    def both(found: Result) -> tuple[str, Answer]:
        analysis = analyse(found)
        show(analysis)
        return " ".join(capsys.readouterr().out.split()), answer(analysis)

    return both


def on_the_processor(name: str) -> Contender:
    processor = "Synthetic Processor 4000"
    options = {"device_type": "CPU"}
    provider = "OpenVINOExecutionProvider"
    return contender(name, backend="openvino", provider=provider, device=processor, options=options)


NO_GPU = "How much faster a GPU is cannot be said here: none was compared."
NO_CPU = "No speed-up can be given: there is no CPU to compare with."


def test_openvino_on_the_processor_is_no_gpu_to_either(said):
    names = ("cpu", "cuda")  # of which the second is only as quick as a GPU
    contenders = (contender("cpu"), on_the_processor("cuda"))
    terminal, page = said(result(names, contenders=contenders))
    assert NO_GPU in terminal
    assert page.sentence.endswith(NO_GPU)
    assert "Beside the CPU" not in terminal
    # It is a way to use the CPU, and a quicker one: both tell how much.
    assert "182x158 cuda 27.8 ms 27.4-28.3 ms 7 23.57" in terminal
    (others,) = [point for point in page.points if point.question.startswith("Other ways to use")]
    assert others.question == "Other ways to use the CPU?"
    assert others.answers[0].startswith("cuda takes 27.8 ms, 23.6 times as fast as cpu")


def test_a_cpu_that_failed_its_check_is_no_baseline_to_either(said):
    checks = (check("cpu", passed=False), check("cuda"))
    terminal, page = said(result(("cpu", "cuda"), checks=checks))
    assert NO_CPU in terminal
    assert page.sentence.endswith(NO_CPU)
    assert "23.6" not in terminal
    assert "23.57" not in terminal
    assert "times as fast" not in page.sentence
    assert "on this CPU" not in terminal  # nor is it set beside 2019


def test_the_next_cpu_takes_the_place_of_one_that_failed_for_both(said):
    checks = (check("cpu", passed=False), check("cpu, 1 thread"), check("cuda"))
    terminal, page = said(result(checks=checks))
    assert page.headline == "44.1×"
    assert "Beside the CPU cuda dreams 44.1 times as fast at 182x158" in terminal


def test_a_gpu_is_set_against_its_own_library_by_both(said):
    names = ("PyTorch cpu", "PyTorch cuda", "cuda")
    times = [
        series("PyTorch cpu", SEED_SIZE, "warm", speed=(1e-3, 1e-6)),
        series("PyTorch cuda", SEED_SIZE, "warm", speed=(4e-4, 3e-8)),
        series("cuda", SEED_SIZE, "warm"),
    ]
    terminal, page = said(result((), contenders=tuple(map(contender, names)), series=tuple(times)))
    assert page.headline == "23.6×"
    assert terminal.count("Beside") == 1
    assert "Beside the CPU PyTorch cuda dreams 23.6 times as fast" in terminal


def test_a_gpu_whose_device_is_not_known_is_doubted_by_both(said):
    contenders = (contender("cpu"), contender("cuda", device=None))
    terminal, page = said(result(("cpu", "cuda"), contenders=contenders))
    doubt = "cuda: its device is not known, and may be a processor that plays a GPU."
    assert doubt in terminal
    assert doubt in page.cautions


def test_without_a_gpu_both_say_so(said):
    contenders = (contender("cpu"), missing("cuda", "no NVIDIA driver was found"))
    terminal, page = said(result(("cpu",), contenders=contenders))
    assert NO_GPU in terminal
    assert page.sentence.endswith(NO_GPU)
    assert "Not measured: cuda: no NVIDIA driver was found" in terminal
    assert page.points[0].answers == ("cuda: no NVIDIA driver was found.",)


def test_a_slower_gpu_is_said_in_one_way_by_both(said):
    times = [series("cpu", SEED_SIZE, "warm"), series("cuda", SEED_SIZE, "warm", speed=(0.2, 1e-6))]
    terminal, page = said(result(("cpu", "cuda"), series=tuple(times)))
    assert (page.headline, page.unit) == ("7.69×", "as long on the GPU as on the CPU")
    assert "takes 7.69 times as long" in page.sentence
    assert "cuda dreams 7.69 times as long at 182x158 (95%: 7.6" in terminal


def test_one_sample_has_no_interval_for_either(said):
    times = [series(name, SEED_SIZE, "warm", noise=(1.0,)) for name in ("cpu", "cuda")]
    terminal, page = said(result(("cpu", "cuda"), series=tuple(times)))
    assert "cuda dreams 23.6 times as fast at 182x158 (one sample)" in terminal
    assert page.noise == "one sample, no interval"
    assert "95%:" not in terminal
