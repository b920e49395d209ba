"""What a random graph is made of: for each operator, how operands and
attributes are drawn. `grow` adds nodes until there are enough."""
import numpy as np

from random_graph import FLOATS, INTS, Graph, Reject

OPS = []


def op(weight=1):
    """Marks a function that adds one node or a few."""
    def add(function):
        OPS.extend([function] * weight)
        return function
    return add


def grow(seed, least=3, most=15):
    """A graph with that many nodes, or a few more."""
    graph = Graph(seed)
    wanted = graph.rng.randint(least, most)
    for _ in range(wanted * 10):
        if len(graph.nodes) >= wanted:
            break
        mark = (len(graph.nodes), len(graph.values), len(graph.inputs))
        try:
            graph.rng.choice(OPS)(graph)
        except Reject:
            # Nodes added before the one that was rejected are fine.
            if len(graph.nodes) == mark[0]:
                del graph.values[mark[1]:], graph.inputs[mark[2]:]
    return graph


# Elementwise.

UNARY = ("Abs Neg Exp Sqrt Sin Cos Tanh Sigmoid Relu Erf Softplus Softsign "
         "HardSwish Floor Ceil Round Sign Reciprocal Atan Asinh Log Identity "
         "Mish Sinh Cosh Tan Acos Atanh").split()


@op(8)
def unary(g):
    g.node(g.rng.choice(UNARY), [g.pick()])


@op(3)
def activation(g):
    name = g.rng.choice(("LeakyRelu", "Elu", "Selu", "Celu", "HardSigmoid",
                         "ThresholdedRelu", "Shrink", "Gelu"))
    attributes = {}
    if name == "Gelu":
        attributes["approximate"] = g.rng.choice(("none", "tanh"))
    elif name == "Shrink":
        attributes = {"bias": g.rng.choice((0.0, 0.25)),
                      "lambd": g.rng.choice((0.25, 0.75))}
    elif name == "Selu" or name == "HardSigmoid" and g.chance():
        pass
    else:
        # No type rounds these.
        attributes["alpha"] = g.rng.choice((0.0625, 0.125, 0.5, 0.75, 1.5))
    g.node(name, [g.pick()], **attributes)


@op(2)
def unary_of_any(g):
    name = g.rng.choice(("Not", "BitwiseNot", "IsNaN", "Abs", "Sign", "Neg",
                         "IsInf"))
    kinds = {"Not": ("bool",), "BitwiseNot": INTS, "IsNaN": FLOATS,
             "IsInf": FLOATS, "Neg": INTS[:3] + INTS[4:5]}.get(name, INTS)
    g.node(name, [g.pick(kinds)])


@op(8)
def binary(g):
    name = g.rng.choice(("Add", "Add", "Sub", "Mul", "Mul", "Div", "Max",
                         "Min"))
    kinds = (g.float,) if g.chance(0.8) else INTS
    if name == "Div":
        kinds = (g.float,)
    a = g.pick(kinds)
    operands = [a, g.fitting(a)]
    if g.chance():
        operands.reverse()
    g.node(name, operands)


@op(2)
def variadic(g):
    a = g.pick()
    operands = [a] + [g.fitting(a) for _ in range(g.rng.randint(0, 3))]
    g.node(g.rng.choice(("Sum", "Mean", "Max", "Min")), operands)


@op(2)
def compare(g):
    name = g.rng.choice(("Equal", "Greater", "Less", "GreaterOrEqual",
                         "LessOrEqual"))
    a = g.pick((g.float,) * 2 + INTS)
    g.node(name, [a, g.fitting(a)])


@op()
def logic(g):
    a = g.pick(("bool",))
    g.node(g.rng.choice(("And", "Or", "Xor")), [a, g.fitting(a)])


@op()
def bits(g):
    a = g.pick(INTS)
    g.node(g.rng.choice(("BitwiseAnd", "BitwiseOr", "BitwiseXor")),
           [a, g.fitting(a)])


@op()
def shift(g):
    a = g.pick(("uint8", "uint16", "uint32", "uint64"))
    by = g.const(g.numbers.integers(0, 8, a.shape).astype(a.kind))
    g.node("BitShift", [a, by], direction=g.rng.choice(("LEFT", "RIGHT")))


