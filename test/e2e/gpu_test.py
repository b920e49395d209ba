#!/usr/bin/env python3
"""Models on a GPU: what Vulkan computes, against onnxruntime.

usage: gpu_test.py --build DIR

  run      element-wise steps, reductions, products and whole small models
           compiled for spirv-vulkan and run on the best GPU there is; a driver
           on the CPU (lavapipe, Debian's mesa-vulkan-drivers) will do
  valid    their SPIR-V by spirv-val (Debian's spirv-tools)
  refuse   what no GPU kernel computes is refused at its node
  ptx      the same models for CUDA, assembled by ptxas (the machine's, or that
           of the Python package nvidia-cuda-nvcc)
  sparse   the lanes' loads and mma.sp's sums on the stored bytes of 2:4
           weights, in NumPy, against the dense product

Runs are skipped where there is no driver, ptx where there is no ptxas.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import run as models
import support

F, I = TensorProto.FLOAT, TensorProto.INT64
n = helper.make_node
LIMIT = 1e-4


def info(name, shape, kind=F):
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes, inputs, outputs, weights=None):
    held = [numpy_helper.from_array(np.asarray(v), k)
            for k, v in (weights or {}).items()]
    graph = helper.make_graph(nodes, "gpu", inputs, outputs, held)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def elementwise():
    """Broadcasting, math functions, bools as bytes, 64-bit integers."""
    return model(
        [n("Add", ["x", "b"], ["s"]), n("Tanh", ["s"], ["t"]),
         n("Exp", ["t"], ["e"]), n("Greater", ["x", "b"], ["more"]),
         n("Where", ["more", "e", "s"], ["y"]),
         n("Mul", ["k", "two"], ["k2"]), n("Mod", ["k2", "three"], ["r"])],
        [info("x", [3, 65]), info("b", [65]), info("k", [7], I)],
        [info("y", [3, 65]), info("more", [3, 65], TensorProto.BOOL),
         info("r", [7], I)],
        {"two": np.array([2]), "three": np.array([3])}), {
            "x": normal(1, 3, 65), "b": normal(2, 65),
            "k": np.array([1, 2, 5, 2**40, 9, 0, 7])}


def reductions():
    """Along rows (64 invocations a row), along columns, and of everything."""
    return model(
        [n("ReduceSum", ["x", "last"], ["rows"]),
         n("ReduceMax", ["x", "first"], ["columns"]),
         n("ReduceMean", ["x"], ["all"]), n("ArgMax", ["x"], ["where"], axis=1),
         n("Softmax", ["x"], ["p"], axis=2)],
        [info("x", [3, 37, 201])],
        [info("rows", [3, 37, 1]), info("columns", [1, 37, 201]),
         info("all", [1, 1, 1]), info("where", [3, 1, 201], I),
         info("p", [3, 37, 201])],
        {"last": np.array([2]), "first": np.array([0])}), {
            "x": normal(3, 3, 37, 201)}


def products():
    """A constant side in panels, two computed sides, edges of all kinds."""
    return model(
        [n("Gemm", ["x", "w", "bias"], ["g"]), n("Relu", ["g"], ["y"]),
         n("MatMul", ["y", "z"], ["m"]), n("MatMul", ["s", "t"], ["st"])],
        [info("x", [70, 33]), info("z", [45, 19]), info("s", [2, 5, 64]),
         info("t", [2, 64, 100])],
        [info("y", [70, 45]), info("m", [70, 19]), info("st", [2, 5, 100])],
        {"w": normal(4, 33, 45), "bias": normal(5, 45)}), {
            "x": normal(6, 70, 33), "z": normal(7, 45, 19),
            "s": normal(8, 2, 5, 64), "t": normal(9, 2, 64, 100)}


def mlp():
    """A dynamic number of rows, three layers with GELU, softmax."""
    nodes, last, weights = [], "x", {}
    for i, (k, m) in enumerate(((20, 128), (128, 128), (128, 10))):
        weights[f"w{i}"], weights[f"b{i}"] = normal(i, k, m) / 8, normal(9, m)
        nodes += [n("MatMul", [last, f"w{i}"], [f"p{i}"]),
                  n("Add", [f"p{i}", f"b{i}"], [f"a{i}"])]
        last = f"a{i}"
        if i < 2:
            nodes.append(n("Gelu", [last], [f"h{i}"]))
            last = f"h{i}"
    nodes += [n("LayerNormalization", [last, "g", "c"], ["l"]),
              n("Softmax", ["l"], ["y"])]
    weights["g"], weights["c"] = normal(7, 10), normal(8, 10)
    return model(nodes, [info("x", ["rows", 20])], [info("y", ["rows", 10])],
                 weights), {"x": normal(1, 37, 20)}, "rows=1..64"


def convolution():
    """Convolution, pooling and a classifier."""
    return model(
        [n("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1], strides=[2, 2]),
         n("Relu", ["c"], ["r"]),
         n("MaxPool", ["r"], ["m"], kernel_shape=[3, 3], strides=[2, 2]),
         n("Conv", ["m", "d"], ["e"], group=24, pads=[1, 1, 1, 1]),
         n("GlobalAveragePool", ["e"], ["g"]), n("Flatten", ["g"], ["f"]),
         n("Gemm", ["f", "v"], ["y"])],
        [info("x", [1, 3, 32, 32])], [info("y", [1, 10])],
        {"w": normal(1, 24, 3, 3, 3) / 5, "b": normal(2, 24),
         "d": normal(3, 24, 1, 3, 3) / 3, "v": normal(4, 24, 10)}), {
             "x": normal(5, 1, 3, 32, 32)}


def gather():
    """Indices that a kernel checks: the last run must fail in its step."""
    return model([n("Gather", ["table", "at"], ["y"])],
                 [info("at", [4], I)], [info("y", [4, 8])],
                 {"table": normal(1, 10, 8)}), {"at": np.array([1, 9, -2, 0])}


def recurrence():
    body = helper.make_graph(
        [n("Add", ["h", "v"], ["s"]), n("Tanh", ["s"], ["next"]),
         n("Identity", ["next"], ["o"])], "body",
        [info("h", [8]), info("v", [8])], [info("next", [8]), info("o", [8])])
    return model([n("Scan", ["h0", "x"], ["h1", "y"], name="loop",
                    num_scan_inputs=1, body=body)],
                 [info("h0", [8]), info("x", [5, 8])],
                 [info("h1", [8]), info("y", [5, 8])])


def half():
    h = TensorProto.FLOAT16
    return model([n("Exp", ["x"], ["y"], name="halves")],
                 [info("x", [8], h)], [info("y", [8], h)])


def spirv_modules(path):
    """The modules in a library: from the magic number to OpFunctionEnd."""
    with open(path, "rb") as file:
        words = np.frombuffer(file.read()[:os.path.getsize(path) // 4 * 4],
                              np.uint32)
    for begin in np.flatnonzero(words == 0x07230203):
        end = begin + 5
        while words[end] & 0xFFFF != 56:
            end += words[end] >> 16
        yield words[begin:end + 1].tobytes()


def check_valid(tenonc, folder, made, dim=None):
    if not shutil.which("spirv-val"):
        raise support.Skip("no spirv-val (Debian's spirv-tools)")
    gpu = Gpu(tenonc, made, folder, dim)
    count = 0
    for code in spirv_modules(f"{gpu.out}/net.so"):
        with open(f"{folder}/own.spv", "wb") as file:
            file.write(code)
        done = subprocess.run(
            ["spirv-val", "--target-env", "vulkan1.1", f"{folder}/own.spv"],
            text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        count += 1
    assert count, "the library holds no SPIR-V"
    return f"{count} modules"


class Gpu:
    """A model compiled to a library for Vulkan."""

    def __init__(self, tenonc, made, folder, dim=None):
        self.path, self.out = f"{folder}/net.onnx", f"{folder}/net"
        self.folder, self.tenonc = folder, tenonc
        if isinstance(made, str):
            self.path = made
        else:
            onnx.save(made, self.path)
        command = [tenonc, "compile", self.path, "--target=spirv-vulkan",
                   "-o", self.out, "--prefix=net"]
        done = subprocess.run(command + ([f"--dim={dim}"] if dim else []),
                              text=True, capture_output=True, check=False)
        if done.returncode == 1:
            raise support.Refused(done.stderr)
        assert done.returncode == 0, done.stderr

    def run(self, inputs):
        words = []
        for i, (name, array) in enumerate(inputs.items()):
            np.save(f"{self.folder}/in{i}.npy", array)
            words.append(f"{name}={self.folder}/in{i}.npy")
        done = subprocess.run(
            [self.tenonc, "run", f"{self.out}/net.so", *words,
             f"--dump={self.folder}/out.npz"], text=True, capture_output=True,
            check=False)
        if "no GPU was found" in done.stderr:
            raise support.Skip("no Vulkan driver")
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        with np.load(f"{self.folder}/out.npz") as archive:
            return {name: archive[name] for name in archive.files}


def find_ptxas():
    if shutil.which("ptxas"):
        return shutil.which("ptxas")
    import glob
    import site
    for folder in site.getsitepackages():
        found = glob.glob(f"{folder}/nvidia/**/bin/ptxas", recursive=True)
        if found:
            return found[0]
    raise support.Skip("no ptxas (pip install nvidia-cuda-nvcc)")


def compile_ptx(tenonc, folder, made, *options):
    """The PTX of a model, and the bytes of its weights."""
    path = made
    if not isinstance(made, str):
        path = f"{folder}/net.onnx"
        onnx.save(made, path)
    support.call([tenonc, "compile", path, "--target=nvptx64-nvidia-cuda",
                  "--prefix=net", "-o", folder, *options])
    weights = b""
    if os.path.exists(f"{folder}/net.weights"):
        with open(f"{folder}/net.weights", "rb") as file:
            weights = file.read()
    with open(f"{folder}/net.ptx", encoding="utf-8") as file:
        return file.read(), weights


def assemble(folder, ptx):
    assert ".extern" not in ptx, "a kernel calls a library"
    with open(f"{folder}/own.ptx", "w", encoding="utf-8") as file:
        file.write(ptx)
    done = subprocess.run(
        [find_ptxas(), "-arch=sm_80", "--warning-as-error", "-v",
         f"{folder}/own.ptx", "-o", f"{folder}/own.cubin"], text=True,
        capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    spills = list(map(int, re.findall(r"(\d+) bytes spill stores", done.stderr)))
    assert max(spills) <= 64, f"spills: {spills}"
    return f"{len(spills)} kernels, {sum(spills)} bytes spilled"


def check_ptx(tenonc, folder, made, dim=None):
    ptx, _ = compile_ptx(tenonc, folder, made,
                         *([f"--dim={dim}"] if dim else []))
    for line in ptx.splitlines():
        assert not re.search(r"fma\.rn\.ftz|\.approx|\.ftz", line), line
    return assemble(folder, ptx)


def sparse_model(k, columns):
    """Weights that are 2:4 along k already, so nothing is lost."""
    rng = np.random.default_rng(k)
    w = normal(k, k, columns)
    for first in range(0, k, 4):
        for c in range(columns):
            gone = rng.permutation(4)[:2]
            w[[first + g for g in gone if first + g < k], c] = 0
    return w, model([n("MatMul", ["x", "w"], ["m"]), n("Relu", ["m"], ["y"])],
                    [info("x", [9, k])], [info("y", [9, columns])], {"w": w})


def cut(v):
    return (v.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)


def mma_sp(a, metadata, b, c):
    """mma.sp::ordered_metadata.m16n8k16 of bfloat16, selector 0, as the PTX
    ISA lays operands out: per lane two registers of two elements for a and b,
    four sums. Lane 4g has the indices of rows g and g + 8 of a."""
    full, right = np.zeros((16, 16)), np.zeros((16, 8))
    out = np.zeros((16, 8))
    for lane in range(32):
        g, t = divmod(lane, 4)
        for half in (0, 1):
            row, bits = g + 8 * half, int(metadata[4 * g]) >> 16 * half
            for i in (0, 1):
                s = 2 * t + i  # of the row's eight kept values
                place = bits >> 2 * s & 3
                if s % 2:
                    assert place > bits >> 2 * (s - 1) & 3, "not ordered"
                full[row, s // 2 * 4 + place] = a[lane][half][i]
                right[2 * t + i + 8 * half, g] = b[lane][half][i]
                out[row, 2 * t + i] = c[lane][2 * half + i]
    out += full @ right
    return [[out[lane // 4 + 8 * h, lane % 4 * 2 + i] for h in (0, 1)
             for i in (0, 1)] for lane in range(32)]


def pack_indices(word):
    return sum((word >> 4 * s & 3) << 2 * s for s in range(8))


def check_sparse(tenonc, folder, k=72, columns=40):
    """What a warp of the kernel loads and sums, lane by lane."""
    w, made = sparse_model(k, columns)
    ptx, stored = compile_ptx(tenonc, folder, made, "--weights-format=2:4")
    count = len(re.findall(r"mma\.sp::ordered_metadata\.sync\.aligned"
                           r"\.m16n8k16\.row\.col\.f32\.bf16\.bf16\.f32", ptx))
    assert count == 3, f"{count} instructions mma.sp"
    assert "mma.sync" not in ptx
    words = np.frombuffer(stored[:len(stored) // 4 * 4], np.uint32)
    blocks = (k + 15) // 16
    x = normal(1, 8, k)
    padded = np.zeros((8, blocks * 16), np.float32)
    padded[:, :k] = x
    found = np.zeros((8, columns))
    for p in range((columns + 15) // 16):
        sums = [[0.0] * 4 for _ in range(32)]
        for b in range(blocks):
            block = (p * blocks + b) * 144
            lanes = [divmod(lane, 4) for lane in range(32)]
            meta = [pack_indices(int(words[block + g])) |
                    pack_indices(int(words[block + g + 8])) << 16
                    for g, _ in lanes]
            a = [[[words[block + 16 + 16 * (2 * t + i) + g + half]
                   .view(np.float32) for i in (0, 1)] for half in (0, 8)]
                 for g, t in lanes]
            r = [[[padded[g, 16 * b + 2 * t + i + half] for i in (0, 1)]
                  for half in (0, 8)] for g, t in lanes]
            a, r = np.array(a), np.array(r)
            parts = [(cut(a), cut(r)), (cut(a - cut(a)), cut(r)),
                     (cut(a), cut(r - cut(r)))]
            for left, right in reversed(parts):
                sums = mma_sp(left, meta, right, sums)
        for lane in range(32):
            g, t = divmod(lane, 4)
            for half in (0, 1):
                for i in (0, 1):
                    c = p * 16 + g + 8 * half
                    if c < columns:
                        found[2 * t + i, c] = sums[lane][2 * half + i]
    wanted = x.astype(np.float64) @ w
    error = np.abs(found - wanted).max() / np.abs(wanted).max()
    assert error <= LIMIT, f"relative error {error:.1e}"
    return f"{error:.1e}, {assemble(folder, ptx)}"


def check_run(tenonc, folder, made, inputs, dim=None):
    gpu = Gpu(tenonc, made, folder, dim)
    wanted = support.reference(gpu.path)(inputs)
    found = gpu.run(inputs)
    error = support.largest_error({k: found[k] for k in wanted}, wanted)
    assert error <= LIMIT, f"relative error {error:.1e}"
    return f"{error:.1e}"


def check_index(tenonc, folder):
    made, inputs = gather()
    gpu = Gpu(tenonc, made, folder)
    wanted = support.reference(gpu.path)(inputs)
    assert support.largest_error(gpu.run(inputs), wanted) == 0
    try:
        gpu.run({"at": np.array([1, 10, 0, 0])})
    except RuntimeError as error:
        assert re.search("step 'Gather_0'.*index", str(error)), error
        return "reported at its step"
    raise AssertionError("an index outside was not reported")


def check_refused(tenonc, folder, made, node, found):
    try:
        Gpu(tenonc, made, folder)
    except support.Refused as error:
        text = str(error)
        assert node in text and found in text and "for a CPU" in text, text
        return "refused"
    raise AssertionError("was compiled")


def check_magika(tenonc, folder):
    path, (_, dim) = models.magika()
    return check_run(tenonc, folder, path, models.file_bytes(1), dim)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    tenonc = os.path.join(parser.parse_args().build, "bin", "tenonc")
    cases = {f"run {case.__name__}":
             lambda folder, c=case: check_run(tenonc, folder, *c())
             for case in (elementwise, reductions, products, mlp, convolution)}
    for case in (elementwise, reductions, products, mlp, convolution):
        cases[f"valid {case.__name__}"] = lambda folder, c=case: check_valid(
            tenonc, folder, *(c()[::2]))
    for case in (elementwise, reductions, products, mlp, convolution):
        cases[f"ptx {case.__name__}"] = lambda folder, c=case: check_ptx(
            tenonc, folder, *(c()[::2]))
    cases["ptx magika"] = lambda folder: check_ptx(
        tenonc, folder, models.magika()[0], models.magika()[1][1])
    cases["sparse"] = lambda folder: check_sparse(tenonc, folder)
    cases["run magika"] = lambda folder: check_magika(tenonc, folder)
    cases["run an index outside"] = lambda folder: check_index(tenonc, folder)
    cases["refuse recurrence"] = lambda folder: check_refused(
        tenonc, folder, recurrence(), "loop", "a recurrence")
    cases["refuse float16"] = lambda folder: check_refused(
        tenonc, folder, half(), "halves", "f16")
    return support.run_cases(cases)


if __name__ == "__main__":
    sys.exit(main())
