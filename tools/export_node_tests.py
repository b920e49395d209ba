#!/usr/bin/env python3
"""Writes every case of the installed onnx package's backend suite to files.

  OUT/KIND/NAME/model.onnx
  OUT/KIND/NAME/test_data_set_N/{input,output}_N.pb
  OUT/manifest.tsv    a row per case: operators, types, tolerances, flags
  OUT/export.json     versions and counts

KIND is node, simple, pytorch-converted, pytorch-operator or light. `light` is
what the package calls its real tests: nets of the model zoo whose weights are
filled with constants, with the outputs expected of them; nothing is fetched.

A .pb file is a TensorProto, SequenceProto or OptionalProto, as the type of the
graph's input or output says. Node data come from a fixed seed, so two runs
write the same bytes. It takes 10 s and 75 MB.
"""
import argparse
import collections
import json
import os
import shutil
import sys
import warnings

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, numpy_helper

KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator", "light")
SHIPPED = KINDS[1:4]  # as files, in the package
RANDOM_OPS = {
    "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike",
    "RandomUniform", "RandomUniformLike"
}
# The size of the output depends on values.
COUNTING_OPS = {"NonZero", "Unique", "Compress", "NonMaxSuppression"}
SHAPE_READING_OPS = COUNTING_OPS | {
    "ConstantOfShape", "Range", "Expand", "Reshape", "Tile", "Pad", "Slice",
    "Resize", "Upsample", "TopK", "OneHot", "CenterCropPad", "Loop", "If",
    "SequenceMap", "StringSplit"
}
COLUMNS = ("name", "kind", "expanded", "ops", "opsets", "ir", "in_types",
           "out_types", "dynamic_inputs", "flags", "n_in", "n_out", "n_sets",
           "bytes", "rtol", "atol")


def nodes_of(nodes):
    """Nodes, and those of their subgraphs."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from nodes_of(attribute.g.node)
            elif attribute.type == AttributeProto.GRAPHS:
                for graph in attribute.graphs:
                    yield from nodes_of(graph.node)


def type_name(type_proto):
    which = type_proto.WhichOneof("value")
    if which == "tensor_type":
        return element_name(type_proto.tensor_type.elem_type)
    if which == "sequence_type":
        return f"seq({type_name(type_proto.sequence_type.elem_type)})"
    if which == "optional_type":
        return f"opt({type_name(type_proto.optional_type.elem_type)})"
    if which == "map_type":
        key = element_name(type_proto.map_type.key_type)
        return f"map({key},{type_name(type_proto.map_type.value_type)})"
    return which or "?"


def element_name(number):
    return TensorProto.DataType.Name(number).lower()


def is_dynamic(type_proto):
    if (type_proto.WhichOneof("value") != "tensor_type"
            or not type_proto.tensor_type.HasField("shape")):
        return True
    return any(not dim.HasField("dim_value")
               for dim in type_proto.tensor_type.shape.dim)


def fed_inputs(model):
    constants = {i.name for i in model.graph.initializer}
    constants |= {i.values.name for i in model.graph.sparse_initializer}
    return [i for i in model.graph.input if i.name not in constants]


def flags_of(case, model, nodes):
    flags = []
    if (any(node.op_type in RANDOM_OPS for node in nodes)
            or case.name.startswith("test_training_dropout")):
        flags.append("random")
    if any(attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS)
           for node in nodes for attribute in node.attribute):
        flags.append("subgraph")
    constants = {i.name for i in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            constants.update(node.output)
    for node in model.graph.node:
        if node.op_type in COUNTING_OPS:
            flags.append("data_dependent_shape")
            break
        if node.op_type in SHAPE_READING_OPS and any(
                i and i not in constants for i in node.input[1:]):
            flags.append("shape_from_value")
            break
    return flags


def manifest_row(kind, case, model, folder, sets):
    nodes = list(nodes_of(model.graph.node))
    for function in model.functions:
        nodes += function.node
    ops = collections.Counter(
        (node.domain + "::" if node.domain else "") + node.op_type
        for node in nodes)
    inputs, outputs = fed_inputs(model), list(model.graph.output)
    size = sum(os.path.getsize(os.path.join(parent, name))
               for parent, _, names in os.walk(folder) for name in names)
    fields = (
        case.name, kind, int("_expanded" in case.name),
        ",".join(f"{op}:{n}" for op, n in sorted(ops.items())),
        ",".join(f"{o.domain or 'ai.onnx'}={o.version}"
                 for o in model.opset_import), model.ir_version,
        ",".join(sorted({type_name(i.type) for i in inputs})) or "-",
        ",".join(sorted({type_name(o.type) for o in outputs})) or "-",
        int(any(is_dynamic(i.type) for i in inputs)),
        ",".join(flags_of(case, model, nodes)) or "-", len(inputs),
        len(outputs), sets, size, f"{case.rtol:g}", f"{case.atol:g}")
    return "\t".join(map(str, fields))


def to_proto(value, value_info):
    """A case's Python value as the proto that its graph type asks for."""
    if hasattr(value, "SerializeToString"):
        return value
    which = value_info.type.WhichOneof("value")
    if which == "map_type":
        return numpy_helper.from_dict(value, value_info.name)
    if which == "sequence_type":
        return numpy_helper.from_list(value, value_info.name)
    if which == "optional_type":
        return numpy_helper.from_optional(value, value_info.name)
    return numpy_helper.from_array(np.asarray(value), value_info.name)


