#!/usr/bin/env python3
"""Sizes that only a run's data decide, against onnxruntime.

usage: sizes_test.py [--build DIR]

Each model is compiled once for each level of the CPU and run with data of
several sizes, none and the most among them. REFUSED has models without a bound;
OUTSIDE runs that exceed theirs.
"""
import os
import shutil
import sys
from functools import partial

import numpy as np
import onnx
from onnx import parser

from support import (TENONC, Program, Refused, call, compare_with_onnxruntime,
                     cpu_levels, expect_status, run_cases)

HEAD = '<ir_version: 9, opset_import: ["": 20]>\n'

# name: (model, options, inputs of each run)
CASES = {}


def case(name, text, *runs, options=()):
    CASES[name] = HEAD + text, options, runs


def floats(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def ints(*values):
    return np.array(values, np.int64)


def number(value, kind=np.int64):
    return np.array(value, kind)


def sparse(*shape, kept, seed=0):
    """Zeros with `kept` other elements."""
    rng = np.random.default_rng(seed)
    x = np.zeros(int(np.prod(shape)), np.float32)
    x[rng.permutation(x.size)[:kept]] = rng.standard_normal(kept)
    return x.reshape(shape)


W = floats(8, 4, seed=3)

case("nonzero, gather, element-wise", """
g (float[3,8] x, float[8,4] w) => (int64[2,N] at, float[N,4] y) {
  at = NonZero (x)
  one = Constant <value_ints = [1]> ()
  zero = Constant <value_ints = [0]> ()
  row = Gather (at, one)
  columns = Squeeze (row, zero)
  rows = Gather (w, columns)
  y = Tanh (rows)
}""", *[{"x": sparse(3, 8, kept=n), "w": W} for n in (3, 0, 24, 1)])

case("nonzero of a dynamic input", """
g (float[B,8] x) => (int64[2,N] at) {
  at = NonZero (x)
}""", *[{"x": sparse(b, 8, kept=n)} for b, n in ((1, 3), (7, 50), (4, 0))],
     options=["--dim", "B=1..7"])

case("rows chosen by their sum, matmul, softmax, reduction", """
g (float[6,8] x, float[8,4] w) => (float[N,4] y, float[4] total) {
  sums = ReduceSum <keepdims = 0> (x, axis)
  zero = Constant <value_float = 0.0> ()
  keep = Greater (sums, zero)
  rows = Compress <axis = 0> (x, keep)
  p = MatMul (rows, w)
  y = Softmax (p)
  first = Constant <value_ints = [0]> ()
  total = ReduceSum <keepdims = 0> (y, first)
}""".replace("sums =", "axis = Constant <value_ints = [1]> ()\n  sums ="),
     {"x": floats(6, 8), "w": W}, {"x": np.abs(floats(6, 8)), "w": W},
     {"x": -np.abs(floats(6, 8)), "w": W})

case("a transposed convolution by a window of any size", """
g (float[B,4,H,5] x, float[4,3,K,K] w) => (float[B,6,P,Q] y) {
  y = ConvTranspose <group = 2, strides = [2, 3], pads = [1, 0, 0, 1]> (x, w)
}""", *[{"x": floats(b, 4, h, 5), "w": floats(4, 3, k, k)}
        for b, h, k in ((1, 6, 1), (2, 3, 3), (3, 8, 5), (1, 2, 4))],
     options=["--dim", "B=1..3", "--dim", "H=2..8", "--dim", "K=1..5"])

case("unique rows of any width", """
g (float[R,C] x) => (float[N,C] y, int64[N] first, int64[R] inverse, int64[N] counts) {
  y, first, inverse, counts = Unique <axis = 0> (x)
}""", *[{"x": np.round(floats(r, c) * 0.6)}
        for r, c in ((12, 2), (1, 70), (5, 1), (2, 3), (12, 70))],
     options=["--dim", "R=1..12", "--dim", "C=1..70"])

case("the diagonal of squares of any size", """
g (float[B,S,S] x) => (float[B,S] y) {
  y = Einsum <equation = "bii->bi"> (x)
}""", *[{"x": floats(b, n, n)} for b, n in ((2, 1), (1, 6), (3, 9))],
     options=["--dim", "B=1..3", "--dim", "S=1..9"])

case("two sizes side by side, joined", """
g (float[16] x, float[16] y) => (float[N] z, int64[1] n) {
  zero = Constant <value_float = 0.0> ()
  a = Greater (x, zero)
  b = Less (y, zero)
  xs = Compress <axis = 0> (x, a)
  ys = Compress <axis = 0> (y, b)
  z = Concat <axis = 0> (xs, ys)
  n = Shape (z)
}""", {"x": floats(16), "y": floats(16, seed=1)},
     {"x": -np.abs(floats(16)), "y": floats(16, seed=2)})

case("unique", """
g (float[12] x) => (float[N] y, int64[N] first, int64[12] inverse, int64[N] counts) {
  y, first, inverse, counts = Unique (x)
}""", *[{"x": np.round(floats(12) * s)} for s in (0.0, 0.5, 2.0, 100.0)])

case("topk of a k that is an input", """
g (float[3,10] x, int64[1] k) => (float[3,K] v, int64[3,K] i) {
  v, i = TopK (x, k)
}""", *[{"x": floats(3, 10), "k": ints(k)} for k in (1, 4, 10)])

case("topk of a k that is computed", """
g (float[3,100] x, float[3,100] y) => (float[3,K] z) {
  n = Constant <value_ints = [7]> ()
  zero = Constant <value_float = 0.0> ()
  positive = Greater (x, zero)
  counts = Cast <to = 7> (positive)
  all = ReduceSum <keepdims = 0> (counts)
  one = Constant <value_ints = [1]> ()
  k1 = Reshape (all, one)
  k = Min (k1, n)
  v, i = TopK (x, k)
  w = GatherElements <axis = 1> (y, i)
  z = Mul (v, w)
}""", *[{"x": floats(3, 100) - s, "y": floats(3, 100, seed=1)} for s in (0, 2, 3)])

NMS = """
g (float[1,50,4] boxes, float[1,3,50] scores) => (int64[N,3] at, float[N,4] y) {
  most = Constant <value_ints = [5]> ()
  iou = Constant <value_float = 0.3> ()
  least = Constant <value_float = 0.6> ()
  at = NonMaxSuppression (boxes, scores, most, iou, least)
  two = Constant <value_int = 2> ()
  index = Gather <axis = 1> (at, two)
  zero = Constant <value_ints = [0]> ()
  flat = Squeeze (boxes, zero)
  y = Gather (flat, index)
}"""


def boxes(scale, seed=0):
    rng = np.random.default_rng(seed)
    corner = rng.random((1, 50, 2))
    size = rng.random((1, 50, 2)) * scale
    return np.concatenate([corner, corner + size], 2).astype(np.float32)


DETECTIONS = [{"boxes": boxes(scale), "scores": rng}
              for scale in (0.1, 1.0)
              for rng in (np.random.default_rng(5).random((1, 3, 50)).astype(np.float32),
                          np.zeros((1, 3, 50), np.float32))]
case("non-maximum suppression in a detector's tail", NMS, *DETECTIONS)
case("the same with a bound", NMS.replace("at = Non", "at = Non", 1), *DETECTIONS[:1],
     options=["--bound", "NonMaxSuppression_3=20"])

case("range to a computed scalar", """
g (float[20] x) => (float[N] y) {
  zero = Constant <value_float = 0.0> ()
  positive = Greater (x, zero)
  ones = Cast <to = 7> (positive)
  n = ReduceSum <keepdims = 0> (ones)
  start = Constant <value_int = 0> ()
  one = Constant <value_int = 1> ()
  r = Range (start, n, one)
  f = Cast <to = 1> (r)
  y = Sqrt (f)
}""", *[{"x": x} for x in (floats(20), np.abs(floats(20)), -np.abs(floats(20)))],
     options=["--bound", "Range_6=20"])

case("range of floats at run time", """
g (float start, float limit, float delta) => (float[N] y) {
  y = Range (start, limit, delta)
}""", *[dict(zip(("start", "limit", "delta"),
                 (number(v, np.float32) for v in values)))
        for values in ((0, 10, 1), (1, 2, 0.3), (5, -5, -2.5), (3, 3, 1))],
     options=["--bound", "Range_0=64"])

case("expand and reshape by computed shapes", """
g (float[1,4] x, int64[1] n) => (float[N,4] y, float[M] z, float[4,N] t) {
  four = Constant <value_ints = [4]> ()
  shape = Concat <axis = 0> (n, four)
  y = Expand (x, shape)
  all = Constant <value_ints = [-1]> ()
  z = Reshape (y, all)
  t = Transpose <perm = [1, 0]> (y)
}""", *[{"x": floats(1, 4), "n": ints(n)} for n in (3, 1, 9, 0)],
     options=["--bound", "Expand_2=9"])

case("constant of shape, tile", """
g (int64[2] shape, float[2] x, int64[1] times) => (float[A,B] y, float[T] z) {
  ones = ConstantOfShape <value = float[1] {1.5}> (shape)
  y = Neg (ones)
  z = Tile (x, times)
}""", {"shape": ints(3, 5), "x": floats(2), "times": ints(3)},
     {"shape": ints(1, 1), "x": floats(2), "times": ints(0)},
     options=["--bound", "ConstantOfShape_0=6", "--bound", "Tile_2=3"])

DECLARED = """
g (float[2,6] x, float[1,4] u, int64[2] to, int64[1] part, int64[2] times, int64 depth, int64[3] at) =>
  (float[3,4] a, float[5,4] b, float[4,6] c, int64[3,7] d, float[3,4] e, float[1,4] b0, float[3,4] zeros) {
  a = Reshape (x, to)
  five = Constant <value_ints = [5]> ()
  b0 = Expand (u, part)
  zeros = ConstantOfShape (to)
  e = Add (zeros, b0)
  lead = Constant <value_ints = [5, 1]> ()
  b = Expand (u, lead)
  c = Tile (x, times)
  values = Constant <value_ints = [0, 1]> ()
  d = OneHot (at, depth, values)
}"""
TOLD = {"x": floats(2, 6), "u": floats(1, 4), "to": ints(3, 4), "part": ints(4),
        "times": ints(2, 1), "depth": number(7), "at": ints(0, 6, 3)}
case("declared sizes that the data tell too", DECLARED, TOLD, TOLD | {"part": ints(1)})
case("a declared size that a shape leaves open", """
g (float[2,6] x, int64[2] to) => (float[2,6] y) {
  z = Neg (x)
  y = Reshape (z, to)
}""", *[{"x": floats(2, 6), "to": ints(*to)} for to in ((2, 6), (-1, 6), (0, -1), (0, 6))])

case("windows that are cut, those that reach behind the end among them", """
g (float[1,1,n] x) => (float[1,1,N] y, float[1,1,M] z, float[1,1,M] p) {
  y = MaxPool <kernel_shape = [4], strides = [2]> (x)
  z = AveragePool <kernel_shape = [4], strides = [3]> (x)
  p = AveragePool <kernel_shape = [4], strides = [3], count_include_pad = 1> (x)
}""", *[{"x": floats(1, 1, n)} for n in (3, 4, 5, 9)], options=["--dim", "n=3..9"])

case("slices from run-time places", """
g (float[10,3] x, int64[1] start, int64[1] end) => (float[N,3] y) {
  axis = Constant <value_ints = [0]> ()
  s = Slice (x, start, end, axis)
  y = Exp (s)
}""", *[{"x": floats(10, 3), "start": ints(a), "end": ints(b)}
        for a, b in ((0, 10), (2, 5), (-4, -1), (7, 3), (-100, 100),
                     (3, np.iinfo(np.int64).max))])

case("halves of run-time sizes", """
g (float[10] x, int64[2] split) => (float[A] y, float[B] z) {
  y, b = Split <axis = 0> (x, split)
  z = Neg (b)
}""", *[{"x": floats(10), "split": ints(a, 10 - a)} for a in (0, 3, 10)],
     options=["--bound", "Split_0=10"])

case("a scan output of a run-time trip count", """
g (float[4] x, int64 n) => (float[4] y, float[N,4] all) {
  y, all = Loop (n, , x) <body = b (int64 i, bool c, float[4] h) => (bool c1, float[4] h1, float[4] s) {
    c1 = Identity (c)
    h1 = Add (h, h)
    s = Tanh (h1)
  }>
}""", *[{"x": floats(4), "n": number(n)} for n in (3, 1, 8, 0)],
     options=["--bound", "Loop_0=8"])

case("a scan output of a loop that its condition ends", """
g (float[4] x, float limit) => (float[4] y, float[N,4] all, float[N,4] z) {
  yes = Constant <value = bool {1}> ()
  n = Constant <value_int = 30> ()
  y, all = Loop (n, yes, x) <body = b (int64 i, bool c, float[4] h) => (bool c1, float[4] h1, float[4] s) {
    h1 = Add (h, h)
    size = ReduceL2 <keepdims = 0> (h1)
    c1 = Less (size, limit)
    s = Neg (h1)
  }>
  z = Exp (all)
}""", *[{"x": floats(4), "limit": number(v, np.float32)} for v in (20, 0, 1e30)])

case("the same without a trip count", """
g (float[4] x, float limit) => (float[N,4] all) {
  yes = Constant <value = bool {1}> ()
  y, all = Loop (, yes, x) <body = b (int64 i, bool c, float[4] h) => (bool c1, float[4] h1, float[4] s) {
    h1 = Add (h, h)
    size = ReduceL2 <keepdims = 0> (h1)
    c1 = Less (size, limit)
    s = Neg (h1)
  }>
}""", *[{"x": floats(4), "limit": number(v, np.float32)} for v in (20, 0, 1e3)],
     options=["--bound", "Loop_1=12"])

case("a size inside a loop", """
g (float[5,6] x) => (float[5] y) {
  n = Constant <value_int = 5> ()
  yes = Constant <value = bool {1}> ()
  y = Loop (n, yes) <body = b (int64 i, bool c) => (bool c1, float s) {
    c1 = Identity (c)
    row = Gather <axis = 0> (x, i)
    zero = Constant <value_float = 0.0> ()
    keep = Greater (row, zero)
    kept = Compress <axis = 0> (row, keep)
    e = Exp (kept)
    s = ReduceSum <keepdims = 0> (e)
  }>
}""", {"x": floats(5, 6)}, {"x": -np.abs(floats(5, 6))})

case("resize to computed sizes", """
g (float[1,2,4,4] x, int64[2] size) => (float[1,2,H,W] y) {
  shape = Shape (x)
  zero = Constant <value_ints = [0]> ()
  two = Constant <value_ints = [2]> ()
  front = Slice (shape, zero, two)
  sizes = Concat <axis = 0> (front, size)
  y = Resize <mode = "nearest"> (x, , , sizes)
}""", *[{"x": floats(1, 2, 4, 4), "size": ints(*s)} for s in ((8, 8), (3, 5), (4, 4))],
     options=["--bound", "Resize_5=8"])

case("pads at run time", """
g (float[3,4] x, int64[4] pads) => (float[A,B] y) {
  y = Pad (x, pads)
}""", *[{"x": floats(3, 4), "pads": ints(*p)} for p in ((0, 0, 0, 0), (1, 2, 3, 0))],
     options=["--bound", "Pad_0=3"])

# A loop that ends when its state has grown.
GROWING = """
g (float[4] x, bool go) => (float[N,4] all) {
  y, all = Loop (, go, x) <body = b (int64 i, bool c, float[4] h) => (bool c1, float[4] h1, float[4] s) {
    h1 = Add (h, h)
    size = ReduceL2 <keepdims = 0> (h1)
    limit = Constant <value_float = 50.0> ()
    c1 = Less (size, limit)
    s = Identity (h1)
  }>
}"""

# name: (model, part of the message)
REFUSED = {
    "a range without a bound": ("""
g (int64 n) => (int64[N] y) {
  zero = Constant <value_int = 0> ()
  one = Constant <value_int = 1> ()
  y = Range (zero, n, one)
}""", "--bound Range_2=N"),
    "a loop without a bound": (GROWING, "--bound Loop_0=N"),
}

# name: (model, options, inputs, part of the message)
OUTSIDE = {
    **{f"a declared size, but other data: {name}": (DECLARED, [], TOLD | {name: value}, node)
       for name, value, node in (("to", ints(4, 3), "Reshape_0"), ("part", ints(2), "Expand_2"),
                                 ("times", ints(1, 2), "Tile_7"), ("depth", number(8), "OneHot_9"))},
    "scan inputs of other lengths": ("""
g (float[H] s, float[T,4] x, float[U,4] z) => (float[H] y) {
  y = Scan <num_scan_inputs = 2, body = b (float[H] old, float[4] e, float[4] f) => (float[4] next) {
    next = Add (e, f)
  }> (s, x, z)
}""", ["--dim", "H=1..4", "--dim", "T=1..8", "--dim", "U=1..8"],
     {"s": floats(4), "x": floats(8, 4), "z": floats(5, 4)}, "agree"),
    "a carried value of another size": ("""
g (float[H] s, float[T,4] x) => (float[H] y) {
  y = Scan <num_scan_inputs = 1, body = b (float[H] old, float[4] e) => (float[4] next) {
    next = Identity (e)
  }> (s, x)
}""", ["--dim", "H=1..8", "--dim", "T=1..8"],
     {"s": floats(3), "x": floats(2, 4)}, "agree"),
    "more than --bound": ("""
g (float[3,8] x) => (int64[2,N] at) {
  at = NonZero (x)
}""", ["--bound", "NonZero_0=4"], {"x": sparse(3, 8, kept=5)}, "NonZero_0"),
    "more than the model declares": ("""
g (float[3,8] x) => (int64[2,4] at) {
  at = NonZero (x)
}""", [], {"x": sparse(3, 8, kept=5)}, "NonZero_0"),
    "a k beyond the axis": ("""
g (float[3,10] x, int64[1] k) => (float[3,K] v, int64[3,K] i) {
  v, i = TopK (x, k)
}""", [], {"x": floats(3, 10), "k": ints(11)}, "TopK_0"),
    "keys other than declared": ("""
<ir_version: 9, opset_import: ["": 20, "com.microsoft": 1]>
g (float[1,1,64] q, float[1,1,32] k, float[1,1,32] v, float[1,2,10,16] pk, float[1,2,10,16] pv, int32[1] last, int32 total)
  => (float[1,1,64] y, float[1,2,11,16] nk, float[1,2,11,16] nv) {
  [groups] y, nk, nv = com.microsoft.GroupQueryAttention <num_heads = 4, kv_num_heads = 2> (q, k, v, pk, pv, last, total)
}""", [], {"q": floats(1, 1, 64), "k": floats(1, 1, 32), "v": floats(1, 1, 32),
           "pk": floats(1, 2, 10, 16), "pv": floats(1, 2, 10, 16),
           "last": np.array([11], np.int32), "total": np.array(12, np.int32)}, "groups.total"),
    "a negative size": ("""
g (float[1] x, int64[1] n) => (float[N] y) {
  y = Expand (x, n)
}""", ["--bound", "Expand_0=9"], {"x": floats(1), "n": ints(-2)}, "Expand_0"),
    "parts that are not the whole": ("""
g (float[10] x, int64[2] split) => (float[A] y, float[B] z) {
  y, b = Split <axis = 0> (x, split)
  z = Neg (b)
}""", ["--bound", "Split_0=10"], {"x": floats(10), "split": ints(8, 7)}, "Split_0"),
    "an input smaller than a window": ("""
g (float[1,1,n] x) => (float[1,1,N] y) {
  w = Constant <value = float[1,1,3] {1, 2, 3}> ()
  y = Conv (x, w)
}""", ["--dim", "n=1..9"], {"x": floats(1, 1, 2)}, "Conv_1"),
    "an input smaller than a pool": ("""
g (float[1,1,n] x) => (float[1,1,N] y) {
  y = MaxPool <kernel_shape = [4], strides = [2]> (x)
}""", ["--dim", "n=1..9"], {"x": floats(1, 1, 2)}, "MaxPool_0"),
    "a loop that runs on": (GROWING, ["--bound", "Loop_0=2"], {"x": floats(4), "go": number(True, bool)}, "Loop_0"),
    "sizes that meet and differ": ("""
g (float[6] x, float[6] y) => (float[N] z) {
  zero = Constant <value_float = 0.0> ()
  a = Greater (x, zero)
  b = Greater (y, zero)
  xs = Compress <axis = 0> (x, a)
  ys = Compress <axis = 0> (y, b)
  z = Add (xs, ys)
}""", [], {"x": np.array([1, 1, 1, -1, -1, -1], np.float32),
           "y": np.array([1, 1, -1, -1, -1, -1], np.float32)}, "Add_5"),
}


def write(text, work):
    path = f"{work}/model.onnx"
    has_head = text.lstrip().startswith("<")
    onnx.save(parser.parse_model(text if has_head else HEAD + text), path)
    return path


def check_case(name, work):
    text, options, runs = CASES[name]
    compare_with_onnxruntime(write(text, work), runs, work, *options)


def check_refused(name, work):
    text, expected = REFUSED[name]
    try:
        Program(write(text, work), work)
    except Refused as refused:
        assert expected in str(refused), f"the message is {refused}"
        return
    raise AssertionError("it compiles")


def check_outside(name, work):
    text, options, inputs, expected = OUTSIDE[name]
    program = Program(write(text, work), work, *options,
                      cpu=cpu_levels()[-1])
    expect_status(program, inputs, expected)


LOOKUPS = """
g (float[3,4] x, float[3,1] new, float[1,4] row, int64[1] rows, int64[3,1] columns, int64[1,2] at, int64[3,1] to, int64[1,1] into)
  => (float[1,4] a, float[3,1] b, float[1] c, float[3,4] d, float[3,4] e) {
  [rows] a = Gather (x, rows)
  [columns] b = GatherElements <axis = 1> (x, columns)
  [at] c = GatherND (x, at)
  [to] d = ScatterElements <axis = 1> (x, to, new)
  [into] e = ScatterND (x, into, row)
}"""
INSIDE = {"x": floats(3, 4), "new": floats(3, 1), "row": floats(1, 4),
          "rows": ints(-3), "columns": ints(3, -4, 0).reshape(3, 1),
          "at": ints(-1, 3).reshape(1, 2), "to": ints(-4, 0, 3).reshape(3, 1),
          "into": ints(2).reshape(1, 1)}


def check_indices(work):
    """An index outside what it points into ends the run at its node."""
    path = write(LOOKUPS, work)
    compare_with_onnxruntime(path, [INSIDE], work)
    program = Program(path, work, cpu=cpu_levels()[-1])
    for name, outside in (("rows", [3]), ("rows", [-4]), ("rows", [1 << 40]),
                          ("columns", [0, 0, 4]), ("at", [0, -5]),
                          ("to", [0, -5, 0]), ("into", [3])):
        value = ints(*outside).reshape(INSIDE[name].shape)
        expect_status(program, INSIDE | {name: value},
                      f"{name}': an index in the data lies outside")


CALLER = r"""
#include "net.h"
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  const float x[3][8] = {{0, 1, 0, 2}, {3}, {0, 0, 0, 0, 0, 0, 0, 4}};
  int64_t at[2 * 24];
  const tenon_model_info *info = net_info();
  int64_t most[2], dims[2];
  info->output_bounds(NULL, most);
  size_t bytes = net_arena_bytes(1);
  if (bytes != NET_ARENA_BYTES(1) || most[0] != 2 || most[1] != 24)
    return 1;
  net *model;
  if (net_init(&model, aligned_alloc(64, bytes), bytes, NULL) ||
      net_run(model, x, at))
    return 2;
  const net_sizes *sizes = net_found_sizes(model);
  info->output_dims(&sizes->NonZero_0, dims);
  printf("%d %d:", (int)sizes->NonZero_0, (int)dims[1]);
  for (int i = 0; i < 2 * sizes->NonZero_0; ++i)
    printf(" %d", (int)at[i]);
  net_close(model);
  return 0;
}
"""


def check_caller(work):
    """A C program finds the sizes where the header says."""
    compiler = os.environ.get("CC") or shutil.which("clang-22") or "cc"
    path = write("""
g (float[3,8] x) => (int64[2,N] at) {
  at = NonZero (x)
}""", work)
    call([TENONC, "compile", path, "-o", work, "--emit=lib,header",
          "--prefix=net"])
    with open(f"{work}/main.c", "w", encoding="utf-8") as file:
        file.write(CALLER)
    call([compiler, "-std=c11", "-Wall", "-Werror", f"-I{work}", f"{work}/main.c",
          f"{work}/libnet.a", "-lpthread", "-o", f"{work}/main"])
    found = call([f"{work}/main"])
    assert found == "4 4: 0 0 1 2 1 3 0 7", found


def check_bits(work):
    """The same bits on each level and with any number of threads."""
    text, options, runs = CASES["rows chosen by their sum, matmul, softmax, "
                                "reduction"]
    path = write(text, work)
    seen = set()
    for level in cpu_levels():
        if level == "x86-64-v2":  # no fused multiply-add
            continue
        program = Program(path, f"{work}/{level}", *options, cpu=level)
        for threads in (1, 2, 3):
            seen.add(tuple(v.tobytes() for inputs in runs
                           for v in program.run(inputs, threads).values()))
    assert len(seen) <= 1, f"{len(seen)} different results"


def main():
    if not cpu_levels():
        print("0 passed, 0 failed, 1 skipped")
        return 0
    cases = {name: partial(check, name)
             for table, check in ((CASES, check_case),
                                  (REFUSED, check_refused),
                                  (OUTSIDE, check_outside))
             for name in table}
    cases.update({check.__doc__: check for check in (check_indices, check_caller,
                                               check_bits)})
    return run_cases(cases)


if __name__ == "__main__":
    sys.exit(main())
