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
    """What is raced. `path` gives the file; `floor` is the largest ratio to
    the fastest peer's time that is allowed on one thread, `part_of_peak` the
    least part of the FMA peak. Open sizes are by name (`dims`), or by input
    (`shapes`); `small` are smaller ones, for emulators."""
    name: str
    path: object
    dims: dict = field(default_factory=dict)
    limits: dict = field(default_factory=dict)  # integers are below these
    floor: float = 1.7
    part_of_peak: float = 0
    operations: float = 0
    shapes: dict = field(default_factory=dict)
    small: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)  # inputs that are constants
    arrays: dict = field(default_factory=dict)  # functions that draw an input
    engines: tuple = ("ort", "openvino")
    threads: tuple = (1,)
    bits: bool = True  # False where another entry has the same file

    @property
    def quantized(self):
        return self.name.endswith("_int8")

    def sizes(self, small=False):
        """(dims, shapes) as peers.make_inputs() takes them."""
        if not small:
            return self.dims, self.shapes
        return ({n: self.small.get(n, size) for n, size in self.dims.items()},
                {n: self.small.get(n, size)
                 for n, size in self.shapes.items()})


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


def exported(name):
    script = os.path.join(HERE, "export.py")

    def write(path):
        done = subprocess.run([sys.executable, script, path, name], text=True,
                              stdout=subprocess.PIPE,
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


def in_package(name, version, pattern):
    return lambda: end_to_end().package(name, version, pattern)


def torch_model(name, dims={}, limits={}, **more):
    return Model(name, exported(name), dims, limits, **more)


def ocr(part, pattern, shape, small):
    # Of noise det finds no text: its outputs, all near zero, are noise as well.
    return Model(f"PP-OCR {part}", in_package(
        "rapidocr-onnxruntime", "1.4.4", pattern), shapes={"x": shape},
        small={"x": small},
        arrays={"x": lambda: end_to_end().text(*shape[2:])})


def silero(name, shapes={"input": [1, 576], "state": [2, 1, 128]}, **more):
    return Model(name, in_package("silero-vad", "6.2.3", f"{name}.onnx"),
                 limits={"sr": (16000, 16001)}, shapes=shapes, **more)


def minilm(length):
    return Model(f"MiniLM, {length} tokens", packaged("minilm"),
                 {"batch_size": 1, "sequence_length": length},
                 {"input_ids": 30000}, bits=length == 17)


def mamba(width):
    return Model(f"Mamba {width}, 512 steps", exported(f"mamba{width}"),
                 {"seq": 512}, floor=0.25, small={"seq": 16},
                 engines=("ort", "openvino", "iree"))


def language(name, limits, **more):
    """A model of 64 tokens."""
    return torch_model(name, {"length": 64}, limits, small={"length": 8},
                       **more)


def cached_llama(name):
    return torch_model(name, {"past": 64}, {
        "input_ids": 4000, "position_ids": (64, 65)})


WORDS = {"input_ids": 30000}
MODELS = [
    Model("magika", packaged("magika"), {"unk__214": 1}, {"bytes": 257}),
    *map(minilm, (1, 17, 128, 256)),
    Model("ResNet-50", exported("resnet50"), threads=(1, 2)),
    mamba(64),
    mamba(256),
    product(512),
    product(1024),
    Model("3x3 convolution, 64 channels, 56x56",
          one_node("conv64", "Conv", [1, 64, 56, 56], [1, 64, 56, 56],
                   {"pads": [1, 1, 1, 1]}, w=(64, 64, 3, 3), b=(64,)),
          part_of_peak=0.65, operations=2.0 * 64 * 64 * 9 * 56 * 56),
    silero("silero_vad", values={"sr": 16000}),
    silero("silero_vad_16k_op15"),
    silero("silero_vad_16k_sequence", {"input": [16, 576]}),
    silero("silero_vad_half"),
    silero("silero_vad_op18_ifless"),
    silero("silero_vad_openvino_16k"),
    ocr("det", "ch_PP-OCRv4_det_infer.onnx", [1, 3, 320, 320],
        [1, 3, 64, 96]),
    ocr("rec", "ch_PP-OCRv4_rec_infer.onnx", [1, 3, 48, 320],
        [1, 3, 48, 64]),
    ocr("cls", "ch_ppocr_mobile_v2.0_cls_infer.onnx", [1, 3, 48, 192],
        [1, 3, 48, 96]),
    Model("captcha_crnn", packaged("captcha"), {"batch": 1}),
    language("minilm_l6", WORDS),
    language("bert_base", WORDS),
    torch_model("vit_small"),
    torch_model("mobilenet_v2"),
    torch_model("mobilenet_v3_large"),
    torch_model("efficientnet_b0"),
    torch_model("resnet50_int8"),
    torch_model("mobilenet_v2_int8"),
    torch_model("bilstm"),
    torch_model("gru"),
    torch_model("retnet_scan"),
    torch_model("retnet_parallel"),
    torch_model("lif"),
    torch_model("moe_dense"),
    torch_model("moe_gather"),
    torch_model("moe_sparse"),
    torch_model("gnn", limits={"edges": 100}),
    torch_model("graph_transformer", limits={"distances": 16}),
    torch_model("early_exit"),
    torch_model("while_loop"),
    language("llama", {"input_ids": 4000}),
    language("llama_op23", {"input_ids": 4000}),
    cached_llama("llama_cached"),
    cached_llama("llama_cached_op23"),
    # Other kinds.
    language("gpt2", WORDS),
    language("t5_encoder", WORDS),
    torch_model("whisper_encoder"),
    torch_model("whisper_decoder", limits={"input_ids": 50000}),
    torch_model("wav2vec2"),
    language("vocoder", {}),
    torch_model("speech", limits={"tokens": 60}),
    torch_model("segformer"),
    torch_model("yolo"),
    torch_model("yolos"),
    torch_model("clip", limits={"input_ids": 40000}),
    torch_model("diffusion", limits={"time": 1000}),
]
