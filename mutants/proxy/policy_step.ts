/** The small proxy's ext_authz step: asks policy, reads the answer. */
import type { HeaderList } from "../../conformance/mod.ts";
import { type CheckClient, checkClient } from "../../ext_authz/mod.ts";
import { GrpcError } from "../../grpc/mod.ts";
import { now } from "../../service/mod.ts";
import type { Defects } from "./defects.ts";
import type { RequestHead } from "./request_reader.ts";

/** Decision of the policy engine, ready to be acted on. */
export type Decision =
  | { kind: "allow"; request: HeaderList; path: string; response: HeaderList }
  | { kind: "deny"; status: number; headers: HeaderList; body: string }
  | { kind: "error" };

/** A HeaderValueOption as proto3 JSON. */
interface Option {
  header?: { key?: string; value?: string };
  append?: boolean;
  append_action?: string;
}

/** How long the policy engine may take, milliseconds: more than Envoy grants, for the proxy shares its thread with the suite. */
export const POLICY_TIMEOUT_MS = 5_000;

/** Timeout of `givesUpAtOnce`: less than a slow engine may take, more than a busy machine does. */
const IMPATIENT_MS = 800;

const PROTECTED = new Set(["host", "content-length", "transfer-encoding", "connection"]);

/** The method of the API before v3, which no engine serves any more. */
const OLD_METHOD = "/envoy.service.auth.v2.Authorization/Check";

/** Makes the client of the policy engine at `host:port`. */
export function policyClient(
  address: string,
  defects: Defects = {},
  { redialMs = 0 }: { redialMs?: number } = {},
): CheckClient {
  const client = redialMs > 0 ? slowToRedial(address, redialMs) : checkClient({ address });
  if (!defects.asksOldApi) return client;
  const old = checkClient({ address }, OLD_METHOD);
  return {
    ...client,
    // deno-lint-ignore no-explicit-any -- a CheckRequest as proto3 JSON
    check: (request: any, options) =>
      (request.attributes.request.http.method === "GET" ? old : client).check(request, options),
    [Symbol.dispose]: () => {
      client[Symbol.dispose]();
      old[Symbol.dispose]();
    },
  };
}

/**
 * A client that backs off as gRPC's do: when nobody could be dialled nothing is dialled for a while, and calls fail at
 * once (gRPC connection backoff; a channel in TRANSIENT_FAILURE).
 */
function slowToRedial(address: string, ms: number): CheckClient {
  const client = checkClient({ address });
  let until = 0;
  const guarded = <T>(call: () => Promise<T>): Promise<T> => {
    if (now() < until) return Promise.reject(new Error("in back-off"));
    return call().catch((error) => {
      const isDown = error instanceof GrpcError && error.details.startsWith("Cannot connect");
      if (isDown) until = now() + ms;
      throw error;
    });
  };
  return {
    check: (request, options) => guarded(() => client.check(request, options)),
    verdict: (request, options) => guarded(() => client.verdict(request, options)),
    checkBytes: (bytes, options) => guarded(() => client.checkBytes(bytes, options)),
    [Symbol.dispose]: () => client[Symbol.dispose](),
  };
}

/** Asks the policy engine and applies its mutations. Anything but an answer is an error. */
export async function askPolicy(
  client: CheckClient,
  head: RequestHead,
  options: {
    id: string;
    peer: { address: string; port: number };
    defects: Defects;
    body?: string;
    signal: AbortSignal;
  },
): Promise<Decision> {
  const { defects } = options;
  const deadlineMs = defects.neverGivesUp
    ? 60_000
    : defects.givesUpAtOnce
    ? IMPATIENT_MS
    : POLICY_TIMEOUT_MS;
  let answer: Record<string, unknown>;
  try {
    answer = await client.check(checkRequest(head, options), {
      deadlineMs,
      signal: options.signal,
    });
    if (defects.asksTwice) await client.check(checkRequest(head, options), { deadlineMs });
  } catch {
    if (options.signal.aborted) throw options.signal.reason;
    return defects.failsOpen
      ? { kind: "allow", request: head.headers, path: head.target, response: [] }
      : { kind: "error" };
  }
  const code = (answer.status as { code?: number } | undefined)?.code ?? 0;
  const ok = answer.ok_response as Record<string, unknown> | undefined;
  if (code === 0 && !(defects.needsOkResponse && !ok)) return allow(head, ok ?? {}, defects);
  const denied = answer.denied_response as Record<string, unknown> | undefined;
  const status = (denied?.status as { code?: number | string } | undefined)?.code;
  const headers = ((denied?.headers ?? []) as Option[]).map(fieldOf);
  return {
    kind: "deny",
    status: defects.deniesWith200 ? 200 : statusNumber(status, defects.bareDenialIs500 ? 500 : 403),
    headers: defects.denialEchoesHeaders ? [...headers, ...head.headers] : headers,
    body: defects.ownDenialBody ? '{"detail":"denied"}' : String(denied?.body ?? ""),
  };
}

