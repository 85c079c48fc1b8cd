"""Providers in libraries of their own, with ONNX Runtime's real loader.

Each library is registered once in a process, so each has a name of its own. A whole dream through a
plug-in is `.ci/providers`' matter; here the CPU provider goes the same way, for ONNX Runtime lists
its device as it lists a plug-in's.
"""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from gradient_files import write_gradient_file

from ort_deepdream import BACKENDS, DreamError, Model, find_backend, load_model, why_unusable
from ort_deepdream.engine.providers import plugins
from ort_deepdream.engine.providers.plugins import Plugin, own_name
from ort_deepdream.measure import limits, operators
from ort_deepdream.weights.builtin import shipped_file

NO_DEVICE = """
#include <stddef.h>
void *CreateEpFactories(const char *name, const void *api, const void *logger, void **factories,
                        size_t most, size_t *count) { *count = 0; return 0; }
void *ReleaseEpFactory(void *factory) { return 0; }
"""


@pytest.fixture(scope="module")
def no_device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that is a plug-in, for hardware that is not here."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    library = tmp_path_factory.mktemp("plugins") / "libno_device.so"
    source = library.with_suffix(".c")
    source.write_text(NO_DEVICE)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


def test_a_plugin_without_a_device_is_refused_and_never_the_cpu(no_device):
    expected = f"{no_device} loads, but finds no device here that it can use"
    for _ in range(2):  # it cannot be registered again
        with pytest.raises(DreamError) as caught:
            find_backend("auto", library=no_device)
        assert str(caught.value) == expected


def test_a_library_that_is_no_plugin(tmp_path):
    library = tmp_path / "libbroken.so"
    library.write_text("no library")
    with pytest.raises(DreamError) as caught:
        find_backend("some", library=library)
    assert str(caught.value).startswith(f"{library} does not load: ")
    assert str(caught.value).endswith(": file too short") or sys.platform != "linux"


def test_a_name_is_one_library_in_a_process(no_device, tmp_path):
    broken, other = tmp_path / "libbroken.so", tmp_path / "libother.so"
    broken.write_text("no library")
    shutil.copy(no_device, other)
    said = [Plugin("one_name", file=file).why_not() for file in (broken, no_device, other)]
    assert "does not load" in str(said[0])  # and has not taken the name
    assert said[1] == f"{no_device} loads, but finds no device here that it can use"
    assert said[2] == f"{other}: one_name is {no_device} in this process; give it another name"


def test_a_library_that_is_not_there(tmp_path):
    library = tmp_path / "gone.so"
    with pytest.raises(DreamError) as caught:
        find_backend("auto", library=library)
    assert str(caught.value) == f"{library}: there is no such file; name the library of a plug-in"


def test_a_library_is_not_for_a_backend_that_is_built_in(tmp_path):
    with pytest.raises(DreamError, match="backend cpu is no plug-in's; leave --backend away"):
        find_backend("cpu", library=tmp_path)


def test_a_file_is_told_by_its_name_and_a_package_with_its_version(no_device):
    assert Plugin(own_name(no_device), file=no_device).library == "libno_device.so"
    assert own_name(no_device) == "no_device"
    assert Plugin("any", file=no_device).version is None
    known = Plugin("Numpys", package="numpy", module="numpy")
    assert (known.library, known.version) == ("numpy", np.__version__)


@pytest.mark.parametrize(
    "name", [name for name, backend in BACKENDS.items() if backend.plugin is not None]
)
def test_a_plugin_that_is_not_installed_says_which_package(name):
    plugin = BACKENDS[name].plugin
    assert plugin is not None
    if plugin.is_there or plugins.is_built_in(plugin.provider):
        pytest.skip("it is here")
    expected = f"was built without {plugin.provider}; pip install {plugin.package}"
    with pytest.raises(DreamError, match=expected):
        find_backend(name)
    assert plugin.provider not in plugins._registered  # nothing was loaded for the answer


@pytest.fixture
def plugged_in(monkeypatch) -> str:
    """The name of a provider that this ONNX Runtime takes for a plug-in's: the CPU's own."""
    provider = "CPUExecutionProvider"
    devices = [device for device in onnxruntime.get_ep_devices() if device.ep_name == provider]
    monkeypatch.setitem(plugins._registered, provider, devices)
    backend = dataclasses.replace(
        BACKENDS["webgpu"],
        provider=provider,
        why_not=lambda: None,
        plugin=Plugin(provider, module="numpy"),
    )
    monkeypatch.setitem(BACKENDS, "webgpu", backend)
    return "webgpu"


def test_a_session_is_on_the_plugins_device(tmp_path, plugged_in):
    backend = find_backend(plugged_in)
    assert backend.memory == "cpu"  # not the device's, which has no name in Python
    assert backend.device == BACKENDS["cpu"].device
    assert why_unusable(backend) is None
    path = write_gradient_file(tmp_path / "model.onnx")
    image = np.random.default_rng(0).standard_normal((1, 3, 5, 7)).astype(np.float32)
    found, expected = load_model(path, backend), load_model(path, "cpu")
    assert np.allclose(found.gradient(image)[1], expected.gradient(image)[1], rtol=1e-5, atol=1e-5)
    assert set(found.placement) == {backend.provider}


def test_limits_and_operators_are_measured_on_the_plugins_device(plugged_in, monkeypatch):
    chosen = []
    choose = Plugin.choose
    monkeypatch.setattr(Plugin, "choose", lambda *given: chosen.append(choose(*given)))
    backend, one = find_backend(plugged_in), np.ones((2, 2), np.float32)
    limits.onnx_product(backend, 1)(one, one)()
    model = load_model(shipped_file("conv2/3x3", "portable"), backend, 1)
    kinds = operators.profile(model, np.zeros((1, 3, 8, 8), np.float32), 1, 1)
    assert "Conv 7x7" in [kind.name for kind in kinds]
    assert len(chosen) == 2


def test_the_type_of_the_device_is_an_option(plugged_in):
    assert find_backend(plugged_in, {"device_type": "CPU"}).plugged_in is not None
    with pytest.raises(DreamError) as caught:
        find_backend(plugged_in, {"device_type": "NPU"})
    assert str(caught.value).endswith(" has no device of type NPU; it has CPU")


def test_a_session_that_is_somewhere_else_is_refused(tmp_path, monkeypatch, plugged_in):
    """ONNX Runtime gives another provider than the plug-in's without an error."""
    backend = dataclasses.replace(find_backend(plugged_in), provider="OtherExecutionProvider")
    model = Model(load_model(write_gradient_file(tmp_path / "m.onnx"), "cpu").file, backend)
    with pytest.raises(DreamError, match="but ONNX Runtime gave CPUExecutionProvider"):
        model.session(8, 8)
