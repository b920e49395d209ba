"""The models of the bench: name -> Model. Files lie in $TENON_CACHE."""
import functools
import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass, field

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "test", "e2e"), os.path.join(ROOT, "tools")]


@functools.cache
def end_to_end():
    """test/e2e/run.py, which has models of its own."""
    spec = importlib.util.spec_from_file_location(
        "end_to_end", os.path.join(ROOT, "test", "e2e", "run.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Model:
    """A race. `path` gives the file; `floor` is the largest ratio to the
    fastest peer's time that issue 3 allows on one thread, or the least part of
    the FMA peak."""
    name: str
    path: object
    dims: dict = field(default_factory=dict)
    limits: dict = field(default_factory=dict)  # integers are below these
    floor: float = 1.7
    part_of_peak: float = 0
    operations: float = 0
    bits: bool = False  # compared on all CPUs here, not in ./setup test


def cached(name, write, *sources):
    """A file that write(path) makes anew when a source changes."""
    folder = os.path.join(os.environ.get("TENON_CACHE", os.path.expanduser(
        "~/.cache/tenon")), "bench")
    path = os.path.join(folder, f"{name}.onnx")
    if not os.path.exists(path) or any(
            os.path.getmtime(source) > os.path.getmtime(path)
            for source in sources):
        os.makedirs(folder, exist_ok=True)
        write(f"{path}.part")
        os.rename(f"{path}.part", path)
    return path


def exported(name, *options):
    script = os.path.join(HERE, "export.py")

    def write(path):
        done = subprocess.run([sys.executable, script, path, *options],
                              text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode:
            raise RuntimeError(done.stdout.strip()[-2000:])

    return lambda: cached(name, write, script)


def one_node(name, operator, x, y, attributes={}, **weights):
    """A model of one node with seeded weights, given as shapes."""

    def write(path):
        import onnx
        from onnx import TensorProto, helper, numpy_helper
        random = np.random.default_rng(0)
        info = helper.make_tensor_value_info
        graph = helper.make_graph(
            [helper.make_node(operator, ["x", *weights], ["y"], operator,
                              **attributes)], name,
            [info("x", TensorProto.FLOAT, x)],
            [info("y", TensorProto.FLOAT, y)],
            [numpy_helper.from_array(
                random.standard_normal(shape).astype(np.float32) /
                np.float32(np.prod(shape[1:]) ** 0.5), weight)
             for weight, shape in weights.items()])
        onnx.save(helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 20)],
            ir_version=10), path)

    return lambda: cached(name, write, __file__)


def product(n):
    return Model(f"matmul {n}",
                 one_node(f"matmul{n}", "MatMul", [n, n], [n, n], w=(n, n)),
                 part_of_peak=0.8, operations=2.0 * n ** 3)


def packaged(function):
    return lambda: getattr(end_to_end(), function)()[0]


def minilm(length):
    return Model(f"MiniLM, {length} tokens", packaged("minilm"),
                 {"batch_size": 1, "sequence_length": length},
                 {"input_ids": 30000})


MODELS = [
    Model("magika", packaged("magika"), {"unk__214": 1}, {"bytes": 257}),
    *map(minilm, (1, 17, 128, 256)),
    Model("ResNet-50", exported("resnet50", "resnet50"), bits=True),
    Model("PP-OCR cls", packaged("ppocr_cls"), bits=True),
    Model("silero, one chunk", packaged("silero")),
    # The size of the Mamba of ./setup test, and a wider one.
    Model("Mamba 64, 512 steps", exported("mamba64", "mamba", "64"),
          {"seq": 512}, floor=0.25, bits=True),
    Model("Mamba 256, 512 steps", exported("mamba256", "mamba", "256"),
          {"seq": 512}, floor=0.25),
    product(512),
    product(1024),
    Model("3x3 convolution, 64 channels, 56x56",
          one_node("conv64", "Conv", [1, 64, 56, 56], [1, 64, 56, 56],
                   {"pads": [1, 1, 1, 1]}, w=(64, 64, 3, 3), b=(64,)),
          part_of_peak=0.65, operations=2.0 * 64 * 64 * 9 * 56 * 56),
]
# The shape of PP-OCR's input is open.
SHAPES = {"PP-OCR cls": {"x": [1, 3, 48, 192]}}
