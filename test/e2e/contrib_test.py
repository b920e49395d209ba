#!/usr/bin/env python3
"""Operators of onnxruntime (com.microsoft), against onnxruntime.

usage: contrib_test.py [--build DIR] [--only NAME]

Each case is a model of one node. What onnxruntime leaves unsaid (cached rows
behind the last key) is not compared.
"""
import argparse
import sys
from functools import partial

import numpy as np
import onnx
from onnx import helper, numpy_helper

from support import (Program, Skip, cpu_levels, largest_error, reference,
                     run_cases)

RNG = np.random.default_rng(7)
LEVEL = "x86-64-v3"
CASES = {}


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def codes(kind, *shape):
    info = np.iinfo(kind)
    return RNG.integers(info.min, info.max, shape, endpoint=True, dtype=kind)


def case(name, operator, inputs, outputs, constants=(), dims={}, options=(),
         steps=False, runs=None, valid=None, **attributes):
    """`inputs` {name: array or TensorProto}, None where none is given, of which
    `constants` are initializers; `outputs` {name: (type, rank)}; `dims` {input:
    its shape with symbols}; `runs` more inputs of the same ranks; `steps`:
    integers may be one off; `valid` picks what is compared."""
    CASES[name] = (operator, inputs, outputs, constants, dims, options, steps,
                   runs or [], valid or (lambda found: found), attributes)


def model_of(operator, inputs, outputs, constants, dims, attributes):
    given = {n: a for n, a in inputs.items() if a is not None}

    def info(name, array):
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        return helper.make_tensor_value_info(name, kind,
                                             dims.get(name, array.shape))

    def tensor(name, array):
        if isinstance(array, onnx.TensorProto):
            array.name = name
            return array
        return numpy_helper.from_array(array, name)

    node = helper.make_node(operator, [n if n in given else ""
                                       for n in inputs], list(outputs),
                            domain="com.microsoft", **attributes)
    graph = helper.make_graph(
        [node], operator,
        [info(n, a) for n, a in given.items() if n not in constants],
        [helper.make_tensor_value_info(
            n, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), [None] * rank)
         for n, (kind, rank) in outputs.items()],
        [tensor(n, given[n]) for n in constants])
    return helper.make_model(graph, ir_version=10, opset_imports=[
        helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)])


def check(name, work):
    if LEVEL not in cpu_levels():
        raise Skip(f"no {LEVEL} here")
    (operator, inputs, outputs, constants, dims, options, steps, runs, valid,
     attributes) = CASES[name]
    model = model_of(operator, inputs, outputs, constants, dims, attributes)
    path = f"{work}/model.onnx"
    onnx.save(model, path)
    wanted = reference(path)
    program = Program(path, f"{work}/program", *options, cpu=LEVEL)
    asked = {i.name for i in model.graph.input}
    for run in (inputs, *runs):
        run = {n: a for n, a in run.items() if n in asked}
        expected, found = wanted(run), program.run(run)
        for n, a in expected.items():
            assert a.shape == found[n].shape, \
                f"output '{n}': {found[n].shape}, not {a.shape}"
        if steps:
            for n, a in expected.items():
                off = np.abs(found[n].astype(int) - a.astype(int)).max()
                assert off <= 1, f"output '{n}' is {off} steps off"
        else:
            error = largest_error(valid(found), valid(expected))
            assert error < 1e-5, f"relative error {error:.1e}"


F, U8 = np.float32, np.uint8
ONE = {"y": (F, 3)}

# --- Rotary embedding -----------------------------------------------------------

POSITIONS = np.array([[0, 1, 2, 3, 4], [3, 4, 5, 6, 7]])
TABLES = {"cos": normal(9, 8), "sin": normal(9, 8)}
for turn in (0, 1):
    case(f"rotary, interleaved {turn}", "RotaryEmbedding",
         {"x": normal(2, 5, 64), "at": POSITIONS, **TABLES}, ONE,
         ("cos", "sin"), interleaved=turn)
