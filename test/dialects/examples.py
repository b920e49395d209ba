"""Refuses an ```mlir example in a .td file that no test of its dialect runs.

usage: examples.py DIALECTS TESTS

An example counts as run where its text, spaces aside, stands in an ops.mlir (or
another file) of the dialect's tests.
"""
import glob
import os
import re
import sys


def squeezed(text):
    return re.sub(r"\s+", "", text)


def main(dialects, tests):
    missing = found = 0
    for path in sorted(glob.glob(f"{dialects}/*/*.td")):
        name = os.path.basename(os.path.dirname(path))
        run = ""
        for test in sorted(glob.glob(f"{tests}/{name}/*.mlir")):
            lines = open(test, encoding="utf-8").read().splitlines()
            run += squeezed("".join(l for l in lines
                                    if not l.strip().startswith("//")))
        text = open(path, encoding="utf-8").read()
        for example in re.findall(r"```mlir\n(.*?)```", text, re.S):
            found += 1
            lines = example.strip().splitlines()
            # Types stand alone; everything else is one piece.
            types = all(l.strip().startswith("tensor<") for l in lines)
            if any(squeezed(piece) not in run
                   for piece in (lines if types else [example])):
                missing += 1
                print(f"{path}: no test of '{name}' runs\n{example}")
    print(f"{found - missing} of {found} examples are run")
    return 1 if missing or not found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
