import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";

/** The request header that carries a case's signed nonce. */
export const NONCE_HEADER = "x-harness-case";

const NONCE = /^[a-z0-9-]{8,64}$/;

/**
 * Returns `<nonce>.<signature>`, the value of `x-harness-case`. Only who knows `secret` can make
 * it, so a client cannot script its own verdict.
 *
 * @throws {RangeError} when the nonce is not 8 to 64 characters of a-z, 0-9 and "-"
 */
export function signNonce(nonce: string, secret: string): string {
  if (!NONCE.test(nonce)) {
    throw new RangeError(
      `Cannot sign the nonce: it must be 8 to 64 characters of a-z, 0-9 and "-": current value is "${nonce}"`,
    );
  }
  return `${nonce}.${signature(nonce, secret)}`;
}

/** Returns the nonce when its signature is right, else `undefined`. Compares in constant time. */
export function openNonce(value: string | undefined, secret: string): string | undefined {
  const nonce = nonceOf(value);
  if (nonce === undefined || value === undefined) return undefined;
  const given = Buffer.from(value.slice(nonce.length + 1));
  const right = Buffer.from(signature(nonce, secret));
  return given.length === right.length && timingSafeEqual(given, right) ? nonce : undefined;
}

/** Returns the nonce of a header value without checking its signature: for journals only. */
export function nonceOf(value: string | undefined): string | undefined {
  const nonce = value?.split(".", 1)[0];
  return nonce !== undefined && NONCE.test(nonce) ? nonce : undefined;
}

function signature(nonce: string, secret: string): string {
  return createHmac("sha256", secret).update(nonce).digest("hex");
}
