"""Weights of every kind as one file beside the gradient files."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from weights_files import assert_same, layer_files, random_tensors, whole

from ort_deepdream.errors import DreamError
from ort_deepdream.weights import prepared
from ort_deepdream.weights.catalogue import CACHE_VARIABLE
from ort_deepdream.weights.googlenet import BVLC, TORCHVISION
from ort_deepdream.weights.prepared import MOST_KEPT, Prepared, prepare, require_intact
from ort_deepdream.weights.readers import read_weights


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv(CACHE_VARIABLE, str(folder))
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "ours.onnx"
    path.write_bytes(whole("onnx"))
    return path


def contents(folder: Path) -> set[tuple[str, int]]:
    """The files and their inodes: another inode is another file."""
    return {(path.name, path.stat().st_ino) for path in folder.iterdir()}


def metadata(path: Path) -> dict[str, str]:
    with safetensors.safe_open(path, "np") as opened:
        return opened.metadata()


@pytest.mark.parametrize("name", ["seeded:0", "seeded:0:torchvision"])
def test_a_round_trip_through_the_formats_own_reader(name: str, cache: Path) -> None:
    read = read_weights(name)
    made = prepare(name)
    assert made == Prepared(
        cache / "weights" / f"{read.sha256[:32]}.safetensors",
        read.architecture.name,
        name,
        "seeded",
        read.sha256,
        metadata(made.path)["file_sha256"],
    )
    found = safetensors.numpy.load_file(made.path)
    assert_same({key: found[key] for key in read.tensors}, random_tensors(read.architecture))
    assert set(found) == set(read.tensors)
    assert metadata(made.path) == {
        "architecture": read.architecture.name,
        "identity": name,
        "kind": "seeded",
        "source_sha256": read.sha256,
        "file_sha256": made.file_sha256,
    }
    content = made.path.read_bytes()
    without = content.replace(made.file_sha256.encode(), b"0" * 64)
    assert hashlib.sha256(without).hexdigest() == made.file_sha256


def test_tensors_lie_in_the_networks_order_from_a_multiple_of_eight() -> None:
    content = prepare("seeded:0").path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    assert length % 8 == 0
    header = json.loads(content[8 : 8 + length])
    del header["__metadata__"]
    assert list(header) == list(random_tensors())
    places = [place for entry in header.values() for place in entry["data_offsets"]]
    assert places == sorted(places)
    rest = b"".join(tensor.numpy().tobytes() for tensor in random_tensors().values())
    assert content[8 + length :] == rest


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ("onnx", "onnx"),
        ("old caffemodel", "caffemodel"),
        ("safetensors", "safetensors"),
        ("pth", "torchvision"),
        ("old pth", "torchvision"),
        ("folder", "caffejs"),
    ],
)
def test_each_kind(form: str, kind: str, tmp_path: Path) -> None:
    source = tmp_path / "weights.txt"
    if form == "folder":
        layer_files(random_tensors(), source)
    else:
        source.write_bytes(whole(form))
    made = prepare(source)
    read = read_weights(source)
    assert (made.kind, made.identity, made.sha256) == (kind, "weights.txt", read.sha256)
    assert made.architecture == (TORCHVISION if kind == "torchvision" else BVLC).name
    again = read_weights(made.path)  # it is itself a weights file
    assert again.architecture is read.architecture
    assert all(np.array_equal(again.tensors[name], read.tensors[name]) for name in read.tensors)
    assert prepare(str(source)) == made


def test_the_second_call_neither_reads_nor_writes(
    source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepare(source)
    os.utime(made.path, (1, 1))
    before = contents(cache / "weights")
    monkeypatch.setattr(prepared, "read_weights", lambda source: pytest.fail("it was read"))
    assert prepare(source) == made
    assert contents(cache / "weights") == before
    assert made.path.stat().st_mtime > 1  # for this is how the oldest is told
    copy = Path(shutil.copy(source, source.with_name("other.onnx")))
    assert prepare(copy).path == made.path
    assert prepare(copy).identity == "other.onnx"


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[:100],
        lambda content: b"",
        lambda content: content.replace(b'"bvlc"', b'"bvlb"', 1),
        lambda content: content.replace(b'"kind"', b'"kinb"', 1),
        lambda content: content.replace(b'"conv1/7x7_s2.bias"', b'"conv1/7x7_s2.bibs"', 1),
        lambda content: content.replace(b'"file_sha256"', b'"file_sha255"', 1),  # an earlier form
    ],
    ids=["end", "header", "empty", "architecture", "key", "name", "no sum"],
)
def test_a_prepared_file_that_is_not_whole_is_made_anew(damage, source: Path) -> None:
    made = prepare(source)
    content = made.path.read_bytes()
    made.path.write_bytes(damage(content))
    assert prepare(source) == made
    assert made.path.read_bytes() == content


def test_a_prepared_file_that_rots_is_deleted(source: Path) -> None:
    made = prepare(source)
    require_intact(made)
    content = made.path.read_bytes()
    made.path.write_bytes(content[:-5] + bytes([content[-5] ^ 1]) + content[-4:])
    assert prepare(source) == made  # which looks at the header alone
    with pytest.raises(DreamError, match="was damaged, and is deleted; the same command makes"):
        require_intact(made)
    assert prepare(source) == made
    assert made.path.read_bytes() == content


def test_a_name_that_no_description_holds(source: Path) -> None:
    odd = source.with_name(os.fsdecode(b"\xff\x1b[2J.onnx"))
    try:
        source.rename(odd)
    except OSError:
        pytest.skip("this disk has names of text alone")
    for made in (prepare(odd), prepare(odd)):
        assert made.identity == "\\xff\N{REPLACEMENT CHARACTER}[2J.onnx"


def test_a_prepared_file_of_another_source_is_made_anew(source: Path) -> None:
    made = prepare(source)
    content = made.path.read_bytes()
    other = prepare("seeded:1").path
    shutil.copy(other, made.path)
    assert prepare(source) == made
    assert made.path.read_bytes() == content


def test_the_oldest_are_dropped(cache: Path, source: Path) -> None:
    first = prepare(source).path
    folder = cache / "weights"
    graph = folder / "graph.onnx"
    graph.touch()
    os.utime(graph, (1, 1))
    killed = folder / ".0123456789abcdef.tmp"
    killed.touch()
    os.utime(killed, (1, 1))
    for number in range(MOST_KEPT):
        os.utime(first)  # used again
        made = prepare(f"seeded:{number}").path
        os.utime(made, (100 + number, 100 + number))
    os.utime(first)
    last = prepare("seeded:99").path
    left = {path for path in folder.iterdir() if path.suffix != ".onnx"}
    assert len(left) == MOST_KEPT
    assert {first, last} <= left
    assert killed not in left
    assert graph.exists()


def test_a_cache_that_cannot_be_written(
    cache: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.write_text("a file where a folder should be")
    with pytest.raises(DreamError) as caught:
        prepare(source)
    assert str(caught.value) == (
        f"the cache folder {cache} cannot be used (Not a directory); "
        "set ORT_DEEPDREAM_CACHE to another one"
    )
    cache.unlink()

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DreamError, match="No space left on device"):
        prepare(source)
    assert list((cache / "weights").iterdir()) == []


def test_a_cache_relative_to_where_the_command_runs(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(CACHE_VARIABLE, "here")
    assert prepare(source).path.resolve().is_relative_to(tmp_path / "here" / "weights")


@pytest.mark.parametrize("folder", ["/dev/null", "/proc/nothere"])
def test_what_cannot_be_a_cache(folder: str, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, folder)
    with pytest.raises(DreamError, match=f"the cache folder {folder} cannot be used .*; set ORT_"):
        prepare(source)


def test_what_is_no_weights_file(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "text").write_text("no weights")
    with pytest.raises(DreamError, match=r"text: .* not recognised"):
        prepare(tmp_path / "text")
    with pytest.raises(DreamError, match="absent: there is no such file"):
        prepare(str(tmp_path / "absent"))
    assert not cache.exists()
