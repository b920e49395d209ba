#!/usr/bin/env python3
"""Races Tenon against other engines and measures what its compiles cost.

usage: run.py [--only WORD,...] [--seconds S] [--threads 1,2]
              [--engines ort,openvino] [--json FILE] [--write]

  race     each model on every engine, in short rounds that alternate between
           engines, thread counts and a loop of multiply-adds (the FMA peak)
  cost     seconds and peak memory of each model's compile
  weights  products of one row with compressed weights out of cache, against
           the read bandwidth (weights_bandwidth.py)
  codes    quantized models: the codes of every operator, and decisions
  bits     each model: the same bits on x86-64-v3, x86-64-v4 and AArch64
           (qemu-user), with 1 to 3 threads

--only takes these words, and words of the names of models. Results are written
to FILE as they come (build/bench.json); a FILE named by --json is added to, so
that a run in parts makes one table. --write puts the tables of all it holds
into docs/speed.md. The exit code does not depend on floors.
"""
import argparse
import concurrent.futures
import datetime
import json
import multiprocessing
import os
import sys
import time
import traceback

from models import MODELS, ROOT
import checks
import peers
import probes
import tables
import weights_bandwidth

BUILD = os.path.abspath(os.environ.get("TENON_BUILD", f"{ROOT}/build"))
KINDS = ("race", "cost", "weights", "codes", "bits")
# Seconds until an engine counts as hung.
LIMIT = 300


# --- Races --------------------------------------------------------------------


def race_here(name, engines, threads, seconds, results):
    """In a process of its own: engines keep threads, and some crash."""
    try:
        import onnx
        model = next(model for model in MODELS if model.name == name)
        path = model.path()
        peers.Tenon.values = model.values
        feeds = peers.make_inputs(onnx.load(path), model.dims, model.shapes,
                                  model.limits)
        feeds.update({key: draw() for key, draw in model.arrays.items()})
        peak = probes.FmaPeak()
        rows = peers.compete([*engines, "tenon"], path, onnx.load(path), feeds,
                             threads, seconds, {"peak": peak})
        results.put({"rows": rows, "peak_operations": peak.operations})
    except Exception:
        results.put({"error": traceback.format_exc()[-1500:]})


def race(model, engines, threads, seconds):
    """Rows of peers.compete(), or an error. Where a peer takes the process
    with it, or hangs, the race is run again without that peer."""
    context = multiprocessing.get_context("spawn")
    engines = list(engines)
    lost = []
    while True:
        results = context.Queue()
        process = context.Process(target=race_here, args=(
            model.name, engines, threads, seconds, results))
        process.start()
        result, end = None, time.monotonic() + LIMIT
        while result is None and time.monotonic() < end:
            alive = process.is_alive()
            try:
                result = results.get(timeout=0.2)
            except Exception:
                if not alive:
                    break
        process.kill()
        process.join()
        if result is not None:
            result["lost"] = lost
            return result
        if not engines:
            return {"error": f"died with exit code {process.exitcode}"}
        lost.append(engines.pop())


def show_race(model, result):
    for row in result.get("rows", ()):
        if row["engine"] == "peak":
            rate = result["peak_operations"] / row["min_ms"] / 1e6
            print(f"  FMA peak  {rate:.1f} GFLOPS")
        else:
            print(peers.line(row))
    for name in result.get("lost", ()):
        print(f"  {name:9} ended the process it ran in")
    for text, holds in tables.judge(model, result):
        print(f"  {'holds' if holds else 'MISSED'}: {text}", flush=True)


# --- The whole ----------------------------------------------------------------


def cpu_name():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return os.uname().machine


class Document:
    """What was measured, in a file that is whole at any time."""

    def __init__(self, path, add):
        self.path, self.begin = path, time.monotonic()
        self.data = {"date": datetime.date.today().isoformat(),
                     "cpu": cpu_name(), "cores": os.cpu_count(),
                     "models": {}, "weights": None}
        if add and os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                earlier = json.load(file)
            for key in ("cpu", "cores"):
                if earlier[key] != self.data[key]:
                    sys.exit(f"{path}: {key} was {earlier[key]}, and is "
                             f"{self.data[key]}: give another file")
            for key in ("models", "weights"):
                self.data[key] = earlier[key]

    def save(self):
        with open(f"{self.path}.part", "w", encoding="utf-8") as file:
            json.dump(self.data, file, indent=1)
        os.replace(f"{self.path}.part", self.path)

    def measure(self, name, kind, function, *arguments):
        """Keeps what the function gives, or why it gives nothing."""
        try:
            result = function(*arguments)
        except Exception as error:
            result = {"error": f"{type(error).__name__}: {error}"}
        spent = time.monotonic() - self.begin
        print(f"\n[{spent:4.0f} s] {kind} of {name}" if name else
              f"\n[{spent:4.0f} s] {kind}")
        if "error" in result:
            print(f"  ERROR {result['error']}", flush=True)
        if name:
            self.data["models"].setdefault(name, {})[kind] = result
        else:
            self.data[kind] = result
        self.save()
        return result


def measure_all(document, chosen, given):
    """`chosen` gives the models of a kind."""
    threads = [int(count) for count in given.threads.split(",") if count]
    engines = [name for name in given.engines.split(",") if name]
    for model in chosen("race"):
        show_race(model, document.measure(
            model.name, "race", race, model, engines or model.engines,
            threads or model.threads, given.seconds))
    for model in chosen("cost"):
        print(" ", document.measure(model.name, "cost", checks.cost, model),
              flush=True)
    for _ in chosen("weights")[:1]:
        result = document.measure(None, "weights", weights_bandwidth.measure,
                                  BUILD)
        if "rows" in result:
            weights_bandwidth.show(result)
    for model in chosen("codes"):
        if model.quantized:
            print(" ", document.measure(model.name, "codes", checks.codes,
                                        model), flush=True)
    # Nothing is timed: as many at once as there are CPUs.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [(model, pool.submit(checks.bits, model))
                for model in chosen("bits") if model.bits]
        for model, job in jobs:
            print(" ", document.measure(model.name, "bits", job.result),
                  flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--seconds", type=float, default=0.7,
                        help="per engine and thread count (0.7)")
    parser.add_argument("--threads", default="",
                        help="default: 1, ResNet-50 also 2")
    parser.add_argument("--engines", default="",
                        help="default: ort,openvino, Mamba also iree")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    for name in filter(None, given.engines.split(",")):
        if name not in peers.ENGINES:
            parser.error(f"unknown engine '{name}'")
    words = [word.lower() for word in given.only.split(",") if word]
    kinds = [word for word in words if word in KINDS] or KINDS
    names = [word for word in words if word not in KINDS]
    picked = [model for model in MODELS if not names or
              any(word in model.name.lower() for word in names)]
    if not picked:
        parser.error(f"no model has one of {', '.join(names)} in its name")

    def chosen(kind):
        if kind not in kinds or kind == "weights" and names:
            return []
        return picked

    document = Document(given.json or f"{BUILD}/bench.json",
                        bool(given.json))
    measure_all(document, chosen, given)
    page = tables.page(document.data, {model.name: model for model in MODELS})
    if given.write:
        with open(f"{ROOT}/docs/speed.md", "w", encoding="utf-8") as file:
            file.write(page)
    else:
        print(f"\n{page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
