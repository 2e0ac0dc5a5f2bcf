/** Signed nonces, by which scripts are obeyed. */
import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";

/** The request header that carries a case's signed nonce. */
export const NONCE_HEADER = "x-harness-case";

const MARK = new RegExp(`[?&]${NONCE_HEADER}=([^&#]*)`);

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

/** Adds a signed nonce to the query of a path, for who is not shown the header. */
export function markPath(path: string, signed: string): string {
  const [whole = "", fragment] = path.split(/(?=#)/, 2);
  const mark = whole.includes("?") ? "&" : "?";
  return `${whole}${mark}${NONCE_HEADER}=${signed}${fragment ?? ""}`;
}

/** Removes from a path what {@linkcode markPath} added. */
export function unmarkPath(path: string): string {
  return path.replace(MARK, "");
}

/** Returns the value of a nonce that {@linkcode markPath} added, or `undefined`. */
export function markOf(path: string): string | undefined {
  // Almost every path has none: the expression would cost a policy engine time.
  return path.includes(NONCE_HEADER) ? MARK.exec(path)?.[1] : undefined;
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
