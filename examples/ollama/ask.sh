#!/bin/sh
# One question through the gateway that run.sh has started, answered token by token.
set -eu
curl -sSN --fail-with-body "${GATEWAY:-http://127.0.0.1:8080}/v1/chat/completions" \
  -H 'x-api-key: demo-key' -H 'content-type: application/json' \
  -d "{\"model\":\"${MODEL:-llama3.2:3b}\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Say hello\"}]}"
