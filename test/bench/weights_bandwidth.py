#!/usr/bin/env python3
"""Compressed products of one row against the memory they read.

usage: weights_bandwidth.py --build DIR [--formats f32,int8,int4,2:4] [--rounds 5]
                            [--size 4096] [--mcpu native] [--work DIR]

For each format a chain of square products is compiled whose stored weights are
at least four times the last-level cache, so every run reads them from memory.
Rounds visit all formats and a plain reading loop in turn, one thread each. Per
format: gigabytes of stored weights per second, as a share of what the reading
loop gets in the same rounds, and how much faster a product of one size is than
with f32 weights. Medians of rounds; lo..hi are the extremes.
"""
import argparse
import ctypes
import json
import os
import statistics
import subprocess
import tempfile
import time

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper

BITS = {"f32": 32, "f16": 16, "int8": 8, "int4": 4.5, "2:4": 18, "2:4-int8": 6}

READER = r"""
#include <stddef.h>
typedef long long v8 __attribute__((vector_size(64)));
long long read_all(const v8 *p, size_t n) {
  v8 a = {0}, b = {0}, c = {0}, d = {0};
  for (size_t i = 0; i + 4 <= n; i += 4) {
    __builtin_prefetch((const char *)(p + i) + 3072);
    __builtin_prefetch((const char *)(p + i) + 3136);
    __builtin_prefetch((const char *)(p + i) + 3200);
    __builtin_prefetch((const char *)(p + i) + 3264);
    a ^= p[i]; b ^= p[i + 1]; c ^= p[i + 2]; d ^= p[i + 3];
  }
  a ^= b ^ c ^ d;
  return a[0] ^ a[1] ^ a[2] ^ a[3] ^ a[4] ^ a[5] ^ a[6] ^ a[7];
}
"""


def last_level_cache():
    sizes = []
    root = "/sys/devices/system/cpu/cpu0/cache"
    for index in os.listdir(root):
        try:
            with open(f"{root}/{index}/size", encoding="ascii") as f:
                sizes.append(int(f.read().strip().rstrip("K")) << 10)
        except (OSError, ValueError):
            pass
    return max(sizes, default=32 << 20)


def build_reader(folder):
    source = os.path.join(folder, "reader.c")
    with open(source, "w", encoding="ascii") as f:
        f.write(READER)
    library = os.path.join(folder, "reader.so")
    compiler = os.environ.get("CC", "clang-22")
    subprocess.run([compiler, "-O2", "-march=native", "-shared", "-fPIC", "-o",
                    library, source], check=True)
    function = ctypes.CDLL(library).read_all
    function.restype = ctypes.c_longlong
    function.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    return function


def save_chain(path, size, layers):
    random = np.random.default_rng(1)
    tensors, nodes = [], []
    for i in range(layers):
        w = random.standard_normal((size, size), np.float32)
        w *= np.float32(size ** -0.5)
        tensors.append(numpy_helper.from_array(w, f"w{i}"))
        nodes.append(helper.make_node(
            "MatMul", ["x" if i == 0 else f"h{i}", f"w{i}"],
            ["y" if i == layers - 1 else f"h{i + 1}"], name=f"product{i}"))
    info = [helper.make_tensor_value_info(v, T.FLOAT, [1, size]) for v in "xy"]
    graph = helper.make_graph(nodes, "chain", info[:1], info[1:], tensors)
    onnx.save(helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--formats", default="f32,int8,int4,2:4")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--mcpu", default="native")
    parser.add_argument("--work", default="")
    given = parser.parse_args()
    tenonc = os.path.join(given.build, "bin", "tenonc")
    formats = given.formats.split(",")
    cache = last_level_cache()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.work or temporary
        os.makedirs(folder, exist_ok=True)
        read_all = build_reader(folder)
        data = np.ones(4 * cache // 8 + 8, np.int64)
        start = -(-data.ctypes.data // 64) * 64
        programs, stored, layers = {}, {}, {}
        for name in formats:
            one = given.size ** 2 * BITS[name] / 8
            layers[name] = int(-(-4 * cache // one))
            program = os.path.join(folder, f"{name.replace(':', '')}-{given.mcpu}.so")
            model = os.path.join(folder, "chain.onnx")
            save_chain(model, given.size, layers[name])
            report = os.path.join(folder, "report.json")
            begin = time.time()
            done = subprocess.run(
                [tenonc, "compile", model, "--emit=so", "--no-selftest",
                 f"--mcpu={given.mcpu}", f"--weights-format={name}", "-o",
                 program, f"--report={report}"], capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(done.stderr)
            os.remove(model)
            with open(report, encoding="utf-8") as f:
                stored[name] = sum(row["bytes"] for row in json.load(f))
            print(f"{name}: {layers[name]} products of {given.size}, "
                  f"{stored[name] / 2**20:.0f} MiB stored, compiled in "
                  f"{time.time() - begin:.1f} s", flush=True)
            programs[name] = program
        reads, times = [], {name: [] for name in formats}
        for _ in range(given.rounds):
            for name in formats:
                for _ in range(2):
                    begin = time.perf_counter()
                    read_all(start, 4 * cache // 64)
                    reads.append(4 * cache / (time.perf_counter() - begin) / 1e9)
                done = subprocess.run(
                    [tenonc, "run", programs[name], "x=random:1", "--bench=1",
                     "--threads=1", "--json"], capture_output=True, text=True)
                if done.returncode:
                    raise SystemExit(done.stderr)
                times[name].append(json.loads(done.stdout)["median_ms"] / 1e3)
        read = statistics.median(reads)
        print(f"read: {read:.1f} GB/s ({min(reads):.1f}..{max(reads):.1f})")
        for name in formats:
            time_of = statistics.median(times[name])
            rate = stored[name] / time_of / 1e9
            line = (f"{name}: {rate:.1f} GB/s "
                    f"({stored[name] / max(times[name]) / 1e9:.1f}.."
                    f"{stored[name] / min(times[name]) / 1e9:.1f}), "
                    f"{100 * rate / read:.0f} % of read")
            if "f32" in times:
                ratio = (statistics.median(times["f32"]) / layers["f32"]) / (
                    time_of / layers[name])
                line += f", {ratio:.2f}x f32"
            print(line)


if __name__ == "__main__":
    main()
