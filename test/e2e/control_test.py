#!/usr/bin/env python3
"""Control flow that only a run decides, against onnxruntime.

usage: control_test.py [--build DIR]

Branches, loops that a condition ends, and trip counts that are inputs: each
compiled once, for each level of the CPU, and run so that every way is taken.
"""
import sys
from functools import partial

import numpy as np
import onnx
from onnx import parser

from support import (Program, compare_with_onnxruntime, cpu_levels,
                     expect_status, run_cases)

HEAD = '<ir_version: 9, opset_import: ["": 20]>\n'

# name: (model, inputs of each run)
CASES = {}


def case(name, text, *runs):
    CASES[name] = HEAD + text, runs


def floats(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def scalar(value, kind):
    return np.array(value, kind)


X = floats(3, 8)
TWO_WAYS = [{"c": scalar(c, bool), "x": X} for c in (True, False)]

case("branches with products", """
g (bool c, float[3,8] x) => (float[3,4] y, float[3,8] z) <float[8,4] w = {%s}> {
  y, z = If (c) <
    then_branch = t () => (float[3,4] y1, float[3,8] z1) {
      y1 = MatMul (x, w)
      z1 = Tanh (x)
    },
    else_branch = e () => (float[3,4] y2, float[3,8] z2) {
      s = Softmax (x)
      y2 = MatMul (s, w)
      z2 = Identity (x)
    }>
}""" % ",".join(f"{v:.3f}" for v in floats(32)), *TWO_WAYS)

ROWS = np.float32([[1, 0], [0, 0], [-2, 3], [0, 4]])

case("branches of different sizes", """
g (bool c, bool d, float[4,2] x) => (float[n,2] y, float[k] z, float[p,q] w) {
  y, z = If (c) <
    then_branch = t () => (float[0,2] y1, float[2] z1) {
      y1 = Constant <value = float[0,2] {}> ()
      z1 = ReduceSum <keepdims = 0> (x, axis)
    },
    else_branch = e () => (float[m,2] y2, float[r] z2) {
      total = ReduceSumSquare <keepdims = 0> (x, last)
      none = Constant <value_float = 0.0> ()
      some = Greater (total, none)
      y2 = Compress <axis = 0> (x, some)
      flat = Constant <value_ints = [-1]> ()
      z2 = Reshape (y2, flat)
    }>
  w = If (d) <
    then_branch = tw () => (float[1,8] w1) {
      line = Constant <value_ints = [1, 8]> ()
      w1 = Reshape (x, line)
    },
    else_branch = ew () => (float[4,2] w2) { w2 = Exp (x) }>
}""".replace("{\n  y, z", """<int64[1] axis = {0}, int64[1] last = {1}> {
  y, z""", 1), *[{"c": scalar(c, bool), "d": scalar(d, bool), "x": x}
                 for c in (True, False) for d in (True, False)
                 for x in (ROWS, np.zeros((4, 2), np.float32))])

case("branches in branches", """
g (bool c, bool d, float[3,8] x) => (float[3,8] y) {
  y = If (c) <
    then_branch = t () => (float[3,8] y1) {
      a = Exp (x)
      y1 = If (d) <
        then_branch = tt () => (float[3,8] y3) { y3 = Add (a, x) },
        else_branch = te () => (float[3,8] y4) { y4 = Mul (a, x) }>
    },
    else_branch = e () => (float[3,8] y2) { y2 = Neg (x) }>
}""", *[{"c": scalar(c, bool), "d": scalar(d, bool), "x": X}
        for c in (True, False) for d in (True, False)])

case("a branch in a loop", """
g (float[6,4] x, float[4] s) => (float[4] y) {
  y = Scan <num_scan_inputs = 1, body = b (float[4] h, float[4] r) => (float[4] n) {
    total = ReduceSum <keepdims = 0> (r)
    zero = Constant <value_float = 0.0> ()
    c = Greater (total, zero)
    n = If (c) <
      then_branch = t () => (float[4] n1) { n1 = Add (h, r) },
      else_branch = e () => (float[4] n2) { n2 = Mul (h, r) }>
  }> (s, x)
}""", {"x": floats(6, 4), "s": floats(4, seed=1)})

case("a loop that its condition ends", """
g (float[4] x, float limit) => (float[4] y, float n) {
  most = Constant <value_int = 100> ()
  yes = Constant <value = bool {1}> ()
  zero = Constant <value_float = 0.0> ()
  y, n = Loop (most, yes, x, zero) <body = b (int64 i, bool c, float[4] h, float k) => (bool c1, float[4] h1, float k1) {
    h1 = Add (h, h)
    one = Constant <value_float = 1.0> ()
    k1 = Add (k, one)
    size = ReduceL2 <keepdims = 0> (h1)
    c1 = Less (size, limit)
  }>
}""", *[{"x": floats(4), "limit": scalar(v, np.float32)} for v in (0, 5, 1e4, 1e38)])

case("a loop without a trip count", """
g (float[4] x, bool go) => (float[4] y) {
  y = Loop (, go, x) <body = b (int64 i, bool c, float[4] h) => (bool c1, float[4] h1) {
    h1 = Add (h, h)
    size = ReduceL2 <keepdims = 0> (h1)
    limit = Constant <value_float = 50.0> ()
    c1 = Less (size, limit)
  }>
}""", {"x": floats(4), "go": scalar(True, bool)}, {"x": floats(4), "go": scalar(False, bool)})

case("a trip count that is an input", """
g (float[4] x, int64 n) => (float[4] y) {
  y = Loop (n, , x) <body = b (int64 i, bool c, float[4] h) => (bool c1, float[4] h1) {
    c1 = Identity (c)
    f = Cast <to = 1> (i)
    h1 = Add (h, f)
  }>
}""", *[{"x": floats(4), "n": scalar(v, np.int64)} for v in (0, 1, 7, -3)])

case("a trip count and a condition", """
g (float[4] x, int64 n, float limit) => (float[4] y) {
  yes = Constant <value = bool {1}> ()
  y = Loop (n, yes, x) <body = b (int64 i, bool c, float[4] h) => (bool c1, float[4] h1) {
    h1 = Add (h, h)
    size = ReduceL2 <keepdims = 0> (h1)
    c1 = Less (size, limit)
  }>
}""", *[{"x": floats(4), "n": scalar(n, np.int64), "limit": scalar(limit, np.float32)}
        for n in (0, 3, 9) for limit in (0, 20, 1e30)])


# Sizes that only one branch is made for; onnxruntime refuses the other in a run.
ONE_WAY = HEAD + """
g (bool c, float[3,8] x) => (float[M,K] y) {
  y = If (c) <
    then_branch = t () => (float[3,8] y1) {
      shape = Constant <value_ints = [8, 3]> ()
      a = Reshape (x, shape)
      y1 = Transpose (a)
    },
    else_branch = e () => (float[M,K] y2) {
      shape = Constant <value_ints = [5, 5]> ()
      [fives] y2 = Reshape (x, shape)
    }>
}"""


def check_one_way(work):
    """A branch that contradicts the sizes ends the run that takes it."""
    for i, taken in enumerate((True, False)):
        text = ONE_WAY
        if not taken:
            text = text.replace("then_branch", "other").replace(
                "else_branch", "then_branch").replace("other", "else_branch")
        path = f"{work}/{i}.onnx"
        onnx.save(parser.parse_model(text), path)
        compare_with_onnxruntime(path, [{"c": scalar(taken, bool), "x": X}],
                                 f"{work}/{i}")
        program = Program(path, f"{work}/{i}/status", cpu=cpu_levels()[-1])
        expect_status(program, {"c": scalar(not taken, bool), "x": X},
                      "node 'fives': expected a shape of 24 elements")


def check(name, work):
    text, runs = CASES[name]
    path = f"{work}/model.onnx"
    onnx.save(parser.parse_model(text), path)
    compare_with_onnxruntime(path, runs, work)


def main():
    if not cpu_levels():
        print("0 passed, 0 failed, 1 skipped")
        return 0
    cases = {name: partial(check, name) for name in CASES}
    return run_cases({**cases, check_one_way.__doc__: check_one_way})


if __name__ == "__main__":
    sys.exit(main())
