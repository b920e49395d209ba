#!/usr/bin/env python3
"""Races Tenon against other engines, on one thread and two.

usage: run.py [--only WORD,...] [--seconds S] [--threads 1,2]
              [--engines ort,openvino,iree] [--json FILE] [--write]

  race     each model on every engine, in short rounds that alternate between
           engines, thread counts and a loop of multiply-adds (the FMA peak)
  weights  products of one row with compressed weights out of cache, against
           the read bandwidth (weights_bandwidth.py)
  bits     ResNet-50, PP-OCR cls and Mamba: the same bits on x86-64-v3,
           x86-64-v4 and AArch64 (qemu-user), with 1, 2 and 3 threads

--only takes words of the names of models, or race, weights, bits. --write puts
the tables into docs/speed.md. Floors (issue 3) are judged on minima of one
interleaved run; the exit code does not depend on them.
"""
import argparse
import datetime
import json
import multiprocessing
import os
import sys
import tempfile
import traceback

from models import MODELS, ROOT, SHAPES, end_to_end
import peers
import probes
import weights_bandwidth

BUILD = os.path.abspath(os.environ.get("TENON_BUILD", f"{ROOT}/build"))
TITLES = {"ort": "onnxruntime", "openvino": "OpenVINO", "iree": "IREE",
          "torch": "torch.compile", "tenon": "Tenon"}
# Outputs that differ by more from onnxruntime's are wrong.
WRONG = 1e-2


# --- Races --------------------------------------------------------------------


def race_here(name, engines, threads, seconds, results):
    """In a process of its own: engines keep threads, and some crash."""
    try:
        import onnx
        model = next(model for model in MODELS if model.name == name)
        path = model.path()
        feeds = peers.make_inputs(onnx.load(path), model.dims,
                                  SHAPES.get(model.name, {}), model.limits)
        peak = probes.FmaPeak()
        rows = peers.compete([*engines, "tenon"], path, onnx.load(path), feeds,
                             threads, seconds, {"peak": peak})
        results.put({"rows": rows, "peak_operations": peak.operations})
    except Exception:
        results.put({"error": traceback.format_exc()[-1500:]})


def race(model, engines, threads, seconds):
    """Rows of peers.compete(), or an error. Where a peer takes the process
    with it, the race is run again without that peer."""
    context = multiprocessing.get_context("spawn")
    engines = list(engines)
    lost = []
    while True:
        results = context.Queue()
        process = context.Process(target=race_here, args=(
            model.name, engines, threads, seconds, results))
        process.start()
        result = None
        while result is None and process.is_alive():
            try:
                result = results.get(timeout=1)
            except Exception:
                continue
        process.join()
        if result is not None:
            result["lost"] = lost
            return result
        if not engines:
            return {"error": f"died with exit code {process.exitcode}"}
        lost.append(engines.pop())


def judge(model, result):
    """Floors of one race: (text, holds)."""
    rows = {(row["engine"], row["threads"]): row for row in result["rows"]}
    ours = rows.get(("tenon", 1), {})
    if "min_ms" not in ours:
        return [("Tenon runs it", False)]
    if model.part_of_peak:
        # Operations per millisecond.
        peak = result["peak_operations"] / rows["peak", 1]["min_ms"]
        part = model.operations / ours["min_ms"] / peak
        return [(f"{part:.0%} of the FMA peak {peak / 1e6:.0f} GFLOPS "
                 f"(at least {model.part_of_peak:.0%})",
                 part >= model.part_of_peak)]
    floors = []
    times = {name: row["min_ms"] for (name, count), row in rows.items()
             if count == 1 and name not in ("tenon", "peak") and
             "min_ms" in row and row["max_rel"] < WRONG and
             # A floor of more than one is measured against these two.
             (model.floor < 1 or name in ("ort", "openvino"))}
    if times:
        fastest = min(times, key=times.get)
        ratio = ours["min_ms"] / times[fastest]
        if model.floor < 1:
            text = (f"{1 / ratio:.2f}x as fast as {TITLES[fastest]} "
                    f"(at least {1 / model.floor:.0f}x)")
        else:
            text = (f"{ratio:.2f}x the time of {TITLES[fastest]} "
                    f"(at most {model.floor}x)")
        floors.append((text, ratio <= model.floor))
    two = rows.get(("tenon", 2), {})
    if model.name == "ResNet-50" and "min_ms" in two:
        gain = ours["min_ms"] / two["min_ms"]
        floors.append((f"two threads {gain:.2f}x one (at least 1.6x)",
                       gain >= 1.6))
    return floors


def print_race(model, result):
    print(f"\n{model.name}", flush=True)
    if "error" in result:
        print(f"  ERROR {result['error']}", flush=True)
        return
    for row in result["rows"]:
        if row["engine"] == "peak":
            rate = result["peak_operations"] / row["min_ms"] / 1e6
            print(f"  FMA peak  {rate:.1f} GFLOPS")
        else:
            print(peers.line(row))
    for name in result["lost"]:
        print(f"  {name:9} ended the process it ran in")
    for text, holds in result["floors"]:
        print(f"  {'holds' if holds else 'MISSED'}: {text}", flush=True)


