/** The keys by which Envoy checks tokens, as the control listener serves them. */
import { openIssuer } from "../../../certs/mod.ts";
import { messageOf, readTextFile } from "../../../service/mod.ts";
import type { TokenKeys } from "./profile.ts";

/** Envoy waits 2 s. */
const FETCH_MS = 1_500;

/**
 * Answers with the keys as they are now: files are read each time, so that a rotation needs no
 * restart, and another issuer is asked. When they cannot be had the answer is 503, and Envoy goes on
 * with those that it knows.
 */
export async function keySet(tokens: TokenKeys): Promise<Response> {
  try {
    return Response.json(await keysOf(tokens));
  } catch (error) {
    return Response.json({
      error: {
        message: `The keys of the issuer cannot be had: ${messageOf(error)}`,
        type: "server_error",
        param: null,
        code: "keys_unavailable",
      },
    }, { status: 503 });
  }
}

async function keysOf(tokens: TokenKeys): Promise<unknown> {
  if ("issuerFile" in tokens) return (await openIssuer(tokens.issuerFile)).jwks();
  const { jwks } = tokens;
  if (!/^https?:\/\//.test(jwks)) return JSON.parse(await readTextFile(jwks));
  const response = await fetch(jwks, { signal: AbortSignal.timeout(FETCH_MS) });
  if (!response.ok) {
    await response.body?.cancel();
    throw new TypeError(`${jwks} answered ${response.status}`);
  }
  return await response.json();
}
