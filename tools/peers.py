#!/usr/bin/env python3
"""Times one ONNX model on several engines, interleaved, on the same inputs.

  peers.py MODEL.onnx [--dim batch=1 --dim seq=128] [--threads 1,2]
           [--engines ort,openvino,iree,torch,tenon] [--seconds 6]
           [--npz inputs.npz] [--json OUT]

Every engine gets the same seeded inputs, is warmed up, and is then timed in
short rounds that alternate between the engines and thread counts, so that noise
on a shared machine hits all of them. Reported per engine: minimum and median
milliseconds per inference, how often the last engine's minimum goes into its
own on as many threads, the largest difference of its outputs from the first
engine's that loads, absolute and relative to the largest value, and seconds to
load or compile. An engine that cannot run the model is reported with its error.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

# An engine is made from (path, model, feeds, threads); run() gives the outputs
# in the model's order. Packages are imported where they are used: each may be
# absent.


class Onnxruntime:

    def __init__(self, path, model, feeds, threads):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self.session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"])
        self.feeds = feeds

    def run(self):
        return self.session.run(None, self.feeds)


class OpenVino:

    def __init__(self, path, model, feeds, threads):
        import openvino
        core = openvino.Core()
        read = core.read_model(path)
        read.reshape({name: list(x.shape) for name, x in feeds.items()})
        self.model = core.compile_model(
            read, "CPU", {
                "INFERENCE_NUM_THREADS": threads,
                "NUM_STREAMS": 1,
                "INFERENCE_PRECISION_HINT": "f32"
            })
        self.request = self.model.create_infer_request()
        self.feeds = feeds

    def run(self):
        results = self.request.infer(self.feeds, share_inputs=True)
        return [results[output] for output in self.model.outputs]


class Iree:
    """Static shapes, the host CPU, IREE's own optimisation level 3."""

    def __init__(self, path, model, feeds, threads):
        import iree.runtime as rt
        import onnx
        tools = os.path.dirname(sys.executable)
        model = onnx.load(path)
        for value in model.graph.input:
            if value.name in feeds:
                dims = value.type.tensor_type.shape.dim
                for dim, n in zip(dims, feeds[value.name].shape):
                    dim.dim_value = n
        if model.opset_import[0].version < 17:
            model = onnx.version_converter.convert_version(model, 17)
        with tempfile.TemporaryDirectory() as folder:
            base = os.path.join(folder, "m")
            onnx.save(model, f"{base}.onnx")
            self.tool(f"{tools}/iree-import-onnx", f"{base}.onnx", "-o",
                      f"{base}.mlir")
            self.tool(f"{tools}/iree-compile", f"{base}.mlir", "-o",
                      f"{base}.vmfb", "--iree-hal-target-device=local",
                      "--iree-hal-local-target-device-backends=llvm-cpu",
                      "--iree-llvmcpu-target-cpu=host", "--iree-opt-level=O3",
                      "--iree-opt-data-tiling")
            device = "local-sync"
            if threads > 1:
                device = "local-task"
                rt.flags.parse_flags(
                    f"--task_topology_group_count={threads}")
            config = rt.Config(device)
            self.context = rt.SystemContext(config=config)
            module = rt.VmModule.mmap(config.vm_instance, f"{base}.vmfb")
            self.context.add_vm_module(module)
        name = next(n for n in module.function_names
                    if not n.startswith("__") and not n.endswith("$async"))
        self.function = self.context.modules[module.name][name]
        self.inputs = [
            rt.asdevicearray(config.device,
                             np.ascontiguousarray(feeds[value.name]))
            for value in model.graph.input if value.name in feeds
        ]

    @staticmethod
    def tool(*command):
        done = subprocess.run(command, capture_output=True, text=True,
                              timeout=540)
        if done.returncode:
            raise RuntimeError(done.stderr[:400])

    def run(self):
        results = self.function(*self.inputs)
        if not isinstance(results, (tuple, list)):
            results = [results]
        return [x.to_host() for x in results]


