/** Finds the machine's own trusted roots, which Envoy has to be given by path. */
import { UnavailableError } from "../service/mod.ts";

/**
 * Where systems keep their trusted roots as one PEM file. Envoy takes a path and knows none by
 * itself. Order: Debian and Ubuntu, Fedora and RHEL, openSUSE, Alpine and macOS, FreeBSD.
 */
const ROOT_BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
  "/usr/local/etc/ssl/cert.pem",
] as const;

/**
 * Returns the path of the machine's trusted roots; `preferred` (SSL_CERT_FILE) comes first.
 *
 * @throws {UnavailableError} that lists the places, when there is none
 */
export async function systemRoots(preferred?: string): Promise<string> {
  const candidates = preferred === undefined ? ROOT_BUNDLES : [preferred];
  for (const path of candidates) {
    const info = await Deno.stat(path).catch(() => undefined);
    if (info?.isFile) return path;
  }
  throw new UnavailableError(
    `Cannot find the system's trusted roots for TLS: none of ${candidates.join(", ")}: install ` +
      `ca-certificates, or set SSL_CERT_FILE`,
  );
}
