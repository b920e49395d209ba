#!/usr/bin/env python3
"""Writes what detect.c knows about file types as a C header.

usage: make_tables.py PACKAGE OUT.h

PACKAGE is the unpacked Python package `magika`. Its model names a label per
output; its config.min.json says from which score on a label is believed and
which labels stand for another; content_types_kb.min.json describes the types.
"""
import json
import os
import sys

MODEL = "models/standard_v3_3"


def load(package, path):
    with open(os.path.join(package, path), encoding="utf-8") as f:
        return json.load(f)


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def main():
    package, out = sys.argv[1:]
    config = load(package, f"{MODEL}/config.min.json")
    knowledge = load(package, "config/content_types_kb.min.json")
    # What detect.c does not do; a later model may ask for it.
    assert config["version_major"] == 3 and config["mid_size"] == 0
    assert not config["use_inputs_at_offsets"]

    labels = config["target_labels_space"]
    names = sorted({"empty", "directory", "txt", "unknown", *labels})
    number = {name: i for i, name in enumerate(names)}

    lines = ["/* Written by make_tables.py. */"]
    for key in ("beg_size", "end_size", "padding_token", "block_size",
                "min_file_size_for_dl"):
        lines.append(f"#define {key.upper()} {config[key]}")
    lines.append(f"#define LABEL_COUNT {len(labels)}")
    for name in ("empty", "directory", "txt", "unknown"):
        lines.append(f"#define TYPE_{name.upper()} {number[name]}")

    lines += ["", "static const file_type types[] = {"]
    for name in names:
        info = knowledge[name]
        text = info["is_text"]
        mime = info["mime_type"] or (
            "text/plain" if text else "application/octet-stream")
        lines.append("    {%s, %s, %s, %d}," % (
            quote(name), quote(info["description"] or name), quote(mime),
            text))
    lines += ["};", "",
              "/* Per output of the model: the type it stands for, and the",
              " * score from which on it is believed. */",
              "static const struct {", "  short type;", "  double threshold;",
              "} labels[LABEL_COUNT] = {"]
    for label in labels:
        stands_for = config["overwrite_map"].get(label, label)
        threshold = config["thresholds"].get(
            label, config["medium_confidence_threshold"])
        lines.append(f"    {{{number[stands_for]}, {threshold!r}}},"
                     f" /* {label} */")
    lines += ["};", ""]
    with open(out, "w", encoding="utf-8") as f:
        f.write("\n".join(lines))


if __name__ == "__main__":
    main()
