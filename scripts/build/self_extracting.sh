#!/bin/sh
# llmgate @VERSION@ for @TARGET@, self-extracting: this script, then the program and the Deno @DENO@ executable, packed
# by gzip. The first run unpacks both into the user's data folder, verified by SHA-256; later runs only start them.
# Source: https://github.com/llmgate/llmgate, scripts/build/self_extracting.sh
set -u
fail() {
  rm -rf "$dir"/*."$$" 2>/dev/null
  printf 'error: Cannot unpack llmgate: %s\n' "$1" >&2
  exit 3
}

case $0 in
  */*) program=$0 ;;
  *) program=$(command -v -- "$0") || program=$0 ;;
esac
case $program in /*) ;; *) program=$PWD/$program ;; esac

# A folder that only we can write to; in the shared /tmp when the data folder is read-only.
own() { (umask 077 && mkdir -p "$1") 2>/dev/null && [ -O "$1" ] && [ -w "$1" ]; }
data_home=@DATA_HOME@
home=${LLMGATE_HOME:-$data_home}
dir=$home/runtime/@ID@

# The modules of the program, LENGTH and NAME of each, in the order in which the packed program holds them.
modules='@FILES@'

# whole: whether no module is missing; what cleans temporary folders takes files one by one.
whole() {
  set -- $modules
  while [ $# -gt 0 ]; do
    [ -f "$dir/program/$2" ] || return 1
    shift 2
  done
}
unpacked() { [ -x "$dir/deno" ] && whole; }
if ! unpacked; then
  if ! own "$dir"; then
    shared=${TMPDIR:-/tmp}/llmgate-$(id -u)
    dir=$shared/runtime/@ID@
    # No link: whoever made it could lead it elsewhere later.
    own "$shared" && [ ! -L "$shared" ] && chmod 700 "$shared" && own "$dir" || fail "no folder to write to: tried $home and ${TMPDIR:-/tmp}; set LLMGATE_HOME"
  fi
fi

digest() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1"
  elif command -v shasum >/dev/null 2>&1; then shasum -a 256 "$1"
  else openssl dgst -sha256 -r "$1"; fi | cut -d' ' -f1
}

# unpack NAME OFFSET LENGTH SHA256: into a file of our own, "$dir/NAME.$$", verified. What is unpacked is put in place by
# one rename, so that any number may do it at once and nobody ever starts half of it.
unpack() {
  own_name=$dir/$1.$$
  why=$({ tail -c +"$2" "$program" | head -c "$3" | LC_ALL=C gzip -dc >"$own_name"; } 2>&1)
  found=$(digest "$own_name" 2>/dev/null)
  [ "$found" = "$4" ] && return
  rm -f "$own_name"
  # Somebody who was faster may have taken our file for a leftover.
  unpacked && return 1
  case $why in
    *[Nn]o\ space\ left*) fail "no space left in $dir for $1: free some 250 MB, or set LLMGATE_HOME to another disk" ;;
  esac
  fail "the checksum of $1 is $found, expected $4: this file is damaged"
}

put_deno() {
  unpack deno @DENO_AT@ @DENO_LENGTH@ @DENO_SHA256@ || return
  chmod 700 "$dir/deno.$$" && mv -f "$dir/deno.$$" "$dir/deno" || fail "cannot put deno into $dir"
}

put_program() {
  unpack program.pack @PROGRAM_AT@ @PROGRAM_LENGTH@ @PROGRAM_SHA256@ || return
  pack=$dir/program.pack.$$ fresh=$dir/program.$$ at=1
  set -- $modules
  while [ $# -gt 0 ]; do
    case $2 in */*) mkdir -p "$fresh/${2%/*}" ;; *) mkdir -p "$fresh" ;; esac
    tail -c +"$at" "$pack" | head -c "$1" >"$fresh/$2" || fail "cannot write $2 into $dir"
    at=$((at + $1))
    shift 2
  done
  whole || ! [ -e "$dir/program" ] || mv "$dir/program" "$dir/program.old.$$"
  # Where somebody was faster, ours ends inside of theirs, and goes.
  mv "$fresh" "$dir/program" || fail "cannot put the program into $dir"
  rm -rf "$dir"/program.*."$$" "$dir/program/program.$$"
}

# ended FILE: whether the process that its name ends with has ended.
ended() { [ -e "$1" ] && ! kill -0 "${1##*.}" 2>/dev/null; }

# Whoever starts says so by an empty file that ends with its process id, and removes those of processes that have ended.
for one in "$dir"/run.*; do ! ended "$one" || rm -f "$one"; done
{ : >"$dir/run.$$"; } 2>/dev/null

# sweep: what unpackings that were killed left here, and the runtimes of other versions that nobody uses now, nor did
# within a day. One of those loses its name first, so that nobody starts half of it.
sweep() {
  for one in "$dir"/deno.[0-9]* "$dir"/program.*[0-9]; do ! ended "$one" || rm -rf "$one"; done
  for old in "$dir"/../*; do
    [ "${old##*/}" != @ID@ ] && [ -n "$(find "$old" -prune -type d -mtime +0 2>/dev/null)" ] || continue
    for one in "$old"/run.*; do ! [ -f "$one" ] || ended "$one" || continue 2; done
    case $old in *.gone) ;; *) mv "$old" "$old.gone" && old=$old.gone || continue ;; esac
    rm -rf "$old"
  done
}
if ! unpacked; then
  trap 'rm -rf "$dir"/*."$$"; exit 130' INT TERM HUP
  whole || put_program
  [ -x "$dir/deno" ] || put_deno
  trap - INT TERM HUP
  sweep 2>/dev/null
fi

LLMGATE_PROGRAM=$program DENO_DIR=$dir/cache DENO_NO_UPDATE_CHECK=1 exec "$dir/deno" run @FLAGS@ "$dir/program/@ENTRY@" "$@"
