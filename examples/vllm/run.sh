#!/bin/sh
# Several vLLM servers behind policy, Envoy and the model router, which sends each request to the one that has least to do.
# VLLM_HOSTS names them, as host:port with commas; routes.json says which models clients may ask for, and under which
# names. Words are passed on to `llmgate dev`.
set -eu
exec llmgate dev --profile router --static-hosts "${VLLM_HOSTS:-127.0.0.1:8000,127.0.0.1:8001}" \
  --route-config "$(dirname "$0")/routes.json" --routing-logic least_outstanding_requests "$@"
