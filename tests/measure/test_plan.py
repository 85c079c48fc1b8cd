"""What is asked for: backends with options, sizes, and what of it a machine has."""

from __future__ import annotations

from dataclasses import replace

import pytest
from gradient_files import write_gradient_file
from small_bench import plan

from ort_deepdream import DreamError, Settings
from ort_deepdream.measure.contenders.contender import read_spec
from ort_deepdream.measure.pictures import parse_size
from ort_deepdream.measure.plan import (
    check_sizes,
    on_each_gpu,
    parse_backend,
    plan_contenders,
    steps_in_dream,
)
from ort_deepdream.measure.result import Size


def test_a_backend_may_have_options():
    assert parse_backend("cuda") == ("cuda", {})
    assert parse_backend("cuda:use_tf32=0,x=a=b") == ("cuda", {"use_tf32": "0", "x": "a=b"})
    for text in ("cuda:use_tf32", "cuda:=0", "cuda:a=1,"):
        with pytest.raises(DreamError, match="write NAME:KEY=VALUE"):
            parse_backend(text)


def test_contenders_are_named_by_what_makes_them_different(photo, tiny_model):
    backends = ("cpu", "cpu", "cuda:use_tf32=0", "cuda")
    found = plan(photo, tiny_model, backends=backends, threads=(2, 1, 2))
    names = [contender.name for contender in found.contenders]
    assert names == ["cpu, 2 threads", "cpu, 1 thread", "cuda, use_tf32=0", "cuda"]


def test_a_contender_may_have_a_file_of_its_own(photo, tiny_model, tmp_path):
    half = write_gradient_file(tmp_path / "half.onnx", precision="float16")
    cuda = "cuda:prefer_nhwc=1", "cuda:fuse_conv_bias=1"
    backends = ("cpu", f"cpu:model={half}", f"cpu:model={tiny_model}", *cuda)
    found = plan(photo, tiny_model, backends=backends, threads=(1,))
    names = [contender.name.removesuffix(", 1 thread") for contender in found.contenders]
    assert names[:3] == ["cpu", "cpu, float16", f"cpu, {tiny_model.stem}"]
    assert names[3:] == ["cuda, NHWC", "cuda, fused biases"]
    records = [contender.record for contender in found.contenders]
    assert [record.precision for record in records[:2]] == ["float32", "float16"]
    assert found.contenders[1].spec.model == str(half)
    assert found.contenders[1].spec.options == records[1].options == {}
    assert set(found.model.files) == {"cpu", "cpu, float16"}
    with pytest.raises(DreamError, match=r"none\.onnx"):
        plan(photo, tiny_model, backends=("cpu:model=none.onnx",))


def test_each_of_several_gpus_is_a_contender_by_its_number_and_name(photo, tiny_model):
    (cpu,) = plan(photo, tiny_model, backends=("cpu",), threads=(1,)).contenders
    record = cpu.record.model_copy(update={"name": "cuda", "backend": "cuda"})
    cuda = replace(cpu, record=record, spec=replace(cpu.spec, backend="cuda"))
    gpus = ("NVIDIA A", "NVIDIA B")
    found = on_each_gpu(cuda, gpus)
    assert [one.name for one in found] == ["cuda, GPU 0 (NVIDIA A)", "cuda, GPU 1 (NVIDIA B)"]
    assert [one.spec.environment["CUDA_VISIBLE_DEVICES"] for one in found] == ["0", "1"]
    assert read_spec(found[1].spec.dump()) == found[1].spec
    chosen = replace(cuda, spec=replace(cuda.spec, options={"device_id": "1"}))
    for same, several in ((cuda, gpus[:1]), (cpu, gpus), (chosen, gpus)):
        assert on_each_gpu(same, several) == [same]
    assert cpu.spec.environment == {}


def test_what_may_leave_nodes_to_the_cpu_is_called_so(photo, tiny_model):
    found = plan_contenders(
        ("cpu", "cuda", "CPUExecutionProvider"),
        (),
        lambda target: tiny_model,
        Settings(seed=0),
        allow_cpu_nodes=True,
    )
    named = {contender.name: contender.record.cpu_nodes_allowed for contender in found}
    # On the CPU there is nowhere else to leave them.
    assert named == {"cpu": False, "cuda, CPU nodes allowed": True, "CPUExecutionProvider": False}


def test_a_mistyped_backend_is_refused_and_one_that_is_not_here_is_missing(photo, tiny_model):
    with pytest.raises(DreamError, match="did you mean cpu"):
        plan(photo, tiny_model, backends=("cpuu",))
    found = plan(photo, tiny_model, backends=("cpu", "NoSuchExecutionProvider"))
    gone = found.contenders[-1].record
    assert gone.name == gone.provider == "NoSuchExecutionProvider"
    assert gone.missing
    with pytest.raises(DreamError, match="nothing can be measured: NoSuchExecutionProvider: "):
        plan(photo, tiny_model, backends=("NoSuchExecutionProvider",))


def test_plugins_are_called_as_one_says_or_as_their_files(tiny_model, tmp_path):
    first, second = tmp_path / "first.so", tmp_path / "libsecond.so"
    for file in (first, second):
        file.write_text("no library")

    def planned(*backends):
        found = plan_contenders(
            backends, (), lambda target: tiny_model, Settings(seed=0), libraries=(first, second)
        )
        return {one.name: (one.record.plugin, one.record.missing or "") for one in found}

    found = planned("cpu", "mine:device_type=GPU")
    assert [*found] == ["cpu", "mine, device_type=GPU", "second"]
    assert [plugin for plugin, _ in found.values()] == [None, "first.so", "libsecond.so"]
    assert found["cpu"][1] == ""
    taken = {name: plugin for name, (plugin, _) in planned("cpu", "webgpu", "my", "my:a=b").items()}
    one, other = "first.so", "libsecond.so"
    assert taken == {"cpu": None, "webgpu": other, "my": one, "my, a=b": one}
    assert found["second"][1].startswith("libsecond.so does not load: ")
    # With no names all are measured, and none of them takes a file.
    found = planned()
    assert [*found][-2:] == ["first", "second"]
    assert found["webgpu"][0] is None
    with pytest.raises(DreamError, match="there is a second already; give it a name of its own"):
        planned("second", "cpu")
    first.unlink()
    with pytest.raises(DreamError, match=r"first\.so: there is no such file; name the library of"):
        planned("cpu")


@pytest.mark.parametrize(
    "text", ["", "182", "x", "182x", "0x5", "-1x5", "1e3x5", "5x5x5", "9" * 5000 + "x1", "1x100001"]
)
def test_what_is_no_size_is_refused(text):
    with pytest.raises(DreamError, match="is no size: write WIDTHxHEIGHT"):
        parse_size(text)


def test_sizes_are_taken_once_the_smallest_first():
    sizes = [parse_size(text) for text in ("64x48", "24x16", "64x48")]
    assert list(map(str, check_sizes(sizes, 4))) == ["24x16", "64x48"]
    with pytest.raises(DreamError, match="24x16 is too small to dream at: both sides must be 17"):
        check_sizes(sizes, 17)


def test_the_steps_of_a_dream_in_steps_at_full_size():
    settings = Settings(iterations=10, octaves=2, octave_scale=2.0, seed=0)
    assert steps_in_dream(Size(width=40, height=20), settings, 1) == 12.5
    assert steps_in_dream(Size(width=40, height=20), settings, 20) == 10
