#!/usr/bin/env python3
"""Types of 16 and 64 bits on every level of the CPU.

usage: types_test.py [--build DIR]

Conversions: every half, and every place where rounding to a half (or bfloat16)
changes, compared with what rounding to nearest means. Operators: what loads,
moves or computes half types in its own way gives the same bits on each level.
Doubles: what has places and weights of its own computes those in double too.
"""
import sys
from functools import partial

import numpy as np
import onnx
from onnx import parser

from support import Program, cpu_levels, run_cases

HEAD = '<ir_version: 10, opset_import: ["": 22]>\n'


def compiled(text, work, *options):
    """(level, program) of the model on each level."""
    path = f"{work}/model.onnx"
    onnx.save(parser.parse_model(HEAD + text), path)
    for level in cpu_levels():
        yield level, Program(path, f"{work}/{level}", *options, cpu=level)


def expect(name, found, wanted):
    differs = (found != wanted) & ~(np.isnan(found) & np.isnan(wanted))
    assert not differs.any(), \
        f"{name}: {differs.sum()} differ, the first is element " \
        f"{np.argmax(differs)}: expected {wanted[differs][0]!r}, " \
        f"got {found[differs][0]!r}"


# --- Conversions ----------------------------------------------------------------


def around(grid, kind):
    """Between neighbours of the grid: just below the middle, the middle, just
    above, and what each rounds to, ties to even."""
    low, high = grid[:-1].astype(np.float64), grid[1:].astype(np.float64)
    middle = (low + high) / 2
    even = np.where(np.arange(len(low)) % 2 == 0, low, high)
    x = np.concatenate([np.nextafter(middle.astype(kind), kind(-np.inf)),
                        middle.astype(kind),
                        np.nextafter(middle.astype(kind), kind(np.inf)), low])
    y = np.concatenate([low, even, high, low])
    return np.concatenate([x, -x]).astype(kind), np.concatenate([y, -y])


def check_conversions(work):
    """Every half, and rounding to halves at every middle"""
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    # 65536 stands for infinity, whose neighbour is 65504.
    grid = np.append(halves[:0x7c00].astype(np.float64), 65536)
    brain = (np.arange(0x7f80, dtype=np.uint32) << 16).view(np.float32)
    f, f_half = around(grid, np.float32)
    d, d_half = around(grid, np.float64)
    b, b_brain = around(brain, np.float64)
    extreme = np.array([0, np.inf, np.nan, 1e30, 65504, 1e-30, 2.0 ** -149])
    extreme = np.concatenate([extreme, -extreme])
    f, f_half = np.append(f, extreme).astype(np.float32), np.append(
        f_half, extreme.astype(np.float16))
    d, d_half = np.append(d, extreme), np.append(
        d_half, extreme.astype(np.float16))
    for wanted in (f_half, d_half):
        wanted[np.abs(wanted) == 65536] *= np.inf
    ints = np.arange(-70000, 70000, 7, dtype=np.int32)
    inputs = {"h": halves, "f": f, "d": d, "b": b, "i": ints}
    with np.errstate(invalid="ignore", over="ignore"):
        wanted = {"hf": halves.astype(np.float32), "fh": f_half, "dh": d_half,
                  "bb": b_brain, "hd": halves.astype(np.float64),
                  "ih": ints.astype(np.float32).astype(np.float16)}
    finite = np.abs(halves) < 65504
    seen = set()
    for level, program in compiled(f"""
g (float16[65536] h, float[{len(f)}] f, double[{len(d)}] d, double[{len(b)}] b, int32[{len(ints)}] i) =>
  (float[65536] hf, float16[{len(f)}] fh, float16[{len(d)}] dh, float[{len(b)}] bb, double[65536] hd, int32[65536] hi, float16[{len(ints)}] ih) {{
  hf = Cast <to = 1> (h)
  fh = Cast <to = 10> (f)
  dh = Cast <to = 10> (d)
  brain = Cast <to = 16> (b)
  bb = Cast <to = 1> (brain)
  hd = Cast <to = 11> (h)
  hi = Cast <to = 6> (h)
  ih = Cast <to = 10> (i)
}}""", work):
        found = program.run(inputs)
        for name, values in wanted.items():
            expect(f"{name} on {level}", found[name], values)
        assert (found["hi"][finite] == halves[finite].astype(np.int32)).all()
        seen.add(tuple(v.tobytes() for v in found.values()))
    assert len(seen) <= 1, "the bits differ from level to level"


