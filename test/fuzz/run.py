#!/usr/bin/env python3
"""Fuzzes the readers and runs the runtime's tests with sanitizers.

usage: run.py [--build DIR] [--suite DIR] [--only NAME,...] [--seconds N]
              [--short] [--keep DIR]

  address   the runtime's tests with AddressSanitizer and UBSan
  thread    the same with ThreadSanitizer
  arrays    libFuzzer on .npy, .npz and literals
  images    libFuzzer on PNG, JPEG and --preprocess
  manifest  libFuzzer on the reader of manifests
  load      libFuzzer on the loader of model files
  import    libFuzzer on loader and importer (not with --short: it takes
            minutes to build)

A target begins with the findings of before (findings/NAME), small cases of the
onnx package and what it found interesting the last time (build/test/fuzz/
corpus). It tells how many inputs it ran and how many edges of the code they
reached. A finding is written to --keep and ends that target. libFuzzer's inputs
depend on time and addresses; --short takes the seeds, the findings and a fixed
set of damaged seeds instead.
"""
import argparse
import glob
import os
import random
import re
import shutil
import subprocess
import sys
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = {"address": "runtime_address", "thread": "runtime_thread",
            "arrays": "fuzz_arrays", "images": "fuzz_images",
            "manifest": "fuzz_manifest", "load": "fuzz_load",
            "import": "fuzz_import"}
ENVIRONMENT = {
    # libonnx and LLVM are not instrumented: what they do with containers and
    # arenas that both sides use is not seen in full.
    "ASAN_OPTIONS": "detect_container_overflow=0:allow_user_poisoning=0:"
                    "detect_leaks=0:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1",
}


def array_seeds(folder):
    rng = np.random.default_rng(0)
    kinds = ["f4", "f8", "f2", "i1", "u1", "i8", "?", ">f4", "c8", "V2"]
    for i, kind in enumerate(kinds):
        for j, shape in enumerate([(), (3,), (2, 0), (2, 3)]):
            array = rng.integers(0, 2, shape).astype("u1").astype(kind)
            path = f"{folder}/seed_{i}_{j}"
            np.save(path + ".npy", np.asfortranarray(array) if j else array)
            np.savez(path + ".npz", x=array, other=array)
            np.savez_compressed(path + "c.npz", other=array, x=array)
            for reader, ending in ((0, ".npy"), (2, ".npz"), (2, "c.npz")):
                with open(path + ending, "rb") as file:
                    data = file.read()
                os.remove(path + ending)
                with open(path + ending.replace(".", ""), "wb") as file:
                    file.write(bytes([reader, 1 + i]) + data)
    for i, text in enumerate((b"1,2,3", b"-0.5e3", b"nan,inf,-inf",
                              b"true,false", b"0x1p3", b"9223372036854775808",
                              b",", b"1e400")):
        for kind in (1, 7, 9, 10):
            with open(f"{folder}/literal_{i}_{kind}", "wb") as file:
                file.write(bytes([1, kind]) + text)


def image_seeds(folder):
    """The pictures and options of the suite `images`."""
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
    import images_test
    files = [images_test.JPEG]
    for channels in (1, 3):
        path = images_test.png(f"{folder}/png",
                               images_test.picture(7, 9, channels))
        with open(path, "rb") as file:
            files.append(file.read())
        os.remove(path)
    options = ["", "resize=5,crop=4", "resize=4x12,layout=nhwc,color=bgr",
               "crop=2x3,range=255,mean=0.485:0.456:0.406,std=0.5",
               "layout=nchw,range=2"]
    for i, data in enumerate(files):
        for j, text in enumerate(options):
            for shape in (0, 1, 2, 4, 129):
                with open(f"{folder}/seed_{i}_{j}_{shape}", "wb") as file:
                    file.write(bytes([j % 3, shape]) + text.encode() + b"\n" +
                               data)


def manifest_seeds(folder, arguments):
    models = [f"{arguments.suite}/node/test_{name}/model.onnx"
              for name in ("gru_defaults", "softmax_axis_1")]
    for i, model in enumerate(models):
        if os.path.exists(model):
            subprocess.run([f"{arguments.build}/bin/tenonc", "compile", model,
                            "-o", f"{folder}/seed_{i}", "--emit=manifest",
                            f"--prefix=m{i}"], check=True,
                           stderr=subprocess.DEVNULL)


