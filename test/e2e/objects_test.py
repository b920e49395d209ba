#!/usr/bin/env python3
"""Libraries for every target: what they ask of others, how large the runtime in
them is, that the header is C there, and that 32-bit code computes the same."""
import re
import shutil
import subprocess
import sys

import numpy as np

from support import TENONC, Skip, call, run_all

# A convolution, a norm, a softmax, a gather with sizes known late, integers.
MODEL = """<ir_version: 8, opset_import: ["" : 17]>
net (float[1, 2, h, 8] x, int64[k] i) => (float[k, 8] y, int64[k] j)
<float[2, 2, 1, 1] w = {0.5, -1, 2, 0.25}, int64[2] shape = {-1, 8},
 float[8] scale = {1, 2, 3, 4, 5, 6, 7, 8}, int64[1] three = {3}>
{
  c = Conv (x, w)
  r = Reshape (c, shape)
  n = LayerNormalization <axis = -1> (r, scale)
  s = Softmax <axis = -1> (n)
  g = Gather (s, i)
  y = Tanh (g)
  m = Mul (i, three)
  j = Add (m, i)
}
"""

MEMORY = {"memcpy", "memset", "memmove"}
POSIX = MEMORY | {"pthread_create", "pthread_join"}
APPLE = POSIX | {"sysctlbyname"} | {
    f"pthread_{kind}_{what}" for kind, words in
    (("mutex", ("init", "destroy", "lock", "unlock")),
     ("cond", ("init", "destroy", "wait", "broadcast"))) for what in words}
ARM = MEMORY | {f"__aeabi_{name}{n}" for n in ("", "4", "8")
                for name in ("memcpy", "memset", "memmove", "memclr")}

TARGETS = {
    "x86_64-linux-gnu": POSIX,
    "aarch64-linux-gnu": POSIX | {"getauxval"},
    "aarch64-linux-android29": POSIX | {"getauxval"},
    "arm64-apple-ios17.0": APPLE,
    "arm64-apple-macos": APPLE,
    "thumbv7em-none-eabi": ARM,
    "thumbv7em-none-eabihf": ARM,
}

CORE_LIMIT = 16 << 10

PRODUCT = """<ir_version: 10, opset_import: ["" : 21]>
product (float[n, 24] x) => (float[n, 40] y)
<int64[2] shape = {24, 40}> {
  w = ConstantOfShape <value = float[1] {0.5}> (shape)
  p = MatMul (x, w)
  y = Tanh (p)
}
"""
PRODUCT_LIMITS = {"x86_64-linux-gnu": 24 << 10, "aarch64-linux-gnu": 32 << 10,
                  "thumbv7em-none-eabi": 96 << 10}


def tool(name):
    found = shutil.which(f"{name}-22") or shutil.which(name)
    if not found:
        raise Skip(f"no {name}")
    return found


def library(work, target):
    with open(f"{work}/net.onnxtxt", "w") as file:
        file.write(MODEL)
    folder = f"{work}/{target}"
    call([TENONC, "compile", f"{work}/net.onnxtxt", "--prefix=net", "-o",
          folder, "--emit=lib,header", f"--target={target}", "--dim=h=1..9",
          "--dim=k=1..9"])
    return folder


def symbols(archive):
    """(member, kind, bytes, name)"""
    member = ""
    for line in call([tool("llvm-nm"), "--print-size", archive]).splitlines():
        if line.endswith(":"):
            member = line[:-1]
        found = re.match(r"([0-9a-f]*) +(?:([0-9a-f]+) )?([A-Za-z]) (\S+)$",
                         line)
        if found:
            yield (member, found[3], int(found[2] or "0", 16), found[4])


def undefined_symbols(work):
    """no object asks for more than the runtime and a few names of libc"""
    for target, allowed in TARGETS.items():
        defined, wanted = set(), set()
        for _, kind, _, name in symbols(f"{library(work, target)}/libnet.a"):
            name = name[1:] if "apple" in target else name
            (wanted if kind in "Uw" else defined).add(name)
            assert name.startswith("net_") or kind not in "TDBR" or \
                name.startswith("."), f"{target}: {name} has no prefix"
        foreign = wanted - defined
        assert foreign <= allowed, f"{target}: {sorted(foreign - allowed)}"


def size_of_the_core(work):
    """the runtime's functions on AArch64 and Thumb, 16 KB at most"""
    for target in ("aarch64-linux-gnu", "aarch64-linux-android29",
                   "thumbv7em-none-eabi"):
        rows = [(size, name) for _, kind, size, name in
                symbols(f"{library(work, target)}/libnet.a")
                if kind in "Tt" and name.startswith("net_rt_")]
        total = sum(size for size, _ in rows)
        print(f"  {target}: {total} bytes of .text in {len(rows)} functions")
        if target == "aarch64-linux-gnu":
            for size, name in sorted(rows, reverse=True):
                print(f"    {size:6} {name.replace('net_rt_', 'tenon_')}")
        assert {"net_rt_init", "net_rt_run", "net_rt_dispatch",
                "net_rt_cpu_missing"} <= {name for _, name in rows}
        assert 0 < total <= CORE_LIMIT, f"{target}: {total} bytes"


