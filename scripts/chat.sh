#!/usr/bin/env bash
# A chat completion through the gateway: allowed, answered as JSON.
# Needs a running stack (`deno task dev`). GATEWAY and API_KEY change the defaults.
set -euo pipefail
gateway=${GATEWAY:-http://127.0.0.1:8080}
curl -sS --fail-with-body -w '\n' "$gateway/v1/chat/completions" \
  -H "x-api-key: ${API_KEY:-demo-key}" \
  -H 'content-type: application/json' \
  -d '{"model":"mock-small","messages":[{"role":"user","content":"Say hello"}]}'