class Torch:
    """torch.compile on the model as onnx2torch reads it."""

    def __init__(self, path, model, feeds, threads):
        import onnx2torch
        import torch
        torch.set_num_threads(threads)
        self.torch = torch
        self.model = torch.compile(onnx2torch.convert(path).eval(),
                                   mode="max-autotune-no-cudagraphs")
        self.inputs = [torch.from_numpy(x) for x in feeds.values()]

    def run(self):
        with self.torch.inference_mode():
            results = self.model(*self.inputs)
        if not isinstance(results, (tuple, list)):
            results = [results]
        return [x.numpy() for x in results]


class Tenon:
    """This project, through its Python package."""

    weights_format = "f32"
    values = {}  # inputs that are compiled in

    def __init__(self, path, model, feeds, threads):
        import tenon
        self.feeds = {name: x for name, x in feeds.items()
                      if name not in self.values}
        shapes = {name: list(x.shape) for name, x in self.feeds.items()}
        self.model = tenon.compile(path, shapes=shapes, threads=threads,
                                   values=self.values,
                                   weights_format=self.weights_format)

    def run(self):
        return list(self.model.run(self.feeds).values())


ENGINES = {
    "ort": Onnxruntime,
    "openvino": OpenVino,
    "iree": Iree,
    "torch": Torch,
    "tenon": Tenon
}


def make_inputs(model, dims, shapes, limits, seed=0):
    """Normal floats, integers below their limit (or from, to), masks of ones.
    An open dimension is 1 where `dims` does not name it."""
    from onnx import helper
    random = np.random.default_rng(seed)
    constants = {t.name for t in model.graph.initializer}
    feeds = {}
    for value in model.graph.input:
        if value.name in constants:
            continue
        tensor = value.type.tensor_type
        shape = shapes.get(value.name)
        if shape is None:
            shape = [
                dim.dim_value if dim.dim_value > 0 else dims.get(
                    dim.dim_param or "?", dims.get("*", 1))
                for dim in tensor.shape.dim
            ]
        dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        limit = limits.get(value.name, 2)
        if np.issubdtype(dtype, np.floating):
            x = random.standard_normal(shape).astype(dtype)
        elif dtype == np.bool_ or "mask" in value.name:
            x = np.ones(shape, dtype)
        elif isinstance(limit, tuple):
            x = random.integers(*limit, shape).astype(dtype)
        elif limit > 1:
            x = random.integers(0, limit, shape).astype(dtype)
        else:
            x = np.full(shape, limit, dtype)
        feeds[value.name] = x
    return feeds


def differences(reference, outputs):
    """Largest absolute and relative difference; max |a-b| / max |a|."""
    result = {"max_abs": 0.0, "max_rel": 0.0}
    for a, b in zip(reference, outputs):
        if a.shape != b.shape:
            result["shape_mismatch"] = [list(a.shape), list(b.shape)]
        elif a.size and a.dtype.kind in "fiub" and b.dtype.kind in "fiub":
            a, b = a.astype(np.float64), b.astype(np.float64)
            largest = float(np.abs(a - b).max())
            result["max_abs"] = max(result["max_abs"], largest)
            result["max_rel"] = max(
                result["max_rel"], largest / (float(np.abs(a).max()) + 1e-12))
    return result


def load(names, path, model, feeds, threads):
    """(results, engines that run the model), both by (name, threads)."""
    results, engines, reference = {}, {}, None
    for key in [(name, count) for count in threads for name in names]:
        begin = time.time()
        try:
            engine = ENGINES[key[0]](path, model, feeds, key[1])
            outputs = [np.array(x) for x in engine.run()]
        except Exception as error:  # whatever an engine may raise
            text = f"{type(error).__name__}: {error}".replace("\n", " ")
            results[key] = {"error": text.strip()[:300]}
            continue
        if reference is None:
            reference, against = outputs, key[0]
        results[key] = {"load_s": round(time.time() - begin, 2),
                        "against": against,
                        **differences(reference, outputs)}
        engines[key] = engine
    return results, engines