def size_of_a_product(work):
    """a product's kernel with a long epilogue is tens of kilobytes at most"""
    with open(f"{work}/product.onnxtxt", "w") as file:
        file.write(PRODUCT)
    for target, limit in PRODUCT_LIMITS.items():
        output = f"{work}/{target}.o"
        call([TENONC, "compile", f"{work}/product.onnxtxt", "--prefix=net",
              "-o", output, "--emit=obj", f"--target={target}",
              "--dim=n=1..9",
              *["--mcpu=x86-64-v4"] * target.startswith("x86")])
        sizes = [size for _, _, size, name in symbols(output)
                 if name.startswith("net_matmul_")]
        print(f"  {target}: {sizes} bytes")
        assert sizes and max(sizes) <= limit, f"{target}: {sizes}"


def headers(work):
    """the header is C and C++ with the target's own compiler"""
    for target in TARGETS:
        folder = library(work, target)
        for language, standard in (("c", "c11"), ("c++", "c++17")):
            call([tool("clang"), f"--target={target}", "-ffreestanding",
                  "-nostdlibinc", "-fsyntax-only", "-Wall", "-Wextra",
                  "-Werror", "-pedantic", f"-std={standard}", "-x", language,
                  f"{folder}/net.h"])


# Bare metal, but for the way out, which is Linux's.
MAIN = """
#include "net.h"
void *memcpy(void *to, const void *from, size_t n) {
  for (size_t i = 0; i < n; ++i) ((volatile char *)to)[i] = ((char *)from)[i];
  return to;
}
void *memset(void *to, int c, size_t n) {
  for (size_t i = 0; i < n; ++i) ((volatile char *)to)[i] = (char)c;
  return to;
}
void __aeabi_memcpy(void *t, const void *f, size_t n) { memcpy(t, f, n); }
void __aeabi_memcpy4(void *t, const void *f, size_t n) { memcpy(t, f, n); }
void __aeabi_memcpy8(void *t, const void *f, size_t n) { memcpy(t, f, n); }
void __aeabi_memset(void *t, size_t n, int c) { memset(t, c, n); }
void __aeabi_memclr(void *t, size_t n) { memset(t, 0, n); }
void __aeabi_memclr4(void *t, size_t n) { memset(t, 0, n); }
void __aeabi_memclr8(void *t, size_t n) { memset(t, 0, n); }
static _Alignas(64) unsigned char arena[NET_ARENA_BYTES(1)];
static const uint32_t x[] = {%(x)s}, y[] = {%(y)s};
static const int64_t i[] = {%(i)s}, j[] = {%(j)s};
static int64_t js[%(k)d];
static uint32_t ys[%(k)d * 8];
static int work(void) {
  net *model;
  net_dims dims = {.h = %(h)d, .k = %(k)d};
  if (net_init(&model, arena, sizeof arena, 0)) return 2;
  if (net_run(model, &dims, (const float *)x, i, (float *)ys, js)) return 3;
  for (int n = 0; n < %(k)d * 8; ++n) if (ys[n] != y[n]) return 4;
  for (int n = 0; n < %(k)d; ++n) if (js[n] != j[n]) return 5;
  dims.h = 10;
  if (net_run(model, &dims, (const float *)x, i, (float *)ys, js) !=
      TENON_DIM_OUT_OF_BOUNDS) return 6;
  return 0;
}
__attribute__((noreturn, used)) void begin(void) {
  register int code __asm__("r0") = work();
  register int call __asm__("r7") = 1;
  __asm__ volatile("svc 0" : : "r"(code), "r"(call));
  __builtin_unreachable();
}
"""


def thumb_computes_the_same(work):
    """Thumb code, linked bare and run by qemu-arm: the bits of x86-64"""
    emulator = shutil.which("qemu-arm")
    if not emulator:
        raise Skip("no qemu-arm")
    h, k = 5, 3
    rng = np.random.default_rng(3)
    x = rng.standard_normal((1, 2, h, 8)).astype(np.float32)
    i = np.array([7, 0, 3], np.int64)
    np.save(f"{work}/x.npy", x)
    np.save(f"{work}/i.npy", i)
    folder = library(work, "thumbv7em-none-eabi")
    call([TENONC, "compile", f"{work}/net.onnxtxt", "--prefix=net", "-o",
          f"{work}/net", "--emit=exe", "--mcpu=x86-64-v2", "--dim=h=1..9",
          "--dim=k=1..9"])
    call([f"{work}/net", f"x={work}/x.npy", f"i={work}/i.npy",
          f"--dump={work}/out.npz"])
    out = np.load(f"{work}/out.npz")

    def words(array):
        return ", ".join(map(str, array.ravel()))

    with open(f"{work}/main.c", "w") as file:
        file.write(MAIN % {"x": words(x.view(np.uint32)), "i": words(i),
                           "y": words(out["y"].view(np.uint32)),
                           "j": words(out["j"]), "h": h, "k": k})
    call([tool("clang"), "--target=thumbv7em-none-eabi", "-mcpu=cortex-m4",
          "-ffreestanding", "-nostdlib", "-nostdlibinc", "-fuse-ld=lld", "-O1",
          f"--ld-path={tool('ld.lld')}", "-Wl,--entry=begin", f"-I{folder}",
          f"{work}/main.c", f"{folder}/libnet.a", "-o", f"{work}/bare"])
    done = subprocess.run([emulator, f"{work}/bare"], timeout=60)
    assert done.returncode == 0, f"exit code {done.returncode}"


if __name__ == "__main__":
    sys.exit(run_all((undefined_symbols, size_of_the_core, size_of_a_product,
                      headers, thumb_computes_the_same)))
