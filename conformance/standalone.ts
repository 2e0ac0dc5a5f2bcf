/** Targets that are a part alone: a policy engine, a model server. */
import { messageOf, UnavailableError } from "../service/mod.ts";
import { addressOf, openSocket } from "./client/address.ts";
import type { Credentials, Expectations, Target } from "./target.ts";

/** Expectations of a part that stands alone: none. */
const NO_EXPECTATIONS: Expectations = {
  requestHeadersTimeoutMs: 0,
  connectTimeoutMs: 5_000,
  routes: ["/v1/chat/completions", "/v1/models"],
  requestHeadersAdded: [],
  requestHeadersChanged: [],
  responseHeadersAdded: [],
  trustedHeaders: [],
  requestIdKept: false,
};

/**
 * Returns a policy engine as a target by itself, for `ENGINE_CASES`: the harness acts as an
 * Envoy-shaped client.
 */
export function policyEngineTarget(
  address: string,
  credentials: Credentials,
): Target & AsyncDisposable {
  return {
    name: `policy engine ${address}`,
    url: `grpc://${address}`,
    control: "none",
    protocols: ["h2c"],
    features: ["policy_engine"],
    credentials,
    model: "",
    expect: NO_EXPECTATIONS,
    engine: { address },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/**
 * Looks whether anybody takes connections at a model server's URL. Takes at most 5 s.
 *
 * @throws {UnavailableError} when nobody does
 */
export async function probeModelServer(url: string): Promise<void> {
  const address = addressOf(url);
  try {
    (await openSocket({ ...address, tls: false }, { alpn: "" })).destroy();
  } catch (error) {
    throw new UnavailableError(`Cannot judge the model server "${url}": ${messageOf(error)}`);
  }
}

/**
 * Returns a model server as a target by itself, for `MODEL_SERVER_CASES`: is its streaming
 * well-formed? At most `budget.left` requests are sent; cases beyond that are skipped.
 */
export function modelServerTarget(url: string, options: {
  credentials: Credentials;
  model: string;
  budget?: { left: number };
}): Target & AsyncDisposable {
  // The API's base URL may end in /v1, as clients write it; paths of the cases hold it already.
  const base = url.replace(/\/v1\/?$/, "");
  return {
    name: `model server ${addressOf(base).authority}`,
    url: base,
    control: "none",
    protocols: ["h1"],
    features: ["model_server"],
    credentials: options.credentials,
    model: options.model,
    expect: NO_EXPECTATIONS,
    ...(options.budget && { budget: options.budget }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
