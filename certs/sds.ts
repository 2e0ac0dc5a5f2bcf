/** Secrets as Envoy reads them from files (SDS), with PEM inline: certificate and key change in one rename. */
import type { KeyPair } from "./certificate.ts";

const SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

/** Field of a secret with URIs, which one without has not. */
export const URIS = "match_typed_subject_alt_names";

/** A certificate and its key, under the name that Envoy's configuration asks for. */
export function certificateSecret(name: string, { certificate, key }: KeyPair): string {
  return `${head(name)}    tls_certificate:
      certificate_chain:
        inline_string: |
${indented(certificate)}
      private_key:
        inline_string: |
${indented(key)}
`;
}

/** How a URI in a certificate must read. */
export type UriMatch = { readonly prefix: string } | { readonly exact: string };

/**
 * Roots that a peer's certificate must chain to, and the URIs of which it must have one. With URIs,
 * Envoy refuses a peer without any certificate, too, whatever its configuration says of that.
 */
export function rootsSecret(name: string, { roots, uris }: {
  readonly roots: string;
  readonly uris: readonly UriMatch[];
}): string {
  return `${head(name)}    validation_context:
      trusted_ca:
        inline_string: |
${indented(roots)}
${uris.length > 0 ? `      ${URIS}:\n${uris.map(uriMatcher).join("")}` : ""}`;
}

function head(name: string): string {
  return `# Written by \`llmgate certs\`. Replace it by a rename: Envoy watches this folder for that.
resources:
  - "@type": ${SECRET}
    name: ${name}
`;
}

function uriMatcher(uri: UriMatch): string {
  return `        - san_type: URI\n          matcher: ${JSON.stringify(uri)}\n`;
}

function indented(pem: string): string {
  return pem.trim().split("\n").map((line) => `          ${line}`).join("\n");
}
