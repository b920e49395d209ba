#!/usr/bin/env python3
"""A small convolutional net in int8 as quantizers write it: QuantizeLinear and
DequantizeLinear around float operators, a scale per channel of the weights.

usage: int8.py OUT.onnx

  input f32[1, 3, 20, 20] -> output f32[1, 24, 5, 5]

Codes with and without sign, zero points that are 0 and that are not, channels that fill no block, strides,
padding, one channel per group, a residual. The output is dequantized: STEP is
what one more of its codes is worth.
"""
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

STEP = 0.05


class Builder:
    def __init__(self):
        self.rng = np.random.default_rng(8)
        self.nodes, self.weights = [], []

    def node(self, op, inputs, **attributes):
        name = f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name,
                                           **attributes))
        return name

    def weight(self, array):
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def coded(self, x, scale, zero, kind=np.uint8):
        parameters = [self.weight(np.float32(scale)),
                      self.weight(kind(zero))]
        return self.node("DequantizeLinear", [self.node(
            "QuantizeLinear", [x, *parameters]), *parameters])

    def conv(self, x, inputs, outputs, size, group=1, **attributes):
        codes = self.rng.integers(-127, 128, (outputs, inputs // group, size,
                                              size), dtype=np.int8)
        deviation = 74 * np.sqrt(inputs // group * size * size)
        scales = self.rng.uniform(0.5, 1.5, outputs) / deviation
        w = self.node("DequantizeLinear", [
            self.weight(codes), self.weight(scales.astype(np.float32)),
            self.weight(np.zeros(outputs, np.int8))], axis=0)
        bias = self.weight(self.rng.standard_normal(outputs).astype(np.float32))
        return self.node("Conv", [x, w, bias], group=group,
                         pads=[size // 2] * 4, **attributes)


def build():
    b = Builder()
    x = b.coded("input", 0.02, 120)
    x = b.coded(b.node("Relu", [b.conv(x, 3, 16, 3, strides=[2, 2])]), 0.02, 0)
    x = b.coded(b.conv(x, 16, 24, 3), 0.04, 131)
    y = b.coded(b.conv(x, 24, 40, 1), 0.04, 128)
    y = b.coded(b.conv(y, 40, 40, 3, group=40), 0.04, -11, np.int8)
    y = b.coded(b.conv(y, 40, 24, 3), 0.04, 125)
    x = b.coded(b.node("Add", [x, y]), 0.05, 127)
    x = b.coded(b.conv(x, 24, 24, 3, strides=[2, 2]), STEP, 128)
    graph = helper.make_graph(
        b.nodes, "int8",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT,
                                       [1, 3, 20, 20])],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, 24, 5, 5])],
        b.weights)
    return helper.make_model(graph, ir_version=10,
                             opset_imports=[helper.make_opsetid("", 20)])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    save(build(), sys.argv[1])
