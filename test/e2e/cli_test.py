#!/usr/bin/env python3
"""The command line of tenonc: options, messages and exit codes.

usage: cli_test.py --build DIR [--only NAME]

Every test runs the tool on a small model in ONNX's text format and looks at the
exit code (0 ok, 1 refused, 2 usage, 3 verification failed, 70 our fault),
stdout and stderr.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

HEADER = '<ir_version: 8, opset_import: ["" : 17]>\n'
ADD = HEADER + """g (float[n, 4] x, float[n, 4] y) => (float[n, 4] z)
{
  z = Add (x, y)
}
"""
MATMUL = HEADER + """g (float[2, 64] x) => (float[2, 32] y)
  <float[64, 32] w = {%s}>
{
  y = MatMul (x, w)
}
""" % ", ".join(str((i * 37 % 101 - 50) / 64) for i in range(64 * 32))
CALLS = """<ir_version: 8, opset_import: ["" : 17, "local" : 1]>
g (float[3] x) => (float[3] z)
{
  a = local.twice (x)
  z = local.four_times (a)
}
<domain: "local", opset_import: ["" : 17]>
twice (x) => (r)
{
  two = Constant <value_float = 2.0> ()
  r = Mul (x, two)
}
<domain: "local", opset_import: ["" : 17, "local" : 1]>
four_times (x) => (r)
{
  a = local.twice (x)
  r = local.twice (a)
}
"""
# Unknown operators, a node that contradicts, and what depends on them.
BAD = """<ir_version: 8, opset_import: ["" : 17, "my.domain" : 1]>
g (float[2, 4] x, bool on) =>
  (float[2, 4] z, float[2, 4] w, float[3, 3] r, float[2, 4] v)
{
  a = my.domain.Frob (x)
  b = my.domain.Nicate (a)
  z = Add (a, b)
  [bad_axis] w = Softmax <axis = 7> (x)
  shape = Constant <value_ints = [3, 3]> ()
  [bad_shape] r0 = Reshape (x, shape)
  r = Relu (r0)
  v = If (on) <then_branch = t () => (float[2, 4] p) { p = my.domain.Then (x) },
              else_branch = e () => (float[2, 4] q) { [bad_else] q = Softmax <axis = 5> (x) }>
}
"""


class Tool:
    def __init__(self, build, folder):
        self.tenonc = os.path.join(build, "bin", "tenonc")
        self.folder = folder

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return name

    def save(self, name, array):
        np.save(os.path.join(self.folder, name), array)
        return name

    def __call__(self, *words, code=0, out=(), err=(), absent=()):
        """Runs tenonc; stdout must hold all of `out`, stderr of `err`."""
        done = subprocess.run([self.tenonc, *words], cwd=self.folder,
                              capture_output=True, text=True, timeout=120)
        said = f"tenonc {' '.join(words)}\n{done.stdout}{done.stderr}"
        assert done.returncode == code, \
            f"expected exit code {code}, got {done.returncode}: {said}"
        for part in out:
            assert part in done.stdout, f"expected {part!r} on stdout: {said}"
        for part in err:
            assert part in done.stderr, f"expected {part!r} on stderr: {said}"
        for part in absent:
            assert part not in done.stdout + done.stderr, \
                f"expected no {part!r}: {said}"
        return done


def help_has_examples(t):
    t("--help", out=["usage: tenonc COMMAND", "examples", "exit codes"])
    for command in ("compile", "run", "verify", "bench", "check"):
        t(command, "--help", out=[f"usage: tenonc {command}", "examples"])
    for command in ("ops", "targets"):
        t(command, "--help", out=[f"usage: tenonc {command}"])
    t("--version", out=["tenonc "])


def usage_errors_are_2(t):
    model = t.write("add.onnxtxt", ADD)
    t(code=2, err=["usage: tenonc COMMAND"])
    t("compil", code=2, err=["did you mean compile?"])
    t("compile", code=2, err=["compile takes a model"])
    t("compile", model, "other", code=2, err=["found also 'other'"])
    t("compile", model, "--dmi=n=3", code=2, err=["did you mean --dim?"])
    t("compile", model, "--stop-after=end", code=2, err=["not 'end'"])
    t("compile", model, "--emit=elf", code=2, err=["not 'elf'"])
    t("compile", model, "--dim", code=2, err=["--dim needs a value"])
    t("compile", model, "--dim=n=8..1", code=2)
    t("compile", model, "--dim=n=x", code=2)
    t("compile", model, "--weights-format=int3", code=2)
    t("compile", model, "--weights=far", code=2)
    t("compile", model, "--target=pdp11", code=2, err=["'pdp11' is not known"])
    t("compile", model, "--mcpu=pdp11", code=2, err=["pdp11"])
    t("compile", model, "--no-selftest=1", code=2, err=["takes no value"])


def refusals_are_1(t):
    model = t.write("add.onnxtxt", ADD)
    t("compile", "none.onnx", code=1, err=["none.onnx: cannot be read"])
    t("check", model, "--dim=m=3", code=1, err=["the model has n"])
    t("check", model, "--shape=q=2x4", code=1,
      err=["no input is named 'q'; the model has x, y"])
    t("check", model, "--shape=x=2x5", code=1, err=["input 'x' has size 4"])
    t("check", model, "--shape=x=2", code=1, err=["input 'x' has rank 2"])
    t("check", model, "--shape=x=Kx4", code=1, err=["add --dim K=LO..HI"])
    t("check", t.write("no.onnx", "no model"), code=1, err=["no.onnx: "])


def syntax_errors_have_a_place(t):
    broken = ADD.replace("Add (x, y)", "Add (x, ")
    t("check", t.write("broken.onnxtxt", broken), code=1,
      err=["broken.onnxtxt:5:"])


def check_lists_every_node(t):
    done = t("check", t.write("bad.onnxtxt", BAD), code=1,
             err=["(Frob)", "(Nicate)", "(Then)", "node 'bad_axis' (Softmax)",
                  "node 'bad_shape' (Reshape)", "`tenonc ops`"])
    for name in ("bad_axis", "bad_shape", "bad_else"):
        lines = [l for l in done.stderr.splitlines() if name in l]
        assert len(lines) == 1 and lines[0].count(name) == 1, lines
    assert not done.stdout, done.stdout


def check_tells_the_cost(t):
    t("check", t.write("matmul.onnxtxt", MATMUL), "--mcpu=x86-64-v3",
      out=["parameters  2048", "flops       8192", "weights     ", "arena ",
           "steps       1, 0 generic", "x86-64-v3"])
    t("check", t.write("add.onnxtxt", ADD), "--dim=n=1..8",
      out=["n in 1..8", "at the largest sizes"])


def sizes_are_bound(t):
    model = t.write("add.onnxtxt", ADD)
    ir = lambda *words: t("compile", model, "--stop-after=import",
                          *words).stdout
    assert "#nn.dims<2, 4>" in ir("--dim", "n=2")
    assert "n = array<i64: 1, 8>" in ir("--dim=n=1..8")
    named = ir("--shape=x=Nx4", "--shape=y=Nx4", "--dim=N=2..3")
    assert named.count('#nn.dims<"N", 4>') == 2 and \
        "N = array<i64: 2, 3>" in named, named
    ranged = ir("--shape", "x=1..3x4", "--dim=n=3")
    assert "x.0 = array<i64: 1, 3>" in ranged, ranged
    bound = ir("--value=y=1.5", "--dim=n=1")
    assert '"y"' not in bound.split("{nn.name")[1].split("->")[0] and \
        "dense<1.5" in bound, bound
    y = t.save("y.npy", np.full((2, 4), 3, np.float32))
    assert "dense<3.0" in ir("--value=y=@" + y, "--dim=n=2")
    t("compile", model, "--value=y=1", "--dim=n=1..8", code=1,
      err=["shape must be static"])


def stages_end_where_asked(t):
    model = t.write("matmul.onnxtxt", MATMUL)
    for stage, sign in (("import", "nn.matmul"), ("model", "nn.matmul"),
                        ("compress", "nn.matmul"), ("schedule", "kern.matmul"),
                        ("lower", "llvm.func")):
        t("compile", model, f"--stop-after={stage}", out=[sign])
    t("compile", model, "--stop-after=schedule", "-o", "ir.mlir")
    with open(os.path.join(t.folder, "ir.mlir"), encoding="utf-8") as f:
        assert "kern.matmul" in f.read()


def every_kind_is_written(t):
    model = t.write("matmul.onnxtxt", MATMUL)
    kinds = {"exe": "net", "so": "net.so", "lib": "libnet.a", "obj": "net.o",
             "header": "net.h", "manifest": "net.tenon", "asm": "net.s",
             "llvm": "net.ll", "mlir": "net.mlir"}
    t("compile", model, "--prefix=net", "-o", "all",
      "--emit=" + ",".join(kinds), err=["compiled for "])
    found = sorted(os.listdir(os.path.join(t.folder, "all")))
    for kind, name in kinds.items():
        assert name in found, f"--emit={kind}: no {name} in {found}"
    t("compile", model, "--emit=header", "-o", "one.h")
    assert os.path.isfile(os.path.join(t.folder, "one.h"))


def nothing_is_left_of_a_refusal(t):
    t("compile", t.write("bad.onnxtxt", BAD), "-o", "left", code=1)
    assert not os.path.exists(os.path.join(t.folder, "left"))


def runs_and_tells(t):
    model = t.write("add.onnxtxt", ADD)
    x = t.save("x.npy", np.arange(12, dtype=np.float32).reshape(3, 4))
    done = t("run", model, f"x={x}", f"y={x}", "--dim=n=3", "--json")
    outputs = json.loads(done.stdout)["outputs"]
    assert outputs[0]["name"] == "z" and outputs[0]["shape"] == [3, 4]
    assert outputs[0]["data"] == list(range(0, 24, 2)), outputs
    t("run", model, f"x={x}", "y=random:3", "--dim=n=1..8", "--dump=dumped")
    z = np.load(os.path.join(t.folder, "dumped", "z.npy"))
    assert z.shape == (3, 4) and z.dtype == np.float32
    t("run", model, f"x={x}", "--dim=n=1..2", code=1, err=["x", "1..2"])
    t("run", model, f"q={x}", "--dim=n=3", code=1, err=["no input is named"])
    i = t.save("i.npy", np.zeros((3, 4), np.int32))
    t("run", model, f"x={i}", "--dim=n=3", code=1, err=["expected f32"])


def verifies_data(t):
    model = t.write("add.onnxtxt", ADD)
    x = np.ones((2, 4), np.float32)
    path = lambda name: os.path.join(t.folder, name)
    np.savez(path("good.npz"), x=x, y=x, z=2 * x)
    np.savez_compressed(path("packed.npz"), x=x, y=x, z=2 * x)
    np.savez(path("wrong.npz"), x=x, y=x, z=3 * x)
    t("verify", model, "--data=packed.npz", "--dim=n=2",
      out=["1 passed, 0 failed, 0 skipped"])
    t("verify", model, "--data=good.npz", "--dim=n=2",
      out=["1 passed, 0 failed, 0 skipped"])
    t("verify", model, "--data=wrong.npz", "--dim=n=2", code=3,
      out=["output 'z'", "0 passed, 1 failed, 0 skipped"])
    done = t("verify", model, "--data=wrong.npz", "--dim=n=2", "--format=json",
             code=3)
    case = json.loads(done.stdout)["cases"][0]
    assert case["max_abs"] == 1 and case["status"] == "failed", case
    assert abs(case["max_rel"] - 1 / 3) < 1e-6 and case["max_ulp"] > 0, case
    t("verify", model, "--data=none.npz", code=1, err=["none.npz"])
    # One program, at the data's sizes and at others.
    done = t("verify", model, "--data=good.npz", "--variant=dynamic",
             "--format=json")
    assert json.loads(done.stdout)["cases"][0]["other_sizes"] is True
    t("verify", model, "--data=good.npz", "--variant=constants",
      out=["1 passed"])
    for variant in ("dynamic", "constants"):
        t("verify", model, "--data=wrong.npz", f"--variant={variant}", code=3,
          out=["output 'z'"])
    t("verify", model, "--data=good.npz", "--variant=static", code=2,
      err=["dynamic or constants"])


def local_functions_are_inlined(t):
    model = t.write("calls.onnxtxt", CALLS)
    x = t.save("x.npy", np.array([1, 2, 3], np.float32))
    done = t("run", model, f"x={x}", "--json")
    assert json.loads(done.stdout)["outputs"][0]["data"] == [8, 16, 24]


def our_fault_is_70_with_a_reproducer(t):
    # A tool without its runtime beside it.
    lonely = os.path.join(t.folder, "lonely", "bin")
    os.makedirs(lonely)
    shutil.copy(t.tenonc, lonely)
    other = Tool(os.path.dirname(lonely), t.folder)
    done = other("run", t.write("add.onnxtxt", ADD), "--dim=n=2", code=70,
                 err=["this is a mistake in Tenon", "to report it: "])
    path = done.stderr.rsplit("to report it: ", 1)[1].split()[0]
    with open(path, encoding="utf-8") as f:
        text = f.read()
    for word in ("run", "add.onnxtxt", "--dim=n=2", "runtime"):
        assert word in text, text
    os.remove(path)
    # What went wrong behind the import leaves the IR with its passes.
    done = other("compile", "add.onnxtxt", "--dim=n=2", code=70,
                 err=["to report it: "])
    path = done.stderr.rsplit("to report it: ", 1)[1].split()[0]
    tenon_opt = os.path.join(os.path.dirname(t.tenonc), "tenon-opt")
    lowered = subprocess.run([tenon_opt, "--run-reproducer", path],
                             capture_output=True, text=True)
    assert lowered.returncode == 0, lowered.stderr
    assert "rt.program @main" in lowered.stdout, lowered.stdout
    os.remove(path)


TESTS = [help_has_examples, usage_errors_are_2, refusals_are_1,
         syntax_errors_have_a_place, check_lists_every_node,
         check_tells_the_cost, sizes_are_bound, stages_end_where_asked,
         every_kind_is_written, nothing_is_left_of_a_refusal, runs_and_tells,
         verifies_data, local_functions_are_inlined,
         our_fault_is_70_with_a_reproducer]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.environ.get("TENON_BUILD"))
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    failed = 0
    chosen = [test for test in TESTS if arguments.only in test.__name__]
    for test in chosen:
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(Tool(os.path.abspath(arguments.build), folder))
                print(f"passed {test.__name__}", flush=True)
            except (AssertionError, OSError, ValueError, KeyError,
                    subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"FAILED {test.__name__}: {error}", flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
