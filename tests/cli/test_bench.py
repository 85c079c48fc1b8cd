"""`dream bench` and `dream compare`: what they write, show and refuse, and their exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
from gradient_files import write_gradient_file
from small_bench import write_wrong_model
from synthetic_results import NOISE, SEED_SIZE, missing, result, series

from ort_deepdream.cli.commands.bench_tables import show
from ort_deepdream.measure.analysis import analyse
from ort_deepdream.measure.machine import this_machine
from ort_deepdream.measure.result import read_result, write_result


@pytest.fixture
def tiny(tmp_path):
    return write_gradient_file(tmp_path / "tiny.onnx")


def test_a_bench_of_the_cpu(dream, photo, tiny):
    words = ("--model", tiny, "--threads", 1, "--size", "16x12", "--trials", 1, "--budget", 60)
    words += ("--no-limits", "--allow-cpu-nodes", "--iterations", 2, "--seed", 0)
    library = photo.with_name("libbroken.so")
    library.write_text("no library")
    words += ("--provider-library", library)
    outcome = dream("bench", photo, "-b", "cpu", "-b", "cuda", *words)
    assert outcome.exit_code == 0, outcome.stderr
    output = photo.with_name("photo-bench.json")
    found = read_result(output)
    assert found.complete
    assert {series.kind for series in found.series} == {"cold", "warm", "step"}
    assert found.photo.name == "photo.png"
    assert str(photo.parent) not in output.read_text()
    assert (found.settings.iterations, found.settings.octaves, found.settings.seed) == (2, 4, 0)
    command = (
        "dream bench photo.png --profile normal --model tiny.onnx --iterations=2 --backend=cpu"
    )
    assert " ".join(found.command).startswith(command)
    assert found.command[-2:] == ("--no-limits", "--allow-cpu-nodes")
    assert found.limits == ()
    assert [contender.cpu_nodes_allowed for contender in found.contenders] == [False, True, True]
    assert found.contenders[-1].plugin == "libbroken.so"
    assert "--provider-library=libbroken.so" in found.command
    assert max(map(len, outcome.stdout.replace(str(output), "").splitlines())) <= 80
    reason = "Not measured: cuda, CPU nodes allowed: no NVIDIA driver was found"
    assert reason in unwrapped(outcome.stdout)
    reason = "Not measured: broken, CPU nodes allowed: libbroken.so does not load: "
    assert reason in unwrapped(outcome.stdout)
    here = this_machine()  # a commit made meanwhile would be refused, and rightly
    write_result(output, found.model_copy(update={"machine": here}))
    again = dream("bench", photo, "-b", "cpu", "-b", "cuda", *words, "--resume")
    assert again.exit_code == 0, again.stderr
    assert read_result(output).created == found.created


def test_a_fast_wrong_answer_is_a_failure(dream, photo, tmp_path):
    model = write_wrong_model(tmp_path / "wrong.onnx")
    words = ("--model", model, "--threads", 1, "--size", "64x48", "--trials", 1, "--budget", 1)
    outcome = dream("bench", photo, "-b", "cpu", *words)
    assert outcome.exit_code == 1
    assert "cpu, 1 thread * WRONG" in outcome.stdout
    last = outcome.stdout.splitlines()[-1]
    assert last.startswith("FAIL: cpu, 1 thread computes something else than PyTorch autograd")
    (check,) = read_result(photo.with_name("photo-bench.json")).checks
    assert not check.passed


def unwrapped(text):
    return " ".join(text.split())


def test_what_cannot_be_measured_is_refused(dream, photo, tiny, tmp_path):
    def refusal(*words):
        outcome = dream("bench", photo, "--model", tiny, *words)
        assert not photo.with_name("photo-bench.json").exists()
        return outcome.error

    assert "nothing can be measured: cuda: no NVIDIA driver was found" in refusal("-b", "cuda")
    assert "there is no backend 'cudda': did you mean cuda?" in refusal("-b", "cudda")
    assert "no such file; name the library" in refusal("--provider-library", tmp_path / "none.so")
    assert "'182' is no size: write WIDTHxHEIGHT" in refusal("--size", "182")
    assert "2x2 is too small to dream at" in refusal("--size", "2x2")
    assert "there is no profile 'quik': did you mean quick?" in refusal("--profile", "quik")
    assert "a result file ends in .json" in refusal("-o", tmp_path / "result.txt")
    assert "does not exist" in refusal("-o", tmp_path / "no" / "result.json")
    assert "there is no such file" in refusal("--resume")
    assert "no such" in dream("bench", tmp_path / "none.jpg", "--model", tiny).error


# --- the tables -----------------------------------------------------------------------------------


@pytest.fixture
def shown(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    def text(found):
        show(analyse(found))
        printed = capsys.readouterr().out
        assert max(map(len, printed.splitlines())) <= 80
        return printed

    return text


def test_the_answer_is_told_in_words(shown):
    text = unwrapped(shown(result()))
    assert "Beside the CPU cuda dreams 23.6 times as fast at 182x158" in text
    assert "in 2019 it took 11.0 s on a CPU and 1.62 s on a Tesla K80, 6.8 times as fast" in text
    assert "are start, imports and sessions" in text


def test_the_figures_of_2019_stand_beside(shown):
    lines = shown(result()).splitlines()
    then = [line for line in lines if line.strip().startswith("2019")]
    assert len(then) == 2
    assert "11.0 s" in then[0]
    assert "1.62 s" in then[1]
    assert "6.79" in then[1]


def test_a_contender_that_failed_is_not_in_the_answer(shown):
    found = result()
    checks = tuple(
        check.model_copy(update={"passed": check.contender != "cuda"}) for check in found.checks
    )
    text = unwrapped(shown(found.model_copy(update={"checks": checks})))
    assert "FAIL" in text
    assert "Beside the CPU cuda dreams" not in text


def test_what_is_missing_and_unsettled_is_told(shown):
    gone = missing("webgpu, a long name of a backend", "[red]no adapter[/] was found")
    unsettled = series("cpu", SEED_SIZE, "warm", stable=False)
    found = result(("cpu",), series=(unsettled,))
    text = unwrapped(shown(found.model_copy(update={"contenders": (*found.contenders, gone)})))
    assert "Not measured: webgpu, a long name of a backend: [red]no adapter[/] was found" in text
    assert "* the machine was busy: cpu at 182x158, warm" in text


def test_a_warm_up_that_is_left_out_is_told(shown):
    warming = series("cpu", SEED_SIZE, "warm", noise=(4.0, 3.0, *NOISE))
    text = unwrapped(shown(result(("cpu",), series=(warming,))))
    assert "Warm-up: cpu at 182x158, warm: the first 2 of 9 samples left out" in text
    assert "Warm-up" not in shown(result(("cpu",)))


# --- dream compare --------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    """Before; the same again; and with every step on the CPU 1.4 times as long."""
    found = result()
    slower = tuple(
        series(s.contender, s.size, s.kind, noise=[1.4 + 0.01 * n for n in range(7)])
        if (s.contender, s.kind) == ("cpu", "step")
        else s
        for s in found.series
    )
    paths = [tmp_path / f"{name}.json" for name in ("before", "same", "slower")]
    for path, one in zip(
        paths, (found, found, found.model_copy(update={"series": slower})), strict=True
    ):
        write_result(path, one)
    return paths


def test_the_same_is_not_slower(dream, files):
    before, same, _ = files
    outcome = dream("compare", before, same)
    assert outcome.exit_code == 0
    said = unwrapped(outcome.stdout)
    assert said.endswith("is nowhere slower by more than 1.1 times")


def test_a_slowdown_is_named(dream, files):
    before, _, slower = files
    outcome = dream("compare", before, slower)
    assert outcome.exit_code == 1
    named = [line for line in outcome.stdout.splitlines() if line.startswith("SLOWER")]
    assert len(named) == 3
    assert named[0].startswith("SLOWER: cpu at 182x158, step: 1.4")
    table = [line for line in outcome.stdout.splitlines() if not line.startswith("SLOWER")]
    assert max(map(len, table)) <= 80
    assert dream("compare", before, slower, "--fail-above", "1.6").exit_code == 0
    assert dream("compare", slower, before).exit_code == 0


def test_what_cannot_be_compared_is_refused(dream, files, tmp_path):
    before, _, _ = files
    other = tmp_path / "other.json"
    write_result(other, result(("cuda",), series=(series("cuda", SEED_SIZE, "step"),)))
    write_result(before, result(("cpu",)))
    assert "have no contender, size and kind in common" in dream("compare", before, other).error
    content = json.loads(before.read_text())
    other.write_text(json.dumps(content | {"version": 7}))
    assert "has version 7, and this program reads 1" in dream("compare", before, other).error
    assert "there is no such file" in dream("compare", before, tmp_path / "none.json").error


# --- an interruption ------------------------------------------------------------------------------


def test_ctrl_c_leaves_a_valid_file_and_says_how_to_go_on(photo, tiny, tmp_path):
    output = tmp_path / "result.json"
    code = "from ort_deepdream.__main__ import run; run()"
    command = [sys.executable, "-c", code, "bench", photo]
    command += ["--model", tiny, "-b", "cpu", "--threads", "1", "--size", "16x12"]
    command += ["--trials", "900", "--budget", "100000", "-o", output]
    child = subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not output.exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    said, errors = child.communicate(timeout=60)
    assert child.returncode == 130, errors
    assert said == ""
    note, last = errors.splitlines()
    assert note == (
        f"dream: note: {output} holds the rounds so far; the same command with --resume goes on"
    )
    assert last == "dream: interrupted"
    assert not read_result(output).complete
