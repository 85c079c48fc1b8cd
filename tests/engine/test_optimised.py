"""Graphs that are kept as ONNX Runtime has optimised them: the same steps, and nothing lost."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from gradient_files import MATRIX, write_gradient_file
from limits import open_folder, ordinary_user, read_only
from numpy.typing import NDArray

import ort_deepdream.engine.sessions.session
from ort_deepdream import DreamError, Model, load_model
from ort_deepdream.engine.backends import BACKENDS
from ort_deepdream.engine.providers.devices import processor_features
from ort_deepdream.engine.sessions import optimised
from ort_deepdream.engine.sessions.gradient_file import GradientFile, read_gradient_file
from ort_deepdream.engine.sessions.optimised import SUMS
from ort_deepdream.engine.sessions.session import OPTIMISED, WEIGHTS, make_session
from ort_deepdream.step import limits_feed, move_feed
from ort_deepdream.weights.builtin import WEIGHTS_FILE, shipped_model

pytestmark = pytest.mark.skipif(
    processor_features() is None, reason="only Linux tells what its processor can do"
)


@pytest.fixture
def path(tmp_path) -> Path:
    return write_gradient_file(tmp_path / "model.onnx")


@pytest.fixture
def graph_cache(tmp_path) -> Path:
    return tmp_path / "cache" / "optimised"


def load(path: Path, graph_cache: Path) -> Model:
    return load_model(path, "cpu", graph_cache=graph_cache)


def kept(graph_cache: Path) -> list[Path]:
    return list(graph_cache.iterdir())


WIDE = np.random.default_rng(2).standard_normal((512, 3)).astype(np.float32)


def is_right(model: Model, matrix: NDArray[np.float32] = MATRIX) -> bool:
    """Whether the gradient of `write_gradient_file` comes out."""
    image = np.random.default_rng(0).standard_normal((1, 3, 5, 7)).astype(np.float32)
    expected = np.einsum("ji,jk,nkhw->nihw", matrix, matrix, image)
    return np.allclose(model.gradient(image)[1], expected, rtol=1e-4, atol=1e-2)


@pytest.fixture
def no_optimising(monkeypatch):
    """From here on a graph comes from where it was kept, or not at all."""

    def refuse(*_: object) -> None:
        raise AssertionError

    def only_kept(graph: bytes | str, *rest: object) -> onnxruntime.InferenceSession:
        assert isinstance(graph, str)
        return opened(graph, *rest)

    opened = ort_deepdream.engine.sessions.session._open

    def begin() -> None:
        monkeypatch.setattr(ort_deepdream.engine.sessions.session, "_optimise", refuse)
        monkeypatch.setattr(ort_deepdream.engine.sessions.session, "_open", only_kept)

    return begin


@pytest.mark.parametrize("size", [(63, 85), (96, 64)])
def test_the_same_bits_from_a_network(size, graph_cache, no_optimising):
    path = shipped_model("inception_3a/output", "cpu")
    assert path is not None
    image = np.random.default_rng(1).uniform(-120, 130, (1, 3, *size)).astype(np.float32)
    plain = load_model(path, "cpu")
    expected, expected_gradient = plain.gradient(image)
    first = load(path, graph_cache)
    no_optimising()
    for model in (first, load(path, graph_cache)):
        found, found_gradient = model.gradient(image)
        assert found == expected
        assert np.array_equal(found_gradient, expected_gradient)
        assert list(model.placement) == ["CPUExecutionProvider"]


def kernels(file: GradientFile, prefix: Path, graph_cache: Path | None = None) -> list[str]:
    """Those of one step, in the order in which they ran; `Shape` may come first, it is small."""
    session = make_session(file, BACKENDS["cpu"], profile=prefix, graph_cache=graph_cache).run
    side = 16
    image = np.ones((1, 3, side, side), np.float32)
    limit = np.full((3, 1, 1), 200, np.float32)
    feed = {**limits_feed(-limit, limit), **move_feed(side, side, length=1)}
    session.run(["next"], {"image": image, **feed})
    events = json.loads(Path(session.end_profiling()).read_text())
    ran = [event for event in events if event["name"].endswith("_kernel_time")]
    names = [event["args"]["op_name"] for event in sorted(ran, key=lambda event: event["ts"])]
    return [name for name in names if name != "Shape"]


def test_the_kernels_keep_their_order(tmp_path, graph_cache):
    """Another one would need other memory."""
    path = shipped_model("inception_3a/output", "cpu")
    assert path is not None
    file = read_gradient_file(path)
    load(path, graph_cache)
    plain = kernels(file, tmp_path / "plain")
    assert len(plain) > 100
    assert kernels(file, tmp_path / "kept", graph_cache) == plain


def test_it_is_optimised_once(path, graph_cache, no_optimising):
    load(path, graph_cache)
    (folder,) = kept(graph_cache)
    assert (folder / OPTIMISED).is_file()
    no_optimising()
    assert is_right(load(path, graph_cache))
    assert kept(graph_cache) == [folder]


def test_nothing_is_kept_unasked(path, tmp_path):
    load_model(path, "cpu")
    assert list(tmp_path.iterdir()) == [path]


def test_whatever_changes_the_graph_has_a_place_of_its_own(graph_cache, monkeypatch):
    def place(content: bytes = b"a", size: tuple[int, int] | None = None) -> Path | None:
        return optimised.folder_for(content, size, graph_cache)

    places = [place(), place(b"b"), place(size=(8, 9)), place(size=(9, 8))]
    assert places[0] == place()
    for change in ("__version__", "get_build_info"):
        with monkeypatch.context() as patched:
            value = "1.2.3" if change == "__version__" else lambda: "built otherwise"
            patched.setattr(onnxruntime, change, value)
            places.append(place())
    monkeypatch.setattr(optimised, "processor_features", lambda: "flags: avx512f")
    places.append(place())
    assert len(set(places)) == 7


def test_a_machine_that_does_not_tell_its_processor_keeps_nothing(path, graph_cache, monkeypatch):
    monkeypatch.setattr(optimised, "processor_features", lambda: None)
    assert is_right(load(path, graph_cache))
    assert not graph_cache.exists()


def test_what_linux_tells_of_a_processor():
    features = str(processor_features())
    assert "flags" in features or "Features" in features
    assert "MHz" not in features  # it changes from moment to moment
    assert features == processor_features()


# --- What goes wrong with it costs time and nothing else ------------------------------------------


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def rot(path: Path) -> None:
    """Change one bit as a disk does, which tells nobody."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) * 2 // 3] ^= 4
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("name", [OPTIMISED, WEIGHTS, SUMS])
@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b""), cut, Path.unlink, rot])
def test_what_is_damaged_is_made_again(tmp_path, graph_cache, no_optimising, name, damage):
    path = write_gradient_file(tmp_path / "model.onnx", WIDE)
    load(path, graph_cache)
    (folder,) = kept(graph_cache)
    assert {file.name for file in folder.iterdir()} == {OPTIMISED, WEIGHTS, SUMS}
    damage(folder / name)
    assert is_right(load(path, graph_cache), WIDE)
    assert kept(graph_cache) == []
    load(path, graph_cache)
    no_optimising()
    assert is_right(load(path, graph_cache), WIDE)


