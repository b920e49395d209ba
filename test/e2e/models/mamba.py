#!/usr/bin/env python3
"""A Mamba model (arXiv 2312.00752) in the form that torch's scan exports.

    mamba.py OUT.onnx [--layers 2] [--width 64] [--inner 128] [--state 16]
                      [--window 4] [--rank 4] [--seed 0]

Input x [1, seq, width] with a dynamic seq, output y of the same shape. Weights
are seeded. Each layer: RMS norm, projection, causal depthwise convolution,
SiLU, selective scan, gate, projection, residual. The scan is one ONNX Scan
whose inputs are transposed to time-major and whose body (Unsqueeze 4, Mul 5,
Exp, Add, ReduceSum) captures the outer A, named `neg`.
"""
import argparse

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Builder:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.weights, self.count = [], [], 0

    def name(self, hint):
        self.count += 1
        return f"{hint}_{self.count}"

    def op(self, kind, *inputs, outputs=1, hint=None, **attributes):
        names = [self.name(hint or kind.lower()) for _ in range(outputs)]
        self.nodes.append(
            helper.make_node(kind, inputs, names, self.name(kind), **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, array, hint="w"):
        name = self.name(hint)
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weight(self, *shape, scale=None):
        scale = scale or 1 / np.sqrt(shape[0])
        return self.constant(
            (self.rng.standard_normal(shape) * scale).astype(np.float32))

    def ints(self, *values):
        return self.constant(np.array(values, np.int64), "i")


def scan_body(inner, state, neg, axis):
    """h' = exp(dt A) h + dt x B; y = sum(h' C), for one step."""
    f = TensorProto.FLOAT
    info = helper.make_tensor_value_info
    n = helper.make_node
    nodes = [
        n("Unsqueeze", ["dt", axis], ["dt_1"], "unsqueeze_dt"),
        n("Mul", ["dt_1", neg], ["dt_a"], "mul_dt_a"),
        n("Exp", ["dt_a"], ["decay"], "exp_decay"),
        n("Mul", ["dt", "u"], ["dt_u"], "mul_dt_u"),
        n("Unsqueeze", ["dt_u", axis], ["dt_u_1"], "unsqueeze_dt_u"),
        n("Unsqueeze", ["b", "axis_1"], ["b_1"], "unsqueeze_b"),
        n("Mul", ["dt_u_1", "b_1"], ["write"], "mul_write"),
        n("Mul", ["decay", "h"], ["kept"], "mul_kept"),
        n("Add", ["kept", "write"], ["h_next"], "add_h"),
        n("Unsqueeze", ["c", "axis_1"], ["c_1"], "unsqueeze_c"),
        n("Mul", ["h_next", "c_1"], ["shown"], "mul_shown"),
        n("ReduceSum", ["shown", axis], ["y"], "sum_y", keepdims=0),
    ]
    return helper.make_graph(
        nodes, "scan_body",
        [info("h", f, [1, inner, state]), info("u", f, [1, inner]),
         info("dt", f, [1, inner]), info("b", f, [1, state]),
         info("c", f, [1, state])],
        [info("h_next", f, [1, inner, state]), info("y", f, [1, inner])],
        [numpy_helper.from_array(np.array([1], np.int64), "axis_1")])


SIZES = {"layers": 2, "width": 64, "inner": 128, "state": 16, "window": 4,
         "rank": 4, "seed": 0}


def build(layers, width, inner, state, window, rank, seed):
    g = Builder(seed)
    last = g.ints(-1)
    x = "x"
    for layer in range(layers):
        square = g.op("Mul", x, x)
        mean = g.op("ReduceMean", square, last)
        root = g.op("Sqrt", g.op("Add", mean, g.constant(np.float32(1e-5))))
        normed = g.op("Mul", g.op("Div", x, root),
                      g.constant(np.ones(width, np.float32)))
        both = g.op("MatMul", normed, g.weight(width, 2 * inner))
        u, z = g.op("Split", both, axis=-1, num_outputs=2, outputs=2)
        rows = g.op("Transpose", u, perm=[0, 2, 1])
        conv = g.op("Conv", rows, g.weight(inner, 1, window, scale=0.5),
                    g.weight(inner, scale=0.1), group=inner,
                    kernel_shape=[window], pads=[window - 1, 0])
        u = g.op("Transpose", conv, perm=[0, 2, 1])
        u = g.op("Mul", u, g.op("Sigmoid", u))
        mixed = g.op("MatMul", u, g.weight(inner, rank + 2 * state))
        dt, b, c = g.op("Split", mixed, g.ints(rank, state, state), axis=-1,
                        outputs=3)
        dt = g.op("Add", g.op("MatMul", dt, g.weight(rank, inner)),
                  g.weight(inner, scale=1.0))
        dt = g.op("Softplus", dt)
        log_a = g.constant(np.log(np.tile(
            np.arange(1, state + 1, dtype=np.float32), (inner, 1))))
        neg = g.op("Neg", g.op("Exp", log_a), hint="neg")
        start = g.constant(np.zeros((1, inner, state), np.float32))
        major = [g.op("Transpose", v, perm=[1, 0, 2]) for v in (u, dt, b, c)]
        _, y = g.op("Scan", start, *major, num_scan_inputs=4, outputs=2,
                    body=scan_body(inner, state, neg, last))
        y = g.op("Transpose", y, perm=[1, 0, 2])
        y = g.op("Add", y, g.op("Mul", u, g.weight(inner, scale=1.0)))
        y = g.op("Mul", y, g.op("Mul", z, g.op("Sigmoid", z)))
        x = g.op("Add", x, g.op("MatMul", y, g.weight(inner, width)))
    g.nodes.append(helper.make_node("Identity", [x], ["y"], "result"))
    info = helper.make_tensor_value_info
    shape = [1, "seq", width]
    graph = helper.make_graph(
        g.nodes, "mamba", [info("x", TensorProto.FLOAT, shape)],
        [info("y", TensorProto.FLOAT, shape)], g.weights)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    for name, value in SIZES.items():
        parser.add_argument("--" + name, type=int, default=value)
    sizes = vars(parser.parse_args())
    onnx.save(build(**{k: sizes[k] for k in SIZES}), sizes["out"])


if __name__ == "__main__":
    main()