def race(engines, seconds):
    """Milliseconds per inference of every round, by engine."""
    rounds = {}
    for key, engine in engines.items():  # warm up; about 0.1 s per round
        begin, runs = time.perf_counter(), 0
        while time.perf_counter() - begin < 0.3:
            engine.run()
            runs += 1
        rounds[key] = max(1, runs // 3)
    times = {key: [] for key in engines}
    end = time.time() + seconds * len(engines)
    while engines and time.time() < end:
        for key, engine in engines.items():
            begin = time.perf_counter()
            for _ in range(rounds[key]):
                engine.run()
            spent = time.perf_counter() - begin
            times[key].append(spent / rounds[key] * 1e3)
    return times


def compete(names, path, model, feeds, threads, seconds, probes={}):
    """Loads and races; a row per engine and thread count. `probes` run along:
    {name: what has run()}."""
    results, engines = load(names, path, model, feeds, threads)
    engines.update({(name, 1): probe for name, probe in probes.items()})
    for key, times in race(engines, seconds).items():
        times.sort()
        results.setdefault(key, {}).update(
            min_ms=round(times[0], 4),
            median_ms=round(times[len(times) // 2], 4), rounds=len(times))
    rows = []
    for (name, count), result in results.items():
        last = results.get((names[-1], count), {})
        if "min_ms" in result and "min_ms" in last and name in names:
            result["ratio"] = round(result["min_ms"] / last["min_ms"], 3)
        rows.append({"engine": name, "threads": count, **result})
    return rows


def line(result):
    name = f"  {result['engine']:9} {result['threads']}t"
    if "error" in result:
        return f"{name} ERROR {result['error']}"
    text = (f"{name} min {result['min_ms']:9.3f} ms"
            f"  median {result['median_ms']:9.3f} ms")
    if "ratio" in result:
        text += f"  {result['ratio']:5.2f}x"
    text += f"  max_rel {result['max_rel']:.1e}  load {result['load_s']:.1f} s"
    if "shape_mismatch" in result:
        text += f"  SHAPES {result['shape_mismatch']}"
    return text


def pairs(texts, convert):
    return {key: convert(value)
            for key, value in (text.rsplit("=", 1) for text in texts)}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--dim", action="append", default=[],
                        metavar="NAME=N", help="an open dimension; * is any")
    parser.add_argument("--shape", action="append", default=[],
                        metavar="INPUT=1x3x224x224")
    parser.add_argument("--int-max", action="append", default=[],
                        metavar="INPUT=N",
                        help="its integers are drawn below N")
    parser.add_argument("--npz", help="inputs by name instead of random ones")
    parser.add_argument("--engines", default="ort,openvino,iree",
                        help=",".join(ENGINES))
    parser.add_argument("--threads", default="1", metavar="1,2")
    parser.add_argument("--weights-format", default="f32",
                        help="how Tenon stores weights")
    parser.add_argument("--seconds", type=float, default=5,
                        help="per engine")
    parser.add_argument("--json", metavar="OUT")
    arguments = parser.parse_args()
    names = arguments.engines.split(",")
    Tenon.weights_format = arguments.weights_format
    for name in names:
        if name not in ENGINES:
            parser.error(f"unknown engine '{name}'")

    import onnx
    model = onnx.load(arguments.model)
    shapes = pairs(arguments.shape,
                   lambda text: [int(n) for n in text.split("x") if n])
    feeds = dict(np.load(arguments.npz)) if arguments.npz else make_inputs(
        model, pairs(arguments.dim, int), shapes,
        pairs(arguments.int_max, int))
    threads = [int(count) for count in arguments.threads.split(",")]
    rows = compete(names, arguments.model, model, feeds, threads,
                   arguments.seconds)
    print(arguments.model, *(f"{name}={'x'.join(map(str, x.shape))}"
                             for name, x in feeds.items()))
    for row in rows:
        print(line(row))
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"model": arguments.model, "results": rows}, file,
                      indent=1)
    return 1 if any("error" in row for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
