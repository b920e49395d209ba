#!/usr/bin/env python3
"""Products of integers against NumPy's, on every level and AArch64.

usage: products_test.py [--build DIR]

MatMulInteger and ConvInteger of several shapes, types and zero points; MatMul
and Gemm of matrices that are dequantized. The weights are constant (then the
products are of bytes) or an input; zero points are absent, constant, one per
column, or known late. Bytes at the ends of their ranges show sums that an
instruction saturates.
"""
import sys
from functools import partial

import numpy as np
import onnx
from onnx import helper, numpy_helper

from support import AARCH64, Program, can_run_aarch64, cpu_levels, run_cases

# Batch, rows, depth, columns; whether the weights are constant.
SHAPES = (((), 1, 64, 16, True), ((), 5, 36, 40, True), ((2, 3), 7, 30, 17, True),
          ((), 33, 4, 1, True), ((1,), 9, 258, 20, True),
          ((), 6, 30, 18, False), ((2,), 3, 600, 5, False))


def full(rng, dtype, shape):
    """Drawn bytes, one in four at an end of the range."""
    info = np.iinfo(dtype)
    values = rng.integers(info.min, info.max + 1, shape)
    return np.where(rng.random(shape) < 0.25,
                    rng.choice([info.min, info.max], shape),
                    values).astype(dtype)