@op()
def remainder(g):
    if g.chance():
        a = g.pick()
        by = g.const(np.asarray(g.rng.choice((0.5, 1.5, -2.0)), a.kind))
        g.node("Mod", [a, by], fmod=1)
        return
    a = g.pick(INTS)
    by = g.numbers.integers(1, 7, a.shape)
    if not a.kind.startswith("u") and g.chance():
        by = -by
    by = g.const(by.astype(a.kind))
    fmod = int(g.chance(0.3))
    g.node(g.rng.choice(("Mod", "Div")), [a, by]) if not fmod else \
        g.node("Mod", [a, by], fmod=1)


@op()
def power(g):
    exponent = g.rng.choice((2, 3, 0.5, 1, -1, 0))
    base = g.node("Abs", [g.pick()]) if exponent in (0.5, -1) else g.pick()
    kind = base.kind
    if g.chance(0.3) and exponent in (2, 3, 1, 0):
        kind = "int64"
    g.node("Pow", [base, g.const(np.asarray(exponent, kind))])


@op()
def prelu(g):
    a = g.pick(least=1)
    slope = tuple(g.rng.choice((1, d)) for d in a.shape)
    g.node("PRelu", [a, g.const(g.draw(a.kind, slope))])


@op()
def clip(g):
    a = g.pick((g.float, g.float, g.int))
    low, high = (-1, 2) if a.isfloat else (1, 5)
    bounds = [g.const(np.asarray(v, a.kind)) if g.chance(0.7) else None
              for v in (low, high)]
    while bounds and bounds[-1] is None:
        bounds.pop()
    g.node("Clip", [a, *bounds])


@op(2)
def where(g):
    a = g.pick(g.any_kinds())
    b = g.fitting(a)
    found = [v for v in g.values if v.kind == "bool" and
             g.broadcasts(v.shape, a.shape)]
    if found and g.chance(0.8):
        condition = g.rng.choice(found)
    else:
        condition = g.leaf("bool", a.shape[g.rng.randint(0, a.rank):])
    g.node("Where", [condition, a, b], moves=True)


@op(2)
def cast(g):
    a = g.pick(g.any_kinds())
    wanted = g.rng.choice(FLOATS[:3] + INTS[:4] + ("bool", g.float))
    if wanted.startswith("uint") and a.kind != "bool":
        if a.isfloat:
            a = g.node("Abs", [a])
    kind = {"float32": 1, "float16": 10, "float64": 11, "int32": 6,
            "int64": 7, "int8": 3, "uint8": 2, "bool": 9,
            "bfloat16": 16}[wanted]
    if wanted in ("int8", "uint8") and np.abs(
            a.array.astype(np.float64)).max() > 120:
        raise Reject("beyond the type")
    g.node("Cast", [a], to=kind)


# Reductions and the like.

REDUCTIONS = ("ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 "
              "ReduceL2 ReduceSumSquare ReduceLogSumExp").split()


@op(5)
def reduce(g):
    name = g.rng.choice(REDUCTIONS)
    kinds = (g.float,)
    if name in ("ReduceMax", "ReduceMin", "ReduceSum") and g.chance(0.2):
        kinds = ("int32", "int64")
    a = g.pick(kinds, least=1)
    if a.kind == "bfloat16" and a.array.size > 256:
        raise Reject("the reference keeps the sum in 8 bits")
    attributes = {"keepdims": int(g.chance())}
    operands = [a]
    if g.chance(0.85):
        operands.append(g.ints(*g.axes(a)))
    else:
        attributes["noop_with_empty_axes"] = int(g.chance(0.3))
    g.node(name, operands, **attributes)


@op()
def argument(g):
    a = g.pick((g.float, g.float, "int32", "int8", "uint8"), least=1)
    g.node(g.rng.choice(("ArgMax", "ArgMin")), [a], axis=g.axis(a),
           keepdims=int(g.chance()), select_last_index=int(g.chance(0.3)))


@op(3)
def softmax(g):
    a = g.pick(least=1)
    g.node(g.rng.choice(("Softmax", "Softmax", "LogSoftmax", "Hardmax")), [a],
           axis=g.axis(a))


@op()
def cumulate(g):
    a = g.pick((g.float, g.float, "int32", "int64"), least=1)
    g.node("CumSum", [a, g.const(np.asarray(g.axis(a), np.int64))],
           exclusive=int(g.chance(0.3)), reverse=int(g.chance(0.3)))


