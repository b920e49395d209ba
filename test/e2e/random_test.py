#!/usr/bin/env python3
"""Random valid graphs, compared with onnxruntime.

usage: random_test.py --build DIR [--graphs N] [--seed S] [--keep DIR]
                      [--mcpu CPU] [--threads N]

A graph follows from its seed alone; every third has dynamic dimensions. What
onnxruntime has no kernel for is computed by the reference evaluator of onnx.
A finding is a crash, a refusal, or a difference beyond what errors of rounding
become in that graph (see random_graph.py); --keep stores its model and data.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import onnx.parser
from onnx import numpy_helper

import random_flow  # noqa: F401, adds to the operators
import random_ops
from random_graph import Graph, run_onnxruntime

# What such graphs found, reduced: a name and the model, compared likewise.
FOUND = {
    # The loop over all elements was counted as the second of the nest.
    "positions_in_a_vector": """
<ir_version: 9, opset_import: ["": 20]>
g (float[33] x, float[7] y) => (int64[1] a, int64[1] b, float[7] c) {
  a = ArgMax <axis: int = 0> (x)
  b = ArgMin <axis: int = 0, select_last_index: int = 1> (y)
  c = Hardmax <axis: int = 0> (y)
}
""",
    # A difference of bytes, which wraps, was taken for codes and a zero point.
    "bytes_less_bytes": """
<ir_version: 9, opset_import: ["": 20]>
g (uint8[3,1] x) => (int32[3,2] y)
<uint8[1,4] c = {1, 200, 3, 4}, int8[4,2] w = {1, -2, 3, -4, 5, -6, 7, 8}> {
  d = Sub(x, c)
  y = MatMulInteger(d, w)
}
""",
}


def write_case(folder, seed):
    """Writes a model with its data; (rtol, atol), or None if it is empty."""
    graph = random_ops.grow(seed)
    if not graph.nodes:
        return None
    model, inputs, outputs = graph.model(symbolic=seed % 3 == 2)
    write_files(folder, model, {v.name: v.array for v in inputs},
                {v.name: v.array for v in outputs})
    return graph.tolerance(outputs)


def write_files(folder, model, inputs, outputs):
    data = os.path.join(folder, "test_data_set_0")
    os.makedirs(data)
    with open(f"{folder}/model.onnx", "wb") as file:
        file.write(model.SerializeToString())
    for stem, arrays in (("input", inputs), ("output", outputs)):
        for i, (name, array) in enumerate(arrays.items()):
            tensor = numpy_helper.from_array(np.asarray(array), name)
            with open(f"{data}/{stem}_{i}.pb", "wb") as file:
                file.write(tensor.SerializeToString())


def write_found(folder):
    for seed, (name, text) in enumerate(FOUND.items()):
        model = onnx.parser.parse_model(text)
        draws = Graph(seed)
        inputs = {}
        for value in model.graph.input:
            tensor = value.type.tensor_type
            kind = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
            inputs[value.name] = draws.draw(
                str(kind), [d.dim_value for d in tensor.shape.dim])
        outputs, = run_onnxruntime(model, [inputs])
        names = [value.name for value in model.graph.output]
        write_files(f"{folder}/{name}", model, inputs,
                    dict(zip(names, outputs)))


def write_suite(folder, first, count):
    rows = ["name\trtol\tatol"]
    write_found(folder)
    for seed in range(first, first + count):
        name = f"graph_{seed:06}"
        tolerance = write_case(f"{folder}/{name}", seed)
        if tolerance:
            rows.append(f"{name}\t{tolerance[0]}\t{tolerance[1]}")
    with open(f"{folder}/manifest.tsv", "w") as file:
        file.write("\n".join(rows) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.environ.get("TENON_BUILD"))
    parser.add_argument("--graphs", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", default="")
    parser.add_argument("--mcpu", default="")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    try:
        import onnxruntime  # noqa: F401
    except ImportError:
        print("no onnxruntime\n0 passed, 0 failed, 1 skipped")
        return 0
    tenonc = os.path.join(os.path.abspath(arguments.build), "bin", "tenonc")
    with tempfile.TemporaryDirectory() as folder:
        write_suite(folder, arguments.seed, arguments.graphs)
        command = [tenonc, "verify", f"--suite={folder}", "--jobs=2",
                   "--format=json", f"--threads={arguments.threads}"]
        if arguments.mcpu:
            command.append(f"--mcpu={arguments.mcpu}")
        done = subprocess.run(command, capture_output=True, text=True)
        try:
            cases = json.loads(done.stdout)["cases"]
        except ValueError:
            print(f"{' '.join(command)}: {done.stderr.strip()}")
            print("0 passed, 1 failed, 0 skipped")
            return 1
        counts = {"passed": 0, "failed": 0, "skipped": 0}
        for case in cases:
            verdict, why = case["status"], case.get("message", "")
            counts[verdict] += 1
            if verdict == "passed":
                continue
            print(f"{verdict} {case['name']}: {why}", flush=True)
            if arguments.keep and verdict == "failed":
                shutil.copytree(f"{folder}/{case['name']}",
                                f"{arguments.keep}/{case['name']}",
                                dirs_exist_ok=True)
    print("{passed} passed, {failed} failed, {skipped} skipped".format(
        **counts))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
