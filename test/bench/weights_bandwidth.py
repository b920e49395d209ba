#!/usr/bin/env python3
"""Compressed products of one row against the memory they read.

usage: weights_bandwidth.py --build DIR [--formats f32,int8,int4/act8,2:4]
                            [--rounds 5] [--size 4096] [--mcpu native]

For each format a chain of square products is compiled whose stored weights are
at least four times the last-level cache, so every run reads them from memory.
Rounds visit all formats and a plain reading loop in turn, one thread each. Per
format: gigabytes of stored weights per second, as a share of what the reading
loop gets in the same rounds, and how much faster a product of one size is than
with f32 weights. `/act8` is `--act=int8`. Of all rounds the best counts, as others may use the machine.
"""
import argparse
import json
import os
import re
import subprocess
import tempfile
import time

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper

import probes

BITS = {"f32": 32, "f16": 16, "int8": 8, "int8/act8": 8, "int4": 4.5,
        "int4/act8": 4.5, "2:4": 18, "2:4-int8": 6}

# The least part of the read bandwidth, and the least gain over f32.
FLOORS = {"int4": ("part", 0.8), "int4/act8": ("part", 0.8),
          "2:4": ("speedup", 1.5)}


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


def compile_chain(tenonc, folder, name, size, mcpu):
    """(program, number of products, stored bytes)"""
    one = size ** 2 * BITS[name] / 8
    layers = int(-(-4 * probes.last_level_cache() // one))
    program = os.path.join(folder, re.sub(r"\W", "", name) + ".so")
    weights, _, activations = name.partition("/")
    model = os.path.join(folder, "chain.onnx")
    save_chain(model, size, layers)
    report = os.path.join(folder, "report.json")
    begin = time.time()
    done = subprocess.run(
        [tenonc, "compile", model, "--emit=so", "--no-selftest",
         f"--mcpu={mcpu}", f"--weights-format={weights}", "-o", program,
         f"--report={report}", *(["--act=int8"] if activations else [])],
        capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    os.remove(model)
    with open(report, encoding="utf-8") as file:
        stored = sum(row["bytes"] for row in json.load(file))
    print(f"{name}: {layers} products of {size}, {stored / 2**20:.0f} MiB "
          f"stored, compiled in {time.time() - begin:.1f} s", flush=True)
    return program, layers, stored


def measure(build, formats=tuple(BITS), rounds=5, size=4096, mcpu="native"):
    """{"read": GB/s, "rows": [...]}, the best of all rounds."""
    tenonc = os.path.join(build, "bin", "tenonc")
    reader = probes.ReadRate()
    with tempfile.TemporaryDirectory() as folder:
        chains = {name: compile_chain(tenonc, folder, name, size, mcpu)
                  for name in formats}
        reads, times = [], {name: [] for name in formats}
        for _ in range(rounds):
            for name in formats:
                for _ in range(2):
                    begin = time.perf_counter()
                    reader.run()
                    reads.append(
                        reader.bytes / (time.perf_counter() - begin) / 1e9)
                done = subprocess.run(
                    [tenonc, "run", chains[name][0], "x=random:1",
                     "--bench=0.5", "--threads=1", "--json"],
                    capture_output=True, text=True)
                if done.returncode:
                    raise RuntimeError(done.stderr)
                times[name].append(json.loads(done.stdout)["min_ms"] / 1e3)
    read = max(reads)
    per_product = {name: min(times[name]) / chains[name][1]
                   for name in formats}
    rows = []
    for name in formats:
        stored = chains[name][2] / chains[name][1]
        row = {"format": name, "rate": stored / per_product[name] / 1e9,
               "part": stored / per_product[name] / 1e9 / read,
               "speedup": per_product.get("f32", float("nan")) /
               per_product[name], "floor": None}
        if name in FLOORS and (FLOORS[name][0] == "part" or "f32" in formats):
            kind, least = FLOORS[name]
            text = (f"{least:.0%} of read" if kind == "part" else
                    f"{least}x f32")
            row["floor"] = text, row[kind] >= least
        rows.append(row)
    return {"read": read, "rows": rows}


def show(result):
    print(f"read: {result['read']:.1f} GB/s")
    for row in result["rows"]:
        line = (f"{row['format']}: {row['rate']:.1f} GB/s, {row['part']:.0%} "
                f"of read, {row['speedup']:.2f}x f32")
        if row["floor"]:
            text, holds = row["floor"]
            line += f"; {'holds' if holds else 'MISSED'}: {text}"
        print(line, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--formats", default=",".join(BITS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--mcpu", default="native")
    given = parser.parse_args()
    show(measure(given.build, given.formats.split(","), given.rounds,
                 given.size, given.mcpu))


if __name__ == "__main__":
    main()
