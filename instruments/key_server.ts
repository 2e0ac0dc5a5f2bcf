/** A key server (JWKS, RFC 7517) and the tokens that its key signs: for gateways that check tokens of somebody else. */
import { newTokenKey, signedToken } from "../conformance/mod.ts";

/** A running key server. */
export interface KeyServer extends AsyncDisposable {
  readonly port: number;
  /** The private key (ES256). */
  readonly key: Readonly<Record<string, string>>;
  /** Returns a token that is valid for as long as any run takes. */
  sign(claims: Readonly<Record<string, unknown>>): Promise<string>;
}

/** How long a token is valid, seconds. */
const VALID_S = 6 * 3600;

/**
 * Starts the server on a free port of loopback: every path has the key set.
 *
 * No guard by `Host` stands before it: a gateway asks by the name of the server that it stands in for.
 */
export async function startKeyServer(): Promise<KeyServer> {
  const { privateKey } = await newTokenKey({ kept: true });
  const { kty, crv, x, y, d } = await crypto.subtle.exportKey("jwk", privateKey);
  const kid = crypto.randomUUID();
  const key = { kty, crv, x, y, d, kid } as Record<string, string>;
  const set = { keys: [{ kty, crv, x, y, kid, alg: "ES256", use: "sig" }] };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => Response.json(set),
  );
  return {
    port: server.addr.port,
    key,
    sign(claims) {
      const exp = Math.floor(Date.now() / 1000) + VALID_S;
      return signedToken({ alg: "ES256", typ: "JWT", kid }, { exp, ...claims }, privateKey);
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
