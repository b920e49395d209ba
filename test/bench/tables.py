"""The page docs/speed.md of what a run of the bench measured."""
import re

TITLES = {"ort": "onnxruntime", "openvino": "OpenVINO", "iree": "IREE",
          "torch": "torch.compile", "tenon": "Tenon"}
# Outputs that differ by more from onnxruntime's are wrong.
WRONG = 1e-2
ERROR = 1e-4
COMPILE_SECONDS = 60
SECTIONS = ("race", "cost", "bits", "codes")


def without_folders(text):
    """Without the paths of one machine."""
    return re.sub(r"(?<=[\s'])/([^\s/':]+/)+", "", text).replace("\n", " ")


def rows_of(result):
    return {(row["engine"], row["threads"]): row
            for row in result.get("rows", ())}


def fastest_of(rows, engines, threads=1):
    """(milliseconds, engine) of the fastest that is right, or None."""
    times = [(rows[name, threads]["min_ms"], name) for name in engines
             if "min_ms" in rows.get((name, threads), {}) and
             rows[name, threads]["max_rel"] < WRONG]
    return min(times, default=None)


def error_of(row):
    """(the error, whether onnxruntime is what it was compared with)"""
    return row["max_rel"], row.get("against") == "ort"


def judge(model, result):
    """Floors of one race: (text, holds)."""
    rows = rows_of(result)
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
    fastest = fastest_of(rows, model.engines)
    if fastest:
        ratio = ours["min_ms"] / fastest[0]
        if model.floor < 1:
            text = (f"{1 / ratio:.2f}x as fast as {TITLES[fastest[1]]} "
                    f"(at least {1 / model.floor:.0f}x)")
        else:
            text = (f"{ratio:.2f}x the time of {TITLES[fastest[1]]} "
                    f"(at most {model.floor}x)")
        floors.append((text, ratio <= model.floor))
    two = rows.get(("tenon", 2), {})
    if model.name == "ResNet-50" and "min_ms" in two:
        gain = ours["min_ms"] / two["min_ms"]
        floors.append((f"two threads {gain:.2f}x one (at least 1.6x)",
                       gain >= 1.6))
    return floors


def yes(holds):
    return "yes" if holds else "**no**"


def bold(text, holds):
    return text if holds else f"**{text}**"


def time_cell(row):
    if "min_ms" not in row:
        return "fails" if row else "-"
    text = f"{row['min_ms']:.3f}"
    return text if row["max_rel"] < WRONG else f"{text} (differs)"


def race_cells(result, threads):
    """Error, milliseconds of the three, ratio."""
    rows = rows_of(result)
    ours = rows.get(("tenon", threads), {})
    cells = [time_cell(rows.get((engine, threads), {}))
             for engine in ("tenon", "ort", "openvino")]
    error = ratio = "-"
    if "max_rel" in ours:
        value, fair = error_of(ours)
        error = f"{value:.1e}" if fair else "no reference"
    fastest = fastest_of(rows, ("ort", "openvino"), threads)
    if fastest and "min_ms" in ours:
        value = ours["min_ms"] / fastest[0]
        ratio = bold(f"{value:.2f}", value <= 1.7)
    return [error, *cells, ratio]


def cost_cells(result):
    if "seconds" not in result:
        return ["fails" if result else "-"] * 2
    return [bold(f"{result['seconds']:.1f}",
                 result["seconds"] <= COMPILE_SECONDS),
            bold(f"{result['peak_mb']}",
                 result["peak_mb"] <= result["allowed_mb"]) +
            f" / {result['allowed_mb']}"]


def bits_cell(result):
    if "holds" not in result:
        return "fails" if result else "-"
    if not result["holds"]:
        return "**differ**"
    absent = 3 - len(result["text"].split(", "))
    return f"equal ({result['text']})" if absent else "equal"


def summary(models, found):
    """How many hold, of those that were measured."""
    held = {}

    def count(what, holds):
        held.setdefault(what, []).append(holds)

    for name, of in found.items():
        rows = rows_of(of.get("race", {}))
        ours = rows.get(("tenon", 1), {})
        if of.get("race"):
            if not models[name].quantized:
                count("float models within 1e-4 of onnxruntime",
                      "max_rel" in ours and error_of(ours)[1] and
                      ours["max_rel"] <= ERROR)
            fastest = fastest_of(rows, ("ort", "openvino"))
            count("at most 1.7 times the faster of onnxruntime and OpenVINO",
                  "min_ms" in ours and (not fastest or ours["min_ms"] <=
                                        1.7 * fastest[0]))
        if of.get("cost"):
            count("compiled within 60 s", of["cost"].get(
                "seconds", COMPILE_SECONDS + 1) <= COMPILE_SECONDS)
            count("compiled within 1.5 times the model and 500 MB",
                  "peak_mb" in of["cost"] and
                  of["cost"]["peak_mb"] <= of["cost"]["allowed_mb"])
        if of.get("bits"):
            count("equal bits", bool(of["bits"].get("holds")))
    return [f"- {what}: {sum(each)} of {len(each)}"
            for what, each in held.items()]


