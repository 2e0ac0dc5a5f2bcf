/** The keys by which Envoy checks tokens, as the control listener serves them. */
import { openIssuer } from "../../../certs/mod.ts";
import {
  boundedText,
  type Log,
  messageOf,
  readTextFile,
  silent,
  UsageError,
} from "../../../service/mod.ts";
import type { TokenKeys } from "./profile.ts";

/** Envoy waits 2 s. */
const FETCH_MS = 1_500;

/** Longest key set, bytes. */
const MAX_KEYS = 1024 * 1024;

/**
 * Answers with the keys as they are now: files are read each time, so that a rotation needs no
 * restart, and another issuer is asked. When they cannot be had the answer is 503, and Envoy goes on
 * with those that it knows; the log hears of it once, and when they are there again.
 */
export function keySetOf(tokens: TokenKeys, log: Log = silent): () => Promise<Response> {
  let failed = false;
  return async () => {
    try {
      const response = Response.json(await keysOf(tokens));
      if (failed) log("tokens: the keys of the issuer can be had again");
      failed = false;
      return response;
    } catch (error) {
      const message = `The keys of the issuer cannot be had: ${messageOf(error)}`;
      if (!failed) log(`tokens: ${message}; those that Envoy knows stay in force`);
      failed = true;
      return Response.json({
        error: { message, type: "server_error", param: null, code: "keys_unavailable" },
      }, { status: 503 });
    }
  };
}

/**
 * Looks at once whether the keys in a file can be used; an issuer on the network may come later.
 *
 * @throws {UsageError} when they cannot
 */
export async function assertKeys(tokens: TokenKeys): Promise<void> {
  if (!("jwks" in tokens) || isUrl(tokens.jwks)) return;
  try {
    await keysOf(tokens);
  } catch (error) {
    throw new UsageError(`Cannot use --jwks "${tokens.jwks}": ${messageOf(error)}`);
  }
}

async function keysOf(tokens: TokenKeys): Promise<unknown> {
  if ("issuerFile" in tokens) return (await openIssuer(tokens.issuerFile)).jwks();
  return checked(tokens.jwks, await published(tokens.jwks));
}

/** A JSON Web Key Set (RFC 7517, section 5) has a list of keys. */
function checked(jwks: string, value: unknown): unknown {
  const { keys } = (value ?? {}) as { keys?: unknown };
  if (!Array.isArray(keys)) {
    throw new TypeError(`${jwks} is no JSON Web Key Set: "keys" is missing`);
  }
  return value;
}

function isUrl(jwks: string): boolean {
  return /^https?:\/\//.test(jwks);
}

async function published(jwks: string): Promise<unknown> {
  if (!isUrl(jwks)) return JSON.parse(await readTextFile(jwks));
  const signal = AbortSignal.timeout(FETCH_MS);
  // The address that was named decides who may issue tokens, and no other.
  const response = await fetch(jwks, { signal, redirect: "error" });
  if (!response.ok) {
    await response.body?.cancel();
    throw new TypeError(`${jwks} answered ${response.status}`);
  }
  return JSON.parse(await boundedText(response, MAX_KEYS));
}
