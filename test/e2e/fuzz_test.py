#!/usr/bin/env python3
"""Broken models: tenonc refuses or compiles them, and does nothing else.

usage: fuzz_test.py --build DIR --suite DIR [--count N] [--seed S] [--keep DIR]

  findings   of libFuzzer, test/fuzz/findings/import and load
  prefixes   a model cut off at evenly spaced lengths
  bits       single bits flipped
  graphs     valid files that mean something else: attributes, shapes, types,
             names and constants of conformance cases changed

Everything follows from the seed. A finding is an exit code other than 0 and 1,
a refusal without a reason, or more than 20 s; --keep stores its model.
"""
import argparse
import glob
import os
import random
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import AttributeProto, helper, numpy_helper

from support import ROOT

NUMBERS = (0, 1, -1, 2, -2, 3, 7, 100, -100, 4096, 2**31, -2**31, 2**40, 2**62,
           -2**63, 2**63 - 1)
SIZES = (0, 1, 2, 3, 5, -1, 2**31, 2**40, 2**62)
TYPES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 21, 22, 99)


def change_attribute(rng, graph, node):
    if not node.attribute:
        return
    attribute = rng.choice(list(node.attribute))
    if attribute.type == AttributeProto.INT:
        attribute.i = rng.choice(NUMBERS)
    elif attribute.type == AttributeProto.INTS:
        values = list(attribute.ints)
        kind = rng.randrange(3)
        if kind == 0 and values:
            values[rng.randrange(len(values))] = rng.choice(NUMBERS)
        elif kind == 1:
            values.append(rng.choice(NUMBERS))
        elif values:
            values.pop()
        del attribute.ints[:]
        attribute.ints.extend(values)
    elif attribute.type == AttributeProto.FLOAT:
        attribute.f = rng.choice((0, -1, float("nan"), float("inf"), 1e30))
    elif attribute.type == AttributeProto.STRING:
        attribute.s = rng.choice((b"", b"X", b"linear", b"SAME_UPPER",
                                  b"reflect", b"\xff\xfe"))


def drop_attribute(rng, graph, node):
    if node.attribute:
        del node.attribute[rng.randrange(len(node.attribute))]


def change_operand(rng, graph, node):
    names = [""] + [v.name for v in graph.input] + \
        [v.name for v in graph.initializer] + \
        [o for n in graph.node for o in n.output]
    if node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice(names)


def drop_operand(rng, graph, node):
    if node.input:
        node.input.pop()


def change_result(rng, graph, node):
    if rng.randrange(2):
        node.output[rng.randrange(len(node.output))] = ""
    else:
        node.output.append(f"extra{rng.randrange(99)}")


def tensor_types(rng, values):
    found = [v.type.tensor_type for v in values
             if v.type.HasField("tensor_type")]
    return rng.choice(found) if found else None


def change_type(rng, graph, node):
    tensor = tensor_types(rng, graph.input)
    if tensor is not None:
        tensor.elem_type = rng.choice(TYPES)


def change_shape(rng, graph, node):
    tensor = tensor_types(rng, rng.choice((graph.input, graph.output)))
    if tensor is None:
        return
    dims = tensor.shape.dim
    kind = rng.randrange(3)
    if kind == 0 and dims:
        dims[rng.randrange(len(dims))].dim_value = rng.choice(SIZES)
    elif kind == 1:
        dims.add().dim_value = rng.choice((0, 1, 2))
    elif dims:
        dims.pop()


def change_constant(rng, graph, node):
    if not graph.initializer:
        return
    tensor = rng.choice(list(graph.initializer))
    array = np.array(numpy_helper.to_array(tensor))
    if array.dtype.kind in "iu" and array.size:
        limits = np.iinfo(array.dtype)
        value = max(limits.min, min(limits.max, rng.choice(NUMBERS)))
        array.reshape(-1)[rng.randrange(array.size)] = value
    else:
        array = array.reshape(-1)[:rng.randrange(array.size + 1)]
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def bind_input(rng, graph, node):
    if not graph.input:
        return
    at = rng.randrange(len(graph.input))
    tensor = graph.input[at].type.tensor_type
    shape = [d.dim_value for d in tensor.shape.dim]
    if min(shape, default=0) < 0 or np.prod(shape, dtype=float) > 4096:
        return
    kind = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    array = np.array([rng.randrange(5) for _ in range(int(np.prod(shape)))])
    graph.initializer.append(numpy_helper.from_array(
        array.astype(kind).reshape(shape), graph.input[at].name))
    del graph.input[at]