def models_table(models, found):
    lines = [
        "## Models", "",
        "Milliseconds are the least of an interleaved run on one thread; the "
        "ratio is Tenon's to the\nfaster of the two. The error is "
        "max |a-b| / max |b| against onnxruntime, the largest of all\noutputs "
        "(quantized models are judged by their codes, below). Seconds and "
        "peak memory are\nthose of `tenonc compile`, beside what is allowed: "
        "1.5 times the model and 500 MB. Bits are\ncompared between x86-64-v3,"
        " x86-64-v4 and AArch64 (qemu-user) with one to three threads,\nat "
        "small sizes where they are open.", "", *summary(models, found), "",
        "| model | error | Tenon | onnxruntime | OpenVINO | ratio | "
        "compile, s | peak, MB | bits |", "|---|" + "---|" * 8]
    for name, model in models.items():
        of = found.get(name)
        if of is None:
            continue
        cells = race_cells(of.get("race", {}), 1)
        cells += cost_cells(of.get("cost", {}))
        cells.append(bits_cell(of.get("bits", {})) if model.bits else "")
        sizes = ", ".join(f"{n} {size}" for n, size in model.dims.items()
                          if n in ("length", "past"))
        title = f"{name}, {sizes}" if sizes else name
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def floors_table(models, found):
    lines = ["## Other floors", "", "| model | | holds |", "|---|---|---|"]
    for name, of in found.items():
        for text, holds in judge(models[name], of.get("race", {})):
            if "at most" not in text and "Tenon runs" not in text:
                lines.append(f"| {name} | {text} | {yes(holds)} |")
    return [*lines, ""] if len(lines) > 4 else []


def codes_table(found):
    rows = [(name, of["codes"]) for name, of in found.items()
            if "operators" in of.get("codes", {})]
    if not rows:
        return []
    lines = [
        "## Quantized models", "",
        "Each operator between two codes of activations, given the codes that "
        "onnxruntime gives it\n(without its optimizations); then the whole "
        "model's largest output on seeded inputs, against\nonnxruntime as it "
        "comes.", "",
        "| model | operators | codes | that differ | by at most | the same "
        "decision | holds |", "|---|" + "---|" * 6]
    for name, row in rows:
        holds = row["largest"] <= 1 and row["same"] == row["decisions"]
        lines.append(
            f"| {name} | {row['operators']} | {row['codes']} | "
            f"{row['differ']} | {row['largest']} | {row['same']} of "
            f"{row['decisions']} | {yes(holds)} |")
    return [*lines, ""]


def threads_table(models, found):
    lines = ["## More threads", "",
             "| model | threads | error | Tenon | onnxruntime | OpenVINO | "
             "ratio |", "|---|" + "---|" * 6]
    for name in models:
        result = found.get(name, {}).get("race", {})
        for threads in sorted({n for _, n in rows_of(result)} - {1}):
            lines.append(f"| {name} | {threads} | " + " | ".join(
                race_cells(result, threads)) + " |")
    return [*lines, ""] if len(lines) > 4 else []


def weights_table(weights):
    if not weights or "rows" not in weights:
        return []
    lines = ["## Compressed weights", "",
             "Products of one row, one thread, weights of four times the "
             "last-level cache: bytes of\nstored weights per second as a part "
             f"of the read bandwidth ({weights['read']:.1f} GB/s), and how "
             "much\nfaster a product is than with f32 weights.", "",
             "| format | GB/s | of read | against f32 | floor | holds |",
             "|---|---|---|---|---|---|"]
    for row in weights["rows"]:
        text, holds = row["floor"] or ("", None)
        lines.append(
            f"| {row['format']} | {row['rate']:.1f} | {row['part']:.0%} | "
            f"{row['speedup']:.2f}x | {text} | " +
            ("" if holds is None else yes(holds)) + " |")
    return [*lines, ""]


def failures(found):
    lines = []
    for name, of in found.items():
        for section in SECTIONS:
            result = of.get(section, {})
            if "error" in result:
                reason = result["error"].strip().splitlines()[-1]
                lines.append(f"- {name}, {section}: {without_folders(reason)[:200]}")
        for row in of.get("race", {}).get("rows", ()):
            if "error" in row:
                lines.append(f"- {name}, {TITLES[row['engine']]} on "
                             f"{row['threads']}: "
                             f"{without_folders(row['error'])[:120]}")
        if of.get("bits", {}).get("holds") is False:
            lines.append(f"- {name}, bits: "
                         f"{without_folders(of['bits']['text'])[:200]}")
    return ["## What failed", "", *lines, ""] if lines else []


def page(document, models):
    """Markdown of a document as --json has it; models by name."""
    found = {name: of for name, of in document["models"].items()
             if name in models}
    lines = [
        "# Speed", "",
        f"Written by `./setup bench --write` on {document['date']}: "
        f"{document['cpu']}, {document['cores']} cores.", "",
        *models_table(models, found), *codes_table(found),
        *floors_table(models, found), *threads_table(models, found),
        *weights_table(document["weights"]), *failures(found)]
    return "\n".join(lines).rstrip() + "\n"