@op()
def top(g):
    a = g.pick((g.float, g.float, "int32", "int64"), least=1)
    axis = g.axis(a)
    k = g.rng.randint(1, a.shape[axis])
    g.node("TopK", [a, g.ints(k)], outputs=2, moves=True, axis=axis,
           largest=int(g.chance()), sorted=1)


@op(4)
def normalize(g):
    name = g.rng.choice(("LayerNormalization", "LayerNormalization",
                         "InstanceNormalization", "BatchNormalization",
                         "LpNormalization", "MeanVarianceNormalization",
                         "GroupNormalization", "RMSNormalization", "LRN"))
    if name in ("LayerNormalization", "RMSNormalization"):
        if name[0] == "R" and g.opset < 23:
            return  # not there yet
        a = g.pick(least=1)
        axis = g.axis(a)
        shape = a.shape[axis:]
        operands = [a, g.const(g.draw(a.kind, shape))]
        if name[0] == "L" and g.chance():
            operands.append(g.const(g.draw(a.kind, shape)))
        g.node(name, operands, axis=axis, epsilon=1e-3)
        return
    if name == "LpNormalization":
        a = g.pick(least=1)
        g.node(name, [a], axis=g.axis(a), p=g.rng.choice((1, 2)))
        return
    if name == "MeanVarianceNormalization":
        a = g.pick(least=4, most=4)
        g.node(name, [a], axes=[0, 2, 3])
        return
    if name == "LRN":
        a = g.pick(least=4, most=4)
        g.node(name, [a], size=g.rng.choice((1, 3, 5)))
        return
    a = g.pick(least=3, most=4)
    channels = a.shape[1]
    per = [g.const(g.draw(a.kind, (channels,))) for _ in range(3)]
    if name == "BatchNormalization":
        spread = g.const(np.abs(g.draw(a.kind, (channels,))) +
                         np.asarray(0.5, a.kind))
        g.node(name, [a, *per, spread], epsilon=1e-3)
    elif name == "InstanceNormalization":
        g.node(name, [a, *per[:2]], epsilon=1e-2)
    else:
        groups = g.rng.choice([d for d in range(1, channels + 1)
                               if channels % d == 0])
        if g.opset < 21:
            return  # deprecated
        g.node(name, [a, *per[:2]], num_groups=groups, epsilon=1e-2)


# Shapes and movement.

