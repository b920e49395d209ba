#!/usr/bin/env python3
"""Runs every test suite that exists and adds up what they counted.

usage: run_suites.py [--build DIR] [--suite DIR] [--only NAME,...] [--list]
                     [--whole] [--jobs=N]

  unit         build/test/bin/*_test
  lit          test/ (structure: every pass, verifier and refusal)
  conformance  tenonc verify over the exported cases of the onnx package
  dynamic      the same with sizes as symbols: one case of 4, --whole: all
  constants    the same with inputs as constants: one of 4, --whole: all
  python       test/python
  package      test/package/run.py (CMake package, installed tree)
  magika       test/e2e/magika_features.py
  compile      test/e2e/compile_test.py (same bytes, digests, whole files)
  objects      test/e2e/objects_test.py (every target: symbols, sizes, headers)
  program      test/e2e/program_test.py (good and bad arguments and inputs)
  images       test/e2e/images_test.py (PNG and JPEG in, labels out)
  cli          test/e2e/cli_test.py (options, messages, exit codes)
  fuzz         test/e2e/fuzz_test.py (broken models are refused)
  sanitize     test/fuzz/run.py (runtime and readers with sanitizers)
  random       test/e2e/random_test.py (random valid graphs, onnxruntime)
  quant        test/e2e/quant_test.py (stored bytes and outputs, per format)
  scan         test/e2e/scan_test.py (fused and stepwise scans)
  control      test/e2e/control_test.py (branches and loops, run-time conditions)
  contrib      test/e2e/contrib_test.py (operators of onnxruntime)
  sizes        test/e2e/sizes_test.py (sizes that the data decide, bounds)
  pools        test/e2e/pools_test.py (windows, strides, ceil_mode; groups)
  products     test/e2e/products_test.py (integer matrices on every level)
  types        test/e2e/types_test.py (types of 16 and 64 bits on every level)
  numbers      test/e2e/numbers_test.py (random numbers: distribution, seeds)
  gpu          test/e2e/gpu_test.py (steps and models on Vulkan; PTX)
  e2e          test/e2e/run.py (models against onnxruntime)

Two suites run at a time (--jobs), the longest first; lines are passed on as
they come, each behind its suite's name. A suite that crashes, takes too long,
prints no count, or ends in an error with no failure counted, is one failure.
The last line is `N passed, N failed, N skipped`; the exit code is 1 if anything
failed or nothing ran.
"""
import argparse
import concurrent.futures
import glob
import os
import re
import signal
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# How a count looks in the last lines of an output. Each gives (passed, failed,
# skipped), or None where the output is not of this kind.


def own_count(text):
    found = re.findall(r"^(\d+) passed, (\d+) failed, (\d+) skipped\s*$", text,
                       re.M)
    return tuple(map(int, found[-1])) if found else None


def googletest_count(text):
    if not re.search(r"^\[=+\] \d+ tests? .*ran\.", text, re.M):
        return None

    def number(word):
        found = re.search(rf"^\[ +{word} +\] (\d+) tests?\b", text, re.M)
        return int(found[1]) if found else 0

    return number("PASSED"), number("FAILED"), number("SKIPPED")


LIT_PASSED = ("Passed", "Passed With Retry", "Expectedly Failed")
LIT_FAILED = ("Failed", "Unexpectedly Passed", "Unresolved", "Timed Out")


def lit_count(text):
    found = re.search(r"^Total Discovered Tests: \d+\n(.*)", text, re.M | re.S)
    if not found:
        return None
    counts = [0, 0, 0]
    for label, number in re.findall(r"^ +(\w[\w ]*?) *: +(\d+)", found[1],
                                    re.M):
        kind = 0 if label in LIT_PASSED else 1 if label in LIT_FAILED else 2
        counts[kind] += int(number)
    return tuple(counts)


def unittest_count(text):
    ran = re.findall(r"^Ran (\d+) tests? in ", text, re.M)
    if not ran:
        return None
    last = text.strip().splitlines()[-1]
    named = dict(re.findall(r"([a-z ]+)=(\d+)", last))
    number = {key.strip(): int(value) for key, value in named.items()}
    failed = sum(number.get(key, 0) for key in
                 ("failures", "errors", "unexpected successes"))
    skipped = number.get("skipped", 0)
    # A class or module that fails to set up is an error, but no test run.
    return max(0, int(ran[-1]) - failed - skipped), failed, skipped


COUNTS = (own_count, googletest_count, lit_count, unittest_count)


def count(text):
    """The last count of any kind, or None."""
    for kind in COUNTS:
        result = kind(text)
        if result is not None:
            return result
    return None


def run(name, command, environment, limit):
    """Passes the lines on as they come, each behind the suite's name;
    (exit code or reason, output)."""
    process = subprocess.Popen(command, cwd=ROOT, env=environment,
                               stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True,
                               errors="replace", start_new_session=True)
    late = threading.Event()
    # Closes the pipe also where a grandchild holds it open.
    timer = threading.Timer(limit, lambda: (late.set(), stop(process)))
    timer.start()
    output = []
    try:
        for line in process.stdout:
            sys.stdout.write(f"{name}: {line.rstrip()}\n")
            sys.stdout.flush()
            output.append(line)
        code = process.wait()
    except BaseException:
        stop(process)
        raise
    finally:
        timer.cancel()
    text = "".join(output)
    if late.is_set():
        return f"took more than {limit} s", text
    if code < 0:
        return f"died of {signal.Signals(-code).name}", text
    return code, text


