"""One-off dreams: the command itself, in a process of its own, with a cache folder that is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image
from small_bench import plan

from ort_deepdream import Settings, dream, load_model, read_metadata, read_picture
from ort_deepdream.measure.contenders.cold import dream_command, measure_cold
from ort_deepdream.measure.contenders.process import ContenderError

PARTS = ["start", "import", "session", "first steps", "steps", "write", "end"]


@pytest.fixture(scope="module")
def spec(photo, tiny_model):
    return plan(photo, tiny_model, backends=("cpu",), threads=(2,)).contenders[0].spec


@pytest.fixture(scope="module")
def cold(spec, photo, tmp_path_factory):
    """The sample of a dream, the picture that it left, and the cache folder."""
    folder = tmp_path_factory.mktemp("cold")
    output, cache = folder / "dream.png", folder / "cache"
    return measure_cold(spec, photo, output, cache), output, cache


def test_its_parts_add_up_to_the_life_of_its_process(cold):
    sample, _, _ = cold
    assert list(sample.parts) == PARTS
    assert min(sample.parts.values()) >= 0
    assert sum(sample.parts.values()) == pytest.approx(sample.seconds)
    assert 20e6 < sample.peak_memory < 2e9


def test_it_is_the_users_command_with_the_contenders_settings(cold, spec, photo, tiny_model):
    """The picture says which command made it, and is the dream of the model."""
    _, output, _ = cold
    command = read_metadata(output)["deepdream.command"]
    assert command.startswith("dream run ")
    for words in ("--iterations=2", "--octaves=2", "--threads 2", "--backend cpu", "--seed=0"):
        assert words in command
    expected = dream(load_model(tiny_model, "cpu", 2), read_picture(photo).rgb, spec.settings)
    assert abs(read_picture(output).rgb - expected.rgb).max() <= 0.5


def test_the_graph_is_kept_in_the_folder_that_it_was_given(cold):
    _, _, cache = cold
    assert list((cache / "optimised").iterdir())


def test_what_python_compiles_is_kept(spec, photo, tmp_path, monkeypatch):
    """Whatever the environment says: who has installed the program has it compiled."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "compiled"))
    measure_cold(spec, photo, tmp_path / "dream.png", tmp_path / "cache")
    assert list((tmp_path / "compiled").rglob("__main__.*.pyc"))


def test_every_option_of_a_contender_is_the_commands(spec, photo, tmp_path):
    other = replace(
        spec,
        backend="cuda",
        threads=None,
        options={"use_tf32": "0"},
        allow_cpu_nodes=True,
        provider_library="/plugins/libnew.so",
        settings=Settings(step=-2.5, seed=7),
    )
    words = dream_command(other, photo, tmp_path / "dream.png")
    assert words[words.index("--backend") + 1] == "cuda"
    assert "--threads" not in words
    for word in ("--provider-option=use_tf32=0", "--allow-cpu-nodes", "--step=-2.5", "--seed=7"):
        assert word in words
    assert "--provider-library=/plugins/libnew.so" in words


def test_a_dream_that_fails_says_why(spec, tmp_path):
    small = tmp_path / "small.png"
    Image.new("RGB", (2, 2)).save(small)
    with pytest.raises(ContenderError, match="too small for tiny"):
        measure_cold(spec, small, tmp_path / "dream.png", tmp_path / "cache")
