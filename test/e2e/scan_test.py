#!/usr/bin/env python3
"""Fused and stepwise scans against a scalar reference in float64.

usage: scan_test.py --build DIR

  fused    a selective scan (Mamba), sizes that fill no vector, N 1 to 64
  stepwise a recurrence with a matrix product: states copied or in place
  swap     states that trade places, from inputs that must stay as they are
"""
import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

F = TensorProto.FLOAT


def info(name, shape):
    return helper.make_tensor_value_info(name, F, shape)


def model(nodes, inputs, outputs, weights=()):
    graph = helper.make_graph(nodes, "scan", inputs, outputs, list(weights))
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def normal(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def selective(inner, state, steps):
    """h' = exp(dt A) h + dt u B; y = sum(h' C)"""
    rng = np.random.default_rng(inner + state)
    a = -np.exp(normal(rng, inner, state))
    n = helper.make_node
    one = numpy_helper.from_array(np.array([1]), "one")
    last = numpy_helper.from_array(np.array([-1]), "last")
    body = helper.make_graph([
        n("Unsqueeze", ["dt_t", "last"], ["d"]),
        n("Mul", ["d", "a"], ["da"]), n("Exp", ["da"], ["decay"]),
        n("Mul", ["dt_t", "u_t"], ["du"]), n("Unsqueeze", ["du", "last"], ["du1"]),
        n("Unsqueeze", ["b_t", "one"], ["b1"]), n("Mul", ["du1", "b1"], ["write"]),
        n("Mul", ["decay", "h_in"], ["kept"]), n("Add", ["kept", "write"], ["h_out"]),
        n("Unsqueeze", ["c_t", "one"], ["c1"]), n("Mul", ["h_out", "c1"], ["shown"]),
        n("ReduceSum", ["shown", "last"], ["y_t"], keepdims=0)], "body",
        [info("h_in", [1, inner, state]), info("u_t", [1, inner]),
         info("dt_t", [1, inner]), info("b_t", [1, state]), info("c_t", [1, state])],
        [info("h_out", [1, inner, state]), info("y_t", [1, inner])])
    made = model(
        [n("Scan", ["h0", "u", "dt", "b", "c"], ["h", "y"], num_scan_inputs=4,
           body=body)],
        [info("h0", [1, inner, state])] +
        [info(k, ["seq", 1, s]) for k, s in
         (("u", inner), ("dt", inner), ("b", state), ("c", state))],
        [info("h", [1, inner, state]), info("y", ["seq", 1, inner])],
        [numpy_helper.from_array(a, "a"), one, last])
    x = {"h0": normal(rng, 1, inner, state), "u": normal(rng, steps, 1, inner),
         "dt": np.abs(normal(rng, steps, 1, inner)),
         "b": normal(rng, steps, 1, state), "c": normal(rng, steps, 1, state)}
    h, ys = x["h0"].astype(np.float64), []
    for t in range(steps):
        d = x["dt"][t].astype(np.float64)[:, :, None]
        h = np.exp(d * a) * h + d * x["u"][t][:, :, None] * x["b"][t][:, None, :]
        ys.append((h * x["c"][t][:, None, :]).sum(-1))
    return made, x, {"h": h, "y": np.array(ys)}


def stepwise(size, steps):
    """h' = tanh(h W + x)"""
    rng = np.random.default_rng(size)
    w = normal(rng, size, size) / 8
    n = helper.make_node
    body = helper.make_graph(
        [n("MatMul", ["h_in", "w"], ["m"]), n("Add", ["m", "x_t"], ["s"]),
         n("Tanh", ["s"], ["h_out"]), n("Identity", ["h_out"], ["y_t"])], "body",
        [info("h_in", [2, size]), info("x_t", [2, size])],
        [info("h_out", [2, size]), info("y_t", [2, size])])
    made = model(
        [n("Scan", ["h0", "x"], ["h", "y"], num_scan_inputs=1, body=body,
           scan_input_directions=[1], scan_output_directions=[1])],
        [info("h0", [2, size]), info("x", ["seq", 2, size])],
        [info("h", [2, size]), info("y", ["seq", 2, size])],
        [numpy_helper.from_array(w, "w")])
    x = {"h0": normal(rng, 2, size), "x": normal(rng, steps, 2, size)}
    h, ys = x["h0"].astype(np.float64), np.zeros((steps, 2, size))
    for t in reversed(range(steps)):
        h = ys[t] = np.tanh(h @ w + x["x"][t])
    return made, x, {"h": h, "y": ys}


def swap(size, steps):
    """(a, b)' = (b, reversed a + x): each is read after the other is written"""
    rng = np.random.default_rng(size)
    n = helper.make_node
    order = np.arange(size)[::-1].copy()
    body = helper.make_graph(
        [n("Gather", ["a_in", "order"], ["g"], axis=0),
         n("Add", ["g", "x_t"], ["b_out"]), n("Identity", ["b_in"], ["a_out"])],
        "body", [info(k, [size]) for k in ("a_in", "b_in", "x_t")],
        [info(k, [size]) for k in ("a_out", "b_out")])
    made = model(
        [n("Scan", ["a0", "b0", "x"], ["a", "b"], num_scan_inputs=1, body=body)],
        [info("a0", [size]), info("b0", [size]), info("x", ["seq", size])],
        [info("a", [size]), info("b", [size])],
        [numpy_helper.from_array(order, "order")])
    x = {"a0": normal(rng, size), "b0": normal(rng, size),
         "x": normal(rng, steps, size)}
    a, b = x["a0"].astype(np.float64), x["b0"].astype(np.float64)
    for t in range(steps):
        a, b = b, a[::-1] + x["x"][t]
    return made, x, {"a": a, "b": b}


def check(tenonc, name, case, cpu):
    made, inputs, expected = case
    with tempfile.TemporaryDirectory() as work:
        path = f"{work}/m.onnx"
        onnx.save(made, path)
        subprocess.run([tenonc, "compile", path, "--dim", "seq=1..40", "--emit=exe",
                        "--mcpu", cpu, "-o", f"{work}/m"], check=True,
                       capture_output=True)
        arguments = []
        for key, value in inputs.items():
            np.save(f"{work}/{key}.npy", value)
            arguments.append(f"{key}={work}/{key}.npy")
        bits = set()
        for threads in (1, 3):
            subprocess.run([f"{work}/m", *arguments, f"--threads={threads}",
                            f"--dump={work}/out.npz"], check=True,
                           capture_output=True)
            with np.load(f"{work}/out.npz") as found:
                result = {k: found[k] for k in expected}
            bits.add(b"".join(result[k].tobytes() for k in sorted(result)))
        assert len(bits) == 1, f"{name}: threads change the bits"
        worst = max(np.abs(result[k] - v).max() / np.abs(v).max()
                    for k, v in expected.items())
        assert worst < 1e-5, f"{name}: relative error {worst:.2e}"
        print(f"{name:24} {cpu:10} {worst:.1e}")
        return bits.pop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    tenonc = os.path.join(parser.parse_args().build, "bin", "tenonc")
    cases = {f"selective {d}x{n}, {t} steps": selective(d, n, t)
             for d, n, t in ((1, 1, 1), (16, 16, 7), (37, 4, 40), (5, 64, 3),
                             (48, 17, 9))}
    cases.update({f"stepwise {s}, {t} steps": stepwise(s, t)
                  for s, t in ((1, 1), (13, 6), (64, 40))})
    cases.update({f"swap {s}, {t} steps": swap(s, t)
                  for s, t in ((8, 1), (8, 2), (37, 5))})
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        wide = " avx512vl " in f.read()
    passed = failed = skipped = 0
    for name, case in cases.items():
        try:
            bits = {check(tenonc, name, case, cpu)
                    for cpu in ["x86-64-v3"] + ["x86-64-v4"] * wide}
            assert len(bits) == 1, f"{name}: CPUs differ"
            passed += 1
        except (AssertionError, RuntimeError,
                subprocess.CalledProcessError) as error:
            print(f"failed {name}: {error}")
            failed += 1
        skipped += not wide
    if not wide:
        print("skipped x86-64-v4: this CPU has no AVX-512")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
