#!/usr/bin/env python3
"""What a compiled program does with good and bad arguments: a refusal names the
culprit, with exit code 1 and nothing on stdout; nothing crashes."""
import ctypes
import glob
import json
import os
import shutil
import subprocess
import sys

import numpy as np

from support import (TENONC, Skip, call, can_run_aarch64, cpu_levels, run_all)

# y and z are as long as x; w must have the length of x, by its other name.
TWO = """<ir_version: 8, opset_import: ["" : 17]>
two (float[n, 4] x, float[n, 4] y, float[m, 4] w) => (float[n, 4] z)
{
  xy = Add (x, y)
  z = Mul (xy, w)
}
"""

DENSE = """<ir_version: 8, opset_import: ["" : 17]>
dense (float[n, 4] x) => (float[n, 2] y)
<float[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}>
{
  xw = MatMul (x, w)
  y = Relu (xw)
}
"""

TWO_DIMS = ("--dim=n=0..8", "--dim=m=0..8")


def compile_text(work, text, *options, emit="exe"):
    """The path of the artifact."""
    os.makedirs(work, exist_ok=True)
    with open(f"{work}/net.onnxtxt", "w") as file:
        file.write(text)
    call([TENONC, "compile", f"{work}/net.onnxtxt", "--prefix=net", "-o",
          f"{work}/out/", f"--emit={emit}", *options])
    return f"{work}/out/net" + (".so" if emit == "so" else "")


def refuses(command, *words, code=1):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.PIPE, timeout=60)
    said = done.stderr
    shown = " ".join(map(str, command[1:]))
    assert done.returncode == code, \
        f"{shown}: exit code {done.returncode}, not {code}: {said}"
    assert not done.stdout, f"{shown}: prints {done.stdout!r}"
    for word in words:
        assert word in said, f"{shown}: no {word!r} in {said!r}"


def save(path, array):
    np.save(path, array)
    return path


def wrong_types_and_shapes(work):
    """inputs of another type, rank or size, unknown, twice, absent"""
    net = compile_text(work, TWO, *TWO_DIMS)
    f32 = save(f"{work}/f32.npy", np.ones((2, 4), np.float32))
    f64 = save(f"{work}/f64.npy", np.ones((2, 4)))
    flat = save(f"{work}/flat.npy", np.ones(8, np.float32))
    wide = save(f"{work}/wide.npy", np.ones((2, 5), np.float32))
    refuses([net, f"x={f64}"], "input 'x'", "f32[n, 4]", "f64[2, 4]")
    refuses([net, f"x={flat}"], "input 'x'", "f32[n, 4]", "f32[8]")
    refuses([net, f"x={wide}"], "input 'x'", "f32[n, 4]", "f32[2, 5]")
    refuses([net, f"q={f32}"], "'q'", "x")
    refuses([net, f"x={f32}", f"x={f32}"], "'x' is given twice")
    refuses([net, f"x={work}/none.npy"], "'x'", "none.npy")
    refuses([net, "x=1,2,3"], "input 'x'")
    refuses([net, "x=random:-1"], "random:SEED")
    refuses([net, "--frobnicate"], "--frobnicate", code=2)