# --- Bits ---------------------------------------------------------------------


def bits_of(model):
    """Text, holds."""
    import onnx
    path = model.path()
    shapes = SHAPES.get(model.name, {})
    feeds = peers.make_inputs(onnx.load(path), model.dims, shapes,
                              model.limits)
    options = [f"--dim={name}={size}" for name, size in model.dims.items()]
    options += [f"--shape={name}={'x'.join(map(str, sizes))}"
                for name, sizes in shapes.items()]
    test = end_to_end()
    threads = (1, 2, 3)
    # qemu does 0.1 Gmac/s; the digest is checked on two threads as well.
    counts = (threads, threads, threads[:1])
    with tempfile.TemporaryDirectory() as work:
        try:
            test.compare_bits(work, path, options, feeds, counts)
        except (AssertionError, test.Refused) as error:
            return str(error), False
    names = [name for name, *_ in test.machines()]
    return f"equal on {', '.join(names)} and any number of threads", True


# --- Tables -------------------------------------------------------------------


def cpu_name():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return os.uname().machine


def cell(rows, key):
    row = rows.get(key, {})
    if "min_ms" not in row:
        return "fails" if row else "-"
    text = f"{row['min_ms']:.3f} / {row['median_ms']:.3f}"
    return text if row["max_rel"] < WRONG else f"{text} (wrong)"


def tables(document):
    """Markdown of a document as --json has it."""
    engines = ["tenon", *document["engines"]]
    lines = []
    if document["races"]:
        lines += ["## Models", "",
                  "Milliseconds per inference, minimum / median; `Nt` is the "
                  "number of threads.", "",
                  "| model | | " + " | ".join(TITLES[e] for e in engines) +
                  " |", "|---|---|" + "---|" * len(engines)]
        for name, result in document["races"].items():
            rows = {(row["engine"], row["threads"]): row
                    for row in result.get("rows", ())}
            for count in document["threads"]:
                lines.append(f"| {name} | {count}t | " + " | ".join(
                    cell(rows, (engine, count)) for engine in engines) + " |")
        lines += ["", "| floor on one thread | | holds |", "|---|---|---|"]
        for name, result in document["races"].items():
            for text, holds in result.get("floors", ()):
                lines.append(f"| {name} | {text} | "
                             f"{'yes' if holds else '**no**'} |")
        lines.append("")
    if document["weights"]:
        lines += ["## Compressed weights", "",
                  "Products of one row, one thread, weights of four times the "
                  "last-level cache: bytes of stored weights per second as a "
                  "part of the read bandwidth "
                  f"({document['weights']['read']:.1f} GB/s), and how much "
                  "faster a product is than with f32 weights.", "",
                  "| format | GB/s | of read | against f32 | floor | holds |",
                  "|---|---|---|---|---|---|"]
        for row in document["weights"]["rows"]:
            text, holds = row["floor"] or ("", None)
            lines.append(
                f"| {row['format']} | {row['rate']:.1f} | {row['part']:.0%} | "
                f"{row['speedup']:.2f}x | {text} | " +
                {True: "yes", False: "**no**", None: ""}[holds] + " |")
        lines.append("")
    if document["bits"]:
        lines += ["## Bits", "", "| model | outputs | holds |", "|---|---|---|"]
        lines += [f"| {name} | {text} | {'yes' if holds else '**no**'} |"
                  for name, (text, holds) in document["bits"].items()]
        lines.append("")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--seconds", type=float, default=2,
                        help="per engine and thread count (2)")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--engines", default="ort,openvino,iree")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    words = [word.lower() for word in given.only.split(",") if word]
    threads = [int(count) for count in given.threads.split(",")]
    engines = [name for name in given.engines.split(",") if name]
    for name in engines:
        if name not in peers.ENGINES:
            parser.error(f"unknown engine '{name}'")

    def chosen(kind, name=""):
        return not words or kind in words or any(
            name and word in name.lower() for word in words)

    document = {"date": datetime.date.today().isoformat(), "cpu": cpu_name(),
                "cores": os.cpu_count(), "engines": engines,
                "threads": threads, "races": {}, "weights": None, "bits": {}}
    for model in MODELS:
        if chosen("race", model.name):
            result = race(model, engines, threads, given.seconds)
            if "rows" in result:
                result["floors"] = judge(model, result)
            document["races"][model.name] = result
            print_race(model, result)
    if chosen("weights"):
        print("\nweights", flush=True)
        document["weights"] = weights_bandwidth.measure(BUILD)
        weights_bandwidth.show(document["weights"])
    for model in MODELS:
        if model.bits and chosen("bits"):
            document["bits"][model.name] = text, holds = bits_of(model)
            print(f"\nbits of {model.name}: {text}", flush=True)
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
    page = (f"# Speed\n\nWritten by `./setup bench --write` on "
            f"{document['date']}: {document['cpu']}, "
            f"{document['cores']} cores.\n\n{tables(document)}")
    if given.write:
        with open(f"{ROOT}/docs/speed.md", "w", encoding="utf-8") as file:
            file.write(page)
    else:
        print(f"\n{page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
