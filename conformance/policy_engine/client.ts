/** An Envoy-shaped client of a policy engine that stands alone. */
import { checkClient } from "../../ext_authz/mod.ts";
import { type CallOptions, GrpcError, type JsonObject } from "../../grpc/mod.ts";
import { messageOf, UnavailableError, UsageError } from "../../service/mod.ts";
import type { Credentials, HeaderList } from "../target.ts";
import { Awaited } from "../verdict/verdict.ts";

/** A CheckResponse as proto3 JSON; only what the cases look at. */
export interface Answer {
  status?: { code?: number };
  denied_response?: { status?: { code?: number | string }; body?: string; headers?: Option[] };
  ok_response?: { headers?: Option[]; response_headers_to_add?: Option[] };
}

interface Option {
  header?: { key?: string; value?: string };
  append?: boolean;
  append_action?: string;
}

/** Asks an engine; a call that it does not answer is an observation about it, {@linkcode Awaited}. */
export interface EngineClient extends Disposable {
  check(request: JsonObject, options?: CallOptions): Promise<Answer>;
  checkBytes(request: Uint8Array, options?: CallOptions): Promise<Uint8Array>;
}

/** How long the first Check of a run may take, milliseconds: the connection is made for it. */
const PROBE_MS = 1_500;

/** Makes a client of the engine at `host:port`; nothing is dialled before the first call. */
export function engineClient(address: string): EngineClient {
  const client = checkClient({ address });
  const observed = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return await call;
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error;
      throw new Awaited(`a CheckResponse of ${address}`, error.message);
    }
  };
  return {
    check: (request, options) => observed(client.check(request, options) as Promise<Answer>),
    checkBytes: (request, options) => observed(client.checkBytes(request, options)),
    [Symbol.dispose]: () => client[Symbol.dispose](),
  };
}

/** Whether an answer allows: status OK, whatever else it holds. */
export function isAllowed(answer: Answer): boolean {
  return (answer.status?.code ?? 0) === 0;
}

/** Returns a CheckRequest as Envoy sends it for a chat request (AttributeContext). */
export function checkRequest(
  fields: HeaderList,
  { method = "POST", path = "/v1/chat/completions" }: { method?: string; path?: string } = {},
): JsonObject {
  const headers: Record<string, string> = {
    ":method": method,
    ":path": path,
    ":authority": "llm.example.com",
    ":scheme": "http",
    "content-type": "application/json",
    "user-agent": "case/1",
    "x-forwarded-proto": "http",
  };
  for (const [name, value] of fields) headers[name.toLowerCase()] = value;
  const peer = (address: string, port: number) => ({
    address: { socket_address: { address, port_value: port } },
  });
  return {
    attributes: {
      source: peer("192.0.2.10", 50_000),
      destination: peer("192.0.2.1", 8080),
      request: {
        time: new Date(0).toISOString(),
        http: {
          id: "1",
          method,
          headers,
          path,
          host: "llm.example.com",
          scheme: "http",
          size: "83",
          protocol: "HTTP/1.1",
        },
      },
    },
  };
}

/**
 * Asks a policy engine once, before it is judged: is it there, and does it allow the credential? Takes at most 1.5 s.
 *
 * @throws {UnavailableError} when it gives no answer
 * @throws {UsageError} when it refuses the credential
 */
export async function probeEngine(
  address: string,
  { allow }: Credentials,
  /** How the credential got here, for the message. */
  { isDefault }: { isDefault: boolean },
): Promise<void> {
  using client = engineClient(address);
  let answer: Answer;
  try {
    answer = await client.check(checkRequest([["x-request-id", "probe"], ...allow]), {
      deadlineMs: PROBE_MS,
    });
  } catch (error) {
    const why = error instanceof Awaited ? error.observed : messageOf(error);
    throw new UnavailableError(
      `Cannot judge the policy engine "${address}": it answers no Check call: ${why}`,
    );
  }
  if (isAllowed(answer)) return;
  const names = allow.map(([name]) => name).join(", ");
  throw new UsageError(
    isDefault
      ? `Cannot judge the policy engine "${address}": it refuses the demo key in ${names}: give a credential that it allows with --allow-header 'name: value'`
      : `Cannot judge the policy engine "${address}": it refuses the credential in ${names} that --allow-header gives`,
  );
}
