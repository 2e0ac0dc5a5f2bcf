#!/usr/bin/env bash
# The same as a stream: events arrive one by one as the upstream writes them (curl -N does not buffer).
# Needs a running stack (`deno task dev`). GATEWAY and API_KEY change the defaults.
set -euo pipefail
gateway=${GATEWAY:-http://127.0.0.1:8080}
curl -sSN --fail-with-body "$gateway/v1/chat/completions" \
  -H "authorization: Bearer ${API_KEY:-demo-key}" \
  -H 'content-type: application/json' \
  -d '{"model":"mock-small","stream":true,"messages":[{"role":"user","content":"Tell a short story"}]}'
