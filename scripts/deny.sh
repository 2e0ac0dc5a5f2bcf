#!/usr/bin/env bash
# A denial: a wrong key is refused by policy, and nothing reaches the upstream.
# Needs a running stack (`deno task dev`). GATEWAY changes the default. Exits 0 only when it was denied.
set -euo pipefail
gateway=${GATEWAY:-http://127.0.0.1:8080}
answer=$(curl -sS -i "$gateway/v1/chat/completions" \
  -H 'x-api-key: wrong-key' \
  -H 'content-type: application/json' \
  -d '{"model":"mock-small","messages":[{"role":"user","content":"Let me in"}]}')
printf '%s\n' "$answer"
grep -qi '^x-llm-deny-code: invalid_api_key' <<<"$answer"