def model_seeds(folder, suite, count=300):
    models = [path for path in sorted(glob.glob(f"{suite}/*/*/model.onnx"))
              if os.path.getsize(path) < 2000]
    for path in random.Random(0).sample(models, min(count, len(models))):
        name = os.path.basename(os.path.dirname(path))
        shutil.copy(path, f"{folder}/seed_{name}")


def damage(folder, count=5000):
    """Seeds cut short, with bits flipped, and joined, the same every time."""
    seeds = []
    for path in sorted(glob.glob(f"{folder}/*")):
        with open(path, "rb") as file:
            seeds.append(file.read())
    rng = random.Random(0)
    for i in range(count):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((0, 1, 1, 2, 8))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        if rng.random() < 0.3:
            del data[rng.randrange(len(data)):]
        if rng.random() < 0.2:
            other = rng.choice(seeds)
            data += other[rng.randrange(len(other)):]
        with open(f"{folder}/damaged_{i}", "wb") as file:
            file.write(data)


def fuzz(name, program, arguments):
    corpus = os.path.join(os.path.dirname(program), "corpus", name)
    if arguments.short:
        corpus += "-short"
        shutil.rmtree(corpus, ignore_errors=True)
    if not os.path.isdir(corpus):
        os.makedirs(corpus)
        if name == "arrays":
            array_seeds(corpus)
        elif name == "images":
            image_seeds(corpus)
        elif name == "manifest":
            manifest_seeds(corpus, arguments)
        else:
            model_seeds(corpus, arguments.suite)
        if arguments.short:
            damage(corpus)
    keep = arguments.keep or os.path.join(os.path.dirname(program), "findings")
    os.makedirs(keep, exist_ok=True)
    findings = os.path.join(HERE, "findings", name)
    command = [program, corpus, *([findings] if os.path.isdir(findings)
                                  else []),
               "-runs=0" if arguments.short
               else f"-max_total_time={arguments.seconds}", "-timeout=20",
               "-rss_limit_mb=3000", "-max_len=4096", "-seed=1",
               "-print_final_stats=1", f"-artifact_prefix={keep}/{name}-"]
    start = time.time()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, errors="replace",
                          env=dict(os.environ, **ENVIRONMENT))
    said = done.stdout
    edges = re.search(r"\((\d+) inline 8-bit counters\)", said)
    reached = re.findall(r" cov: (\d+)", said)
    runs = re.search(r"number_of_executed_units: (\d+)", said)
    if done.returncode:
        # The report without the stream of progress before it.
        lines = [line for line in said.splitlines()
                 if not re.match(r"#\d+\s|\s*NEW_FUNC|INFO:", line)]
        return "\n".join(lines[-60:])
    print(f"{name}: {int(runs[1]):,} inputs in {time.time() - start:.0f} s "
          f"reached {int(reached[-1]):,} of {int(edges[1]):,} edges")
    return None


def run_tests(name, program, arguments):
    done = subprocess.run([program], stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, errors="replace",
                          timeout=300, env=dict(os.environ, **ENVIRONMENT))
    if done.returncode or "WARNING: ThreadSanitizer" in done.stdout:
        return done.stdout[-4000:]
    print(f"{name}: {done.stdout.strip().splitlines()[-1]}")
    return None


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default=os.environ.get("TENON_BUILD"))
    parser.add_argument("--suite", default="")
    parser.add_argument("--only", default="")
    parser.add_argument("--seconds", type=int, default=600,
                        help="per target of libFuzzer (600)")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--keep", default="")
    arguments = parser.parse_args()
    build = os.path.abspath(arguments.build)
    only = [word for word in arguments.only.split(",") if word]
    names = [name for name in PROGRAMS if name in only or
             not only and not (arguments.short and name == "import")]
    counts = {"passed": 0, "failed": 0}
    made = subprocess.run(["ninja", "-C", build,
                           *(PROGRAMS[name] for name in names)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    if made.returncode:
        print(made.stdout[-4000:])
        print("0 passed, 1 failed, 0 skipped")
        return 1
    for name in names:
        program = f"{build}/test/fuzz/{PROGRAMS[name]}"
        run = fuzz if PROGRAMS[name].startswith("fuzz_") else run_tests
        why = run(name, program, arguments)
        counts["failed" if why else "passed"] += 1
        if why:
            print(f"FAILED {name}:\n{why}")
        sys.stdout.flush()
    print(f"{counts['passed']} passed, {counts['failed']} failed, 0 skipped")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
