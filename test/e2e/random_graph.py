"""Random valid graphs, each value computed while the graph grows.

    leaf ──> node ──> node ──> ...      a node is kept if onnxruntime computes
       └──────────────^                 it and a change of its inputs by a few
                                        units in the last place stays small

Every value is held three times: as it is, and twice with errors as another
order of summation makes them. What such errors blow up (a floor at a jump, an
argmax of near ties, a division by nearly nothing) has no answer to compare
with, so that node is drawn anew. The errors that remain are the tolerance.
"""
import random

import ml_dtypes  # noqa: F401, gives NumPy the name bfloat16
import numpy as np
import onnx
from onnx import helper, numpy_helper

FLOATS = ("float32", "float16", "float64", "bfloat16")
INTS = ("int32", "int64", "int8", "uint8", "int16", "uint16", "uint32",
        "uint64")
OPSETS = (18, 20, 21, 23)
LARGEST = {"float16": 500.0, "bfloat16": 500.0}
ROUNDING = {"float32": 2e-6, "float64": 1e-9, "float16": 1e-3,
            "bfloat16": 8e-3}


# The reference evaluator is wrong for these: sizes of one are lost, signs are
# not taken away, channels are counted by the batch, pads at one end of a line
# are not.
NO_REFERENCE = ("GlobalMaxPool", "LpNormalization", "LRN", "MaxPool")


class Reject(Exception):
    """The node is not kept."""


def kind_of(array):
    return str(array.dtype)


def onnx_type(array):
    return helper.np_dtype_to_tensor_dtype(array.dtype)


class Value:
    def __init__(self, name, arrays):
        self.name = name
        self.arrays = arrays  # as it is, and with errors

    array = property(lambda self: self.arrays[0])
    kind = property(lambda self: kind_of(self.arrays[0]))
    shape = property(lambda self: self.arrays[0].shape)
    rank = property(lambda self: self.arrays[0].ndim)
    isfloat = property(lambda self: self.kind in FLOATS)


def is_float(array):
    return kind_of(array) in FLOATS


def run_onnxruntime(model, feeds):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = \
        onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                           ["CPUExecutionProvider"])
    return [session.run(None, feed) for feed in feeds]


def run_reference(model, feeds):
    from onnx.reference import ReferenceEvaluator
    evaluator = ReferenceEvaluator(model)
    with np.errstate(all="ignore"):
        return [evaluator.run(None, feed) for feed in feeds]


