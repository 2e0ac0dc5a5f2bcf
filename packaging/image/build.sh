#!/usr/bin/env bash
# Builds an image out of nothing but a binary that carries Envoy, without a registry:
#   deno task compile --with-envoy --output dist/llmgate && packaging/image/build.sh dist/llmgate llmgate
# The C libraries and the roots of public authorities are this machine's; they must be of the binary's architecture.
set -euo pipefail
binary=$1 tag=${2:-llmgate}
roots=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
root=$context/root
mkdir -p "$root"/{bin,usr/local/bin,etc/ssl/certs,tmp,home/llmgate}
install -m 755 "$binary" "$root/usr/local/bin/llmgate"
# Envoy is watched by a shell, so that it ends with the program that started it.
install -m 755 "$(readlink -f /bin/sh)" "$root/bin/sh"
install -m 644 "$roots" "$root/etc/ssl/certs/ca-certificates.crt"
echo 'llmgate:x:65532:65532::/home/llmgate:/sbin/nologin' >"$root/etc/passwd"
envoy=$(LLMGATE_HOME=$context/llmgate "$binary" envoy fetch)
# Names are resolved by libraries that no program names: glibc loads them when it asks for a host.
libraries=$(for program in "$binary" "$envoy" /bin/sh; do ldd "$program"; done | grep -o '/[^ ]*' | sort -u)
folder=$(dirname "$(echo "$libraries" | grep -m1 'libc\.so\.6')")
for library in $libraries "$folder"/libnss_{dns,files}.so.2 "$folder"/libresolv.so.2; do
  install -D -m 755 "$(readlink -f "$library")" "$root$library"
done
chmod 1777 "$root/tmp" "$root/home/llmgate"
docker build --quiet --tag "$tag" --file "$(dirname "$0")/Dockerfile.scratch" "$context"
docker image inspect --format '{{.Size}} bytes' "$tag"
