#!/usr/bin/env python3
"""Random numbers: their distribution, seeds, and that all runs have the same.

usage: numbers_test.py [--build DIR]

onnxruntime draws others, so what is compared is what the standard promises.
"""
import sys

import numpy as np
import onnx
from onnx import parser

from support import Program, cpu_levels, run_cases

MODEL = """<ir_version: 9, opset_import: ["": 22]>
g (float[n, 64] x) => (float[n, 64] a, float[n, 64] b, float[n, 64] c,
                       float[100, 50] d, double[n, 64] e, bool[n, 64] f) {
  a = RandomNormalLike (x)
  b = RandomNormalLike <mean = 3.0, scale = 0.5, seed = 7.0> (x)
  c = RandomNormalLike <mean = 3.0, scale = 0.5, seed = 7.0> (x)
  d = RandomUniform <shape = [100, 50], low = -2.0, high = 4.0> ()
  e = RandomUniformLike <dtype = 11> (x)
  f = Bernoulli <dtype = 9> (x)
}"""


def outputs(work):
    """Of each level of the CPU."""
    path = f"{work}/model.onnx"
    onnx.save(parser.parse_model(MODEL), path)
    x = np.full((200, 64), 0.3, np.float32)
    for level in cpu_levels():
        program = Program(path, f"{work}/{level}", "--dim", "n=1..200",
                          cpu=level)
        yield program.run({"x": x})
        yield program.run({"x": x})


def check_bits(work):
    """the same on every level and in every run"""
    first, *others = outputs(work)
    for other in others:
        for name, value in first.items():
            assert np.array_equal(value, other[name]), name


def check_distribution(work):
    """mean, deviation and range; a seed decides, a node's name if there is none"""
    found = next(outputs(work))

    def near(value, expected, deviation, count):
        assert abs(value - expected) < 5 * deviation / count ** 0.5, \
            (value, expected)

    for name, mean, scale in (("a", 0, 1), ("b", 3, 0.5)):
        v = found[name].astype(np.float64)
        near(v.mean(), mean, scale, v.size)
        near(v.std(), scale, scale, v.size)
        # Neighbours, and rows, do not follow one another.
        flat = (v.ravel() - mean) / scale
        for step in (1, 64):
            near((flat[step:] * flat[:-step]).mean(), 0, 1, v.size)
    assert np.array_equal(found["b"], found["c"])
    assert not np.allclose(found["a"] * 0.5 + 3, found["b"])
    d = found["d"].astype(np.float64)
    assert d.min() >= -2 and d.max() <= 4 and len(np.unique(d)) > 4900
    near(d.mean(), 1, 6 / 12 ** 0.5, d.size)
    assert found["e"].dtype == np.float64
    near(found["e"].mean(), 0.5, 12 ** -0.5, found["e"].size)
    near(found["f"].mean(), 0.3, (0.3 * 0.7) ** 0.5, found["f"].size)


def main():
    if not cpu_levels():
        print("0 passed, 0 failed, 1 skipped")
        return 0
    return run_cases({check.__doc__: check
                      for check in (check_bits, check_distribution)})


if __name__ == "__main__":
    sys.exit(main())