CHANGES = (change_attribute, change_attribute, drop_attribute, change_operand,
           drop_operand, change_result, change_type, change_shape,
           change_constant, bind_input)


def changed_graphs(rng, suite, count):
    models = sorted(glob.glob(f"{suite}/node/*/model.onnx") +
                    glob.glob(f"{suite}/simple/*/model.onnx"))
    made = 0
    while models and made < count:
        path = rng.choice(models)
        model = onnx.load(path)
        try:
            for _ in range(rng.randrange(1, 3)):
                rng.choice(CHANGES)(rng, model.graph,
                                    rng.choice(list(model.graph.node)))
            data = model.SerializeToString()
        except (KeyError, TypeError, ValueError, OverflowError, IndexError,
                NotImplementedError):
            continue  # strings and the like
        made += 1
        yield os.path.basename(os.path.dirname(path)), data


def damaged_files(rng, suite, count):
    """Of a model with weights, a loop and attributes of every kind."""
    for case in ("node/test_loop11", "node/test_lstm_with_peepholes",
                 "node/test_resize_upsample_scales_cubic",
                 "pytorch-converted/test_Conv2d_groups"):
        path = f"{suite}/{case}/model.onnx"
        if not os.path.exists(path):
            continue
        with open(path, "rb") as f:
            data = f.read()
        name = os.path.basename(case)
        step = max(1, len(data) * 8 // count)
        for length in range(0, len(data), step):
            yield f"{name} cut at {length}", data[:length]
        for _ in range(count // 8):
            bit = rng.randrange(len(data) * 8)
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            yield f"{name} bit {bit}", bytes(flipped)


def findings(*_):
    """What libFuzzer found before."""
    folder = os.path.join(ROOT, "test", "fuzz", "findings")
    for path in sorted(glob.glob(f"{folder}/import/*") +
                       glob.glob(f"{folder}/load/*")):
        with open(path, "rb") as file:
            yield os.path.basename(path), file.read()


def judge(tenonc, path):
    """Why this is a finding, or None."""
    try:
        done = subprocess.run([tenonc, "check", path], capture_output=True,
                              timeout=20)
    except subprocess.TimeoutExpired:
        return "takes more than 20 s"
    said = done.stderr.decode(errors="replace")
    if done.returncode not in (0, 1) or "runtime error" in said:
        lines = [l for l in said.splitlines() if "rror" in l or "ssert" in l]
        return f"exit code {done.returncode}: {(lines or [said])[0][:300]}"
    if done.returncode == 1 and "error: " not in said:
        return "refused without a reason"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.environ.get("TENON_BUILD"))
    parser.add_argument("--suite", required=True)
    parser.add_argument("--count", type=int, default=160)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", default="")
    arguments = parser.parse_args()
    tenonc = os.path.join(os.path.abspath(arguments.build), "bin", "tenonc")
    rng = random.Random(arguments.seed)
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.onnx")
        for make in (findings, damaged_files, changed_graphs):
            for name, data in make(rng, arguments.suite, arguments.count):
                with open(path, "wb") as f:
                    f.write(data)
                why = judge(tenonc, path)
                if why is None:
                    passed += 1
                    continue
                failed += 1
                print(f"FAILED {name}: {why}", flush=True)
                if arguments.keep:
                    os.makedirs(arguments.keep, exist_ok=True)
                    shutil.copy(path, f"{arguments.keep}/{failed}.onnx")
    if passed + failed == 0:
        print(f"no models in '{arguments.suite}'; ./setup writes them")
        failed = 1
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