def write(path, proto):
    with open(path, "wb") as file:
        file.write(proto.SerializeToString(deterministic=True))


def light_data(model, path):
    """Inputs arange(n)/n, as the package's runner makes them."""
    inputs = []
    for value_info in fed_inputs(model):
        shape = [d.dim_value or 1 for d in
                 value_info.type.tensor_type.shape.dim]
        n = int(np.prod(shape))
        inputs.append((np.arange(n).reshape(shape) / n).astype(np.float32))
    base = os.path.splitext(path)[0]
    return [(inputs, [onnx.load_tensor(f"{base}_output_{i}.pb")
                      for i in range(len(model.graph.output))])]


def write_case(kind, case, folder, data_folder):
    """Writes one case; (model, number of data sets)."""
    if kind in SHIPPED:
        shutil.copytree(case.model_dir, folder, dirs_exist_ok=True)
        return (onnx.load(os.path.join(folder, "model.onnx")),
                sum(name.startswith("test_data_set_")
                    for name in os.listdir(folder)))
    if kind == "light":
        path = os.path.join(data_folder, "light", os.path.basename(case.url))
        model = onnx.load(path)
        sets = light_data(model, path)
    else:
        model, sets = case.model, case.data_sets
    write(os.path.join(folder, "model.onnx"), model)
    for i, (inputs, outputs) in enumerate(sets):
        data_set = os.path.join(folder, f"test_data_set_{i}")
        os.makedirs(data_set)
        for role, values, infos in (
                ("input", inputs, fed_inputs(model)),
                ("output", outputs, model.graph.output)):
            for j, (value, info) in enumerate(zip(values, infos)):
                write(os.path.join(data_set, f"{role}_{j}.pb"),
                      to_proto(value, info))
    return model, len(sets)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", metavar="OUT")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--skip-expanded", action="store_true",
                        help="leave out the _expanded forms of functions")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    from onnx.backend.test import loader

    rows, failed = [], []
    for kind in arguments.kinds.split(","):
        kind_folder = os.path.join(arguments.out, kind)
        shutil.rmtree(kind_folder, ignore_errors=True)
        cases = loader.load_model_tests(
            kind="real" if kind == "light" else kind)
        for case in sorted(cases, key=lambda case: case.name):
            if arguments.skip_expanded and "_expanded" in case.name:
                continue
            folder = os.path.join(kind_folder, case.name)
            os.makedirs(folder)
            try:
                model, sets = write_case(kind, case, folder, loader.DATA_DIR)
                rows.append(manifest_row(kind, case, model, folder, sets))
            except Exception as error:  # values that have no proto
                failed.append((kind, case.name, repr(error)[:200]))
                shutil.rmtree(folder)
        print(f"{kind}: {len(rows)} cases so far", flush=True)
    with open(os.path.join(arguments.out, "manifest.tsv"), "w",
              encoding="utf-8") as file:
        file.write("\n".join(["\t".join(COLUMNS), *rows, ""]))
    with open(os.path.join(arguments.out, "export.json"), "w",
              encoding="utf-8") as file:
        json.dump({"onnx": onnx.__version__,
                   "opset": onnx.defs.onnx_opset_version(),
                   "tests": len(rows), "not_written": failed}, file, indent=1)
    print(f"onnx {onnx.__version__}: wrote {len(rows)} cases, {len(failed)} "
          "could not be written")
    for kind, name, error in failed:
        print(f"  {kind}/{name}: {error}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