case("rotary from a position on", "RotaryEmbedding",
     {"x": normal(2, 4, 5, 16), "at": np.array([3]), **TABLES}, {"y": (F, 4)},
     ("cos", "sin"))
case("rotary of part of a head", "RotaryEmbedding",
     {"x": normal(2, 5, 80), "at": POSITIONS, **TABLES}, ONE, ("cos", "sin"),
     num_heads=4, rotary_embedding_dim=16)

# --- Attention ------------------------------------------------------------------

QKV = {"q": normal(2, 5, 32), "k": normal(2, 7, 32), "v": normal(2, 7, 32)}
case("attention with bias and mask", "MultiHeadAttention",
     {**QKV, "bias": normal(96),
      "mask": np.array([[1] * 7, [1] * 4 + [0] * 3], np.int32)}, ONE,
     ("bias",), num_heads=4)
case("attention with lengths", "MultiHeadAttention",
     {**QKV, "bias": None, "mask": np.array([7, 4], np.int32)}, ONE,
     num_heads=4)
case("attention with scores added", "MultiHeadAttention",
     {**QKV, "bias": None, "mask": None, "more": normal(1, 4, 5, 7)}, ONE,
     num_heads=4, scale=0.3)
case("attention to one side", "MultiHeadAttention",
     {n: normal(2, 6, 32) for n in "qkv"}, ONE, num_heads=4, unidirectional=1)
case("attention to heads of another model", "MultiHeadAttention",
     {"q": normal(2, 5, 32), "k": normal(2, 4, 7, 8), "v": normal(2, 4, 7, 8)},
     ONE, num_heads=4)


def past(length):
    return {**{n: normal(1, 2, 32) for n in "qkv"}, "bias": None, "mask": None,
            "more": None, "pk": normal(1, 4, length, 8),
            "pv": normal(1, 4, length, 8)}


CACHED = {"y": (F, 3), "nk": (F, 4), "nv": (F, 4)}
case("attention with a past of any length", "MultiHeadAttention", past(6),
     CACHED, dims={n: [1, 4, "past", 8] for n in ("pk", "pv")},
     options=["--dim=past=1..20"], runs=[past(13)], num_heads=4)
case("attention with its projection", "Attention",
     {"x": normal(2, 6, 20), "w": normal(20, 96), "b": normal(96),
      "mask": np.array([[1] * 6, [1] * 4 + [0] * 2], np.int32)}, ONE,
     ("w", "b"), num_heads=4)
case("attention with its projection and past", "Attention",
     {"x": normal(2, 3, 20), "w": normal(20, 96), "b": normal(96), "mask": None,
      "past": normal(2, 2, 4, 5, 8)}, {"y": (F, 3), "present": (F, 5)},
     ("w", "b"), num_heads=4, unidirectional=1)


def grouped(batch, queries, past, lengths=None, rotary=False, packed=False):
    total = past + queries
    lengths = lengths or [total] * batch
    if packed:
        x = {"q": normal(batch, queries, 128), "k": None, "v": None}
    else:
        x = {"q": normal(batch, queries, 64), "k": normal(batch, queries, 32),
             "v": normal(batch, queries, 32)}
    x["pk"], x["pv"] = (normal(batch, 2, past, 16) for _ in range(2))
    x["last"] = np.array(lengths, np.int32) - 1
    x["total"] = np.array(max(lengths), np.int32)
    if rotary:
        angles = np.outer(np.arange(40), 0.5 ** np.arange(8)).astype(F)
        x["cos"], x["sin"] = np.cos(angles), np.sin(angles)
    return x


case("groups, a prompt", "GroupQueryAttention", grouped(2, 11, 0), CACHED,
     ("total",), num_heads=4, kv_num_heads=2)
case("groups, one token", "GroupQueryAttention", grouped(2, 1, 10), CACHED,
     ("total",), num_heads=4, kv_num_heads=2)
case("groups, rotary, packed", "GroupQueryAttention",
     grouped(2, 1, 10, rotary=True, packed=True), CACHED,
     ("total", "cos", "sin"), num_heads=4, kv_num_heads=2, do_rotary=1)