def test_a_mistake_of_this_program_is_not_taken_for_damage(path, graph_cache, monkeypatch):
    load(path, graph_cache)

    def mistake(*_: object) -> None:
        raise TypeError("of this program")

    monkeypatch.setattr(ort_deepdream.engine.sessions.session, "_of_optimised", mistake)
    with pytest.raises(TypeError, match="of this program"):
        load(path, graph_cache)
    assert len(kept(graph_cache)) == 1


def is_intact(folder: Path) -> bool:
    try:
        with optimised.intact(folder):
            pass
    except (OSError, ValueError):
        return False
    return True


def test_no_accident_goes_unnoticed(graph_cache):
    """Neither in whole blocks nor in what is left over: bits, pages, and blocks elsewhere."""
    random = np.random.default_rng(0)
    size = 3 * optimised.BLOCK + 1001
    content = random.bytes(size)
    folder = graph_cache / "graph"
    with optimised.filling(folder) as growing:
        (growing / WEIGHTS).write_bytes(content)
        (growing / OPTIMISED).write_bytes(content[:100])
    assert is_intact(folder)
    weights = folder / WEIGHTS

    def unnoticed(changed: bytes | bytearray) -> bool:
        weights.write_bytes(changed)
        return is_intact(folder)

    for place in (0, 1, size - 1, size - 1001, size - 1002, *random.integers(0, size, 40)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(random.integers(8))
        assert not unnoticed(flipped), place
    block, page = optimised.BLOCK, 4096
    assert not unnoticed(content[block : 2 * block] + content[:block] + content[2 * block :])
    assert not unnoticed(content[:page] + bytes(page) + content[2 * page :])
    assert not unnoticed(content[:-1])
    assert not unnoticed(content + b"\0")
    weights.write_bytes(content)
    assert is_intact(folder)
    (folder / "more").write_bytes(b"more")
    assert not is_intact(folder)


def test_what_was_kept_before_there_were_sums_is_made_again(path, graph_cache, no_optimising):
    load(path, graph_cache)
    (folder,) = kept(graph_cache)
    (folder / SUMS).unlink()
    assert is_right(load(path, graph_cache))
    load(path, graph_cache)
    no_optimising()
    assert is_right(load(path, graph_cache))


def flip(path: Path) -> None:
    """Change some thousand numbers in a weights file, whose size and header stay."""
    content = bytearray(path.read_bytes())
    begin = 8 + int.from_bytes(content[:8], "little")
    for place in range(begin + 1, begin + 20_000, 2):
        content[place] ^= 0x40
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [flip, cut, lambda path: path.write_bytes(b"other weights")])
def test_other_weights_beside_a_shipped_file_are_refused_and_not_kept(
    tmp_path, graph_cache, damage
):
    """Else the shipped layer would dream with them, for the graph has their place in the cache."""
    shipped = shipped_model("conv2/3x3", "cpu")
    assert shipped is not None
    image = np.random.default_rng(1).uniform(-120, 130, (1, 3, 40, 50)).astype(np.float32)
    expected = load_model(shipped, "cpu").gradient(image)[1]
    copy = tmp_path / shipped.name
    weights = tmp_path / WEIGHTS_FILE.name
    shutil.copy(shipped, copy)
    shutil.copy(WEIGHTS_FILE, weights)
    damage(weights)
    refusal = f"{weights}: is damaged, or not the weights that {copy.name} was made of; "
    for _ in range(2):
        with pytest.raises(DreamError, match=re.escape(refusal)):
            load(copy, graph_cache)
        assert kept(graph_cache) == []
    assert np.array_equal(load(shipped, graph_cache).gradient(image)[1], expected)
    # By its name and sums the copy is the shipped file, and so is what was kept of that.
    assert np.array_equal(load(copy, graph_cache).gradient(image)[1], expected)