def stop(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def judge(code, text):
    """The suite's counts, and why it failed beyond them."""
    counts = count(text)
    if isinstance(code, str):
        why = code
    elif counts is None:
        why = f"printed no count (exit code {code})"
    elif code != 0 and counts[1] == 0:
        why = f"exit code {code} with no failure counted"
    else:
        return counts, None
    passed, failed, skipped = counts or (0, 0, 0)
    return (passed, failed + 1, skipped), why


# The suites that take longest; they begin first, and so end with the others.
LONG = ("e2e", "quant", "conformance", "compile", "sizes", "dynamic")


def suites(build, suite, whole, jobs):
    """(name, command) of every suite that exists."""

    def source(path):
        return os.path.exists(os.path.join(ROOT, path))

    for binary in sorted(glob.glob(f"{build}/test/bin/*_test")):
        if os.access(binary, os.X_OK):
            yield "unit/" + os.path.basename(binary), [binary]
    if source("test/lit.cfg.py") and has_lit_tests():
        # Every folder that holds the site configuration is a suite to lit.
        yield "lit", [sys.executable, "-c",
                      "from lit.main import main; main()", "-sv",
                      f"{build}/test"]
    if source("test/conformance/status.txt"):
        verify = [f"{build}/bin/tenonc", "verify", f"--suite={suite}",
                  f"--jobs={jobs}"]
        yield "conformance", verify + ["--list=test/conformance/status.txt"]
        for variant in ("dynamic", "constants"):
            yield variant, verify + [
                f"--variant={variant}",
                f"--list=test/conformance/{variant}.txt",
                f"--sample={1 if whole else 4}"]
    if glob.glob(f"{ROOT}/test/python/test_*.py"):
        yield "python", [sys.executable, "-m", "unittest", "discover", "-v",
                         "-s", "test/python"]
    if source("test/package/run.py"):
        yield "package", [sys.executable, "test/package/run.py"]
    if source("test/e2e/magika_features.py"):
        yield "magika", [sys.executable, "test/e2e/magika_features.py"]
    yield "cli", [sys.executable, "test/e2e/cli_test.py", "--build", build]
    yield "sanitize", [sys.executable, "test/fuzz/run.py", "--build", build,
                       "--suite", suite, "--short"]
    yield "fuzz", [sys.executable, "test/e2e/fuzz_test.py", "--build", build,
                   "--suite", suite]
    for name in ("compile", "objects", "program", "images"):
        yield name, [sys.executable, f"test/e2e/{name}_test.py"]
    for name in ("random", "quant", "scan", "control", "contrib", "sizes",
                 "pools", "products", "types", "numbers", "gpu"):
        yield name, [sys.executable, f"test/e2e/{name}_test.py",
                     "--build", build]
    if source("test/e2e/run.py"):
        yield "e2e", [sys.executable, "test/e2e/run.py",
                      f"--suite={suite}"]


def has_lit_tests():
    return any(name.endswith((".mlir", ".test", ".onnxtxt"))
               for _, _, names in os.walk(f"{ROOT}/test") for name in names)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default=os.environ.get(
        "TENON_BUILD", f"{ROOT}/build"))
    parser.add_argument("--suite", default="", help="exported ONNX test cases")
    parser.add_argument("--only", default="", help="suites, by name")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--jobs", type=int, default=2,
                        help="suites at a time (2)")
    parser.add_argument("--limit", type=int, default=1800,
                        help="seconds per suite (1800)")
    arguments = parser.parse_args()
    build = os.path.abspath(arguments.build)
    only = [name for name in arguments.only.split(",") if name]
    chosen = [(name, command) for name, command in
              suites(build, arguments.suite, arguments.whole,
                     2 if arguments.jobs == 1 else 1)
              if not only or name in only or name.split("/")[0] in only]
    if arguments.list:
        for name, command in chosen:
            print(name, "  ", *command)
        return 0

    environment = dict(os.environ, TENON_BUILD=build,
                       PYTHONPATH=f"{build}/python",
                       PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1")

    def one(suite):
        name, command = suite
        print(f"== {name}: {' '.join(command)}", flush=True)
        begin = time.monotonic()
        try:
            code, text = run(name, command, environment, arguments.limit)
        except OSError as error:
            code, text = f"cannot be run: {error}", ""
        counts, why = judge(code, text)
        if why:
            print(f"{name}: {why}", flush=True)
        return name, counts, why, time.monotonic() - begin

    order = sorted(chosen, key=lambda suite: LONG.index(suite[0])
                   if suite[0] in LONG else len(LONG))
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        rows = list(pool.map(one, order))

    print()
    width = max((len(name) for name, *_ in rows), default=0)
    for name, (passed, failed, skipped), why, seconds in rows:
        print(f"{name:{width}}  {passed:6} passed {failed:5} failed "
              f"{skipped:5} skipped {seconds:7.1f} s" +
              (f"  {why}" if why else ""))
    passed, failed, skipped = (sum(counts[i] for _, counts, *_ in rows)
                               for i in range(3))
    if passed + failed + skipped == 0:
        print("nothing ran")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if failed == 0 and passed + skipped > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