case("groups, rotary, interleaved, several lengths", "GroupQueryAttention",
     grouped(2, 1, 10, [11, 7], rotary=True), CACHED, ("total", "cos", "sin"),
     num_heads=4, kv_num_heads=2, do_rotary=1, rotary_interleaved=1,
     valid=lambda found: {"y": found["y"], "k": found["nk"][1, :, :7],
                          "v": found["nv"][0]})
case("groups, a window, softcap", "GroupQueryAttention", grouped(1, 11, 0),
     CACHED, ("total",), num_heads=4, kv_num_heads=2, local_window_size=3,
     softcap=5.0)
case("groups, smooth softmax", "GroupQueryAttention", grouped(1, 1, 10),
     CACHED, ("total",), num_heads=4, kv_num_heads=2, smooth_softmax=1)

# --- Norms, activations, products ----------------------------------------------

ROWS = {"x": normal(2, 5, 24), "skip": normal(2, 5, 24), "gamma": normal(24)}
case("skip, layer norm", "SkipLayerNormalization",
     {**ROWS, "beta": normal(24), "bias": normal(24)},
     ONE, ("gamma", "beta", "bias"), epsilon=1e-5)
case("skip, simplified layer norm", "SkipSimplifiedLayerNormalization",
     {**ROWS, "bias": normal(24)}, ONE, ("gamma", "bias"), epsilon=1e-5)
for operator, extra in (("Gelu", {}), ("BiasGelu", {"b": normal(24)}),
                        ("FastGelu", {"b": normal(24)}), ("QuickGelu", {})):
    case(operator, operator, {"x": normal(2, 5, 24), **extra}, ONE)
case("FusedMatMul, transposed", "FusedMatMul",
     {"a": normal(2, 7, 5), "b": normal(2, 6, 7)}, ONE, transA=1, transB=1,
     alpha=0.5)
case("FusedMatMul, batch behind", "FusedMatMul",
     {"a": normal(5, 2, 7), "b": normal(7, 2, 6)}, ONE, transBatchA=1,
     transBatchB=1)

# --- Quantized ------------------------------------------------------------------

case("DynamicQuantizeMatMul", "DynamicQuantizeMatMul",
     {"a": normal(5, 32), "b": codes(np.int8, 32, 12),
      "scale": np.abs(normal(12)) / 50, "zero": codes(np.int8, 12) // 8,
      "bias": normal(12)}, {"y": (F, 2)}, ("b", "scale", "zero", "bias"))


def lstm(name, directions, kind, scales, **attributes):
    hidden, inner = 16, 24
    shape = (directions, 4 * hidden) if scales == "columns" else (directions,)
    # onnxruntime has no zero points per column.
    zeros = {n: codes(kind, *shape) // 16 * (scales == "one")
             for n in ("wz", "rz")}
    case(f"DynamicQuantizeLSTM, {name}", "DynamicQuantizeLSTM",
         {"x": normal(5, 1, inner),
          "w": codes(kind, directions, inner, 4 * hidden),
          "r": codes(kind, directions, hidden, 4 * hidden),
          "b": normal(directions, 8 * hidden), "lengths": None,
          "h0": normal(directions, 1, hidden) / 2,
          "c0": normal(directions, 1, hidden), "peepholes": None,
          "ws": np.abs(normal(*shape)) / 500, "wz": zeros["wz"],
          "rs": np.abs(normal(*shape)) / 500, "rz": zeros["rz"]},
         {"y": (F, 4), "h": (F, 3), "c": (F, 3)},
         ("w", "r", "b", "ws", "wz", "rs", "rz"), hidden_size=hidden,
         **attributes)


lstm("i8", 1, np.int8, "one")
lstm("backward, u8", 1, U8, "one", direction="reverse")
lstm("both ways, scales per column", 2, np.int8, "columns",
     direction="bidirectional")