def test_a_folder_that_cannot_be_made(path, graph_cache):
    graph_cache.parent.write_text("a file in its place")
    assert is_right(load(path, graph_cache))


def test_a_cache_that_may_only_be_read(no_optimising):
    with open_folder() as folder:
        path = write_gradient_file(folder / "model.onnx")
        load(path, folder / "cache")
        with read_only(folder), ordinary_user():
            (kept_before,) = kept(folder / "cache")
            no_optimising()
            assert is_right(load(path, folder / "cache"))
            assert kept(folder / "cache") == [kept_before]


def test_a_graph_that_cannot_be_loaded_is_told_as_ever(path, graph_cache):
    write_gradient_file(path, names=("picture", "objective", "gradient"))
    with pytest.raises(DreamError, match="cannot load this file") as plain:
        load_model(path, "cpu")
    with pytest.raises(DreamError) as found:
        load(path, graph_cache)
    assert str(found.value) == str(plain.value)
    assert kept(graph_cache) == []


def test_those_used_longest_ago_go_first(tmp_path, graph_cache):
    paths = [
        write_gradient_file(tmp_path / f"{n}.onnx", factor=float(n))
        for n in range(optimised.MOST_KEPT + 1)
    ]
    for age, path in enumerate(paths[:-1]):
        before = set(graph_cache.iterdir()) if graph_cache.exists() else set()
        load(path, graph_cache)
        (new,) = set(graph_cache.iterdir()) - before
        os.utime(new, (1e9 - age, 1e9 - age))  # the first was used last
    first, *_, oldest = sorted(kept(graph_cache), key=lambda folder: -folder.stat().st_mtime)
    load(paths[-2], graph_cache)  # and now this one
    load(paths[-1], graph_cache)
    assert len(kept(graph_cache)) == optimised.MOST_KEPT
    assert {first, oldest} <= set(kept(graph_cache))


def test_two_commands_at_once(graph_cache):
    """The one that comes second keeps what the first has put there."""
    folder = graph_cache / "graph"
    with optimised.filling(folder) as beside:
        (beside / OPTIMISED).write_text("second")
        folder.mkdir()
        (folder / OPTIMISED).write_text("first")
    assert kept(graph_cache) == [folder]
    assert (folder / OPTIMISED).read_text() == "first"


def test_what_is_interrupted_leaves_nothing(graph_cache):
    def interrupted() -> None:
        with optimised.filling(graph_cache / "graph") as beside:
            (beside / OPTIMISED).write_text("half of it")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert kept(graph_cache) == []
