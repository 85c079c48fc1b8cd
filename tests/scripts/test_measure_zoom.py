"""`python -m scripts.measure_zoom`, on a network that takes no time."""

from __future__ import annotations

import numpy as np
from gradient_files import write_gradient_file

from ort_deepdream import load_model
from scripts.measure_zoom import least


def test_each_part_of_a_frame_is_timed(tmp_path):
    model = load_model(write_gradient_file(tmp_path / "tiny.onnx"), "cpu", threads=1)
    times = least(model, np.full((40, 48, 3), 99, np.float32))
    assert len(times) == 4
    assert all(seconds > 0 for seconds in times)  # of the processor