function allow(head: RequestHead, ok: Record<string, unknown>, defects: Defects): Decision {
  let request: HeaderList = [...head.headers];
  const removed = ((ok.headers_to_remove ?? []) as string[]).map((name) => name.toLowerCase());
  if (!defects.ignoresRemove) {
    request = request.filter(([name]) =>
      !removed.includes(name.toLowerCase()) ||
      (PROTECTED.has(name.toLowerCase()) && !defects.removesHost)
    );
  }
  for (const option of defects.ignoresSet ? [] : (ok.headers ?? []) as Option[]) {
    const [name, value] = fieldOf(option);
    const bad = !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) || /[\r\n\0]/.test(value);
    if (bad && !defects.splitsValues) return { kind: "error" };
    if (PROTECTED.has(name) || name.startsWith("x-envoy-")) continue;
    const append = option.append === true || defects.appendsAlways;
    if (!append) request = request.filter(([key]) => key.toLowerCase() !== name.toLowerCase());
    request.push([name, value]);
  }
  const [path = "", query] = split(head.target);
  const toSet = (ok.query_parameters_to_set ?? []) as { key: string; value: string }[];
  const toRemove = (ok.query_parameters_to_remove ?? []) as string[];
  let target = head.target;
  if (toSet.length > 0 || toRemove.length > 0) {
    const kept = (query ?? "").split("&").filter((pair) =>
      pair !== "" && !toRemove.includes(decodeURIComponent(pair.split("=")[0] ?? ""))
    );
    for (const { key, value } of toSet) {
      kept.push(`${encodeURIComponent(key)}=${encodeURIComponent(value)}`);
    }
    target = kept.length > 0 ? `${path}?${kept.join("&")}` : path;
  }
  const response = ((ok.response_headers_to_add ?? []) as Option[]).map(fieldOf);
  return { kind: "allow", request, path: target, response };
}

function checkRequest(head: RequestHead, options: {
  id: string;
  peer: { address: string; port: number };
  defects: Defects;
  body?: string;
}): Record<string, unknown> {
  const headers: Record<string, string> = {};
  for (
    const [name, value] of options.defects.asksWithoutHeaders ? keyOnly(head.headers) : head.headers
  ) {
    const key = name.toLowerCase();
    // Protobuf strings are UTF-8: other bytes are replaced, as Envoy does.
    const clean = value.replace(/[^\x20-\x7e\t]/g, "!");
    headers[key] = headers[key] === undefined ? clean : `${headers[key]},${clean}`;
  }
  const host = headers["host"] ?? "";
  const path = options.defects.asksWithoutQuery ? split(head.target)[0] ?? "" : head.target;
  const address = {
    socket_address: { address: options.peer.address, port_value: options.peer.port },
  };
  return {
    attributes: {
      source: { address },
      request: {
        http: {
          id: options.id,
          method: head.method,
          headers,
          path,
          host,
          scheme: "http",
          protocol: "HTTP/1.1",
          ...(options.body !== undefined && { body: options.body }),
        },
      },
    },
  };
}

/** The headers that the rules and the nonce need, and no other. */
function keyOnly(headers: HeaderList): HeaderList {
  const kept = ["x-api-key", "authorization", "x-harness-case", "x-request-id", "host"];
  return headers.filter(([name]) => kept.includes(name.toLowerCase()));
}

function fieldOf({ header }: Option): [string, string] {
  return [header?.key ?? "", header?.value ?? ""];
}

/** HTTP statuses of a Check answer are an enum: names or numbers; `bare` is what nothing stands for. */
function statusNumber(status: number | string | undefined, bare: number): number {
  const names: Record<string, number> = {
    Unauthorized: 401,
    PaymentRequired: 402,
    Forbidden: 403,
    NotFound: 404,
    TooManyRequests: 429,
    Empty: bare,
  };
  if (typeof status === "string") return names[status] ?? (Number(status) || bare);
  return status === undefined || status === 0 ? bare : status;
}

function split(target: string): string[] {
  const mark = target.indexOf("?");
  return mark < 0 ? [target] : [target.slice(0, mark), target.slice(mark + 1)];
}
