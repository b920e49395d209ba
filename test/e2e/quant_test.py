#!/usr/bin/env python3
"""Compressed weights against a scalar reference.

usage: quant_test.py --build DIR [--only FORMAT] [--keep DIR]

For every format, and matrices whose sizes fit no block, a model is compiled
with its weights in a file of their own. A decoder written here from the layouts
in dialects/pack/PanelCodecs.h reads that file; then

  the decoded matrix has the error that --report says, and a sane one;
  outputs for 1, 3, 5 and 64 rows are those of the decoded matrix in float64;
  AVX2 and AVX-512 code, and any number of threads, give the same bits.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper

ROWS = (1, 3, 5, 64)
# (k, n): one block and panel, then sizes that end inside them, and a column.
SHAPES = ((64, 64), (70, 37), (33, 17), (131, 150), (5, 300), (300, 4))
# The least signal to noise ratio of normally distributed weights, in dB.
LEAST = {"f16": 70, "int8": 38, "int4": 20, "2:4": 8, "2:4-int8": 8}


# --- Decoders -----------------------------------------------------------------


def decode_int(data, k, n, bits, group, half):
    """[panel][block]{[k/unit][16][4 bytes], 16 scales}."""
    unit = 32 // bits
    size = group or -(-k // unit) * unit
    blocks = -(-k // size)
    codes = size * 16 * bits // 8
    record = np.dtype([("codes", "u1", (size // unit, 16, 4)),
                       ("scales", "<f2" if half else "<f4", 16)])
    assert record.itemsize == codes + 16 * (2 if half else 4)
    panels = -(-n // 16)
    blocks_of = np.frombuffer(data, record, panels * blocks)
    w = np.zeros((blocks * size, panels * 16))
    for i, block in enumerate(blocks_of):
        p, b = divmod(i, blocks)
        for plane in range(8 // bits):
            field = (block["codes"].astype(int) >> plane * bits) & (2**bits - 1)
            value = (field - 2**(bits - 1)) * block["scales"].astype(float)[None, :, None]
            for j in range(4):
                rows = b * size + np.arange(size // unit) * unit + plane * 4 + j
                w[rows, p * 16:p * 16 + 16] = value[:, :, j]
    return w[:k, :n]


def decode_two_four(data, k, n, int8):
    blocks, panels = -(-k // 16), -(-n // 16)
    values = ("u1", (2, 16, 4)) if int8 else ("<f4", (8, 16))
    block = np.dtype([("index", "<u4", 16), ("values",) + values])
    panel = np.dtype([("blocks", block, blocks)] +
                     ([("scales", "<f4", 16)] if int8 else []))
    w = np.zeros((blocks * 16, panels * 16))
    for p, one in enumerate(np.frombuffer(data, panel, panels)):
        scales = one["scales"] if int8 else np.ones(16)
        for b, stored in enumerate(one["blocks"]):
            for slot in range(8):
                v = (stored["values"][slot // 4, :, slot % 4] - 128.0 if int8
                     else stored["values"][slot])
                at = b * 16 + (stored["index"] >> 4 * slot & 15)
                # Both slots of a group stand for one pair of k.
                assert np.all(at // 4 == b * 4 + slot // 2)
                w[at, p * 16 + np.arange(16)] += v * scales.astype(float)
    return w[:k, :n]


def decode_half(data, k, n):
    panels = -(-n // 16)
    w = np.frombuffer(data, "<f2", panels * k * 16).reshape(panels, k, 16)
    return w.transpose(1, 0, 2).reshape(k, -1)[:, :n].astype(float)


def decode(name, data, k, n):
    return {"int8": lambda: decode_int(data, k, n, 8, 0, False),
            "int4": lambda: decode_int(data, k, n, 4, 32, True),
            "f16": lambda: decode_half(data, k, n),
            "2:4": lambda: decode_two_four(data, k, n, False),
            "2:4-int8": lambda: decode_two_four(data, k, n, True)}[name]()


# --- Models -------------------------------------------------------------------


def save(path, w, transposed, bias):
    k, n = w.shape
    stored = np.ascontiguousarray(w.T if transposed else w)
    tensors = [numpy_helper.from_array(stored, "w")]
    if bias is not None:
        tensors.append(numpy_helper.from_array(bias, "b"))
    if transposed:
        nodes = [helper.make_node("Gemm", ["x", "w"] + (["b"] if bias is not None else []),
                                  ["y"], name="gemm", transB=1)]
    else:
        nodes = [helper.make_node("MatMul", ["x", "w"], ["z"], name="product")]
        nodes.append(helper.make_node("Add", ["z", "b"], ["y"], name="add")
                     if bias is not None else
                     helper.make_node("Identity", ["z"], ["y"], name="same"))
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", T.FLOAT, ["M", k])],
        [helper.make_tensor_value_info("y", T.FLOAT, ["M", n])], tensors)
    onnx.save(helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


class Tester:
    def __init__(self, build, folder):
        self.tenonc = os.path.join(build, "bin", "tenonc")
        self.folder = folder
        self.passed = self.failed = self.skipped = 0

    def check(self, condition, what):
        if condition:
            self.passed += 1
        else:
            self.failed += 1
            print("FAILED:", what, flush=True)

    def call(self, *arguments):
        done = subprocess.run([self.tenonc, *arguments], capture_output=True,
                              text=True, cwd=self.folder)
        if done.returncode:
            raise RuntimeError(f"tenonc {' '.join(arguments)}: exit "
                               f"{done.returncode}\n{done.stderr}")
        return done.stderr

    def compile(self, model, name, cpu, *more):
        out = os.path.join(self.folder, f"{os.path.basename(model)}.{cpu}.so")
        text = self.call("compile", model, "--dim", "M=1..64", "--emit=so",
                         "--prefix=net", f"--mcpu={cpu}", "-o", out,
                         f"--weights-format={name}", *more)
        return out, text

    def run(self, artifact, x, threads=1):
        np.save(os.path.join(self.folder, "x.npy"), x)
        self.call("run", artifact, "x=x.npy", f"--threads={threads}",
                  "--out=y=y.npy")
        return np.load(os.path.join(self.folder, "y.npy"))

    def test(self, name, k, n, transposed, seed):
        random = np.random.default_rng(seed)
        w = random.standard_normal((k, n)).astype(np.float32)
        w[:, n // 2] = 0                         # a scale of 0
        w[:, n // 3] *= np.float32(1e-6)         # a scale that f16 barely has
        bias = random.standard_normal(n).astype(np.float32)
        label = f"{name} {k}x{n}{' transposed' if transposed else ''}"
        model = os.path.join(self.folder, "model.onnx")
        save(model, w, transposed, bias)
        report = os.path.join(self.folder, "report.json")
        artifact, text = self.compile(model, name, "x86-64-v4",
                                      "--weights=file", f"--report={report}")
        with open(report, encoding="utf-8") as f:
            found = [r for r in json.load(f) if r["name"] == "w"]
        if k * n < 1024:
            self.check(not found, f"{label}: small, yet reported: {found}")
            return
        row, = found
        self.check(("pruning to 2:4" in text) == name.startswith("2:4"),
                   f"{label}: pruning warns, and nothing else does: {text}")
        with open(os.path.join(self.folder, "net.weights"), "rb") as f:
            data = f.read()
        # The bias lies behind the matrix, or before it.
        size = row["bytes"]
        start = data.find(bias.tobytes())
        data = data[:size] if start >= size else data[-(-start - bias.nbytes) // 64 * 64:]
        if start < size:
            data = data[:size]
        decoded = decode(name, data, k, n)
        noise = ((decoded - w) ** 2).sum()
        snr = 10 * np.log10((w.astype(float) ** 2).sum() / noise)
        self.check(abs(snr - row["snr_db"]) < 0.01,
                   f"{label}: SNR {snr} but {row['snr_db']} is reported")
        self.check(snr >= LEAST[name], f"{label}: SNR {snr}")
        others = [self.compile(model, name, cpu)[0]
                  for cpu in ("x86-64-v3", "x86-64-v4")]
        for rows in ROWS:
            x = random.standard_normal((rows, k)).astype(np.float32)
            y = self.run(artifact, x)
            expected = x.astype(float) @ decoded + bias
            error = np.abs(y - expected).max() / np.abs(expected).max()
            self.check(error < 1e-6, f"{label}: {rows} rows: error {error}")
            for other in others:
                self.check(self.run(other, x, 2).tobytes() == y.tobytes(),
                           f"{label}: {rows} rows: {other} gives other bits")

    def test_ties(self):
        """Equal magnitudes: the lower indices stay."""
        w = np.tile(np.float32([[1], [-1], [1], [-1]]), (16, 32))
        model = os.path.join(self.folder, "ties.onnx")
        save(model, w, False, None)
        artifact, _ = self.compile(model, "2:4", "x86-64-v3")
        y = self.run(artifact, np.eye(64, dtype=np.float32))
        self.check(np.array_equal(y, w * (np.arange(64) % 4 < 2)[:, None]),
                   "2:4 ties keep the lower index")

    def test_exact(self):
        """What already is 2:4 loses nothing and warns of nothing."""
        random = np.random.default_rng(5)
        w = random.standard_normal((64, 48)).astype(np.float32)
        w[np.arange(64) % 4 > 1] = 0
        model = os.path.join(self.folder, "exact.onnx")
        save(model, w, True, None)
        report = os.path.join(self.folder, "report.json")
        artifact, text = self.compile(model, "2:4", "x86-64-v3",
                                      f"--report={report}")
        with open(report, encoding="utf-8") as f:
            row, = json.load(f)
        self.check("warning" not in text and row["snr_db"] is None,
                   f"2:4 given as such: {text} {row}")
        y = self.run(artifact, np.eye(64, dtype=np.float32))
        self.check(np.array_equal(y, w), "2:4 given as such: other values")

    def test_refusals(self):
        """Values that are not finite stay float, and that is said."""
        w = np.ones((64, 64), np.float32)
        w[3, 5] = np.inf
        model = os.path.join(self.folder, "inf.onnx")
        save(model, w, False, None)
        report = os.path.join(self.folder, "report.json")
        self.compile(model, "int4", "x86-64-v3", f"--report={report}")
        with open(report, encoding="utf-8") as f:
            row, = json.load(f)
        self.check(not row["changed"] and "finite" in row["kept_because"],
                   f"infinite weights: {row}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tester = Tester(os.path.abspath(given.build), given.keep or folder)
        for name in LEAST:
            if given.only not in ("", name):
                continue
            for i, (k, n) in enumerate(SHAPES):
                try:
                    tester.test(name, k, n, i % 2 == 1, i)
                except (RuntimeError, AssertionError, ValueError) as error:
                    tester.check(False, f"{name} {k}x{n}: {error!r}")
        for test in (tester.test_ties, tester.test_exact, tester.test_refusals):
            try:
                test()
            except (RuntimeError, AssertionError, ValueError) as error:
                tester.check(False, f"{test.__name__}: {error!r}")
        print(f"{tester.passed} passed, {tester.failed} failed, "
              f"{tester.skipped} skipped")
    return 1 if tester.failed else 0


if __name__ == "__main__":
    sys.exit(main())
