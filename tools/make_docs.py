#!/usr/bin/env python3
"""Writes the status tables docs/operators.md and docs/models.md.

usage: make_docs.py [--suite DIR] [--build DIR] [--models FILE.json] [--check]

  operators  from `tenonc ops`, the manifest of the exported ONNX cases and
             the lists in test/conformance, which `./setup test` holds true
  models     from test/e2e/run.py; --models takes what its --json wrote

--check writes nothing and fails if docs/operators.md is not what it would
write.
"""
import argparse
import collections
import csv
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CACHE = os.environ.get("TENON_CACHE", os.path.join(
    os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "tenon"))
STATUS = "test/conformance/status.txt"
DYNAMIC = "test/conformance/dynamic.txt"
CONSTANTS = "test/conformance/constants.txt"


def translated(build):
    """Operators with a translator, as "Relu" or "com.microsoft::QuickGelu"."""
    text = subprocess.run([f"{build}/bin/tenonc", "ops"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    names, domain = set(), ""
    for line in text.splitlines():
        if line.startswith("  "):
            names.add(domain + line.strip())
        else:
            domain = line.split(",")[0]
            domain = "" if domain == "ai.onnx" else f"{domain}::"
    return names


def listed(path):
    """{KIND/NAME: reason} of what does not pass."""
    with open(os.path.join(ROOT, path)) as file:
        rows = [line.rstrip("\n").partition(" ") for line in file
                if line.strip() and not line.startswith("#")]
    return {name: reason for name, _, reason in rows}


def at_other_sizes():
    """How many cases with dynamic sizes ran at a second size, as `tenonc
    verify --write-list` counted them."""
    with open(os.path.join(ROOT, DYNAMIC)) as file:
        return int(re.search(r"^# (\d+) .*second size", file.read(), re.M)[1])


def compact(name):
    return re.sub("[^a-z0-9]", "", name.lower())


def operator_of(case, operators, all_names):
    """The operator that a case of the suite is about. An expanded case has
    the function's body, so only its name tells."""
    name = compact(case.removeprefix("test_"))
    candidates = list(operators)
    if "_expanded" in case:
        candidates = all_names
    fitting = [op for op in candidates
               if name.startswith(compact(op.rsplit("::")[-1])) or
               name.startswith(compact(op))]
    return max(fitting or operators, key=len)


def without_folders(text):
    """Without the paths of one machine."""
    return re.sub(r"(?<=[\s'])/([^\s/']+/)+", "", text)


def plain(reason):
    """A reason without the names of one case."""
    reason = re.sub(r"^node '[^']*' \(\w+\): ", "", reason)
    reason = re.sub(r"^node '[^']*' \(\w+\): ", "", reason)
    reason = re.sub(r"^(input|output) '[^']*'", r"an \1", reason)
    return without_folders(reason).replace("|", "\\|")[:110]


def operators_page(suite, build):
    reasons = listed(STATUS)
    variants = [listed(DYNAMIC), listed(CONSTANTS)]
    with open(f"{suite}/manifest.tsv", newline="") as file:
        cases = [(row["kind"], row["name"],
                  [op.rsplit(":", 1)[0] for op in row["ops"].split(",")])
                 for row in csv.DictReader(file, delimiter="\t",
                                           quoting=csv.QUOTE_NONE)]
    all_names = sorted({op for kind, name, ops in cases if kind == "node"
                        for op in ops if "_expanded" not in name})
    counts = collections.defaultdict(lambda: [0, 0, None, 0, 0])
    others = collections.defaultdict(lambda: [0, 0, None, 0, 0])
    for kind, name, operators in cases:
        row = (counts[operator_of(name, operators, all_names)]
               if kind == "node" else others[kind])
        reason = reasons.get(f"{kind}/{name}")
        row[1] += 1
        if reason is None:
            row[0] += 1
        elif row[2] is None:
            row[2] = plain(reason)
        for at, variant in enumerate(variants, 3):
            row[at] += f"{kind}/{name}" not in variant
    own = translated(build)
    total = len(cases)
    passed = total - len(reasons)
    dynamic, constants = (total - len(variant) for variant in variants)
    lines = [
        "# Operators", "",
        "Written by `tools/make_docs.py` from `tenonc ops`, the cases of the "
        f"`onnx` package\nand `{STATUS}`; `./setup test` fails where that list "
        "does not hold.", "",
        f"{passed} of {total} cases pass. {dynamic} pass with the sizes of "
        f"all inputs as symbols\n(equal sizes share one), "
        f"{at_other_sizes()} of them from the same program at a second size "
        f"too.\n{constants} pass with all inputs as constants. `./setup test` "
        "runs a sample of these two,\n`./setup test --whole --only "
        "dynamic,constants` all of them.", "",
        "An operator has a translator of its own, or compiles through the "
        "function body that\nONNX defines it by, where all operators of the "
        "body do. Cases are those about the\noperator, expanded ones "
        "included.", "",
        "| operator | translator | cases passed | dynamic | constants | first "
        "reason of what does not pass |", "|---|---|---|---|---|---|"]
    for name in sorted(counts, key=lambda op: ("::" in op, op.lower())):
        good, of, reason, dynamic, constants = counts[name]
        how = "own" if name in own else "by body" if good else "not yet"
        lines.append(f"| {name} | {how} | {good} of {of} | {dynamic} | "
                     f"{constants} | {reason or ''} |")
    without = sorted(own - set(counts), key=str.lower)
    lines += ["", "Translated, with no case of their own: " +
              (", ".join(without) or "none") + ".", "",
              "| other cases | passed | dynamic | constants | first reason |",
              "|---|---|---|---|---|"]
    for kind in sorted(others):
        good, of, reason, dynamic, constants = others[kind]
        lines.append(f"| {kind} | {good} of {of} | {dynamic} | {constants} | "
                     f"{reason or ''} |")
    return "\n".join(lines) + "\n"


def models_page(rows):
    lines = [
        "# Models", "",
        "Written by `tools/make_docs.py` from `test/e2e/run.py`.", "",
        "Against onnxruntime; the error is max |a-b| / max |b|, the largest "
        "of all outputs and\ninputs, and may be 1e-4.", "",
        "| model | result | relative error | remark |", "|---|---|---|---|"]

    def remark(row):
        text = without_folders(" ".join(row["reason"].split()))
        return text.replace("|", "\\|")[:160]

    for row in rows:
        if row["test"].startswith("model_"):
            error = f"{row['error']:.1e}" if row["error"] is not None else ""
            lines.append(f"| {row['what']} | {row['result'].lower()} | "
                         f"{error} | {remark(row)} |")
    lines += ["", "The same bits on every x86-64 level of the machine from v3 "
              "on and on AArch64\n(qemu-user), with 1, 2 and 3 threads:", "",
              "| what | result | remark |", "|---|---|---|"]
    for row in rows:
        if row["test"].startswith("bits_"):
            lines.append(f"| {row['what']} | {row['result'].lower()} | "
                         f"{remark(row)} |")
    return "\n".join(lines) + "\n"


def run_models(suite, build):
    with tempfile.TemporaryDirectory() as work:
        path = f"{work}/models.json"
        subprocess.run([sys.executable, f"{ROOT}/test/e2e/run.py",
                        f"--suite={suite}", f"--json={path}"],
                       env={**os.environ, "TENON_BUILD": build})
        with open(path) as file:
            return json.load(file)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--suite", default=f"{CACHE}/onnx-suite-1.23.2")
    parser.add_argument("--build", default=os.environ.get(
        "TENON_BUILD", f"{ROOT}/build"))
    parser.add_argument("--models")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    build = os.path.abspath(arguments.build)
    operators = operators_page(arguments.suite, build)
    path = f"{ROOT}/docs/operators.md"
    if arguments.check:
        with open(path) as file:
            if file.read() == operators:
                return 0
        print("docs/operators.md is out of date: run tools/make_docs.py",
              file=sys.stderr)
        return 1
    os.makedirs(f"{ROOT}/docs", exist_ok=True)
    with open(path, "w") as file:
        file.write(operators)
    if arguments.models:
        with open(arguments.models) as file:
            rows = json.load(file)
    else:
        rows = run_models(arguments.suite, build)
    with open(f"{ROOT}/docs/models.md", "w") as file:
        file.write(models_page(rows))
    print("wrote docs/operators.md and docs/models.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
