/** Signed JSON Web Tokens (RFC 7519) for gateways that check them. */
import { Buffer } from "node:buffer";

const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** Returns a token signed with a private ES256 key (RFC 7518 section 3.4); without a key it has no signature. */
export async function signedToken(
  head: Readonly<Record<string, unknown>>,
  claims: Readonly<Record<string, unknown>>,
  key: CryptoKey | JsonWebKey | undefined,
): Promise<string> {
  const text = [head, claims].map((part) => base64url(JSON.stringify(part))).join(".");
  if (key === undefined) return `${text}.`;
  // Not node:crypto: that of Deno 2.6 signs as DER, whatever it is asked for.
  const privateKey = key instanceof CryptoKey
    ? key
    : await crypto.subtle.importKey("jwk", { ...key }, ECDSA, false, ["sign"]);
  const signature = await crypto.subtle.sign(ECDSA, privateKey, Buffer.from(text));
  return `${text}.${Buffer.from(signature).toString("base64url")}`;
}

/** A new pair of keys for {@linkcode signedToken}; the private one can be read when it is to be kept. */
export function newTokenKey(options: { readonly kept?: boolean } = {}): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ECDSA, options.kept === true, ["sign", "verify"]);
}

function base64url(text: string): string {
  return Buffer.from(text).toString("base64url");
}