class Graph:
    """A graph that grows; `rng` decides all of it."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.opset = self.rng.choice(OPSETS)
        self.nodes, self.values, self.inputs, self.constants = [], [], [], []
        self.read = set()
        self.count = 0
        self.judges = set()
        # One type of float and one of int prevail, or no two values ever fit.
        self.float = self.rng.choice(FLOATS[:1] * 6 + FLOATS)
        self.int = self.rng.choice(INTS[:2] * 3 + INTS)
        self.sizes = self.rng.sample((1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17),
                                     3)

    # Leaves.

    def name(self, stem):
        self.count += 1
        return f"{stem}{self.count}"

    def draw(self, kind, shape):
        """An array of values that most operators take."""
        if kind == "bool":
            return self.numbers.random(shape) < 0.5
        if kind in FLOATS:
            array = self.numbers.uniform(-2, 2, shape)
            if self.rng.random() < 0.2:
                array = np.round(array)  # ties
            return array.astype(kind)
        low = 0 if kind.startswith("u") else -9
        return self.numbers.integers(low, 10, shape).astype(kind)

    def new_shape(self, least=0, most=4):
        rank = self.rng.choice((1, 2, 2, 3, 3, 4, 0))
        rank = max(least, min(most, rank))
        return tuple(self.rng.choice(self.sizes) for _ in range(rank))

    def leaf(self, kind, shape, array=None):
        """A new input, or a constant."""
        array = self.draw(kind, shape) if array is None else array
        array = np.asarray(array)
        if array.size > 4096:
            raise Reject("too large")
        if self.rng.random() < 0.3:
            return self.const(array)
        value = Value(self.name("x"), [array] * 3)
        self.inputs.append(value)
        self.values.append(value)
        return value

    def const(self, array):
        array = np.asarray(array)
        value = Value(self.name("c"), [array] * 3)
        self.constants.append(value)
        return value

    def ints(self, *numbers):
        return self.const(np.array(numbers, np.int64))

    # Values that are there.

    def pick(self, kinds=None, least=0, most=6, where=None, new=True):
        """A value, most likely one of the last."""
        kinds = kinds or (self.float,)
        found = [v for v in self.values if v.kind in kinds and
                 least <= v.rank <= most and (not where or where(v))]
        if found and (not new or self.rng.random() < 0.85):
            return self.rng.choice(found[-4:] + found)
        if not new:
            raise Reject("no such value")
        kind = self.rng.choice([k for k in (self.float, self.int, "bool")
                                if k in kinds] or list(kinds))
        value = self.leaf(kind, self.new_shape(least, min(most, 4)))
        if where and not where(value):
            raise Reject("no such value")
        return value

    def any_kinds(self):
        return (self.float,) * 3 + (self.int, "bool")

    def fitting(self, value):
        """A second operand that broadcasts with it."""
        found = [v for v in self.values
                 if v.kind == value.kind and v is not value and
                 self.broadcasts(v.shape, value.shape)]
        if found and self.rng.random() < 0.6:
            return self.rng.choice(found)
        shape = list(value.shape)
        for d in range(len(shape)):
            if self.rng.random() < 0.25:
                shape[d] = 1
        if self.rng.random() < 0.4:
            shape = shape[self.rng.randrange(len(shape) + 1):]
        return self.leaf(value.kind, tuple(shape))

    @staticmethod
    def broadcasts(a, b):
        try:
            np.broadcast_shapes(a, b)
            return True
        except ValueError:
            return False

    def axis(self, value, least=0):
        if value.rank <= least:
            raise Reject("no axis")
        axis = self.rng.randrange(least, value.rank)
        return axis - value.rank if self.rng.random() < 0.3 else axis

    def axes(self, value):
        if value.rank == 0:
            raise Reject("no axis")
        count = self.rng.randint(1, value.rank)
        found = sorted(self.rng.sample(range(value.rank), count))
        return [a - value.rank if self.rng.random() < 0.3 else a
                for a in found]

    def chance(self, share=0.5):
        return self.rng.random() < share

    # Nodes.

    def node(self, op, inputs, outputs=1, moves=False, reads=(), **attributes):
        """Adds a node and returns its results; None is an absent operand.

        moves: results are operands' elements, without new errors.
        reads: values that the node's own graphs take from outside."""
        names = [v.name if v else "" for v in inputs]
        results = [self.name("v") for _ in range(outputs)]
        node = helper.make_node(op, names, results, name=self.name(op + "_"),
                                **attributes)
        given = {v.name: v for v in [*inputs, *reads] if v}
        computed = self.compute(node, given)
        values = []
        for i, name in enumerate(results):
            arrays = [np.asarray(run[i]) for run in computed]
            self.check(arrays, list(given.values()))
            if not moves and is_float(arrays[0]):
                arrays = [arrays[0]] + [self.disturb(a, given.values())
                                        for a in arrays[1:]]
            values.append(Value(name, arrays))
        self.nodes.append(node)
        self.read.update(given)
        self.values += values
        return values[0] if outputs == 1 else values

    def compute(self, node, given):
        feeds = [{name: v.arrays[i] for name, v in given.items()}
                 for i in range(3)]
        model = self.wrap([node], list(given.values()), [],
                          [(name, None) for name in node.output])
        if "bfloat16" not in [v.kind for v in given.values()]:
            try:
                self.judges.add("onnxruntime")
                return run_onnxruntime(model, feeds)
            except Exception:  # types it has no kernel for
                pass
        if node.op_type in NO_REFERENCE or \
                (node.op_type == "Resize" and  # in doubles by floats
                 "float64" in [v.kind for v in given.values()]):
            raise Reject("nobody computes it")
        try:
            self.judges.add("onnx.reference")
            return run_reference(model, feeds)
        except Exception as error:
            raise Reject(f"nobody computes it: {error}") from None

    def wrap(self, nodes, inputs, constants, outputs, shape=None):
        """A model; outputs are names and types, None where unknown."""
        shape = shape or (lambda v: list(v.shape))
        graph = helper.make_graph(
            nodes, "random",
            [helper.make_tensor_value_info(v.name, onnx_type(v.array),
                                           shape(v)) for v in inputs],
            [helper.make_tensor_value_info(name, kind, None)
             if kind else onnx.ValueInfoProto(name=name)
             for name, kind in outputs],
            [numpy_helper.from_array(v.array, v.name) for v in constants])
        return helper.make_model(
            graph, ir_version=10,
            opset_imports=[helper.make_opsetid("", self.opset)])

    def check(self, arrays, operands):
        first = arrays[0]
        if first.size > 4096 or first.size == 0 or first.ndim > 6:
            raise Reject("size")
        if any(a.shape != first.shape for a in arrays[1:]):
            raise Reject("size decided by rounding")
        if not is_float(first):
            if any((a != first).any() for a in arrays[1:]):
                raise Reject("decided by rounding")
            return
        wide = [a.astype(np.float64) for a in arrays]
        if not all(np.isfinite(a).all() for a in wide):
            raise Reject("not finite")
        largest = np.abs(wide[0]).max()
        if largest > LARGEST.get(kind_of(first), 1e4):
            raise Reject("large")
        spread = max(np.abs(a - wide[0]).max() for a in wide[1:])
        limit = 100 * ROUNDING[kind_of(first)] * max(largest, 0.1)
        if spread > limit:
            raise Reject("errors grow")

    def disturb(self, array, operands):
        """Errors as large as those of a sum that is taken in another order."""
        scale = [np.abs(v.array.astype(np.float64)).max()
                 for v in operands if v.isfloat and v.array.size]
        scale = max(scale + [np.abs(array.astype(np.float64)).max()])
        noise = self.numbers.uniform(-1, 1, array.shape)
        noise *= ROUNDING[kind_of(array)] * scale
        return (array.astype(np.float64) + noise).astype(array.dtype)

    # The whole.

    def outputs(self):
        """What nobody reads, and now and then something that is read."""
        made = {o for n in self.nodes for o in n.output}
        return [v for v in self.values if v.name in made and
                (v.name not in self.read or self.rng.random() < 0.1)]

    def model(self, symbolic):
        """The model; with `symbolic`, inputs' sizes above 1 are symbols, and
        equal ones share one."""
        def shape(v):
            return [f"n{d}" if symbolic and d > 1 else d for d in v.shape]

        made = {o for n in self.nodes for o in n.output}
        outputs = self.outputs() or [v for v in self.values
                                     if v.name in made][-1:]
        inputs = [v for v in self.inputs if v.name in self.read]
        constants = [v for v in self.constants if v.name in self.read]
        self.inputs = inputs
        model = self.wrap(self.nodes, inputs, constants,
                          [(v.name, onnx_type(v.array)) for v in outputs],
                          shape)
        return model, inputs, outputs

    def tolerance(self, outputs):
        """(relative, absolute) bound on the error of all outputs."""
        rtol, atol = 1e-5, 1e-6
        for v in outputs:
            if not v.isfloat:
                continue
            wide = [a.astype(np.float64) for a in v.arrays]
            spread = max(np.abs(a - wide[0]).max() for a in wide[1:])
            rounding = ROUNDING[v.kind]
            rtol = max(rtol, 4 * rounding)
            atol = max(atol, 4 * spread,
                       4 * rounding * max(1.0, np.abs(wide[0]).max()))
        return rtol, atol