# --- Operators ------------------------------------------------------------------

OPERATORS = """
  every_second = MaxPool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]> (x)
  mean = AveragePool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (x)
  turned = Transpose <perm = [0, 1, 3, 2]> (x)
  product = MatMul (x, turned)
  columns = Constant <value_ints = [2, 0, 1, 1, 0]> ()
  gathered = Gather <axis = 3> (x, columns)
  pads = Constant <value_ints = [0, 0, 1, 2, 0, 0, 3, 1]> ()
  padded = Pad <mode = "reflect"> (x, pads)
  twice = Constant <value_floats = [1.0, 1.0, 2.0, 2.0]> ()
  scaled = Resize <mode = "linear"> (x, "", twice)
  size = Abs (x)
  root = Sqrt (size)
  whole = Floor (x)
  above = Greater (root, whole)
  rest = Mod <fmod = 1> (x, root)
  either = Where (above, rest, size)
  most = Max (either, whole)
  soft = Softmax (x)
  sum = ReduceSum (soft)
"""
RESULTS = "every_second mean product gathered padded scaled most sum".split()


def check_operators(kind, sizes, options, work):
    x = np.random.default_rng(0).standard_normal((2, 3, 9, 11), np.float32)
    outputs = ", ".join(f"float[{n}0, {n}1, {n}2, {n}3] {n}_f" for n in RESULTS)
    casts = "\n  ".join(f"{n}_f = Cast <to = 1> ({n})" for n in RESULTS)
    results = {}
    for level, program in compiled(f"""
g (float[2, 3, {sizes}] wide) => ({outputs}) {{
  x = Cast <to = {kind}> (wide)
  {OPERATORS}
  {casts}
}}""", work, *options):
        for name, value in program.run({"wide": x}).items():
            first = results.setdefault(name, value)
            assert first.tobytes() == value.tobytes(), \
                f"{name} has other bits on {level} than on {cpu_levels()[0]}"


def cubic(count, size, a=-0.75):
    """Keys' cubic between aligned corners, as a matrix [count, size]."""
    matrix = np.zeros((count, size))
    for to in range(count):
        place = to * (size - 1) / (count - 1)
        for at in range(int(place) - 1, int(place) + 3):
            d = abs(at - place)
            weight = ((a + 2) * d - (a + 3)) * d * d + 1 if d <= 1 else \
                a * (((d - 5) * d + 8) * d - 4) if d < 2 else 0
            matrix[to, min(max(at, 0), size - 1)] += weight
    return matrix


def check_doubles(work):
    """resizing doubles"""
    x = np.random.default_rng(0).standard_normal((2, 8, 9))
    for level, program in compiled("""
g (double[2, 8, 9] x) => (double[2, 4, 12] y)
  <int64[3] sizes = {2, 4, 12}> {
  y = Resize <mode = "cubic", coordinate_transformation_mode = "align_corners">
      (x, , , sizes)
}""", work):
        y = program.run({"x": x})["y"]
        wanted = np.einsum("ij,bjk,lk->bil", cubic(4, 8), x, cubic(12, 9))
        assert np.abs(y - wanted).max() < 1e-14, level


def main():
    if not cpu_levels():
        print("0 passed, 0 failed, 1 skipped")
        return 0
    cases = {check.__doc__: check for check in (check_conversions,
                                                check_doubles)}
    for kind, number in (("float16", 10), ("bfloat16", 16)):
        for sizes, options in (("9, 11", []), ("h, w", ["--dim=h=3..12",
                                                        "--dim=w=3..12"])):
            cases[f"{kind}, sizes {sizes}"] = partial(
                check_operators, number, sizes, options)
    return run_cases(cases)


if __name__ == "__main__":
    sys.exit(main())
