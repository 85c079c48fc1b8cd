"""What the page consists of, and how it is built for a server."""

from __future__ import annotations

import hashlib
import itertools
import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.external_data_helper import ExternalDataInfo

from ort_deepdream.engine.sessions.gradient_file import read_gradient_file
from ort_deepdream.engine.settings import Settings
from ort_deepdream.errors import DreamError
from ort_deepdream.version import VERSION
from ort_deepdream.web.graphs import DEFAULT_LAYER
from ort_deepdream.web.runtime import WASM
from ort_deepdream.web.site import (
    PAGE,
    later_sources,
    page_sources,
    policy,
    site_files,
)
from ort_deepdream.weights.builtin import WEIGHTS_FILE, shipped_file, shipped_layers
from ort_deepdream.weights.joining import choose_channels
from scripts.build_web import build_web

ROOT = Path(__file__).parents[2]
MOST_OF_THE_PAGE = 60_000  # bytes of what every visit fetches and is not a picture
MOST_OF_LATER = 36_000  # of what is fetched when it is wanted
SOURCES = page_sources()
LATER = later_sources()


@pytest.fixture(scope="module")
def built(site) -> Path:
    return site / "page"


@pytest.fixture(scope="module")
def release(built):
    script = (built / "release.js").read_text("utf-8")
    return json.loads(script.partition("self.RELEASE = ")[2].partition(";\nself")[0])


def test_the_page_is_small():
    assert sum(path.stat().st_size for path in SOURCES) < MOST_OF_THE_PAGE
    assert sum(path.stat().st_size for path in LATER) < MOST_OF_LATER


def test_nothing_imports_what_is_for_later_before_it_is_wanted():
    for source in SOURCES:
        for line in source.read_text("utf-8").splitlines():
            assert "later/" not in line or "await import(" in line, line


def test_a_single_channel_is_chosen_where_the_command_chooses_it(built, release):
    for layer, backend in itertools.product(release["layers"], release["backends"]):
        shipped = (built / layer[backend]["graph"]).read_bytes()
        at, count = layer[backend]["channelsAt"], layer["channels"]
        wanted = choose_channels(shipped, layer["name"], {count - 1: 1.0})
        factors = np.zeros(count, "<f4")
        factors[-1] = 1
        found = shipped[:at] + factors.tobytes() + shipped[at + 4 * count :]
        # the description alone differs
        assert onnx.load_from_string(found).graph == onnx.load_from_string(wanted).graph


def test_the_release_knows_every_file_and_its_content(built, release):
    found = {str(path.relative_to(built)) for path in built.rglob("*") if path.is_file()}
    assert found == {*release["files"], "release.js"}
    for path, known in release["files"].items():
        content = (built / path).read_bytes()
        assert known == {
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }


def test_the_gradient_files_and_weights_are_the_shipped_ones(built, release):
    assert {layer["name"] for layer in release["layers"]} == set(shipped_layers())
    targets = {name: backend["target"] for name, backend in release["backends"].items()}
    assert targets == {"wasm": "cpu", "webgpu": "portable"}
    for layer, (backend, target) in itertools.product(release["layers"], targets.items()):
        wanted = shipped_file(layer["name"], target).read_bytes()
        assert (built / layer[backend]["graph"]).read_bytes() == wanted
    pieces = [(built / path).read_bytes() for path in release["pieces"]]
    assert b"".join(pieces) == WEIGHTS_FILE.read_bytes()
    assert {len(piece) for piece in pieces[:-1]} == {release["pieceSize"]}


def test_each_layer_is_described_as_its_gradient_file_does(release):
    for layer, (backend, known) in itertools.product(
        release["layers"], release["backends"].items()
    ):
        path = shipped_file(layer["name"], known["target"])
        info = read_gradient_file(path).info
        tensors = onnx.load(path, load_external_data=False).graph.initializer
        outside = [
            ExternalDataInfo(tensor)
            for tensor in tensors
            if tensor.data_location == onnx.TensorProto.EXTERNAL
        ]
        assert layer[backend]["weightsEnd"] == max(one.offset + one.length for one in outside)
        described = dict(release["info"])
        np.testing.assert_array_equal(described.pop("mean"), info.mean.ravel())
        np.testing.assert_array_equal(described.pop("scale"), info.scale.ravel())
        assert described == {
            "architecture": info.architecture,
            "order": list(info.order),
            "weights": info.weights,
            "weightsSha256": info.weights_sha256,
            "precision": info.precision,
        }
        assert (layer["stride"], known["target"]) == (info.stride, info.target)


def test_layers_come_in_the_order_of_the_network(release):
    names = [layer["name"] for layer in release["layers"]]
    assert names[0] == "conv2/3x3"
    assert names[-1] == "inception_5b/output"
    assert DEFAULT_LAYER in names


def test_the_settings_are_the_commands(release):
    declared = {one["name"]: one for one in release["settings"]}
    settings = Settings(seed=0)
    of_the_loop = Settings.__dataclass_fields__
    assert list(declared) == list(of_the_loop)[:6]
    assert not any(one.default for one in list(of_the_loop.values())[6:])  # what it has not, is off
    for name, one in declared.items():
        assert one["default"] == (None if name == "seed" else getattr(settings, name))
    assert declared["step"]["least"] == -255
    assert declared["octaves"]["most"] == 1000
    assert declared["octave_scale"]["above"] == 1
    assert release["version"] == VERSION


def test_a_release_is_known_by_its_content(runtime):
    one, other = (site_files(runtime, offline)["release.js"] for offline in (True, False))
    assert one == site_files(runtime, True)["release.js"]
    number = [line for line in one.splitlines() if b"RELEASE.id" in line]
    assert number != [line for line in other.splitlines() if b"RELEASE.id" in line]


class Attributes(HTMLParser):
    """Every tag of a page, and what its attributes refer to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_keeps_its_policy_and_names_no_other_host():
    tags = Attributes((PAGE / "index.html").read_text("utf-8")).found
    assert not [tag for tag, attributes in tags if "style" in attributes]
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]
    for source in SOURCES | LATER:
        assert "http://" not in source.read_text("utf-8").replace("http://www.w3.org", "")
    assert policy().startswith("default-src 'none'; ")
    assert "unsafe-inline" not in policy()
    assert "unsafe-eval" not in policy().replace("wasm-unsafe-eval", "")
    assert "http" not in policy()


def test_what_the_page_imports_is_there():
    for source in SOURCES | LATER:
        for line in source.read_text("utf-8").splitlines():
            if line.startswith("import "):
                name = line.rpartition(' "')[2].rstrip('";')
                assert name.endswith("./release.js") or (source.parent / name).is_file(), line


# --- Building ---------------------------------------------------------------------------------


def test_building_again_replaces_the_page_and_nothing_else(runtime, tmp_path):
    output = tmp_path / "site" / "web"
    assert build_web(output) == build_web(output) > 25_000_000
    (output / "page.mjs").write_text("changed")
    build_web(output)
    assert (output / "page.mjs").read_bytes() == (PAGE / "page.mjs").read_bytes()
    assert [path.name for path in output.parent.iterdir()] == ["web"]


def test_a_folder_of_something_else_stays(runtime, tmp_path):
    (tmp_path / "mine").write_text("kept")
    with pytest.raises(DreamError, match="not made by this script; name another folder"):
        build_web(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.slow
def test_the_script_says_what_it_built(runtime, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "scripts.build_web", "-o", tmp_path / "web"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"{tmp_path}/web: 60.")
    assert (tmp_path / "web" / "onnxruntime" / WASM.module).is_file()
