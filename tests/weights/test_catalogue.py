"""The list of named weights."""

from __future__ import annotations

import hashlib
import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ort_deepdream.errors import DreamError
from ort_deepdream.weights import catalogue
from ort_deepdream.weights.catalogue import (
    CACHE_VARIABLE,
    CATALOGUE,
    SHIPPED,
    cache_folder,
    catalogue_rows,
    find,
    location,
    told,
)
from ort_deepdream.weights.download import fetch
from ort_deepdream.weights.googlenet import BVLC


def test_entries_are_complete() -> None:
    assert [entry.name for entry in CATALOGUE] == ["builtin", "bvlc", "torchvision"]
    assert len({entry.file_name for entry in CATALOGUE}) == len(CATALOGUE)
    for entry in CATALOGUE:
        if entry.shipped:
            continue
        assert all(url.startswith("https://") for url in entry.urls)
        assert all(url.endswith(f"/{entry.file_name}") for url in entry.urls)
        assert len(entry.sha256) in (8, 64)
        assert set(entry.sha256) <= set("0123456789abcdef")
        assert entry.size > 1e7


def test_the_folder_of_bvlc_is_the_networks() -> None:
    folder = find("bvlc").folder
    assert folder is not None
    assert all(base.startswith("https://") and base.endswith("/") for base in folder.bases)
    pieces = {piece.name: piece for piece in folder.pieces()}
    assert sum(piece.size for piece in pieces.values()) == 27_994_208
    assert all(re.fullmatch(r"[0-9a-f]{64}", piece.sha256) for piece in pieces.values())
    for name, shape in BVLC.parameters.items():
        layer, _, part = name.rpartition(".")
        file = pieces.pop(f"{layer}_{'filter' if part == 'weight' else 'bias'}.bin")
        assert file.size == 4 * math.prod(shape)
    assert sorted(pieces) == ["loss3/classifier_bias.bin", "loss3/classifier_filter.bin"]


def test_find_names_the_nearest() -> None:
    assert find("bvlc").file_name == "googlenet-12.onnx"
    with pytest.raises(DreamError, match="did you mean torchvision"):
        find("torchvison")
    with pytest.raises(DreamError, match="choose builtin, bvlc or torchvision"):
        find("zzz")


def test_the_cache_is_the_users_unless_the_variable_names_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv(CACHE_VARIABLE, "~/x")
    assert cache_folder() == Path.home() / "x"
    monkeypatch.setenv(CACHE_VARIABLE, "")
    assert cache_folder().name == "ort-deepdream"


def test_rows_tell_what_is_present(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    entry = replace(find("bvlc"), size=5)
    [row] = catalogue_rows((entry,))
    assert (row.present, row.size, row.top1) == (False, 5, 68.7)
    assert row.path == tmp_path / "googlenet-12.onnx"
    row.path.write_bytes(b"1234")  # another size: not that file
    assert not catalogue_rows((entry,))[0].present
    row.path.write_bytes(b"12345")
    assert catalogue_rows((entry,))[0].present


def test_builtin_weights_are_there_or_said_not_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "SHIPPED", tmp_path)
    builtin = find("builtin")
    [row] = catalogue_rows((builtin,))
    assert (row.present, row.size) == (False, None)
    with pytest.raises(DreamError, match="'builtin' are not in this installation"):
        fetch(builtin)
    location(builtin).write_bytes(b"123")
    [row] = catalogue_rows((builtin,))
    assert (row.present, row.size) == (True, 3)
    assert fetch(builtin) == tmp_path / "weights.safetensors"


def test_no_torch_and_no_onnx() -> None:
    code = (
        "import sys, ort_deepdream.weights.download\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'onnx', 'onnxruntime')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_weights_are_told_by_their_name_and_not_only_by_their_files() -> None:
    content = (SHIPPED / "weights.safetensors").read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    assert find("builtin").sha256 == sha256
    assert told("weights.safetensors", sha256) == (
        f"builtin (the built-in network, weights.safetensors, sha256 {sha256[:8]})"
    )
    assert told("weights.safetensors", "0" * 64) == "weights.safetensors"  # somebody's own
    theirs = find("torchvision")
    whole = f"{theirs.sha256}{'0' * 56}"
    assert told("g.pth", whole) == f"torchvision (g.pth, sha256 {theirs.sha256})"
    assert told("seeded:7", sha256[::-1]) == "seeded:7"
