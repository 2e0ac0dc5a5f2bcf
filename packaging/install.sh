#!/bin/sh
# Installs llmgate: downloads the binary of this machine from the project's releases, verifies its SHA-256 against the
# release's list, and puts it into place by one rename. Run it as it is, or: sh install.sh --version v0.1.0 --to DIR
#
#   LLMGATE_RELEASES  where releases lie (default: https://github.com/llmgate/llmgate/releases)
set -eu
releases=${LLMGATE_RELEASES:-https://github.com/llmgate/llmgate/releases}
version=latest
folder=${HOME:-/usr/local}/.local/bin
envoy=

usage() {
  echo 'usage: install.sh [--version vX.Y.Z] [--to DIR] [--with-envoy]' >&2
  exit 2
}
fail() {
  echo "error: Cannot install llmgate: $1" >&2
  exit 1
}
while [ $# -gt 0 ]; do
  case $1 in
    --version) [ $# -gt 1 ] || usage; version=$2; shift 2 ;;
    --to) [ $# -gt 1 ] || usage; folder=$2; shift 2 ;;
    --with-envoy) envoy=-with-envoy; shift ;;
    *) usage ;;
  esac
done

case $(uname -s)-$(uname -m) in
  Linux-x86_64) target=x86_64-unknown-linux-gnu ;;
  Linux-aarch64 | Linux-arm64) target=aarch64-unknown-linux-gnu ;;
  Darwin-x86_64) target=x86_64-apple-darwin ;;
  Darwin-arm64) target=aarch64-apple-darwin ;;
  *) fail "there is no build for $(uname -s) $(uname -m)" ;;
esac
name=llmgate-$target$envoy
if [ "$version" = latest ]; then base=$releases/latest/download; else base=$releases/download/$version; fi

fetch() {
  if command -v curl >/dev/null 2>&1; then curl -fsSL --retry 2 --connect-timeout 10 -o "$2" "$1"
  elif command -v wget >/dev/null 2>&1; then wget -q -T 10 -O "$2" "$1"
  else fail 'neither curl nor wget is here'; fi || fail "$1 cannot be downloaded"
}
digest() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1"
  elif command -v shasum >/dev/null 2>&1; then shasum -a 256 "$1"
  else openssl dgst -sha256 -r "$1"; fi | cut -d' ' -f1
}

mkdir -p "$folder" || fail "$folder cannot be made"
work=$(mktemp -d "$folder/.llmgate.XXXXXX") || fail "$folder cannot be written"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
fetch "$base/SHA256SUMS" "$work/sums"
expected=$(awk -v name="$name" '$2 == name || $2 == "*" name { print $1 }' "$work/sums")
[ -n "$expected" ] || fail "$base/SHA256SUMS does not list $name"
fetch "$base/$name" "$work/llmgate"
found=$(digest "$work/llmgate")
[ "$found" = "$expected" ] || fail "the checksum of $name is $found, expected $expected"
chmod 755 "$work/llmgate"
mv -f "$work/llmgate" "$folder/llmgate"
echo "installed $folder/llmgate ($("$folder/llmgate" --version))"
case :$PATH: in
  *:"$folder":*) ;;
  *) echo "put it on your PATH: export PATH=\"$folder:\$PATH\"" ;;
esac