for operator in ("QLinearAdd", "QLinearMul"):
    zero = np.array(120, U8)
    case(operator, operator,
         {"a": codes(U8, 3, 40), "as": np.array(0.05, F), "az": zero,
          "b": codes(U8, 40), "bs": np.array(0.02, F), "bz": zero,
          "cs": np.array(0.1, F), "cz": zero}, {"y": (U8, 2)},
         ("as", "az", "bs", "bz", "cs", "cz"), steps=True)


def quantized(values, name="x", zero=120, scale=0.05):
    """Codes with their scale and zero point, as three inputs."""
    kind = values.dtype.type
    return {name: values, f"{name}s": np.array(scale, F),
            f"{name}z": None if zero is None else np.array(zero, kind)}


def qoperator(name, operator, inputs, rank, kind=U8, result=(0.1, 120),
              given=("y", "ys", "yz"), constants=(), **attributes):
    """`inputs`, then the result's scale and zero point."""
    scale, zero = result
    inputs = {**inputs, given[1]: np.array(scale, F),
              given[2]: None if zero is None else np.array(zero, kind)}
    case(name, operator, inputs, {given[0]: (kind, rank)},
         [n for n, a in inputs.items()
          if a is not None and (n in constants or n[1:] in ("s", "z"))],
         steps=True, **attributes)


IMAGE = quantized(codes(U8, 2, 5, 9, 8))
SIGNED = quantized(codes(np.int8, 2, 5, 9, 8), zero=-3)
qoperator("QLinearSigmoid", "QLinearSigmoid", IMAGE, 4, result=(1 / 256, 0))
qoperator("QLinearSigmoid of i8", "QLinearSigmoid", SIGNED, 4, np.int8,
          (1 / 256, -128))
qoperator("QLinearLeakyRelu", "QLinearLeakyRelu", IMAGE, 4, result=(0.03, 17),
          alpha=0.2)
qoperator("QLinearLeakyRelu without zero point", "QLinearLeakyRelu",
          quantized(codes(np.int8, 2, 40), zero=None), 2, np.int8,
          (0.04, None), alpha=0.3)
ROW = quantized(codes(U8, 2, 3, 4, 20), scale=0.02)
qoperator("QLinearSoftmax", "QLinearSoftmax", ROW, 4, result=(1 / 256, 0),
          opset=13, axis=-1)
qoperator("QLinearSoftmax, a middle axis", "QLinearSoftmax", ROW, 4,
          result=(1 / 256, 0), opset=13, axis=1)
qoperator("QLinearSoftmax of opset 12", "QLinearSoftmax", ROW, 4,
          result=(1 / 256, 0), opset=12, axis=2)
qoperator("QLinearAveragePool", "QLinearAveragePool", IMAGE, 4,
          result=(0.04, 100), kernel_shape=[3, 2], strides=[2, 2],
          pads=[1, 0, 1, 1])
qoperator("QLinearAveragePool, padding counts", "QLinearAveragePool", SIGNED, 4,
          np.int8, (0.04, 5), kernel_shape=[3, 3], pads=[1, 1, 1, 1],
          count_include_pad=1)
qoperator("QLinearAveragePool, channels last", "QLinearAveragePool", IMAGE, 4,
          result=(0.04, 100), kernel_shape=[2, 2], channels_last=1)
for last in (0, 1):
    qoperator(f"QLinearGlobalAveragePool, channels_last {last}",
              "QLinearGlobalAveragePool", IMAGE, 4, result=(0.01, 110),
              channels_last=last)
qoperator("QLinearWhere", "QLinearWhere",
          {"if": RNG.random((5, 1, 8)) < 0.5, **IMAGE,
           **quantized(codes(U8, 9, 8), "w", 30, 0.02)}, 4)
first = {"ys": np.array(0.06, F), "yz": np.array(100, U8)}
parts = {**quantized(codes(U8, 2, 3, 4)),
         **quantized(codes(U8, 2, 5, 4), "w", 30, 0.02),
         **quantized(codes(U8, 2, 1, 4), "v", 100, 0.06)}
