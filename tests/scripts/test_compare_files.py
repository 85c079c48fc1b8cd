"""scripts/compare_files: two files of one step, timed in turns."""

from __future__ import annotations

import re

import pytest

from ort_deepdream.weights.builtin import shipped_file
from scripts.compare_files import main


def test_a_file_against_itself(capsys):
    path = str(shipped_file("conv2/3x3", "cpu"))
    main([path, path, "--size", "64x56", "--seconds", "0.1"])
    first, second, ratio = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"{re.escape(path)}: [\d.]+ ms \([\d.]+ to [\d.]+\)", first)
    assert second.startswith(path)
    found = re.fullmatch(r"ratio at 64x56: ([\d.]+) \(([\d.]+) to ([\d.]+)\)", ratio)
    assert float(found[2]) <= float(found[1]) <= float(found[3])


def test_a_file_that_is_none_is_one_line(tmp_path):
    with pytest.raises(SystemExit, match=r"compare_files: .*absent\.onnx: there is no such file"):
        main([str(tmp_path / "absent.onnx"), str(shipped_file("conv2/3x3", "cpu"))])
