"""How lit runs test/: `lit build/test`, or `./setup test --only lit`."""
import os
import shutil
import sys

import lit.formats
from lit.llvm import llvm_config

config.name = "Tenon"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test", ".onnxtxt"]
config.excludes = ["Inputs", "bench", "conformance", "package"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.tenon_binary_dir, "test")

# Tools and their output must not depend on who runs the tests.
config.environment = {
    "PATH": os.environ["PATH"],
    "LC_ALL": "C",
    "HOME": config.test_exec_root,
    "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
    "PYTHONPATH": os.path.join(config.tenon_binary_dir, "python"),
    "PYTHONDONTWRITEBYTECODE": "1",
    "FILECHECK_OPTS": "-enable-var-scope",
}
# What a sanitizer build needs; unset elsewhere.
llvm_config.with_system_environment(["ASAN_OPTIONS", "UBSAN_OPTIONS"])

config.substitutions += [
    ("%python", sys.executable),
    ("%source", config.tenon_source_dir),
    ("%inputs", os.path.join(config.test_source_root, "Inputs")),
    ("%runtime_include",
     os.path.join(config.tenon_source_dir, "runtime", "include")),
]
llvm_config.add_tool_substitutions(
    ["tenon-opt", "tenonc", "tenon-reduce", "tenon-lsp-server", "FileCheck",
     "not", "count", "split-file", "llvm-ar", "llvm-nm", "llvm-objdump",
     "llvm-readobj", "llvm-size"],
    [os.path.join(config.tenon_binary_dir, "bin"), config.llvm_tools_dir])


def cpu_flags():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            for line in f:
                if line.startswith("flags"):
                    return set(line.split(":", 1)[1].split())
    except OSError:
        pass
    return set()


# As the levels of x86-64 have it: v3 is avx2 here, v4 is avx512.
if cpu_flags() >= {"avx2", "fma", "f16c", "bmi2"}:
    config.available_features.add("avx2")
if cpu_flags() >= {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}:
    config.available_features.add("avx512")
if shutil.which("qemu-aarch64"):
    config.available_features.add("qemu-aarch64")
    config.substitutions.append(("%qemu_aarch64", shutil.which("qemu-aarch64")))