case("QLinearConcat", "QLinearConcat", {**first, **parts}, {"y": (U8, 3)},
     [n for n in {**first, **parts} if len(n) == 2], steps=True, axis=1)


def gemm(weights, **more):
    return {**quantized(codes(U8, 5, 16)), "b": weights,
            "bs": np.array(0.02, F), "bz": np.array(3, np.int8),
            "c": RNG.integers(-900, 900, (12,), np.int32), **more}


GIVEN = ("xs", "xz", "b", "bs", "bz", "c", "ys", "yz")
Y = {"ys": np.array(0.3, F), "yz": np.array(130, U8)}
case("QGemm", "QGemm", gemm(codes(np.int8, 16, 12), **Y), {"y": (U8, 2)},
     GIVEN, steps=True, alpha=0.7)
case("QGemm by columns, transposed", "QGemm",
     gemm(codes(np.int8, 12, 16), bs=np.abs(normal(12)) / 50,
          bz=codes(np.int8, 12), **Y), {"y": (U8, 2)}, GIVEN, steps=True,
     transB=1)
case("QGemm to float", "QGemm",
     {**gemm(codes(np.int8, 16, 12)), "c": None}, {"y": (F, 2)},
     ("xs", "xz", "b", "bs", "bz"))

# --- Fused by onnxruntime -----------------------------------------------------

CONV = {"x": normal(2, 3, 9, 8), "w": normal(4, 3, 3, 3), "b": normal(4)}
for activation, parameters in (
        ("Relu", []), ("LeakyRelu", [0.2]), ("Clip", [-0.5, 1.5]),
        ("HardSigmoid", [0.3, 0.4]), ("Sigmoid", []), ("Tanh", [])):
    case(f"FusedConv, {activation}", "FusedConv", CONV, {"y": (F, 4)},
         ("w", "b"), activation=activation, pads=[1, 1, 1, 1],
         **({"activation_params": parameters} if parameters else {}))
case("FusedConv with a sum", "FusedConv", {**CONV, "z": normal(2, 4, 7, 6)},
     {"y": (F, 4)}, ("w", "b"), activation="Relu")
case("FusedConv with a sum, no bias", "FusedConv",
     {**CONV, "b": None, "z": normal(2, 4, 7, 6)}, {"y": (F, 4)}, ("w",),
     activation="Relu")
SIDES = {"a": normal(5, 16), "b": normal(12, 16), "c": normal(12)}
case("FusedGemm, Relu", "FusedGemm", SIDES, {"y": (F, 2)}, ("b", "c"),
     activation="Relu", transB=1, alpha=0.5)
case("FusedGemm, LeakyRelu", "FusedGemm", SIDES, {"y": (F, 2)}, ("b", "c"),
     activation="LeakyRelu", activation_alpha=0.2, transB=1)


def four_bits(kind, *shape):
    low, high = (0, 15) if kind == onnx.TensorProto.UINT4 else (-8, 7)
    return helper.make_tensor("t", kind, shape, RNG.integers(
        low, high, shape, endpoint=True).flatten())


IDS = np.array([[3, 0, 9], [9, 5, 1]])
for name, data, zero in (
        ("uint4", four_bits(onnx.TensorProto.UINT4, 10, 48),
         four_bits(onnx.TensorProto.UINT4, 10, 3)),
        ("int4", four_bits(onnx.TensorProto.INT4, 10, 48), None),
        ("bytes of two", codes(U8, 10, 24), None),
        ("bytes of two, zero points", codes(U8, 10, 24), codes(U8, 10, 2))):
    case(f"rows of {name}", "GatherBlockQuantized",
         {"data": data, "ids": IDS, "scales": normal(10, 3), "zeros": zero},
         ONE, ("data", "scales") + (("zeros",) if zero is not None else ()),
         gather_axis=0, quantize_axis=1, block_size=16, bits=4)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build")
    parser.add_argument("--only")
    only = parser.parse_args().only
    return run_cases({name: partial(check, name) for name in CASES
                      if not only or only in name})


if __name__ == "__main__":
    sys.exit(main())
