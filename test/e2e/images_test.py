#!/usr/bin/env python3
"""Images in, classes out: PNG and JPEG files with --preprocess against NumPy,
--top and --labels as table and JSON, and what is refused."""
import base64
import json
import os
import struct
import subprocess
import sys
import zlib

import numpy as np

from support import TENONC, call, run_all

# 8 x 8 pixels of (200, 100, 50).
JPEG = base64.b64decode(
    b"/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBA"
    b"MEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoKCgoKBggLDAsKDAkKCgr/2wBDAQICAgIC"
    b"AgUDAwUKBwYHCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCg"
    b"oKCgoKCgoKCgr/wAARCAAIAAgDAREAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAA"
    b"AAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhBy"
    b"JxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpT"
    b"VFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqr"
    b"KztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QA"
    b"HwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQ"
    b"J3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRom"
    b"JygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiI"
    b"mKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk"
    b"5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwDPr+Vz+2D/2Q==")


def png(path, pixels):
    """Writes uint8 [height, width, 3] or [height, width]."""
    height, width = pixels.shape[:2]
    color = 2 if pixels.ndim == 3 else 0

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + \
            struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + pixels[y].tobytes() for y in range(height))
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(
            ">IIBBBBB", width, height, 8, color, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return path


def picture(height, width, channels=3):
    rng = np.random.default_rng(5)
    shape = (height, width, channels) if channels > 1 else (height, width)
    return rng.integers(0, 256, shape, np.uint8)


def program(work, shape, kind="float", operator="Neg"):
    """A program that gives the negative of its input (u8: the same)."""
    os.makedirs(work, exist_ok=True)
    with open(f"{work}/net.onnxtxt", "w") as file:
        file.write('<ir_version: 8, opset_import: ["" : 17]>\n'
                   f"net ({kind}[{shape}] x) => ({kind}[{shape}] y)\n"
                   f"{{ y = {operator} (x) }}\n")
    dims = [f"--dim={name}=1..64" for name in "nhw" if name in shape]
    call([TENONC, "compile", f"{work}/net.onnxtxt", "-o", f"{work}/net",
          "--emit=exe", "--prefix=net", *dims])
    return f"{work}/net"


def through(net, image, *options):
    """What the model was given."""
    call([net, f"x={image}", "--dump=" + net + ".npz", *options])
    with np.load(net + ".npz") as archive:
        y = archive["y"]
    return y if y.dtype == np.uint8 else -y


def weights(source, wanted):
    """The matrix by which one axis is resized: triangles, as wide as the
    scale."""
    scale = source / wanted
    support = max(scale, 1.0)
    centers = (np.arange(wanted) + 0.5) * scale
    matrix = np.maximum(0, 1 - np.abs(
        np.arange(source)[None] + 0.5 - centers[:, None]) / support)
    return matrix / matrix.sum(1, keepdims=True)


def resized(pixels, height, width):
    return np.einsum("ay,bx,yxc->abc", weights(pixels.shape[0], height),
                     weights(pixels.shape[1], width), pixels.astype(np.float64))


def close(found, wanted, tolerance=1e-5):
    assert found.shape == wanted.shape, (found.shape, wanted.shape)
    worst = np.abs(found.astype(np.float64) - wanted).max()
    assert worst <= tolerance, f"differs by {worst}"


def sizes_and_layouts(work):
    """resize, crop, layouts, colors, mean and std are what NumPy makes"""
    pixels = picture(10, 14)
    image = png(f"{work}/a.png", pixels)
    nchw = program(f"{work}/nchw", "1, 3, 6, 8")
    small = resized(pixels, 6, 8)
    close(through(nchw, image), small.transpose(2, 0, 1)[None] / 255)
    close(through(nchw, image, "--preprocess=color=bgr,range=255"),
          small[..., ::-1].transpose(2, 0, 1)[None], 1e-3)
    mean, std = np.array([0.5, 0.4, 0.3]), np.array([0.25, 0.5, 0.2])
    close(through(nchw, image, "--preprocess",
                  "mean=0.5:0.4:0.3,std=0.25:0.5:0.2"),
          ((small / 255 - mean) / std).transpose(2, 0, 1)[None])
    # The shorter side to 8, so 8 x 11, of which the middle.
    middle = resized(pixels, 8, 11)[1:7, 1:9]
    close(through(nchw, image, "--preprocess=resize=8,crop=6x8"),
          middle.transpose(2, 0, 1)[None] / 255)
    close(through(nchw, image, "--preprocess=crop=6x8"),
          pixels[2:8, 3:11].transpose(2, 0, 1)[None] / 255)
    nhwc = program(f"{work}/nhwc", "1, 6, 8, 3")
    close(through(nhwc, image, "--preprocess=resize=6x8"), small[None] / 255)
    large = program(f"{work}/large", "3, 20, 21")
    close(through(large, image),
          resized(pixels, 20, 21).transpose(2, 0, 1) / 255)


def types_and_open_sizes(work):
    """gray, float16, u8 and dynamic sizes; a JPEG; tenonc run as the program"""
    pixels = picture(5, 7)
    image = png(f"{work}/a.PNG", pixels)
    open_sizes = program(f"{work}/open", "n, 3, h, w")
    close(through(open_sizes, image), pixels.transpose(2, 0, 1)[None] / 255)
    close(through(open_sizes, image, "--preprocess=resize=10"),
          resized(pixels, 10, 14).transpose(2, 0, 1)[None] / 255)
    bytes_in = program(f"{work}/u8", "1, 5, 7, 3", "uint8", "Identity")
    assert (through(bytes_in, image) == pixels[None]).all()
    half = program(f"{work}/half", "1, 3, 5, 7", "float16")
    close(through(half, image), pixels.transpose(2, 0, 1)[None] / 255, 1e-3)
    gray = picture(5, 7, 1)
    one = program(f"{work}/gray", "1, 1, 5, 7")
    close(through(one, png(f"{work}/g.png", gray)), gray[None, None] / 255)
    with open(f"{work}/b.jpg", "wb") as file:
        file.write(JPEG)
    found = through(open_sizes, f"{work}/b.jpg", "--preprocess=range=255")
    close(found, np.broadcast_to(np.array([200, 100, 50]).reshape(1, 3, 1, 1),
                                 (1, 3, 8, 8)), 3)
    call([TENONC, "run", f"{work}/open/net.onnxtxt", "--dim=n=1..64",
          "--dim=h=1..64", "--dim=w=1..64", f"x={image}",
          f"--dump={work}/run.npz", "--preprocess=resize=10"])
    with np.load(f"{work}/run.npz") as archive:
        found = through(open_sizes, image, "--preprocess=resize=10")
        assert (archive["y"] == -found).all()


def refuses(command, word, code=1):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == code and word in done.stderr and \
        not done.stdout, f"{command}: {done.returncode} {done.stderr}"


def refusals(work):
    """each wrong image and option is refused by name"""
    pixels = picture(6, 8)
    image = png(f"{work}/a.png", pixels)
    net = program(f"{work}/net", "1, 3, 6, 8")
    whole = open(image, "rb").read()
    codes = JPEG.index(b"\xff\xc4") + 5
    for name, data, word in (
            ("short.png", whole[:60], "damaged"),
            ("text.png", b"hello, world", "expected a PNG or JPEG"),
            ("empty.jpg", b"", "expected a PNG or JPEG"),
            ("cut.jpg", JPEG[:100], "expected a PNG or JPEG"),
            # A table that announces 4080 codes, where 256 have room.
            ("table.jpg", JPEG[:codes] + b"\xff" * 16 + JPEG[codes + 16:],
             "damaged")):
        with open(f"{work}/{name}", "wb") as file:
            file.write(data)
        refuses([net, f"x={work}/{name}"], word)
    huge = bytearray(whole)
    huge[16:24] = struct.pack(">II", 12000, 12000)
    with open(f"{work}/huge.png", "wb") as file:
        file.write(huge)
    refuses([net, f"x={work}/huge.png"], "at most 2^27")
    refuses([net, f"x={work}/none.png"], "none.png")
    for options, word in (("crop=7", "resize it first"),
                          ("resize=5x5", "expected f32[1, 3, 6, 8]")):
        refuses([net, f"x={image}", f"--preprocess={options}"], word)
    for options, word in (
            ("size=3", "it takes resize, crop"), ("rezise=3", "did you mean"),
            ("resize", "NAME=VALUE"), ("resize=0", "resize takes"),
            ("resize=3x", "resize takes"), ("mean=1:2", "mean takes"),
            ("mean=nan", "mean takes"), ("std=0", "above 0"),
            ("layout=hwc", "nchw or nhwc"), ("color=cmyk", "rgb or bgr"),
            ("range=-1", "full brightness")):
        refuses([net, f"x={image}", f"--preprocess={options}"], word, 2)
    for shape, kind, options, word in (
            ("1, 3, 6, 3", "float", [], "layout=nchw"),
            ("1, 4, 6, 8", "float", [], "1 or 3 channels"),
            ("6, 8", "float", [], "3 or 4 dimensions"),
            ("1, 3, 6, 8", "int32", [], "float types and u8"),
            ("2, 3, 6, 8", "float", [], "expected f32[2, 3, 6, 8]")):
        other = program(f"{work}/{abs(hash((shape, kind)))}", shape, kind)
        refuses([other, f"x={image}", *options], word)
    other = program(f"{work}/u8", "1, 3, 6, 8", "uint8", "Identity")
    refuses([other, f"x={image}", "--preprocess=mean=0.5"], "float inputs")


def classes(work):
    """--top and --labels: order, ties, rows, JSON, and refusals"""
    net = program(f"{work}/net", "2, 4")
    values = np.array([[-1, -3, -3, 2], [0.5, -0.25, np.nan, 7]], np.float32)
    np.save(f"{work}/x.npy", values)
    with open(f"{work}/names.txt", "w") as file:
        file.write("cat\ndog\r\nbird \"b\"\nfish\n")
    command = [net, f"x={work}/x.npy"]
    shown = json.loads(call([*command, "--top=3", "--json",
                             f"--labels={work}/names.txt"]))["top"]["y"]
    assert [[c["index"] for c in row] for row in shown] == \
        [[1, 2, 0], [1, 0, 3]], shown
    assert shown[0][:2] == [{"index": 1, "value": 3, "label": "dog"},
                            {"index": 2, "value": 3, "label": 'bird "b"'}]
    table = call([*command, f"--labels={work}/names.txt"])
    lines = [line.split() for line in table.splitlines()]
    assert lines[:2] == [["y,", "row", "0"], ["1", "3", "dog"]], table
    assert "label" not in json.loads(
        call([*command, "--top=1", "--json"]))["top"]["y"][0][0]
    refuses([*command, "--top=0"], "1 to 1000", 2)
    refuses([*command, f"--labels={work}/none.txt"], "none.txt")
    with open(f"{work}/five.txt", "w") as file:
        file.write("a\nb\nc\nd\ne\n")
    refuses([*command, f"--labels={work}/five.txt"], "has 5 lines")
    open(f"{work}/empty.txt", "w").close()
    refuses([*command, f"--labels={work}/empty.txt"], "is empty")


if __name__ == "__main__":
    sys.exit(run_all((sizes_and_layouts, types_and_open_sizes, refusals,
                      classes)))
