#!/usr/bin/env python3
"""What a compile leaves behind: the same bytes wherever it runs, whole files or
none, and a list of what it read."""
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from support import (Skip, TENONC, call, cpu_levels, peak_bytes, run_all,
                     same_bits)

TARGETS = (("x86_64-linux-gnu", "x86-64-v3"), ("aarch64-linux-gnu", "generic"),
           ("arm64-apple-ios17.0", "apple-m1"))


def dense(path, sizes, external=None):
    """A chain of products with seeded weights."""
    rng = np.random.default_rng(1)
    nodes, weights = [], []
    for i, (rows, columns) in enumerate(zip(sizes, sizes[1:])):
        weights.append(numpy_helper.from_array(rng.standard_normal(
            (rows, columns), np.float32) / np.float32(rows), f"w{i}"))
        nodes += [helper.make_node("MatMul", [f"x{i}", f"w{i}"], [f"p{i}"],
                                   name=f"product{i}"),
                  helper.make_node("Tanh", [f"p{i}"], [f"x{i + 1}"],
                                   name=f"tanh{i}")]
    graph = helper.make_graph(
        nodes, "dense",
        [helper.make_tensor_value_info("x0", TensorProto.FLOAT,
                                       ["n", sizes[0]])],
        [helper.make_tensor_value_info(f"x{len(sizes) - 1}", TensorProto.FLOAT,
                                       ["n", sizes[-1]])], weights)
    model = helper.make_model(graph, opset_imports=[
        helper.make_opsetid("", 17)], ir_version=8)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if external:
        onnx.save(model, path, save_as_external_data=True, location=external,
                  size_threshold=0)
    else:
        onnx.save(model, path)
    return path


def digests(folder):
    return {name: hashlib.sha256(
        open(f"{folder}/{name}", "rb").read()).hexdigest()
        for name in sorted(os.listdir(folder))}


def half_precision(path, sizes):
    """A chain of products whose weights are float16, cast in the graph."""
    model = onnx.load(dense(path, sizes))
    graph = model.graph
    for i, weight in enumerate(graph.initializer):
        weight.CopyFrom(numpy_helper.from_array(
            numpy_helper.to_array(weight).astype(np.float16), f"h{i}"))
        graph.node.insert(i, helper.make_node(
            "Cast", [f"h{i}"], [f"w{i}"], name=f"cast{i}", to=TensorProto.FLOAT))
    onnx.save(model, path)
    return path


def peak_memory(work):
    """at most 1.5 times the model and 500 MB, whatever becomes of weights"""
    for name, build, sizes in (
            ("float", dense, (2304,) * 8),
            ("half", half_precision, (2304,) * 15)):
        model = build(f"{work}/{name}.onnx", sizes)
        limit = 1.5 * os.path.getsize(model) + 500e6
        for emit in ([], ["--emit=exe,so,lib,obj"]):
            peak = peak_bytes([TENONC, "compile", model, "--prefix=net",
                               "--dim=n=1", "-o", f"{work}/{name}", *emit])
            assert peak <= limit, \
                f"{name} {emit}: {peak / 1e6:.0f} MB, limit {limit / 1e6:.0f}"
            program = call([f"{work}/{name}/net", "--selftest"])
            assert " ok" in program, program
            text = call([TENONC, "run", f"{work}/{name}/net.so", "--selftest"])
            assert text == program, (text, program)
            shutil.rmtree(f"{work}/{name}")
        os.remove(model)


