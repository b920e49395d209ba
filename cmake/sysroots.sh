#!/bin/sh
# Copies what static programs are linked with, musl's start files and C
# library, to OUTDIR/<architecture>-linux-musl:
#
#   sysroots.sh OUTDIR [x86_64] [aarch64]        (both if none is named)
#
# x86-64 comes from the installed musl-dev, AArch64 from Debian's package of
# that architecture, which is fetched without being installed, and from the
# cross compiler's libgcc.a.
set -eu

if [ $# -lt 1 ]; then
  echo "usage: sysroots.sh OUTDIR [x86_64] [aarch64]" >&2
  exit 2
fi
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- x86_64 aarch64

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# copy LIBDIR INCLUDEDIR NAME
copy() {
  rm -rf "$out/$3.new"
  mkdir -p "$out/$3.new"
  cp "$1/crt1.o" "$1/crti.o" "$1/crtn.o" "$1/libc.a" "$out/$3.new/"
  cp -r "$2" "$out/$3.new/include"
}

# The folder appears when it is complete.
finish() {
  rm -rf "$out/$1"
  mv "$out/$1.new" "$out/$1"
}

sysroot_x86_64() {
  lib=/usr/lib/x86_64-linux-musl
  if [ ! -e "$lib/libc.a" ]; then
    echo "sysroots.sh: $lib/libc.a is missing: install musl-dev" >&2
    exit 1
  fi
  copy "$lib" /usr/include/x86_64-linux-musl x86_64-linux-musl
  finish x86_64-linux-musl
}

# apt with an architecture and lists of its own, so that neither the system's
# list of architectures nor its lists of packages change.
apt_arm64() {
  apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 \
    -o APT::Sandbox::User=root -o Dir::State="$scratch/apt" \
    -o Dir::State::status=/dev/null -o Dir::Cache="$scratch/apt" "$@"
}

sysroot_aarch64() {
  libgcc=$(aarch64-linux-gnu-gcc -print-libgcc-file-name)
  mkdir -p "$scratch/apt/lists/partial" "$scratch/apt/archives/partial" \
    "$scratch/tree"
  cd "$scratch"
  if ! apt-get -qq download musl-dev:arm64 2>"$scratch/log"; then
    apt_arm64 update
    apt_arm64 download musl-dev
  fi
  dpkg-deb -x "$scratch"/musl-dev_*_arm64.deb "$scratch/tree"
  copy "$scratch/tree/usr/lib/aarch64-linux-musl" \
    "$scratch/tree/usr/include/aarch64-linux-musl" aarch64-linux-musl
  cp "$libgcc" "$out/aarch64-linux-musl.new/"
  finish aarch64-linux-musl
}

for architecture; do
  case $architecture in
    x86_64 | aarch64) "sysroot_$architecture" ;;
    *)
      echo "sysroots.sh: no sysroot for '$architecture':" \
        "expected x86_64 or aarch64" >&2
      exit 2
      ;;
  esac
done
