"""Operators of random graphs that have graphs or states of their own, and those
of quantized models. Beside random_ops.py."""
import numpy as np
from onnx import helper

from random_graph import onnx_type
from random_ops import op


def subgraph(g, name, inputs, nodes, outputs):
    """inputs and outputs: (name, array or element type, shape)."""
    def info(row):
        kind = row[1] if isinstance(row[1], int) else onnx_type(row[1])
        return helper.make_tensor_value_info(row[0], kind, row[2])

    return helper.make_graph(nodes, g.name(name), [info(r) for r in inputs],
                             [info(r) for r in outputs])


@op(2)
def branch(g):
    """Both ways read a value from outside."""
    a = g.pick()
    condition = g.leaf("bool", ())
    ways = {}
    for way in ("then_branch", "else_branch"):
        name = g.name("w")
        node = helper.make_node(g.rng.choice(("Neg", "Tanh", "Abs", "Relu")),
                                [a.name], [name], name=g.name("If_"))
        ways[way] = subgraph(g, way, [], [node],
                             [(name, a.array, list(a.shape))])
    g.node("If", [condition], reads=[a], **ways)


@op(2)
def loop(g):
    """A value carried, one collected, one from outside."""
    a = g.pick(most=3)
    outside = g.leaf(a.kind, a.shape)
    trip = g.const(np.asarray(g.rng.randint(1, 4), np.int64))
    names = {stem: g.name(stem) for stem in
             ("i", "go", "state", "half", "next", "out", "still")}
    half = helper.make_node("Tanh", [names["state"]], [names["half"]])
    add = helper.make_node("Add", [names["half"], outside.name],
                           [names["next"]])
    same = helper.make_node("Identity", [names["next"]], [names["out"]])
    still = helper.make_node("Identity", [names["go"]], [names["still"]])
    shape = list(a.shape)
    body = subgraph(
        g, "body", [(names["i"], 7, []), (names["go"], 9, []),
                    (names["state"], a.array, shape)],
        [half, add, same, still],
        [(names["still"], 9, []), (names["next"], a.array, shape),
         (names["out"], a.array, shape)])
    g.node("Loop", [trip, None, a], outputs=2, reads=[outside], body=body)


@op(2)
def scan(g):
    a = g.pick(least=2, most=3)
    start = g.leaf(a.kind, a.shape[1:])
    names = {stem: g.name(stem) for stem in ("state", "x", "half", "next",
                                             "out")}
    shape = list(a.shape[1:])
    body = subgraph(
        g, "step", [(names["state"], a.array, shape),
                    (names["x"], a.array, shape)],
        [helper.make_node("Sigmoid", [names["state"]], [names["half"]]),
         helper.make_node("Mul", [names["half"], names["x"]],
                          [names["next"]]),
         helper.make_node("Sub", [names["next"], names["x"]],
                          [names["out"]])],
        [(names["next"], a.array, shape), (names["out"], a.array, shape)])
    g.node("Scan", [start, a], outputs=2, num_scan_inputs=1, body=body,
           scan_input_directions=[int(g.chance(0.3))])


@op()
def attention(g):
    if g.opset < 23:
        return
    heads, depth = g.rng.choice((1, 2)), g.rng.choice((4, 8))
    batch, length, keys = (g.rng.choice(g.sizes) for _ in range(3))
    q = g.leaf("float32", (batch, heads, length, depth))
    k = g.leaf("float32", (batch, heads, keys, depth))
    v = g.leaf("float32", (batch, heads, keys, depth))
    g.node("Attention", [q, k, v], is_causal=int(g.chance(0.3)))


@op()
def quantized_layer(g):
    """QDQ as onnxruntime's quantizer writes it."""
    a = g.pick(("float32",), least=2, most=2)
    columns = g.rng.choice(g.sizes)
    scale = g.const(np.asarray(0.0625, np.float32))
    zero = g.const(np.asarray(g.rng.choice((0, 128)), np.uint8))
    codes = g.node("QuantizeLinear", [a, scale, zero])
    x = g.node("DequantizeLinear", [codes, scale, zero])
    weights = g.const(g.numbers.integers(
        -127, 128, (a.shape[1], columns)).astype(np.int8))
    per = g.const(g.numbers.uniform(0.01, 0.02, columns).astype(np.float32)) \
        if g.chance() else g.const(np.asarray(0.015, np.float32))
    zeros = g.const(np.zeros(per.shape, np.int8))
    w = g.node("DequantizeLinear", [weights, per, zeros], axis=1)
    g.node("MatMul", [x, w])


@op()
def dynamic_quantize(g):
    a = g.pick(("float32",), least=1)
    g.node("DynamicQuantizeLinear", [a], outputs=3)


@op()
def found_sizes(g):
    """Sizes that the data decide."""
    a = g.pick((g.float, "int64"), least=1, most=2)
    if g.chance():
        g.node("NonZero", [a], moves=True)
    else:
        axis = g.rng.randrange(a.rank)
        keep = g.numbers.random(a.shape[axis]) < 0.6
        g.node("Compress", [a, g.leaf("bool", None, keep)], moves=True,
               axis=axis)
