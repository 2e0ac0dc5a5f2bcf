#!/bin/sh
# Ollama behind policy and Envoy. It wants `ollama serve` and a model (`ollama pull llama3.2:3b`), and `llmgate` on the
# PATH. OLLAMA_URL and MODEL change the defaults; words are passed on to `llmgate dev`.
set -eu
exec llmgate dev --upstream "${OLLAMA_URL:-http://127.0.0.1:11434}" "$@"