def beyond_two_gigabytes(work):
    """external data of 2.4 GB, a sparse file: bounded memory, right numbers"""
    size, count = 8192, 9
    with open(f"{work}/w.bin", "wb") as file:
        file.truncate(count * size * size * 4)
        # One row of each matrix, the last behind 2 GB: column 5 gives it.
        for i in range(count):
            file.seek((i * size + 5) * size * 4)
            file.write(np.full(size, 0.5 + i, np.float32).tobytes())
    nodes, weights = [], []
    for i in range(count):
        weight = TensorProto(name=f"w{i}", data_type=TensorProto.FLOAT,
                             dims=(size, size),
                             data_location=TensorProto.EXTERNAL)
        for key, value in (("location", "w.bin"),
                           ("offset", i * size * size * 4),
                           ("length", size * size * 4)):
            weight.external_data.add(key=key, value=str(value))
        weights.append(weight)
        nodes.append(helper.make_node("MatMul", [f"x{i}", f"w{i}"],
                                      [f"x{i + 1}"], name=f"product{i}"))
    shape = [1, size]
    graph = helper.make_graph(
        nodes, "large",
        [helper.make_tensor_value_info("x0", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(f"x{count}", TensorProto.FLOAT, shape)],
        weights)
    with open(f"{work}/net.onnx", "wb") as file:
        file.write(helper.make_model(graph, ir_version=8, opset_imports=[
            helper.make_opsetid("", 17)]).SerializeToString())
    peak = peak_bytes([TENONC, "compile", f"{work}/net.onnx", "--no-selftest",
                       "--prefix=net", "-o", f"{work}/out/", "--emit=exe"])
    # Two matrices: one as the file has it, one as it is stored.
    assert peak < 2 * size * size * 4 + 500e6, f"{peak / 1e6:.0f} MB"
    os.remove(f"{work}/w.bin")
    x = np.zeros(shape, np.float32)
    x[0, 5] = 1
    np.save(f"{work}/x.npy", x)
    call([f"{work}/out/net", f"x0={work}/x.npy", f"--out=x9={work}/y.npy"])
    # Every row 5 is constant, so each product scales by its number.
    wanted = np.prod([0.5 + i for i in range(count)])
    y = np.load(f"{work}/y.npy")
    assert (y == np.float32(wanted)).all(), (y, wanted)


def many_nodes(work):
    """a chain of 20,000 nodes and 28 nested branches compile and run"""
    def value(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def save(graph, name):
        with open(f"{work}/{name}.onnx", "wb") as file:
            file.write(helper.make_model(graph, ir_version=8, opset_imports=[
                helper.make_opsetid("", 17)]).SerializeToString())
        call([TENONC, "compile", f"{work}/{name}.onnx", "-o",
              f"{work}/{name}/", "--emit=exe", "--prefix=net"])
        return f"{work}/{name}/net"

    count = 20000
    chain = save(helper.make_graph(
        [helper.make_node("Neg" if i % 2 else "Abs", [f"x{i}"], [f"x{i + 1}"],
                          name=f"node{i}") for i in range(count)],
        "chain", [value("x0", 8)], [value(f"x{count}", 8)]), "chain")
    call([chain, "x0=1,-2,3,-4,5,-6,7,-8", f"--dump={work}/chain.npz"])
    with np.load(f"{work}/chain.npz") as archive:
        assert (archive[f"x{count}"] == -np.arange(1, 9)).all()

    def branch(depth):
        inner = [helper.make_node("Neg", ["x"], [f"y{depth}"], name="inner")] \
            if depth == 28 else [helper.make_node(
                "If", ["c"], [f"y{depth}"], name=f"if{depth}",
                then_branch=branch(depth + 1),
                else_branch=helper.make_graph(
                    [helper.make_node("Abs", ["x"], [f"e{depth}"],
                                      name=f"else{depth}")], "else", [],
                    [value(f"e{depth}", 4)]))]
        return helper.make_graph(inner, f"depth{depth}", [],
                                 [value(f"y{depth}", 4)])

    graph = branch(0)
    graph.input.extend([value("x", 4), helper.make_tensor_value_info(
        "c", TensorProto.BOOL, [])])
    nested = save(graph, "nested")
    for condition, wanted in ((1, [-1, 2, -3, 4]), (0, [1, 2, 3, 4])):
        call([nested, "x=1,-2,3,-4", f"c={condition}",
              f"--dump={work}/nested.npz"])
        with np.load(f"{work}/nested.npz") as archive:
            assert (archive["y0"] == wanted).all(), archive["y0"]


def symbols_of(file):
    tool = next((t for t in ("llvm-nm-22", "llvm-nm", "nm")
                 if shutil.which(t)), None)
    if not tool:
        raise Skip("no nm")
    return {line.split()[-1] for line in call([tool, file]).splitlines()
            if line.strip()}


def several_levels(work):
    """x86 levels in one artifact: weights once, the same bits, one digest"""
    model = dense(f"{work}/net.onnx", (64, 1300, 33))
    options = ["--prefix=net", "--target=x86_64-linux-gnu", "--dim=n=1..9"]

    def build(cpu, folder):
        call([TENONC, "compile", model, "-o", f"{work}/{folder}",
              f"--mcpu={cpu}", *options])
        return digests(f"{work}/{folder}")

    both = build("x86-64-v3,x86-64-v4", "both")
    assert build("x86-64-v4,x86-64-v3", "swapped") == both, \
        "the order of levels matters"
    build("x86-64-v3", "v3")
    names = symbols_of(f"{work}/both/net")
    assert {"net_program", "net_x86_64_v4_program"} <= names, names
    weights = os.path.getsize(model)
    sizes = [os.path.getsize(f"{work}/{f}/net.so") for f in ("v3", "both")]
    assert sizes[1] - sizes[0] < weights / 2, (sizes, weights)
    manifest = open(f"{work}/both/net.tenon", "rb").read()
    assert b"net_x86_64_v4" in manifest

    if "x86-64-v3" not in cpu_levels():
        raise Skip("compiled; this CPU runs neither level")
    texts = {call([f"{work}/{folder}/net", "--selftest"])
             for folder in ("v3", "both")}
    assert len(texts) == 1 and " ok" in texts.pop()
    describe = call([f"{work}/both/net", "--describe"])
    assert "x86-64-v3, x86-64-v4" in describe, describe
    outputs = []
    for folder in ("v3", "both"):
        call([f"{work}/{folder}/net", "x0=random:3", "--dim=n=7",
              f"--dump={work}/{folder}.npz"])
        with np.load(f"{work}/{folder}.npz") as archive:
            outputs.append({name: archive[name] for name in archive.files})
    assert same_bits(*outputs) is None
    if "x86-64-v4" not in cpu_levels():
        raise Skip("x86-64-v3 ran; this CPU lacks x86-64-v4")


def refused_levels(work):
    """levels that cannot share an artifact are refused with the reason"""
    model = dense(f"{work}/net.onnx", (8, 8))
    for options, reason in (
            (["--mcpu=x86-64-v2,x86-64-v3"], "no fused multiply-add"),
            (["--mcpu=x86-64-v3,haswell"], "run on the same CPUs"),
            (["--mcpu=x86-64-v3,"], "one comma between"),
            (["--mcpu=x86-64-v3,x86-64-v5"], "no CPU of x86_64 is named"),
            (["--mcpu=generic,cortex-a76", "--target=aarch64"], "x86 levels")):
        done = subprocess.run(
            [TENONC, "compile", model, "-o", f"{work}/out", "--dim=n=1",
             *(options if len(options) > 1 else
               [*options, "--target=x86_64-linux-gnu"])],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert done.returncode == 2 and reason in done.stderr, \
            f"{options}: {done.returncode} {done.stderr}"
    done = subprocess.run(
        [TENONC, "compile", model, "-o", f"{work}/net.s", "--emit=asm",
         "--dim=n=1", "--target=x86_64-linux-gnu",
         "--mcpu=x86-64-v3,x86-64-v4"], text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)
    assert done.returncode == 1 and "name one with --mcpu" in done.stderr, \
        done.stderr


def same_bytes(work):
    """two compiles give the same files: other folders, names, CPUs, hour"""
    first = dense(f"{work}/a/net.onnx", (64, 130, 33))
    os.makedirs(f"{work}/b b/deep")
    second = shutil.copy(first, f"{work}/b b/deep/other name.onnx")
    for target, cpu in TARGETS:
        options = ["--prefix=net", f"--target={target}", f"--mcpu={cpu}",
                   "--dim=n=1..9"]
        one, two = f"{work}/1-{target}", f"{work}/2-{target}"
        call([TENONC, "compile", first, "-o", one, *options])
        environment = dict(os.environ, TZ="Asia/Tokyo", LC_ALL="C",
                           HOME=f"{work}/b b", TMPDIR=f"{work}/b b")
        done = subprocess.run(
            [*(("taskset", "-c", "0") if shutil.which("taskset") else ()),
             TENONC, "compile", os.path.basename(second), "-o", two, *options],
            cwd=os.path.dirname(second), env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert done.returncode == 0, done.stderr
        a, b = digests(one), digests(two)
        assert a and set(a) == set(b), (a, b)
        different = [name for name in a if a[name] != b[name]]
        assert not different, f"{target}: {different} differ"


def digest_everywhere(work):
    """the manifest of every target holds the digest that x86-64 gives"""
    model = dense(f"{work}/net.onnx", (24, 40, 8))
    found = set()
    for target, cpu in (*TARGETS, ("x86_64-linux-gnu", "x86-64-v2"),
                        ("thumbv7em-none-eabi", "cortex-m4")):
        folder = f"{work}/{target}-{cpu}"
        call([TENONC, "compile", model, "-o", folder, "--prefix=net",
              "--emit=so" if target == "x86_64-linux-gnu" else "--emit=lib",
              "--emit=manifest", f"--target={target}", f"--mcpu={cpu}",
              "--dim=n=1..9"])
        if target != "x86_64-linux-gnu":
            found.add(open(f"{folder}/net.tenon", "rb").read())
            continue
        text = call([TENONC, "run", f"{folder}/net.so", "--selftest"])
        digest = int(re.search(r"selftest: ([0-9a-f]{16}) ok", text)[1], 16)
    for manifest in found:
        assert digest.to_bytes(8, "little") in manifest


def whole_files_or_none(work):
    """failures and signals leave no partial artifact"""
    model = dense(f"{work}/net.onnx", (512, 2048, 512))
    command = [TENONC, "compile", model, "--prefix=net", "--dim=n=1", "-o"]
    call([*command, f"{work}/whole"])
    whole = digests(f"{work}/whole")
    # A name that is taken: nothing appears, nothing is replaced.
    os.makedirs(f"{work}/taken/net.h")
    done = subprocess.run([*command, f"{work}/taken"], text=True,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert done.returncode == 1 and "net.h" in done.stderr, done.stderr
    assert os.listdir(f"{work}/taken") == ["net.h"]
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        for step in range(8):
            folder = f"{work}/{number}-{step}"
            process = subprocess.Popen([*command, folder],
                                       stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            time.sleep(0.12 * step)
            process.send_signal(number)
            process.wait()
            left = digests(folder) if os.path.isdir(folder) else {}
            if number == signal.SIGKILL:  # nobody can clean up after that
                left = {name: d for name, d in left.items()
                        if not name.startswith(".")}
            for name, digest in left.items():
                assert whole.get(name) == digest, \
                    f"{number.name} left {name}, which is not whole"


def depfile(work):
    """--depfile lists what was made and what was read"""
    model = dense(f"{work}/a b/net.onnx", (8, 8), external="w.bin")
    call([TENONC, "compile", model, "--prefix=net", "--dim=n=1", "-o",
          f"{work}/out", "--emit=lib,header", f"--depfile={work}/net.d"])
    made, read = open(f"{work}/net.d").read().replace("\\\n", "").split(":")
    assert made.split() == [f"{work}/out/libnet.a", f"{work}/out/net.h"], made
    escaped = f"{work}/a\\ b"
    read = re.findall(r"(?:\\ |\S)+", read)
    assert read == [f"{escaped}/net.onnx", f"{escaped}/w.bin"], read


def prefixes(work):
    """a prefix that is no C name, or the header's own, is refused by reason"""
    model = dense(f"{work}/net.onnx", (8, 8))
    for prefix, reason in (("model", "header uses this name"),
                           ("int", "keyword"), ("3d", "beginning with a letter"),
                           ("a-b", "letters, digits"), ("tenon_x", "my_tenon_x")):
        done = subprocess.run([TENONC, "compile", model, "-o", f"{work}/out",
                               f"--prefix={prefix}", "--dim=n=1"], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert done.returncode == 1 and reason in done.stderr, done.stderr
        assert not os.path.exists(f"{work}/out")


def spellings(work):
    """usual spellings of triples; others are refused with the list"""
    model = dense(f"{work}/net.onnx", (8, 8))

    def compile_for(target):
        return subprocess.run(
            [TENONC, "compile", model, "-o", f"{work}/net.o", "--emit=obj",
             f"--target={target}", "--dim=n=1", "--no-selftest"], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    for target, means in (
            ("aarch64-linux-gnu", "aarch64-unknown-linux-gnu"),
            ("aarch64-none-linux-gnu", "aarch64-unknown-linux-gnu"),
            ("aarch64-unknown-linux-musl", "aarch64-unknown-linux-gnu"),
            ("arm64-linux", "aarch64-unknown-linux-gnu"),
            ("amd64-pc-linux-gnu", "x86_64-unknown-linux-gnu"),
            ("x86_64-redhat-linux", "x86_64-unknown-linux-gnu"),
            ("aarch64-linux-android29", "aarch64-unknown-linux-android"),
            ("aarch64-none-linux-android", "aarch64-unknown-linux-android"),
            ("thumbv7em-unknown-none-eabi", "thumbv7em-unknown-none-eabi"),
            ("armv7em-none-eabihf", "thumbv7em-unknown-none-eabihf")):
        done = compile_for(target)
        assert done.returncode == 0 and f"compiled for {means}," in \
            done.stderr, f"{target}: {done.stderr}"
    for target in ("armv7-linux-gnueabihf", "aarch64_be-linux-gnu",
                   "x86_64-linux-gnux32", "x86_64-apple-macos", "riscv64",
                   "arm64e-apple-ios", "x86_64-pc-windows-msvc", "nonsense",
                   "thumbv6m-none-eabi"):
        done = compile_for(target)
        assert done.returncode == 2 and "thumbv7em-none-eabi" in done.stderr, \
            f"{target}: {done.returncode} {done.stderr}"


if __name__ == "__main__":
    sys.exit(run_all((same_bytes, digest_everywhere, whole_files_or_none,
                      depfile, prefixes, spellings, peak_memory,
                      beyond_two_gigabytes, many_nodes,
                      several_levels, refused_levels)))