class Graph:
    """Nodes whose outputs are known."""

    def __init__(self):
        self.nodes, self.constants = [], {}
        self.inputs, self.wanted = {}, {}

    def add(self, op, name, operands, known, wanted, **attributes):
        """Operands are arrays (None: absent), constants where `known`."""
        names = []
        for place, (array, constant) in enumerate(zip(operands, known)):
            names.append("" if array is None else f"{name}_{place}")
            if array is not None:
                (self.constants if constant else self.inputs)[names[-1]] = array
        while not names[-1]:
            names.pop()
        self.nodes.append(helper.make_node(op, names, [name], name=name,
                                           **attributes))
        self.wanted[name] = wanted

    def check(self, level, work):
        def info(name, array):
            return helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)

        path = f"{work}/products.onnx"
        onnx.save(helper.make_model(
            helper.make_graph(
                self.nodes, "products",
                [info(*item) for item in self.inputs.items()],
                [info(*item) for item in self.wanted.items()],
                [numpy_helper.from_array(array, name)
                 for name, array in self.constants.items()]),
            ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)
        target = AARCH64 if level == "aarch64" else None
        found = Program(path, work, target=target,
                        cpu=None if target else level).run(self.inputs)
        for name, expected in self.wanted.items():
            # Sums of integers are exact, scaled ones are rounded thrice.
            error = 0 if expected.dtype == np.int32 else \
                3e-7 * np.abs(expected)
            assert (np.abs(found[name] - expected) <= error).all(), name


# (zero points of both sides, one per column, that of the left side known late)
ZEROS = {"none": (False, False, False), "constant": (True, False, False),
         "columns": (True, True, False), "late": (True, False, True)}


def zeros_of(case):
    """All kinds for the first case, then by turns, every other one late."""
    kinds = list(ZEROS)
    chosen = kinds if case == 0 else \
        [kinds[case // 2 % 3] if case % 2 else "late"]
    return [(kind, *ZEROS[kind]) for kind in chosen]


def check_matmul(left, right, level, work):
    rng = np.random.default_rng(len(left) * 3 + len(right))
    graph = Graph()
    for i, (batch, rows, depth, columns, known) in enumerate(SHAPES):
        x = full(rng, left, (*batch, rows, depth))
        # A batch of weights as well where they are known late.
        w = full(rng, right, (*(() if known else batch), depth, columns))
        for kind, any_zero, each, late in zeros_of(i):
            zx = full(rng, left, ()) if any_zero else None
            zw = full(rng, right, columns if each else ()) if any_zero else None
            product = (x.astype(np.int32) - (0 if zx is None else int(zx))) @ (
                w.astype(np.int32) - (0 if zw is None else zw.astype(np.int32)))
            graph.add("MatMulInteger", f"y{i}_{kind}", [x, w, zx, zw],
                      [False, known, not late, True], product)
    graph.check(level, work)


# Channels in and out per group, groups, spatial dimensions, window.
CONVS = ((16, 20, 1, 2, 3), (8, 5, 1, 1, 3), (3, 4, 1, 2, 3), (3, 6, 1, 2, 10),
         (24, 24, 3, 1, 5), (16, 16, 2, 3, 2), (1, 2, 16, 2, 3), (40, 7, 1, 2, 1))


def convolve(x, w, groups, pad):
    """Integers without strides, by NumPy."""
    x = np.pad(x, ((0, 0), (0, 0), *[(pad, pad)] * (x.ndim - 2)))
    windows = np.lib.stride_tricks.sliding_window_view(
        x, w.shape[2:], tuple(range(2, x.ndim)))
    parts = []
    for part, weights in zip(np.split(windows, groups, 1),
                             np.split(w, groups, 0)):
        axes = [1, *range(x.ndim, 2 * x.ndim - 2)]
        sums = np.tensordot(part, weights, (axes, range(1, x.ndim)))
        parts.append(np.moveaxis(sums, -1, 1))
    return np.concatenate(parts, 1)


def check_conv(left, right, level, work):
    rng = np.random.default_rng(len(left) * 3 + len(right))
    graph = Graph()
    for i, (inner, outer, groups, spatial, window) in enumerate(CONVS):
        x = full(rng, left, (1, inner * groups, *(window + 3,) * spatial))
        w = full(rng, right, (outer * groups, inner, *(window,) * spatial))
        for kind, any_zero, _, late in zeros_of(i):
            zx = full(rng, left, ()) if any_zero else None
            zw = full(rng, right, ()) if any_zero else None
            sums = convolve(x.astype(np.int32) - (0 if zx is None else int(zx)),
                            w.astype(np.int32) - (0 if zw is None else int(zw)),
                            groups, 1)
            graph.add("ConvInteger", f"y{i}_{kind}", [x, w, zx, zw],
                      [False, True, not late, True], sums, group=groups,
                      pads=[1] * 2 * spatial)
    graph.check(level, work)


def check_dequantized(left, right, level, work):
    rng = np.random.default_rng(len(left) * 3 + len(right))
    graph = Graph()

    def dequantize(name, codes, scale, zero, axis, known):
        graph.nodes.append(helper.make_node(
            "DequantizeLinear", [f"{name}_q", f"{name}_s", f"{name}_z"],
            [name], name=f"dequantize_{name}", axis=axis))
        (graph.constants if known else graph.inputs)[f"{name}_q"] = codes
        graph.constants.update({f"{name}_s": scale, f"{name}_z": zero})

    for i, (batch, rows, depth, columns, gemm) in enumerate((
            ((), 1, 64, 16, True), ((2, 3), 7, 30, 17, False),
            ((), 33, 258, 20, True), ((2,), 5, 36, 40, False))):
        each = () if i % 2 else (columns,)
        x = full(rng, left, (*batch, rows, depth))
        w = full(rng, right, (depth, columns))
        # Zero points that fit i8 with every code, and those that do not.
        zx, zw = full(rng, left, ()), full(rng, right, each)
        if i >= 2:
            zw = np.full(each, 128 if right == "uint8" else 0, right)
        sx = np.float32(rng.uniform(0.01, 0.1))
        sw = rng.uniform(0.01, 0.1, each).astype(np.float32)
        dequantize(f"x{i}", x, sx, zx, 1, False)
        dequantize(f"w{i}", np.ascontiguousarray(w.T) if gemm else w, sw, zw,
                   0 if gemm else 1, True)
        graph.nodes.append(helper.make_node(
            "Gemm" if gemm else "MatMul", [f"x{i}", f"w{i}"], [f"y{i}"],
            name=f"y{i}", **({"transB": 1} if gemm else {})))
        sums = (x.astype(int) - int(zx)) @ (w.astype(int) - zw.astype(int))
        graph.wanted[f"y{i}"] = (sums * (sw.astype(float) * float(sx))).astype(
            np.float32)
    graph.check(level, work)


TYPES = (("uint8", "int8"), ("uint8", "uint8"), ("int8", "uint8"))

if __name__ == "__main__":
    levels = [*cpu_levels(), *([] if can_run_aarch64() else ["aarch64"])]
    sys.exit(run_cases({
        f"{name} of {left} by {right}, {level}":
            partial(check, left, right, level)
        for name, check in (("MatMulInteger", check_matmul),
                            ("ConvInteger", check_conv),
                            ("dequantized matrices", check_dequantized))
        for level in levels for left, right in TYPES
        if level == "x86-64-v3" or left == "uint8"}))
