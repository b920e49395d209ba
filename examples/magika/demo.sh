#!/usr/bin/env bash
# Compiles the model of the Python package `magika`, builds the C program
# beside it, and runs that on files of this repository. `demo.sh fetch` only
# brings the package into the cache.
set -euo pipefail
here=examples/magika
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

version=1.0.3
cache=${TENON_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tenon}
build=${TENON_BUILD:-$PWD/build}
python=$cache/venv/bin/python
package=$cache/magika-$version

if [ ! -d "$package" ]; then
  echo "== fetching magika $version"
  work=$(mktemp -d "$cache/magika.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  "$python" -m pip download -q --disable-pip-version-check --no-deps \
    -d "$work" "magika==$version"
  "$python" -m zipfile -e "$work"/magika-*.whl "$work/package"
  mv "$work/package" "$package"
fi
[ "${1:-}" != fetch ] || exit 0

out=$build/examples/magika
mkdir -p "$out"

echo "== compiling the model"
"$build/bin/tenonc" compile "$package/magika/models/standard_v3_3/model.onnx" \
  -o "$out/model" --prefix=magika --dim unk__214=1 --emit=lib,header,exe

echo "== building the program"
cc=${CC:-$(command -v clang-22 || echo cc)}
"$python" "$here/make_tables.py" "$package/magika" "$out/tables.h"
"$cc" -std=c11 -O2 -Wall -Wextra -I"$out" -I"$out/model" -Iruntime/include \
  "$here/magika.c" "$here/detect.c" "$out/model/libmagika.a" -o "$out/identify"

# The first file of each kind, where there is one.
shopt -s globstar nullglob
files=()
first() { [ ! -f "${1:-}" ] || files+=("$1"); }
first README.md
first setup
first CMakeLists.txt
first CMakePresets.json
first dialects/**/*.cpp
first dialects/**/*.td
first runtime/src/*.c
first test/**/*.mlir
first tools/*.py
first "$here"/*.sh
echo "== $out/identify ${files[*]}"
"$out/identify" "${files[@]}"
