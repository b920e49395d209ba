#!/usr/bin/env python3
"""Compressed weights against a scalar reference.

usage: quant_test.py --build DIR [--only FORMAT] [--keep DIR]

For every format, and matrices whose sizes fit no block, a model is compiled
with its weights in a file of their own. A decoder written here from the layouts
in dialects/pack/PanelCodecs.h reads that file; then

  the decoded matrix has the error that --report says, and a sane one;
  outputs for 1, 3, 5 and 64 rows are those of the decoded matrix in float64;
  AVX2 and AVX-512 code, and any number of threads, give the same bits.

Few rows by int4 weights are sums of integers: x with outliers, denormals and
what is not finite, held to the bound of each element.

With --act=int8 the same holds for rows rounded to int8, with every kind of dot
product that this machine runs, AArch64's by qemu-user included.

Models that are quantized already keep their codes: MatMulNBits and
DequantizeLinear of constants, against what they stand for in float64.
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

from support import AARCH64, can_run_aarch64

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


# --- Models that are quantized already ----------------------------------------


def save_nbits(path, k, n, bits, block, zeros, scale_type, seed, **more):
    """MatMulNBits with random codes; the matrix it stands for, in float64."""
    random = np.random.default_rng(seed)
    blocks = -(-k // block)
    codes = random.integers(0, 2**bits, (n, blocks * block))
    codes[:, k:] = random.integers(0, 2**bits, (n, blocks * block - k))
    scales = (random.uniform(0.5, 1.5, (n, blocks)) / 64).astype(np.float32)
    if scale_type == "f16 values":
        scales = scales.astype(np.float16).astype(np.float32)
    packed = codes.reshape(n, blocks, -1, 8 // bits)
    packed = sum(packed[..., i] << i * bits for i in range(8 // bits))
    tensors = [numpy_helper.from_array(packed.astype(np.uint8), "w"),
               numpy_helper.from_array(scales, "scales")]
    inputs = ["x", "w", "scales"]
    points = np.full((n, blocks), 2**(bits - 1))
    if zeros:
        points = random.integers(0, 2**bits, (n, blocks))
        inputs.append("zeros")
    if zeros == "packed":
        # Each row is padded to whole bytes.
        padded = np.zeros((n, -(-blocks * bits // 8) * 8 // bits), int)
        padded[:, :blocks] = points
        padded = padded.reshape(n, -1, 8 // bits)
        padded = sum(padded[..., i] << i * bits for i in range(8 // bits))
        tensors.append(numpy_helper.from_array(padded.astype(np.uint8), "zeros"))
    elif zeros == "float":
        tensors.append(numpy_helper.from_array(points.astype(np.float32), "zeros"))
    bias = random.standard_normal(n).astype(np.float32)
    tensors.append(numpy_helper.from_array(bias, "b"))
    inputs += [""] * (5 - len(inputs)) + ["b"]
    node = helper.make_node("MatMulNBits", inputs, ["y"], name="nbits",
                            domain="com.microsoft", K=k, N=n, bits=bits,
                            block_size=block, **more)
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", T.FLOAT, ["M", k])],
        [helper.make_tensor_value_info("y", T.FLOAT, ["M", n])], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[
        helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)],
        ir_version=10), path)
    expanded = np.repeat(scales.astype(float), block, 1), np.repeat(points, block, 1)
    return ((codes - expanded[1]) * expanded[0])[:, :k].T, bias


def save_dequantize(path, k, n, kind, element, transposed, seed):
    """DequantizeLinear of a constant into MatMul or Gemm."""
    random = np.random.default_rng(seed)
    lo, hi = {"int8": (-128, 128), "uint8": (0, 256), "int4": (-8, 8),
              "uint4": (0, 16)}[element]
    codes = random.integers(lo, hi, (k, n))
    block = 32
    shape = {"tensor": (), "axis": (n,), "block": (-(-k // block), n)}[kind]
    scales = np.float32(random.uniform(0.5, 1.5, shape) / 64)
    points = random.integers(lo, hi, shape)
    full = [np.repeat(v, block, 0)[:k] if kind == "block" else v
            for v in (scales.astype(float), points)]
    w = (codes - full[1]) * full[0]
    turn = (lambda v: v.T if v.ndim == 2 else v) if transposed else (lambda v: v)
    number = {"int8": T.INT8, "uint8": T.UINT8, "int4": T.INT4,
              "uint4": T.UINT4}[element]

    def integers(name, v):
        v = np.ascontiguousarray(turn(np.asarray(v)))
        if element.endswith("int8"):
            return helper.make_tensor(name, number, v.shape, v.flatten().tolist())
        flat = np.append(v.flatten() & 15, np.zeros(v.size % 2, int)).reshape(-1, 2)
        return helper.make_tensor(name, number, v.shape,
                                  (flat[:, 0] | flat[:, 1] << 4).astype(np.uint8).tobytes(),
                                  raw=True)

    tensors = [integers("q", codes), integers("z", points),
               numpy_helper.from_array(np.ascontiguousarray(turn(scales)), "s")]
    more = {}
    if kind == "axis":
        more = {"axis": 0 if transposed else 1}
    elif kind == "block":
        more = {"axis": 1 if transposed else 0, "block_size": block}
    nodes = [helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"],
                              name="w", **more)]
    nodes.append(helper.make_node("Gemm", ["x", "w"], ["y"], name="gemm", transB=1)
                 if transposed else
                 helper.make_node("MatMul", ["x", "w"], ["y"], name="product"))
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", T.FLOAT, ["M", k])],
        [helper.make_tensor_value_info("y", T.FLOAT, ["M", n])], tensors)
    onnx.save(helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return w, np.zeros(n)


def quantize_rows(x):
    """What a product with int8 activations reads, as float64."""
    scale = np.maximum(np.abs(x).max(1, keepdims=True) * np.float32(1 / 127),
                       np.float32(2.0**-120))
    return np.rint(x / scale).astype(float) * scale


def dot_machines():
    """(machines whose dot products differ, those that this one cannot run);
    a machine is the options of its compile."""
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        flags = next((line for line in f if line.startswith("flags")), "")
    runs, absent = [], []
    for flag, cpu in (("sse4_2", "x86-64-v2"), ("avx2", "x86-64-v3"), ("avx512bw", "x86-64-v4"),
                      ("avx512_vnni", "cascadelake"), ("avx_vnni", "alderlake")):
        (runs if flag in flags.split() else absent).append([f"--mcpu={cpu}"])
    for cpu in ("generic", "cortex-a76"):  # without and with dot products
        (absent if can_run_aarch64() else runs).append(
            [f"--target={AARCH64}", f"--mcpu={cpu}"])
    return runs, absent


class Tester:
    def __init__(self, build, folder):
        self.tenonc = os.path.join(build, "bin", "tenonc")
        self.folder = folder
        self.passed = self.failed = self.skipped = 0
        self.machines, absent = dot_machines()
        for machine in absent:
            print(f"not run: {' '.join(machine)}")

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
            found = json.load(f)
        if k * n < 1024:
            self.check(not found, f"{label}: small, yet reported: {found}")
            return
        row, = found
        if name == "2:4" and k < 9:
            self.check(not row["changed"] and "blocks" in row["kept_because"],
                       f"{label}: blocks of 16 k take more than f32: {row}")
            return
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

    def test_given(self, label, w, bias, form):
        """A model whose codes the artifact keeps as they are."""
        model = os.path.join(self.folder, "model.onnx")
        report = os.path.join(self.folder, "report.json")
        artifact, _ = self.compile(model, "f32", "x86-64-v4", f"--report={report}")
        other, _ = self.compile(model, "f32", "x86-64-v3")
        with open(report, encoding="utf-8") as f:
            rows = json.load(f)
        self.check(len(rows) == 1 and rows[0]["format"] == form and
                   "snr_db" not in rows[0], f"{label}: not kept as {form}: {rows}")
        for rows in ROWS:
            x = np.random.default_rng(rows).standard_normal((rows, len(w)))
            x = x.astype(np.float32)
            y, expected = self.run(artifact, x), x.astype(float) @ w + bias
            error = np.abs(y - expected).max() / np.abs(expected).max()
            self.check(error < 1e-6, f"{label}: {rows} rows: error {error}")
            self.check(self.run(other, x).tobytes() == y.tobytes(),
                       f"{label}: {rows} rows: AVX2 gives other bits")

    def programs(self, model, options):
        """The model for every machine, as commands."""
        programs = []
        for i, machine in enumerate(self.machines):
            program = os.path.join(self.folder, f"dots{i}")
            self.call("compile", model, "--dim", "M=1..64", "--emit=exe",
                      "--no-selftest", "-o", program, *machine, *options)
            programs.append((["qemu-aarch64"] if "--target" in machine[0]
                             else []) + [program])
        return programs

    def run_program(self, program, x, threads):
        np.save(os.path.join(self.folder, "x.npy"), x)
        subprocess.run([*program, "x=x.npy", f"--threads={threads}",
                        "--out=y=y.npy"], cwd=self.folder, check=True,
                       capture_output=True)
        return np.load(os.path.join(self.folder, "y.npy"))

    def check_activations(self, label, model, w, bias, options=()):
        """int8 rows by the matrix w: the same bits on all machines."""
        programs = self.programs(model, options)
        for rows in (1, 2, 3, 7, 64):
            x = np.random.default_rng(rows).standard_normal((rows, len(w)))
            x = x.astype(np.float32)
            if rows == 7:
                x[3] = 0  # a scale of its own
            expected = quantize_rows(x) @ w + bias
            first = None
            for program, machine in zip(programs, self.machines):
                y = self.run_program(program, x, 2)
                if first is None:
                    first = y
                    error = np.abs(y - expected).max() / np.abs(expected).max()
                    self.check(error < 1e-6,
                               f"{label}: {rows} rows: error {error}")
                self.check(y.tobytes() == first.tobytes(), f"{label}: {rows} "
                           f"rows: {' '.join(machine)} gives other bits")

    def test_activations(self):
        model = os.path.join(self.folder, "model.onnx")
        for i, (k, n) in enumerate(SHAPES[1:]):
            for name in ("int8", "int4"):
                random = np.random.default_rng(i)
                w = random.standard_normal((k, n)).astype(np.float32)
                if k * n < 1024:
                    continue
                save(model, w, i % 2 == 1, None)
                self.compile(model, name, "x86-64-v3", "--weights=file")
                with open(os.path.join(self.folder, "net.weights"), "rb") as f:
                    decoded = decode(name, f.read(), k, n)
                self.check_activations(
                    f"{name} {k}x{n} by int8 rows", model, decoded, 0,
                    ("--act=int8", f"--weights-format={name}"))

    def check_fixed(self, label, model, w, bias, options=()):
        """Few rows by int4 weights w in blocks of 32, whose left sides are
        read in fixed point: hard ones stay within the bound of their blocks,
        and what is not finite comes out as of floats."""
        k = len(w)
        random = np.random.default_rng(k)
        x = random.standard_normal((11, k)).astype(np.float32)
        x[1, ::32] = 1e6                         # an outlier in each block
        x[2] *= np.float32(1e-40)                # denormal
        x[3] = 0
        x[4] *= np.exp2(random.integers(-30, 30, k)).astype(np.float32)
        x[5] = 0
        x[5, k - 1] = -1                         # in the block that k ends in
        # Around the mantissa from which a unit is the next power of two.
        x[6] = np.float32(1 + 8322814 / 2**23) * np.where(x[6] < 0, -1, 1)
        x[7] = np.nextafter(x[6], 2 * x[6])
        x[8] = np.nextafter(np.float32(2), np.float32(0)) * np.sign(x[8])
        x[9] *= np.float32(1e30)
        x[10] = np.float32(2)**-104 * np.sign(x[10])
        programs = self.programs(model, options)
        blocks = -(-k // 32)
        for rows in (x[1:2], x[:3], x):
            exact = rows.astype(float)
            most = np.zeros((len(rows), blocks * 32))
            most[:, :k] = np.abs(exact)
            most = most.reshape(-1, blocks, 32).max(2).repeat(32, 1)[:, :k]
            bound = (2.0**-23 * most + 2.0**-126 +
                     2.0**-22 * np.abs(exact)) @ np.abs(w)
            bound += 2.0**-23 * np.abs(bias) + 2.0**-126
            first = None
            for program, machine in zip(programs, self.machines):
                y = self.run_program(program, rows, 2)
                first = y if first is None else first
                worst = (np.abs(y - bias - exact @ w) / bound).max()
                self.check(worst <= 1, f"{label}: {' '.join(machine)}: "
                           f"{worst} of the bound")
                self.check(y.tobytes() == first.tobytes(),
                           f"{label}: {' '.join(machine)} gives other bits")
        for value in (np.inf, np.nan):
            row = x[:1].copy()
            row[0, k // 2] = value
            with np.errstate(invalid="ignore"):
                expected = (row.astype(float) * w.T).sum(1)
            for program, machine in zip(programs, self.machines):
                one = self.run_program(program, row, 1)[0]
                many = self.run_program(program, row.repeat(12, 0), 1)[0]
                self.check(not np.isfinite(one).any() and
                           np.array_equal(one, many, equal_nan=True) and
                           np.array_equal(one, expected, equal_nan=True),
                           f"{label}: {value} by {' '.join(machine)}")

    def test_fixed(self):
        model = os.path.join(self.folder, "model.onnx")
        k, n = 131, 37
        w = np.random.default_rng(n).standard_normal((k, n))
        save(model, w.astype(np.float32), True, None)
        self.compile(model, "int4", "x86-64-v3", "--weights=file")
        with open(os.path.join(self.folder, "net.weights"), "rb") as f:
            decoded = decode("int4", f.read(), k, n)
        self.check_fixed("int4 by few rows", model, decoded, 0,
                         ("--weights-format=int4",))
        w, bias = save_nbits(model, 70, 130, 4, 32, "packed", "", 3)
        self.check_fixed("int4 with zero points by few rows", model, w, bias)

    def test_accuracy_level(self):
        """Level 4 asks for int8 rows, whatever the options."""
        model = os.path.join(self.folder, "model.onnx")
        for k, n, bits, block, zeros in (
                (70, 37, 4, 32, "packed"), (96, 64, 8, 16, ""),
                (70, 130, 8, 32, "packed")):
            w, bias = save_nbits(model, k, n, bits, block, zeros, "", k + n,
                                 accuracy_level=4)
            self.check_activations(f"accuracy_level 4, {k}x{n} bits={bits}",
                                   model, w, bias)

    def test_nbits(self):
        model = os.path.join(self.folder, "model.onnx")
        # An odd number of blocks pads the rows of 4-bit zero points.
        for k, n, bits, block, zeros, scale in (
                (64, 48, 4, 32, "", "f16 values"), (70, 37, 4, 32, "packed", ""),
                (100, 37, 4, 16, "float", "f16 values"), (70, 130, 8, 32, "packed", ""),
                (40, 17, 4, 64, "packed", ""), (96, 64, 8, 16, "", "")):
            label = f"MatMulNBits {k}x{n} bits={bits} block={block} zeros={zeros}"
            w, bias = save_nbits(model, k, n, bits, block, zeros, scale, k + n)
            self.test_given(label, w, bias, f"int{bits} g{block}")

    def test_dequantize(self):
        model = os.path.join(self.folder, "model.onnx")
        for i, (kind, element) in enumerate((
                ("tensor", "int8"), ("axis", "uint8"), ("block", "int8"),
                ("axis", "int8"), ("block", "uint8"), ("tensor", "int4"),
                ("axis", "uint4"), ("block", "int4"), ("block", "uint4"))):
            for transposed in (False, True):
                label = f"DequantizeLinear {kind} {element} transposed={transposed}"
                w, bias = save_dequantize(model, 70, 37, kind, element,
                                          transposed, i)
                form = "int4" if "4" in element else "int8"
                self.test_given(label, w, bias,
                                form + (" g32" if kind == "block" else ""))

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
        for test in (tester.test_activations, tester.test_fixed,
                     tester.test_accuracy_level, tester.test_nbits,
                     tester.test_dequantize, tester.test_ties,
                     tester.test_exact, tester.test_refusals):
            try:
                test()
            except (RuntimeError, AssertionError, ValueError) as error:
                tester.check(False, f"{test.__name__}: {error!r}")
        print(f"{tester.passed} passed, {tester.failed} failed, "
              f"{tester.skipped} skipped")
    return 1 if tester.failed else 0


if __name__ == "__main__":
    sys.exit(main())
