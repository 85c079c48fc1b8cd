"""Composites for Apple's CoreML, as an ML Program, at sizes that are known.

By ONNX Runtime's table of it there is no Greater, Equal, Where, Pad, Gather or Expand, and no
transposed convolution whose output is padded; what is left of those here depends on no picture and
is folded when a session is made. The CPU provider's pool gradients are convolutions, products and
steep HardSigmoids, which all are in the table; the strided convolution's is CUDA's single one,
spread out. Nobody has run it on a Mac yet.
"""

from __future__ import annotations

from ort_deepdream.export.expansions import cpu, cuda

EXPANSIONS = {**cpu.EXPANSIONS, "ConvInputGrad": cuda.conv_input_grad}
