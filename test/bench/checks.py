"""What a race does not show: the cost of a compile, bits, and codes of int8."""
import os
import tempfile
import time

import numpy as np

from models import end_to_end
import peers
import support

DECISIONS = 16


def prepared(model, small=False):
    """The model's file, its inputs, and the options that fix their shapes."""
    import onnx
    path = model.path()
    dims, shapes = model.sizes(small)
    feeds = peers.make_inputs(onnx.load(path, load_external_data=False), dims,
                              shapes, model.limits)
    options = [f"--shape={name}={'x'.join(map(str, x.shape))}"
               for name, x in feeds.items()
               if x.ndim and name not in model.values]
    options += [f"--value={name}={x}" for name, x in model.values.items()]
    feeds = {name: x for name, x in feeds.items() if name not in model.values}
    return path, feeds, options


def cost(model):
    """Seconds and peak memory of `tenonc compile` as users call it."""
    path, _, options = prepared(model)
    with tempfile.TemporaryDirectory() as work:
        begin = time.monotonic()
        peak = support.peak_bytes([support.TENONC, "compile", path, "-o", work,
                                   "--prefix=net", *options])
        return {"seconds": round(time.monotonic() - begin, 2),
                "peak_mb": round(peak / 1e6),
                "allowed_mb": round(1.5 * os.path.getsize(path) / 1e6 + 500)}


# qemu does 0.1 Gmac/s.
THREADS = {"x86-64-v3": (1, 2), "x86-64-v4": (1, 3), support.AARCH64: (1,)}


def bits(model):
    """Whether all of THREADS give the same bits, on small inputs."""
    test = end_to_end()
    path, feeds, options = prepared(model, small=True)
    machines = [name for name, *_ in test.machines() if name in THREADS]
    with tempfile.TemporaryDirectory() as work:
        try:
            test.compare_bits(work, path, options, feeds, {
                name: THREADS.get(name, ()) for name, *_ in test.machines()})
        except (AssertionError, support.Refused) as error:
            return {"holds": False, "text": str(error)[-300:]}
    return {"holds": len(machines) > 1, "text": ", ".join(machines)}


def with_codes(onnx_model):
    """The codes that activations are quantized to, as outputs too."""
    import onnx
    model = onnx.ModelProto()
    model.CopyFrom(onnx_model)
    constants = {t.name for t in model.graph.initializer}
    codes = [node.output[0] for node in model.graph.node
             if node.op_type == "QuantizeLinear" and
             node.input[0] not in constants]
    model.graph.output.extend(onnx.ValueInfoProto(name=n) for n in codes)
    return model, codes


def cut_at_codes(onnx_model, codes):
    """Every operator by itself, between codes: what follows a code reads it
    from an input, so that differences do not add up. `codes`: {name: array}"""
    import onnx
    model = onnx.ModelProto()
    model.CopyFrom(onnx_model)
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            if name in codes:
                node.input[i] = f"{name}_given"
    for name, array in codes.items():
        kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
        info = onnx.helper.make_tensor_value_info
        model.graph.input.append(info(f"{name}_given", kind, array.shape))
        model.graph.output.append(info(name, kind, array.shape))
    del model.graph.value_info[:]
    return model


def codes(model):
    """Quantized operators against onnxruntime's without optimizations, each
    given the same codes, and the decisions of the whole."""
    import onnx
    path, feeds, options = prepared(model)
    original = onnx.load(path)
    asked, names = with_codes(original)
    with tempfile.TemporaryDirectory() as work:
        onnx.save(asked, f"{work}/codes.onnx")
        wanted = support.reference(f"{work}/codes.onnx", optimize=False)(feeds)
        given = {name: wanted[name] for name in names}
        onnx.save(cut_at_codes(original, given), f"{work}/cut.onnx")
        found = support.Program(f"{work}/cut.onnx", f"{work}/cut").run(
            {**feeds, **{f"{name}_given": x for name, x in given.items()}})
        apart = {name: np.abs(found[name].astype(int) - x.astype(int))
                 for name, x in given.items()}
        program = support.Program(path, f"{work}/whole", *options)
        expected = support.reference(path)
        same = 0
        for seed in range(DECISIONS):
            drawn = peers.make_inputs(original, *model.sizes(), model.limits,
                                      seed)
            ours, theirs = program.run(drawn), expected(drawn)
            same += all(np.array_equal(ours[n].argmax(-1), x.argmax(-1))
                        for n, x in theirs.items())
    worst = max(apart, key=lambda name: apart[name].max())
    return {"operators": len(names), "worst": worst,
            "codes": sum(x.size for x in apart.values()),
            "differ": int(sum((x > 0).sum() for x in apart.values())),
            "largest": int(apart[worst].max()),
            "same": same, "decisions": DECISIONS}
