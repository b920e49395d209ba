#!/usr/bin/env python3
"""ResNet-50 (He et al. 2015, v1.5: the stride is in the 3x3 convolution) as
ONNX, with seeded weights: the same bytes from every run.

usage: resnet50.py OUT.onnx [SIZE]      image of SIZE x SIZE; 224

  input f32[batch, 3, SIZE, SIZE] -> output f32[batch, 1000]

Batch normalisations stand as nodes of their own, as a plain export has them.
Their numbers keep the values of all layers near 1, as training does.
"""
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

BLOCKS = ((64, 3), (128, 4), (256, 6), (512, 3))  # width, count


class Builder:
    def __init__(self):
        self.rng = np.random.default_rng(50)
        self.nodes, self.weights = [], []

    def node(self, op, inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], name,
                                           **attributes))
        return name

    def weight(self, name, array):
        self.weights.append(numpy_helper.from_array(
            array.astype(np.float32), name))
        return name

    def conv(self, x, name, inputs, outputs, size, stride=1, relu=True):
        deviation = np.sqrt(2 / (inputs * size * size))
        weight = self.weight(f"{name}.weight", deviation * self.rng.
                             standard_normal((outputs, inputs, size, size),
                                             np.float32))
        pad = size // 2
        x = self.node("Conv", [x, weight], f"/{name}/Conv",
                      kernel_shape=[size, size], strides=[stride, stride],
                      pads=[pad] * 4)
        norm = [self.weight(f"{name}.norm.{part}", values) for part, values in (
            ("scale", self.rng.uniform(0.5, 1, outputs)),
            ("bias", self.rng.uniform(-0.1, 0.1, outputs)),
            ("mean", self.rng.uniform(-0.1, 0.1, outputs)),
            ("var", self.rng.uniform(0.8, 1.2, outputs)))]
        x = self.node("BatchNormalization", [x, *norm], f"/{name}/norm")
        return self.node("Relu", [x], f"/{name}/Relu") if relu else x

    def bottleneck(self, x, name, inputs, width, stride):
        y = self.conv(x, f"{name}.conv1", inputs, width, 1)
        y = self.conv(y, f"{name}.conv2", width, width, 3, stride)
        y = self.conv(y, f"{name}.conv3", width, 4 * width, 1, relu=False)
        if stride != 1 or inputs != 4 * width:
            x = self.conv(x, f"{name}.downsample", inputs, 4 * width, 1,
                          stride, relu=False)
        y = self.node("Add", [y, x], f"/{name}/Add")
        return self.node("Relu", [y], f"/{name}/Relu")


def build(size=224):
    b = Builder()
    x = b.conv("input", "stem", 3, 64, 7, 2)
    x = b.node("MaxPool", [x], "/MaxPool", kernel_shape=[3, 3],
               strides=[2, 2], pads=[1] * 4)
    channels = 64
    for layer, (width, count) in enumerate(BLOCKS):
        for block in range(count):
            stride = 2 if layer and not block else 1
            x = b.bottleneck(x, f"layer{layer + 1}.{block}", channels, width,
                             stride)
            channels = 4 * width
    x = b.node("GlobalAveragePool", [x], "/GlobalAveragePool")
    x = b.node("Flatten", [x], "/Flatten")
    weight = b.weight("fc.weight", b.rng.standard_normal(
        (1000, channels), np.float32) / np.sqrt(channels))
    bias = b.weight("fc.bias", b.rng.uniform(-0.1, 0.1, 1000))
    b.nodes.append(helper.make_node("Gemm", [x, weight, bias], ["output"],
                                    "/fc/Gemm", transB=1))
    graph = helper.make_graph(
        b.nodes, "resnet50",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT,
                                       ["batch", 3, size, size])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT,
                                       ["batch", 1000])], b.weights)
    return helper.make_model(graph, ir_version=10, producer_name="resnet50.py",
                             opset_imports=[helper.make_opsetid("", 20)])


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    save(build(int(sys.argv[2]) if len(sys.argv) == 3 else 224), sys.argv[1])
