#!/usr/bin/env python3
"""Compares examples/magika/detect.c with the Python package magika.

detect.c is built as a shared library and called on odd files: what it gives the
model, or says without the model, must equal the package's own. Then every
label is judged below, at and above its threshold, and where onnxruntime is
there the real scores of the files are judged too. Without the package
(`examples/magika/demo.sh fetch` brings it) the test is skipped.
"""
import ctypes
import io
import os
import random
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
EXAMPLE = os.path.join(ROOT, "examples", "magika")
VERSION = "1.0.3"


class FileType(ctypes.Structure):
    _fields_ = [("label", ctypes.c_char_p), ("description", ctypes.c_char_p),
                ("mime", ctypes.c_char_p), ("is_text", ctypes.c_int)]


Inputs = ctypes.c_int32 * 2048
Outputs = ctypes.c_float * 214


def build(package, folder):
    """detect.c as a library."""
    subprocess.run([sys.executable, f"{EXAMPLE}/make_tables.py", package,
                    f"{folder}/tables.h"], check=True)
    cc = os.environ.get("CC") or shutil.which("clang-22") or "cc"
    library = f"{folder}/detect.so"
    subprocess.run([cc, "-std=c11", "-O1", "-g", "-shared", "-fPIC",
                    f"-I{folder}", f"{EXAMPLE}/detect.c", "-o", library],
                   check=True)
    detect = ctypes.CDLL(library)
    detect.prepare_bytes.argtypes = [
        ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_int32)]
    detect.prepare_bytes.restype = ctypes.POINTER(FileType)
    detect.judge_scores.argtypes = [Outputs, ctypes.POINTER(ctypes.c_float)]
    detect.judge_scores.restype = ctypes.POINTER(FileType)
    return detect


def odd_files():
    """(name, bytes): every edge of the extraction."""
    noise = random.Random(0)
    text = b"The quick brown fox jumps over the lazy dog.\n"
    yield "empty", b""
    yield "one letter", b"x"
    yield "one space", b" "
    yield "seven bytes", b"1234567"
    yield "eight bytes", b"12345678"
    yield "eight bytes, one of them space", b" 2345678"
    yield "eight bytes in white space", b"\t\n 12345678 \r\n\v\f"
    yield "seven bytes in white space", b"\t\n 1234567 \r\n\v\f"
    yield "space at the end only", b"1234567" + b" " * 30
    yield "white space only", b" \t\r\n\v\f" * 50
    yield "white space longer than a block", b"\n" * 9000
    yield "white space, then text past the block", b" " * 4096 + text * 40
    yield "text, then white space longer than a block", text + b" " * 9000
    yield "other controls are no white space", b"\x1c\x1d\x1e\x1f\x85\xa0\0\b9"
    yield "zeros", bytes(5000)
    yield "short binary", b"\x80\xff\xfe"
    yield "short UTF-8", "äöü".encode()
    yield "short surrogate", b"\xed\xa0\x80"
    yield "short overlong", b"\xc0\xaf"
    yield "short overlong of three", b"\xe0\x9f\xbf"
    yield "last code point", b"\xf4\x8f\xbf\xbf"
    yield "past the last code point", b"\xf4\x90\x80\x80"
    yield "truncated character", b"ab\xf0\x9f\x98"
    yield "character cut at the block", b" " * 4094 + "€".encode() * 20
    yield "binary", noise.randbytes(3000)
    yield "long binary", noise.randbytes(100000)
    for size in 1023, 1024, 1025, 2047, 2048, 4095, 4096, 4097, 8192, 50000:
        yield f"text of {size} bytes", (text * (size // len(text) + 1))[:size]
    for name in "examples/magika/magika.c", "examples/magika/demo.sh", "setup":
        with open(os.path.join(ROOT, name), "rb") as f:
            yield name, f.read()


def compare(package):
    from magika import Magika
    from magika.types.seekable import Seekable
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        detect = build(package, folder)
    reference = Magika()

    def prepare(content):
        count = min(len(content), 4096)
        inputs = Inputs()
        said = detect.prepare_bytes(content[:count],
                                    content[len(content) - count:], count,
                                    inputs)
        return said[0].label.decode() if said else None, list(inputs)

    def judge(scores):
        best = ctypes.c_float()
        said = detect.judge_scores(Outputs(*scores), ctypes.byref(best))
        return said[0], best.value

    def report(name, good, details=""):
        print(f"{'ok' if good else 'FAILED'}: {name}{details}")
        return good

    results = []
    for name, content in odd_files():
        result, features = reference._get_result_or_features_from_seekable(
            Seekable(io.BytesIO(content)))
        said, inputs = prepare(content)
        if result is not None:
            want = str(result.prediction.output.label)
            results.append(report(name, said == want, f": {said}, not {want}"
                                  if said != want else f": {said}"))
            continue
        good = said is None and inputs == features.beg + features.end
        results.append(report(name, good, "" if good else f": {said}"))
        scores = reference._get_raw_predictions([("-", features)])[0]
        want = reference.identify_bytes(content).prediction
        kind, best = judge(scores)
        results.append(report(
            f"{name}, judged",
            kind.label.decode() == str(want.output.label)
            and kind.description.decode() == want.output.description
            and kind.mime.decode() == want.output.mime_type
            and best == np.float32(want.score),
            f": {kind.label.decode()} {best:.4f}"))

    labels = reference._target_labels_space
    thresholds = reference._model_config.thresholds
    wrong = []
    for i, label in enumerate(labels):
        at = np.float32(thresholds.get(
            label, reference._model_config.medium_confidence_threshold))
        for score in (np.nextafter(at, np.float32(0)), at,
                      np.nextafter(at, np.float32(1)), np.float32(1)):
            scores = [0.0] * len(labels)
            scores[i] = float(score)
            want, _ = reference._get_output_label_from_dl_label_and_score(
                label, float(score))
            said = judge(scores)[0].label.decode()
            if said != str(want):
                wrong.append(f"{label} at {score}: {said}, not {want}")
    results.append(report("thresholds of every label", not wrong,
                          "".join("\n  " + w for w in wrong)))
    results.append(report("of equal scores the first wins", judge(
        [0.5] * len(labels))[0].label.decode() == labels[0]))
    return results.count(True), results.count(False)


def main():
    cache = os.environ.get("TENON_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
        "tenon")
    sys.path.append(os.path.join(cache, f"magika-{VERSION}"))
    try:
        import magika
    except ImportError as error:
        print(f"skipped: {error}")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    passed, failed = compare(os.path.dirname(magika.__file__))
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
