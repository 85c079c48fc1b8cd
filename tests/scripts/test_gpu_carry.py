"""What is packed for a borrowed GPU is what is set up there, and only its machine code."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from ort_deepdream import DreamError
from scripts import gpu_carry, gpu_setup
from scripts.gpu_carry import MACHINE_CODE, MAGIC, PROVIDER, members, pack, split, steps, thin
from scripts.gpu_setup import ARCHIVE, LIBRARIES, link_libraries, missing_libraries, unpack

MOST_WORDS = 2000  # of one command, where such machines are lent


def entry(gpu: int, code: bytes, kind: int = MACHINE_CODE) -> bytes:
    head = 64
    given = struct.pack("<HHIQ", kind, 0x0101, head, len(code))
    return given + bytes(12) + struct.pack("<I", gpu) + bytes(head - 32) + code


def fat_binary(*entries: bytes) -> bytes:
    body = b"".join(entries)
    return struct.pack("<IHHQ", MAGIC, 1, 16, len(body)) + body


LIBRARY = b"".join(
    [
        b"ELF, and so on",
        fat_binary(entry(80, b"for an A100"), entry(90, b"for an H100")),
        b"between",
        fat_binary(entry(90, b"more"), entry(86, b"another"), entry(80, b"source", kind=1)),
    ]
)


def test_the_machine_code_of_other_gpus_is_blanked():
    thinned = thin(LIBRARY, 90)
    assert len(thinned) == len(LIBRARY)
    for kept in (b"ELF", b"for an H100", b"more", b"between", b"source"):
        assert kept in thinned
    for blanked in (b"for an A100", b"another"):
        assert blanked in LIBRARY
        assert blanked not in thinned


def test_a_gpu_that_has_none_is_refused():
    with pytest.raises(DreamError, match="no machine code for sm_61; choose another --gpu"):
        thin(LIBRARY, 61)


FILES = {
    PROVIDER: LIBRARY,
    "onnxruntime/__init__.py": b"import something",
    "onnxruntime/capi/state.so": bytes(3000),
    "onnxruntime/capi/libonnxruntime_providers_shared.so": b"shared",
    "onnxruntime/capi/libonnxruntime.so.1.31.1": b"not used by Python",
    "onnxruntime/capi/libonnxruntime_providers_tensorrt.so": b"another provider",
    "onnxruntime/tools/check.py": b"a tool",
    "onnxruntime_gpu-1.31.1.dist-info/METADATA": b"Name: onnxruntime-gpu",
}
LEFT_OUT = {
    "onnxruntime/capi/libonnxruntime.so.1.31.1",
    "onnxruntime/capi/libonnxruntime_providers_tensorrt.so",
    "onnxruntime/tools/check.py",
}


def test_what_is_packed_is_what_is_unpacked(tmp_path):
    wheel = tmp_path / "onnxruntime_gpu.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    pieces = split(pack(members(wheel), 90), tmp_path / "carry", 100)
    assert len(pieces) > 3
    assert max(piece.stat().st_size for piece in pieces) == 100
    there = tmp_path / "pieces"
    there.mkdir()
    for piece in pieces:
        piece.rename(there / piece.name)
    with zipfile.ZipFile(there / "small.whl", "w") as archive:
        archive.writestr("small/__init__.py", b"VERSION = 1")
    unpack(there, tmp_path / "site")
    found = {
        path.relative_to(tmp_path / "site").as_posix(): path.read_bytes()
        for path in (tmp_path / "site").rglob("*")
        if path.is_file()
    }
    expected = {name: content for name, content in FILES.items() if name not in LEFT_OUT}
    assert found == {**expected, PROVIDER: thin(LIBRARY, 90), "small/__init__.py": b"VERSION = 1"}


def test_libraries_that_did_not_come_with_pytorch_are_named(tmp_path):
    packages, site, pieces = (tmp_path / name for name in ("packages", "site", "pieces"))
    for folder in (packages / "nvidia" / "cu13" / "lib", site, pieces):
        folder.mkdir(parents=True)
    (packages / "nvidia" / "cu13" / "lib" / "libcudart.so.13").touch()
    (pieces / LIBRARIES).write_text("libcudart.so.13\nlibcudnn.so.9\n")
    link_libraries(site, packages)
    assert missing_libraries(pieces, site) == ["libcudnn.so.9"]


def test_pieces_that_were_not_copied_are_missed(tmp_path):
    with pytest.raises(SystemExit, match=rf"has no {ARCHIVE}\.00; copy every piece there first"):
        unpack(tmp_path, tmp_path / "site")


def test_the_steps_are_short_enough_for_one_command_each(tmp_path):
    said = steps(Path(".carry"), [Path(f".carry/{n}/{ARCHIVE}.0{n - 1}") for n in (1, 2)])
    assert len(said) < MOST_WORDS
    assert "gpu_setup.py /tmp/pieces /tmp/site" in said
    assert f"cp .carry/2/{ARCHIVE}.01 /tmp/pieces" in said


def test_a_folder_that_is_there_is_left_alone(tmp_path, capsys):
    assert gpu_carry.main([str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said == f"gpu_carry: error: {tmp_path} is there already; name another, or delete it\n"


def test_setup_says_how_it_is_called():
    with pytest.raises(SystemExit, match="usage: python3"):
        gpu_setup.main([])
