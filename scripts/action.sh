#!/usr/bin/env bash
# The step of action.yml: judges what the inputs name, annotates the change, and puts the outcome into the summary.
set -uo pipefail
llmgate=$(dirname "${BASH_SOURCE[0]}")/llmgate
report=${INPUT_REPORT:-llmgate-report}
mkdir -p "$report" || exit 2
echo "report=$report" >>"${GITHUB_OUTPUT:-/dev/null}"

# Globs of cases are ours to pass on, and no names of files.
set -f
words=(check)
[ -n "${INPUT_ENVOY_CONFIG:-}" ] && words+=(--envoy-config "$INPUT_ENVOY_CONFIG")
[ -n "${INPUT_GATEWAY:-}" ] && words+=(--gateway "$INPUT_GATEWAY")
[ -n "${INPUT_POLICY:-}" ] && words+=(--policy "$INPUT_POLICY")
for one in ${INPUT_CASE:-}; do words+=(--case "$one"); done
# As a shell reads words, quotes and all, but without expanding anything.
if [ -n "${INPUT_ARGS:-}" ]; then
  while IFS= read -r word; do words+=("$word"); done < <(printf '%s' "$INPUT_ARGS" | xargs printf '%s\n')
fi
for ending in html json xml md; do words+=(--report "$report/report.$ending"); done

code=0
if [ -n "${INPUT_ENVOY_CONFIG:-}" ] && [ "${INPUT_LINT:-true}" = true ]; then
  echo "::group::llmgate lint $INPUT_ENVOY_CONFIG"
  "$llmgate" lint "$INPUT_ENVOY_CONFIG" | tee "$report/lint.txt"
  linted=${PIPESTATUS[0]}
  echo "::endgroup::"
  # What it found is told as a warning: whether it matters is for the suite to say.
  case $linted in
    0) ;;
    1) echo "::warning file=$INPUT_ENVOY_CONFIG::llmgate lint: $(tail -1 "$report/lint.txt")" ;;
    *) exit "$linted" ;;
  esac
fi
"$llmgate" "${words[@]}" || code=$?
[ -f "$report/report.md" ] && cat "$report/report.md" >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
exit "$code"