def damaged_arrays(work):
    """.npy cut anywhere, wrong magic, big endian; Fortran order and .npz,
    compressed too, are read"""
    net = compile_text(work, DENSE, "--dim", "n=1..8")
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    whole = open(save(f"{work}/x.npy", array), "rb").read()
    path = f"{work}/bad.npy"

    def write(data):
        with open(path, "wb") as file:
            file.write(data)

    for length in range(len(whole)):
        write(whole[:length])
        refuses([net, f"x={path}"], "input 'x'", "bad.npy")
    write(b"\x92" + whole[1:])
    refuses([net, f"x={path}"], "bad.npy", "no .npy file")
    save(path, array.astype(">f4"))
    refuses([net, f"x={path}"], "bad.npy", "big endian")
    rng = np.random.default_rng(0)
    for _ in range(100):  # bit flips: a refusal or a run, never a crash
        data = bytearray(whole)
        data[rng.integers(0, 128)] ^= 1 << rng.integers(0, 8)
        write(data)
        code = subprocess.run([net, f"x={path}"], timeout=60,
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode
        assert code in (0, 1), f"exit code {code} for {bytes(data[:128])}"
    call([net, f"x={work}/x.npy", f"--out=y={work}/c.npy"])
    save(path, np.asfortranarray(array))
    call([net, f"x={path}", f"--out=y={work}/f.npy"])
    assert (np.load(f"{work}/c.npy") == np.load(f"{work}/f.npy")).all()
    packed = f"{work}/packed.npz"
    for write_npz in (np.savez, np.savez_compressed):
        write_npz(packed, other=array * 0, x=array)
        for spec in (packed, packed + ":x"):
            call([net, f"x={spec}", f"--out=y={work}/z.npy"])
            assert (np.load(f"{work}/c.npy") == np.load(f"{work}/z.npy")).all()
    whole = open(packed, "rb").read()
    at = whole.index(b"x.npy") + 5 + 20
    with open(packed, "wb") as file:
        file.write(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1:])
    refuses([net, f"x={packed}"], "packed.npz", "'x'", "damaged")
    at = whole.rindex(b"PK\1\2") + 16  # the CRC of x, the last member
    with open(packed, "wb") as file:
        file.write(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
    refuses([net, f"x={packed}"], "packed.npz", "'x'", "damaged (CRC)")


def sizes(work):
    """out of bounds, of zero, and that contradict: at entry and inside"""
    net = compile_text(work, TWO, *TWO_DIMS)
    two = save(f"{work}/2.npy", np.ones((2, 4), np.float32))
    three = save(f"{work}/3.npy", np.ones((3, 4), np.float32))
    many = save(f"{work}/9.npy", np.ones((9, 4), np.float32))
    refuses([net, f"x={many}"], "'n'", "9", "0..8")
    refuses([net, "--dim", "n=9"], "'n'", "9", "0..8")
    refuses([net, "--dim", "n=-1"], "'n'", "0..8")
    refuses([net, "--dim", "k=2"], "k=2", "n")
    refuses([net, f"x={two}", f"y={three}"], "'n' is 2 by", "input 'x'",
            "but 3 by", "input 'y'")
    refuses([net, f"x={two}", f"w={three}"], "m = n",
            "that must agree do not")
    call([net, f"x={two}", f"w={two}", f"--out=z={work}/z.npy"])
    assert np.load(f"{work}/z.npy").shape == (2, 4)
    call([net, "--dim", "n=0", "--dim", "m=0", f"--out=z={work}/z.npy"])
    assert np.load(f"{work}/z.npy").shape == (0, 4)


class Hooks(ctypes.Structure):
    _fields_ = [("threads", ctypes.c_int32)] + \
        [(name, ctypes.c_void_p) for name in
         ("parallel_for", "pool", "trace", "trace_context", "weights")]


def statuses(work):
    """the library's: a short arena, a crooked one, sizes, null buffers"""
    net = ctypes.CDLL(compile_text(work, TWO, *TWO_DIMS, emit="so"))
    net.net_arena_bytes.restype = ctypes.c_size_t
    net.net_status_text.restype = ctypes.c_char_p
    net.net_failed_step.restype = ctypes.c_ssize_t
    for threads in (1, 3):
        hooks = Hooks(threads=threads)
        size = net.net_arena_bytes(threads)
        room = ctypes.create_string_buffer(size + 128)
        start = (ctypes.addressof(room) + 63) // 64 * 64
        model = ctypes.c_void_p()

        def init(at, size):
            return net.net_init(ctypes.byref(model), ctypes.c_void_p(at),
                                ctypes.c_size_t(size), ctypes.byref(hooks))

        assert init(start, size - 1) == 2, "an arena one byte too small"
        assert not model.value
        assert init(start + 8, size) == 3 and init(None, size) == 1
        # Nothing behind the arena is touched.
        guard = ctypes.addressof(room) + size + 128 - (start + size)
        ctypes.memset(start + size, 0x5A, guard)
        assert init(start, size) == 0

        def run(n, m, x=None):
            dims = (ctypes.c_int64 * 2)(m, n)  # in the order of their names
            data = [(ctypes.c_float * 32)() for _ in range(4)]
            return net.net_run(model, dims, *(data if x is None else
                                              [None] + data[1:]))

        assert run(4, 4) == 0 and run(0, 0) == 0
        assert run(9, 9) == 5 and run(-1, 4) == 5
        assert run(4, 3) == 6, "two sizes that must agree"
        assert net.net_failed_step(model) >= 0
        assert b"agree" in net.net_status_text(6)
        assert run(4, 4, x=False) == 1
        assert run(4, 4) == 0 and net.net_failed_step(model) == -1
        net.net_close(model)
        assert ctypes.string_at(start + size, guard) == b"\x5a" * guard


def other_cpus(work):
    """a CPU that lacks a level or a feature refuses in words"""
    if shutil.which("qemu-x86_64"):
        levels = cpu_levels()
        for cpu, name in (("x86-64-v3", "x86-64-v3 (AVX2, FMA)"),
                          ("x86-64-v4", "x86-64-v4 (AVX-512)")):
            net = compile_text(f"{work}/{cpu}", DENSE, f"--mcpu={cpu}")
            refuses(["qemu-x86_64", "-cpu", "qemu64", net], "this CPU lacks",
                    name, "compile it for this CPU")
            if cpu in levels:
                call([net])
    why = can_run_aarch64()
    if why:
        raise Skip(why)
    net = compile_text(f"{work}/arm", DENSE, "--target=aarch64-linux-gnu",
                       "--mcpu=neoverse-n2")
    refuses(["qemu-aarch64", "-cpu", "cortex-a53", net], "this CPU lacks",
            "dotprod", "i8mm", "bf16")
    call(["qemu-aarch64", "-cpu", "max", net])


def weights_files(work):
    """weights in a file: absent, short, long, damaged, another model's"""
    net = compile_text(work, DENSE, "--weights=file")
    path = f"{work}/out/net.weights"
    whole = open(path, "rb").read()
    call([net])

    def refuses_with(data, *words):
        with open(path, "wb") as file:
            file.write(data)
        refuses([net], "net.weights", *words)

    refuses_with(whole[:-1], f"{len(whole) - 1} bytes", f"{len(whole)}")
    refuses_with(whole + b"\0", f"{len(whole) + 1} bytes")
    refuses_with(b"", "0 bytes")
    for at in (0, len(whole) // 2, len(whole) - 1):
        data = bytearray(whole)
        data[at] ^= 1
        refuses_with(data, "digest", "damaged")
    refuses_with(bytes(len(whole)), "another model's")
    os.remove(path)
    refuses([net], "net.weights", "put it beside the model")


def damaged_artifacts(work):
    """tenonc run: no model, a cut library, a manifest"""
    compile_text(work, DENSE, emit="so,manifest")
    library = f"{work}/out/net.so"
    whole = open(library, "rb").read()
    for length in (0, 10, 64, len(whole) // 2):
        with open(f"{work}/cut.so", "wb") as file:
            file.write(whole[:length])
        refuses([TENONC, "run", f"{work}/cut.so"], "cut.so")
    refuses([TENONC, "run", f"{work}/out/net.tenon"], "net.tenon")
    os.makedirs(f"{work}/empty")
    refuses([TENONC, "run", f"{work}/empty"], "empty")


def traces(work):
    """--trace is Chrome's format with the nodes' names; by both fronts"""
    net = compile_text(work, TWO, *TWO_DIMS)
    model = [TENONC, "run", f"{work}/net.onnxtxt", *TWO_DIMS]
    for command in ([net], model):
        path = f"{work}/trace.json"
        call([*command, "--dim", "n=4", "--dim", "m=4", f"--trace={path}"])
        with open(path) as file:
            events = json.load(file)["traceEvents"]
        steps = [e for e in events if e["ph"] in "BE"]
        assert steps and len(steps) % 2 == 0, events
        for begin, end in zip(steps[::2], steps[1::2]):
            assert (begin["ph"], end["ph"]) == ("B", "E"), steps
            assert begin["name"] == end["name"] and begin["ts"] <= end["ts"]
        os.remove(path)
    costs(work)
    refuses([net, "--dim", "n=4", "--dim", "m=4", "--trace=/no/where.json"],
            "/no/where.json")


def traced(command, path):
    """(name, bytes, operations) of each step that a run does."""
    call([*command, f"--trace={path}"])
    with open(path) as file:
        return [(e["name"], e["args"]["bytes"], e["args"]["flops"])
                for e in json.load(file)["traceEvents"] if e["ph"] == "B"]


def costs(work):
    """exact for a product, the sum of `check`, and those of the run's sizes"""
    net = f"{work}/product.onnxtxt"
    with open(net, "w") as file:
        file.write("""<ir_version: 8, opset_import: ["" : 17]>
g (float[n, 48] x, float[48, 32] y) => (float[n, 32] z) {
  [product] p = MatMul (x, y)
  [tail] z = Exp (p)
}
""")
    call([TENONC, "compile", net, "-o", f"{work}/product", "--emit=exe,so",
          "--prefix=product", "--dim", "n=1..64"])
    most = 2 * 64 * 48 * 32
    said = call([TENONC, "check", net, "--dim", "n=1..64"])
    flops = int(next(line.split()[1] for line in said.splitlines()
                     if line.startswith("flops")))
    assert flops >= most, said
    for n in (64, 7):
        for command in ([f"{work}/product/product"],
                        [TENONC, "run", f"{work}/product/product.so"],
                        [TENONC, "run", net, "--dim", "n=1..64"]):
            steps = traced([*command, "--dim", f"n={n}"], f"{work}/t.json")
            assert sum(s[2] for s in steps) * 64 == flops * n, (steps, flops)
            product, = (s for s in steps if "product" in s[0])
            assert product[1] == 4 * (n * 48 + 48 * 32 + n * 32), product
    # A loop's steps are told each time; all of them are what `check` says.
    with open(net, "w") as file:
        file.write("""<ir_version: 8, opset_import: ["" : 17]>
g (float[33, 8] x, float[8, 8] w, float[1, 8] s) => (float[1, 8] last) {
  last, all = Scan <num_scan_inputs: int = 1, body = b
    (float[1, 8] h, float[8] t) => (float[1, 8] n, float[1, 8] o) {
      p = MatMul (h, w)
      n = Add (p, t)
      o = Identity (n)
    }> (s, x)
}
""")
    steps = traced([TENONC, "run", net], f"{work}/t.json")
    said = call([TENONC, "check", net])
    assert sum(s[2] for s in steps) == int(next(
        line.split()[1] for line in said.splitlines()
        if line.startswith("flops"))), (said, steps)
    assert len(steps) > 33, "the body is expected to be steps of a loop"


def small_stacks(work):
    """kernels that decode weights run on the stacks of musl's threads"""
    rng = np.random.default_rng(0)
    values = ", ".join(f"{v:.3f}" for v in rng.standard_normal(256 * 128))
    net = compile_text(work, f"""<ir_version: 8, opset_import: ["" : 17]>
g (float[200, 256] x) => (float[200, 128] y)
<float[256, 128] w = {{{values}}}>
{{ y = MatMul (x, w) }}
""", "--weights-format=int4")
    digests = {call(["sh", "-c", f"ulimit -s 128; exec {net} --selftest "
                     f"--threads={n}"]) for n in (1, 2, 3)}
    assert len(digests) == 1 and digests.pop().endswith("ok\n")


def large_stacks(work):
    """a kernel with more on the stack than threads have is refused, whole"""
    count = range(70)
    with open(f"{work}/net.onnxtxt", "w") as file:
        file.write('<ir_version: 8, opset_import: ["" : 17]>\ng (' +
                   ", ".join(f"float[40, 48] x{i}" for i in count) +
                   ", float[48, 40] x) => (float[48, 40] y) {\n" +
                   "".join(f"  t{i} = Transpose (x{i})\n" for i in count) +
                   "  [sum] y = Sum (x, " +
                   ", ".join(f"t{i}" for i in count) + ")\n}")
    refuses([TENONC, "compile", f"{work}/net.onnxtxt", "-o", f"{work}/out/",
             "--mcpu=x86-64-v4", "--emit=lib"], "node 'sum", "x86-64-v4",
            "bytes on the stack", "expected at most 65536", "another --mcpu")
    assert not glob.glob(f"{work}/out/*"), "something is left of it"


def outputs(work):
    """--dump to a folder and an archive, --out, --json"""
    net = compile_text(work, DENSE)
    x = save(f"{work}/x.npy", np.array([[1, -2, 3, 4]], np.float32))
    wanted = np.maximum(np.load(x) @ np.arange(1, 9, dtype=np.float32).reshape(
        4, 2), 0)
    for command in ([net], [TENONC, "run", f"{work}/net.onnxtxt"],
                    [TENONC, "run", f"{work}/out"]):
        call([*command, f"x={x}", f"--dump={work}/dump"])
        assert (np.load(f"{work}/dump/y.npy") == wanted).all()
        call([*command, f"x={x}", f"--dump={work}/y.npz"])
        assert (np.load(f"{work}/y.npz")["y"] == wanted).all()
        call([*command, f"x={x}", f"--out=y={work}/y.npy"])
        assert (np.load(f"{work}/y.npy") == wanted).all()
        shown = json.loads(call([*command, f"x={x}", "--json"]))
        assert np.allclose(np.ravel(shown["outputs"][0]["data"]),
                           wanted.ravel()), shown
    refuses([net, f"x={x}", "--out=q=q.npy"], "'q'", "y")
    refuses([net, f"x={x}", "--dump=/no/where/at/all"], "/no/where")


if __name__ == "__main__":
    sys.exit(run_all((wrong_types_and_shapes, damaged_arrays, sizes, statuses,
                      other_cpus, weights_files, damaged_artifacts, traces,
                      small_stacks, large_stacks, outputs)))
