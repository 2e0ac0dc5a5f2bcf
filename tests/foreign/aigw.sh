#!/usr/bin/env bash
# Runs Envoy AI Gateway and the suite in a network of their own, since aigw binds fixed ports:
#   unshare --net bash aigw.sh AIGW CONFIG HOME -- PROGRAM…
set -euo pipefail
aigw=$1 config=$2 home=$3
shift 4
ip link set lo up
export AIGW_DATA_HOME="$home/data" AIGW_STATE_HOME="$home/state" AIGW_CONFIG_HOME="$home/conf"
export AIGW_RUNTIME_DIR="$home/run"
"$aigw" run "$config" >"$home/aigw.log" 2>&1 &
gateway=$!
trap 'kill "$gateway" 2>/dev/null || true; wait "$gateway" 2>/dev/null || true' EXIT
until grep -q 'listening on' "$home/aigw.log"; do
  kill -0 "$gateway" 2>/dev/null || { cat "$home/aigw.log" >&2; exit 1; }
  sleep 0.1
done
"$@"