@op(3)
def reshape(g):
    a = g.pick(g.any_kinds())
    sizes = list(a.shape) or [1]
    kind = g.rng.randrange(4)
    if kind == 0:
        wanted = [-1]
    elif kind == 1 and len(sizes) > 1:
        at = g.rng.randrange(len(sizes) - 1)
        wanted = sizes[:at] + [-1] + sizes[at + 2:]
    elif kind == 2 and a.rank > 1:
        wanted = [0] * (a.rank - 1) + [-1, 1]
    else:
        at = g.rng.randrange(len(sizes))
        parts = [d for d in range(1, sizes[at] + 1) if sizes[at] % d == 0]
        part = g.rng.choice(parts)
        wanted = sizes[:at] + [part, sizes[at] // part] + sizes[at + 1:]
    g.node("Reshape", [a, g.ints(*wanted)], moves=True)


@op()
def reshape_by_shape(g):
    """As exporters write it: the target is made of another shape."""
    a = g.pick(least=2)
    shape = g.node("Shape", [a])
    first = g.node("Gather", [shape, g.const(np.asarray(0, np.int64))],
                   moves=True)
    first = g.node("Unsqueeze", [first, g.ints(0)], moves=True)
    target = g.node("Concat", [first, g.ints(-1)], moves=True, axis=0)
    g.node("Reshape", [a, target], moves=True)


@op(3)
def transpose(g):
    a = g.pick(g.any_kinds())
    if a.rank and g.chance(0.85):
        order = list(range(a.rank))
        g.rng.shuffle(order)
        g.node("Transpose", [a], moves=True, perm=order)
    else:
        g.node("Transpose", [a], moves=True)


@op(2)
def ranks(g):
    name = g.rng.choice(("Unsqueeze", "Squeeze", "Flatten"))
    if name == "Unsqueeze":
        a = g.pick(g.any_kinds(), most=4)
        g.node(name, [a, g.ints(g.rng.randint(-a.rank - 1, a.rank))],
               moves=True)
    elif name == "Squeeze":
        a = g.pick(g.any_kinds(), where=lambda v: 1 in v.shape, new=False)
        ones = [d for d in range(a.rank) if a.shape[d] == 1]
        g.node(name, [a] if g.chance(0.3) else [a, g.ints(g.rng.choice(ones))],
               moves=True)
    else:
        a = g.pick(g.any_kinds())
        g.node(name, [a], moves=True, axis=g.rng.randint(-a.rank, a.rank))


@op(4)
def slices(g):
    a = g.pick(g.any_kinds(), least=1)
    axes = g.axes(a)
    starts, ends, steps = [], [], []
    for axis in axes:
        size = a.shape[axis]
        step = g.rng.choice((1, 1, 2, 3, -1, -2))
        low = g.rng.randrange(size)
        high = g.rng.randint(low + 1, size)
        first, last = (low, high) if step > 0 else (high - 1, low - 1)
        if step > 0 and g.chance(0.3):
            first -= size
        if last < 0:
            last = -2**31
        elif last == size and g.chance():
            last = 2**63 - 1
        starts.append(first)
        ends.append(last)
        steps.append(step)
    g.node("Slice", [a, *(g.ints(*v) for v in (starts, ends, axes, steps))],
           moves=True)


@op(3)
def concat(g):
    a = g.pick(g.any_kinds(), least=1)
    axis = g.axis(a)

    def fits(v):
        return all(x == y for d, (x, y) in enumerate(zip(v.shape, a.shape))
                   if d != axis % a.rank)

    others = [v for v in g.values if v.kind == a.kind and v.rank == a.rank and
              fits(v)]
    operands = [a]
    for _ in range(g.rng.randint(0, 2)):
        if others and g.chance(0.7):
            operands.append(g.rng.choice(others))
        else:
            shape = list(a.shape)
            shape[axis] = g.rng.choice(g.sizes)
            operands.append(g.leaf(a.kind, tuple(shape)))
    g.rng.shuffle(operands)
    g.node("Concat", operands, moves=True, axis=axis)


@op(2)
def split(g):
    a = g.pick(g.any_kinds(), least=1)
    axis = g.axis(a)
    size = a.shape[axis]
    if size < 2:
        raise Reject("one element")
    if g.chance(0.4):
        count = g.rng.choice([d for d in range(2, size + 1)
                              if size % d == 0])
        g.node("Split", [a], outputs=count, moves=True, axis=axis,
               num_outputs=count)
    else:
        at = g.rng.randrange(1, size)
        g.node("Split", [a, g.ints(at, size - at)], outputs=2, moves=True,
               axis=axis)


@op(3)
def gather(g):
    a = g.pick(g.any_kinds(), least=1)
    axis = g.axis(a)
    size = a.shape[axis]
    if g.chance(0.7):
        shape = tuple(g.rng.choice(g.sizes)
                      for _ in range(g.rng.randint(0, 2)))
        indices = g.numbers.integers(-size, size, shape)
        indices = g.leaf("int64", shape, np.asarray(indices, np.int64))
        g.node("Gather", [a, indices], moves=True, axis=axis)
    else:
        shape = list(a.shape)
        shape[axis] = g.rng.choice(g.sizes)
        indices = g.numbers.integers(-size, size, shape).astype(np.int64)
        g.node("GatherElements", [a, g.leaf("int64", None, indices)],
               moves=True, axis=axis)


@op()
def gather_nd(g):
    a = g.pick(g.any_kinds(), least=2)
    depth = g.rng.randint(1, a.rank)
    rows = g.rng.choice(g.sizes)
    indices = np.stack([g.numbers.integers(0, a.shape[d], rows)
                        for d in range(depth)], -1).astype(np.int64)
    g.node("GatherND", [a, g.leaf("int64", None, indices)], moves=True)


@op(2)
def scatter(g):
    a = g.pick((g.float, g.float, "int32", "int64"), least=1)
    reduction = g.rng.choice(("none", "none", "add", "max", "min", "mul"))
    if g.chance():
        axis = g.axis(a)
        # A permutation, so that no element is written twice.
        order = g.numbers.permutation(a.shape[axis])
        shape = [1] * a.rank
        shape[axis] = a.shape[axis]
        indices = np.broadcast_to(order.reshape(shape), a.shape)
        indices = g.const(np.ascontiguousarray(indices, np.int64))
        g.node("ScatterElements", [a, indices, g.leaf(a.kind, a.shape)],
               axis=axis, reduction=reduction)
    else:
        rows = g.rng.randint(1, a.shape[0])
        indices = g.numbers.permutation(a.shape[0])[:rows].reshape(-1, 1)
        updates = g.leaf(a.kind, (rows,) + a.shape[1:])
        g.node("ScatterND", [a, g.leaf("int64", None,
                                       indices.astype(np.int64)), updates],
               reduction=reduction)


@op(2)
def repeat(g):
    a = g.pick(g.any_kinds())
    if g.chance():
        if a.rank == 0:
            raise Reject("no axis")
        counts = [g.rng.choice((1, 1, 2, 3)) for _ in a.shape]
        g.node("Tile", [a, g.ints(*counts)], moves=True)
    else:
        shape = [g.rng.choice(g.sizes) if d == 1 and g.chance() else
                 g.rng.choice((1, d)) for d in a.shape]
        if g.chance(0.4):
            shape.insert(0, g.rng.choice(g.sizes))
        if not shape:
            shape = [1]
        g.node("Expand", [a, g.ints(*shape)], moves=True)


@op(3)
def pad(g):
    a = g.pick((g.float, g.float, "int32", "int64"), least=1)
    mode = g.rng.choice(("constant", "constant", "edge", "reflect", "wrap"))
    if mode == "wrap" and g.opset < 19:
        mode = "edge"
    lowest = 0 if mode != "constant" else -1
    pads = []
    for _ in range(2):
        for d in a.shape:
            most = 2 if mode in ("constant", "edge") else min(2, d - 1)
            pads.append(g.rng.choice((0, 0, g.rng.randint(lowest, most)))
                        if most > 0 else 0)
    operands = [a, g.ints(*pads)]
    if mode == "constant" and g.chance():
        operands.append(g.const(np.asarray(3, a.kind)))
    g.node("Pad", operands, moves=True, mode=mode)


@op()
def blocks(g):
    a = g.pick(least=4, most=4)
    if a.shape[1] % 4 == 0 and g.chance(0.6):
        g.node("DepthToSpace", [a], moves=True, blocksize=2,
               mode=g.rng.choice(("DCR", "CRD")))
    elif a.shape[2] % 2 == 0 and a.shape[3] % 2 == 0:
        g.node("SpaceToDepth", [a], moves=True, blocksize=2)
    else:
        raise Reject("no blocks")


@op()
def triangle(g):
    a = g.pick((g.float, g.float, "int64"), least=2)
    k = g.const(np.asarray(g.rng.randint(-2, 2), np.int64))
    g.node("Trilu", [a, k] if g.chance() else [a], moves=True,
           upper=int(g.chance()))


@op()
def one_hot(g):
    depth = g.rng.choice(g.sizes)
    shape = g.new_shape(1, 2)
    indices = g.leaf("int64", None,
                     g.numbers.integers(-depth, depth, shape))
    g.node("OneHot", [indices, g.const(np.asarray(depth, np.int64)),
                      g.const(np.array([0, 1], "float32"))],
           axis=g.rng.randint(-len(shape) - 1, len(shape)))


@op()
def resize(g):
    a = g.pick(least=4, most=4)
    mode = g.rng.choice(("nearest", "linear", "cubic"))
    coordinates = g.rng.choice(("half_pixel", "asymmetric", "align_corners",
                                "pytorch_half_pixel"))
    # onnxruntime differs from ONNX where a size is no product of the scale.
    scales = [1, 1] + [g.rng.choice((1, 2, 3, 0.5 if d % 2 == 0 else 1))
                       for d in a.shape[2:]]
    if (mode, coordinates) == ("cubic", "pytorch_half_pixel") and any(
            d * scale == 1 for d, scale in zip(a.shape[2:], scales[2:])):
        raise Reject("onnxruntime interpolates a size of one elsewhere")
    attributes = {"nearest_mode": g.rng.choice(("floor", "round_prefer_floor",
                                                "ceil"))} \
        if mode == "nearest" else {}
    g.node("Resize", [a, None, g.const(np.array(scales, np.float32))],
           mode=mode, coordinate_transformation_mode=coordinates,
           **attributes)


@op()
def reverse(g):
    a = g.pick(least=2, where=lambda v: v.rank > 1)
    lengths = g.numbers.integers(1, a.shape[0] + 1, a.shape[1])
    g.node("ReverseSequence", [a, g.leaf("int64", None, lengths)], moves=True,
           time_axis=0, batch_axis=1)


# Products and windows.

@op(5)
def matmul(g):
    a = g.pick(least=1)
    columns = g.rng.choice(g.sizes)
    shape = (a.shape[-1], columns) if g.chance(0.85) else (a.shape[-1],)
    if a.rank > 2 and g.chance(0.4):
        batch = tuple(g.rng.choice((1, d)) for d in a.shape[:-2])
        shape = batch + (a.shape[-1], columns)
    found = [v for v in g.values if v.kind == a.kind and v.shape == shape]
    b = g.rng.choice(found) if found and g.chance() else g.leaf(a.kind, shape)
    g.node("MatMul", [a, b])


@op(2)
def gemm(g):
    a = g.pick(least=2, most=2)
    turned = g.chance(0.3), g.chance()
    inner = a.shape[0 if turned[0] else 1]
    rows = a.shape[1 if turned[0] else 0]
    columns = g.rng.choice(g.sizes)
    b = g.leaf(a.kind, (columns, inner) if turned[1] else (inner, columns))
    operands = [a, b]
    if g.chance(0.7):
        operands.append(g.leaf(a.kind, g.rng.choice(
            ((columns,), (rows, columns), (1, columns), (rows, 1), ()))))
    g.node("Gemm", operands, alpha=g.rng.choice((1.0, 0.5)),
           beta=g.rng.choice((1.0, 2.0)), transA=int(turned[0]),
           transB=int(turned[1]))


@op()
def einsum(g):
    equation = g.rng.choice(("ij,jk->ik", "bij,bjk->bik", "ij,ij->i",
                             "bij,bkj->bik", "ij->ji", "ij->",
                             "bhij,bhjk->bhik"))
    terms = equation.split("->")[0].split(",")
    a = g.pick(least=len(terms[0]), most=len(terms[0]))
    sizes = dict(zip(terms[0], a.shape))
    operands = [a]
    for term in terms[1:]:
        operands.append(g.leaf(a.kind, tuple(
            sizes.setdefault(c, g.rng.choice(g.sizes)) for c in term)))
    g.node("Einsum", operands, equation=equation)


def window(g, a, kernel=None):
    """Attributes of a window over the dimensions from 2."""
    spatial = a.shape[2:]
    kernel = kernel or [g.rng.randint(1, min(3, d)) for d in spatial]
    # Windows that leave elements out have no one answer: SAME pads less than
    # nothing, and libonnx counts windows that begin behind the end.
    attributes = {"kernel_shape": kernel,
                  "strides": [g.rng.choice((1, 1, min(2, k)))
                              for k in kernel]}
    kind = g.rng.randrange(3)
    if kind == 0:
        attributes["pads"] = [g.rng.randint(0, k - 1)
                              for k in kernel + kernel]
    elif kind == 1:
        attributes["auto_pad"] = g.rng.choice(("SAME_UPPER", "SAME_LOWER",
                                               "VALID"))
    return attributes


@op(5)
def conv(g):
    a = g.pick(least=3, most=4)
    channels = a.shape[1]
    groups = g.rng.choice([1, 1, channels] + [d for d in range(1, channels)
                                              if channels % d == 0])
    per = g.rng.choice((1, 2, 4))
    kernel = [g.rng.randint(1, min(3, d)) for d in a.shape[2:]]
    attributes = window(g, a, kernel)
    if "auto_pad" not in attributes and g.chance(0.3):
        attributes["dilations"] = [g.rng.choice((1, 2)) for _ in kernel]
    weights = g.leaf(a.kind, (per * groups, channels // groups, *kernel))
    operands = [a, weights]
    if g.chance(0.6):
        operands.append(g.leaf(a.kind, (per * groups,)))
    g.node("Conv", operands, group=groups, **attributes)


@op()
def conv_transpose(g):
    a = g.pick(least=3, most=4)
    channels = a.shape[1]
    kernel = [g.rng.randint(1, 3) for _ in a.shape[2:]]
    groups = g.rng.choice((1, channels))
    weights = g.leaf(a.kind, (channels, g.rng.choice((1, 2, 3)), *kernel))
    pads = [g.rng.randint(0, k - 1) for k in kernel + kernel]
    g.node("ConvTranspose", [a, weights], kernel_shape=kernel, group=groups,
           strides=[g.rng.choice((1, 2)) for _ in kernel], pads=pads)


@op(3)
def pool(g):
    a = g.pick(least=3, most=4)
    name = g.rng.choice(("MaxPool", "AveragePool", "LpPool",
                         "GlobalAveragePool", "GlobalMaxPool"))
    if name.startswith("Global"):
        g.node(name, [a])
        return
    attributes = window(g, a)
    if name == "AveragePool" and "auto_pad" not in attributes:
        attributes["count_include_pad"] = int(g.chance())
    if "auto_pad" not in attributes and g.chance(0.3):
        attributes["ceil_mode"] = 1
    g.node(name, [a], **attributes)


@op()
def recurrent(g):
    a = g.pick(least=3, most=3)
    length, batch, width = a.shape
    name = g.rng.choice(("LSTM", "GRU", "RNN"))
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[name]
    hidden = g.rng.choice((1, 3, 4))
    direction = g.rng.choice(("forward", "reverse", "bidirectional"))
    ways = 2 if direction == "bidirectional" else 1
    operands = [a, g.const(g.draw(a.kind, (ways, gates * hidden, width))),
                g.const(g.draw(a.kind, (ways, gates * hidden, hidden)))]
    if g.chance():
        operands.append(g.const(g.draw(a.kind, (ways, 2 * gates * hidden))))
    attributes = {"linear_before_reset": 1} if name == "GRU" and g.chance() \
        else {}
    g.node(name, operands, outputs=3 if name == "LSTM" else 2,
           hidden_size=hidden, direction=direction, **attributes)


# Numbers of few bits.

@op(2)
def quantize(g):
    a = g.pick(where=lambda v: v.kind == "float32", kinds=("float32",))
    kind = g.rng.choice(("uint8", "int8"))
    # Rounding decides codes, so they come from values without errors.
    scale = g.const(np.asarray(g.rng.choice((0.03125, 0.0625, 0.1)),
                               np.float32))
    zero = g.const(np.asarray(g.rng.choice((0, 3)), kind))
    codes = g.node("QuantizeLinear", [a, scale, zero])
    if g.chance(0.8):
        g.node("DequantizeLinear", [codes, scale, zero])


def zero_points(g, *kinds):
    """None, or one of each kind, constant or known late."""
    if g.chance(0.3):
        return []
    return [g.leaf(kind, (), np.asarray(g.rng.randint(0, 5), kind))
            for kind in kinds]


@op(2)
def integer_product(g):
    a = g.pick(("uint8", "int8"), least=2, most=3)
    kind = g.rng.choice(("uint8", "int8"))
    shape = (a.shape[-1], g.rng.choice(g.sizes))
    b = g.const(g.draw(kind, shape)) if g.chance() else g.leaf(kind, shape)
    g.node("MatMulInteger", [a, b, *zero_points(g, a.kind, kind)])


@op(2)
def integer_conv(g):
    a = g.pick(("uint8", "int8"), least=3, most=4)
    kind = g.rng.choice(("uint8", "int8"))
    channels = a.shape[1]
    groups = g.rng.choice((1, 1, channels))
    kernel = [g.rng.randint(1, min(3, d)) for d in a.shape[2:]]
    shape = (g.rng.choice((1, 2, 4)) * groups, channels // groups, *kernel)
    weights = g.const(g.draw(kind, shape)) if g.chance(0.8) else \
        g.leaf(kind, shape)
    g.node("ConvInteger", [a, weights, *zero_points(g, a.kind, kind)],
           group=groups, **window(g, a, kernel))


@op()
def dequantize(g):
    kind = g.rng.choice(("uint8", "int8"))
    shape = g.new_shape(1)
    codes = g.pick((kind,), least=1) if g.chance() else g.leaf(kind, shape)
    axis = g.axis(codes)
    if g.chance():
        scale = g.const(g.numbers.uniform(
            0.01, 0.1, codes.shape[axis]).astype(np.float32))
    else:
        scale = g.const(np.asarray(0.05, np.float32))
    g.node("DequantizeLinear", [codes, scale], axis=axis)
