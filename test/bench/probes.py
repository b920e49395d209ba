"""Builds probes.c and runs its loops; each probe is timed like an engine."""
import ctypes
import functools
import os
import subprocess
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


@functools.cache
def library():
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/probes.so"
        subprocess.run([os.environ.get("CC", "clang-22"), "-O2",
                        "-march=native", "-mprefer-vector-width=512"
                        if os.uname().machine == "x86_64" else "-O2",
                        "-shared", "-fPIC", "-o", path, f"{HERE}/probes.c"],
                       check=True)
        loops = ctypes.CDLL(path)
    loops.fma_loop.restype = ctypes.c_double
    loops.fma_loop.argtypes = [ctypes.c_long, ctypes.c_void_p]
    loops.read_loop.restype = ctypes.c_longlong
    loops.read_loop.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    return loops


class FmaPeak:
    """`operations` floating-point operations per run."""

    def __init__(self, rounds=200_000):
        self.rounds = rounds
        self.keep = np.array([1e-3, 1e-3], np.float32)
        self.operations = self.run()

    def run(self):
        return library().fma_loop(self.rounds, self.keep.ctypes.data)


class ReadRate:
    """Reads `bytes`, four times the last-level cache, per run."""

    def __init__(self):
        self.bytes = 4 * last_level_cache()
        self.data = np.ones(self.bytes // 8 + 8, np.int64)
        self.start = -(-self.data.ctypes.data // 64) * 64

    def run(self):
        return library().read_loop(self.start, self.bytes)


def last_level_cache():
    sizes = []
    root = "/sys/devices/system/cpu/cpu0/cache"
    for index in os.listdir(root) if os.path.isdir(root) else []:
        try:
            with open(f"{root}/{index}/size", encoding="ascii") as file:
                sizes.append(int(file.read().strip().rstrip("K")) << 10)
        except (OSError, ValueError):
            pass
    return max(sizes, default=32 << 20)
