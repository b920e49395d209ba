#!/usr/bin/env python3
"""Pools of drawn windows and convolutions in groups against onnxruntime.

usage: pools_test.py [--build DIR]

Windows, strides beyond them, pads and ceil_mode decide how many windows there
are; onnxruntime counts alike in all opsets, while ONNX changed its rule. Groups
are computed in blocks of 16 channels, whatever number each has.
"""
import random
import sys
from functools import partial

import numpy as np
import onnx
from onnx import helper, numpy_helper

from support import compare_with_onnxruntime, run_cases

SIZES = (4, 5, 7, 8, 11, 13)
OPSETS = (11, 22)


def windows(op, opset, count=8):
    """Attributes of pools that have a result at every size."""
    rng = random.Random(f"{op} {opset}")
    while count:
        kernel, dilation = rng.choice((1, 2, 3, 4)), rng.choice((1, 1, 2, 3))
        if opset < 19 and op != "MaxPool":
            dilation = 1
        if (kernel - 1) * dilation + 1 > SIZES[0]:
            continue
        window = {"kernel_shape": [kernel], "strides": [rng.randrange(1, 7)],
                  "pads": [rng.randrange(kernel), rng.randrange(kernel)]}
        if dilation > 1:
            window["dilations"] = [dilation]
        if op != "LpPool" or opset >= 18:
            window["ceil_mode"] = rng.randrange(2)
        if op == "AveragePool":
            window["count_include_pad"] = rng.randrange(2)
        if op == "LpPool":
            window["p"] = rng.choice((1, 2, 3))
        count -= 1
        yield window


def check(op, opset, work):
    nodes = [helper.make_node(op, ["x"], [f"y{i}"], name=f"pool{i}", **window)
             for i, window in enumerate(windows(op, opset))]
    runs = {n: {"x": np.random.default_rng(n).standard_normal(
        (1, 2, n)).astype(np.float32)} for n in SIZES}
    for size, inputs, options in (
            (7, [runs[7]], []), (11, [runs[11]], []),
            ("n", list(runs.values()), ["--dim", "n=4..13"])):
        graph = helper.make_graph(
            nodes, "pools",
            [helper.make_tensor_value_info("x", 1, [1, 2, size])],
            [helper.make_tensor_value_info(f"y{i}", 1, [None] * 3)
             for i in range(len(nodes))])
        path = f"{work}/{size}.onnx"
        onnx.save(helper.make_model(
            graph, ir_version=8,
            opset_imports=[helper.make_opsetid("", opset)]), path)
        compare_with_onnxruntime(path, inputs, f"{work}/{size}", *options)


# Channels of a group in and out, groups: whole blocks, blocks of several groups,
# a last block that is not full, few groups that fill no blocks, one channel.
GROUPS = ((16, 32, 3), (4, 4, 32), (8, 8, 13), (2, 4, 8), (24, 24, 3),
          (3, 5, 2), (1, 2, 16))


def check_groups(work):
    rng = np.random.default_rng(5)

    def integers(*shape):  # whose sums are exact
        return rng.integers(-4, 5, shape).astype(np.float32)

    for i, (inner, outer, groups) in enumerate(GROUPS):
        spatial = 1 + i % 3
        x = integers(1, inner * groups, *(7,) * spatial)
        weights = integers(outer * groups, inner, *(3,) * spatial)
        nodes = [helper.make_node(
            "Conv", ["x", "w", "b"], ["c"], group=groups, name="conv",
            strides=[1 + i % 3 // 2] * spatial, pads=[1] * 2 * spatial),
                 helper.make_node("Relu", ["c"], ["y"])]
        graph = helper.make_graph(
            nodes, "groups",
            [helper.make_tensor_value_info("x", 1, x.shape)],
            [helper.make_tensor_value_info("y", 1, [None] * (2 + spatial))],
            [numpy_helper.from_array(weights, "w"),
             numpy_helper.from_array(integers(outer * groups), "b")])
        path = f"{work}/{i}.onnx"
        onnx.save(helper.make_model(
            graph, ir_version=8,
            opset_imports=[helper.make_opsetid("", 17)]), path)
        compare_with_onnxruntime(path, [{"x": x}], f"{work}/{i}")


if __name__ == "__main__":
    sys.exit(run_cases({
        **{f"{op} of opset {opset}": partial(check, op, opset)
           for op in ("MaxPool", "AveragePool", "LpPool")
           for opset in OPSETS},
        "convolutions in groups": check_groups}))
