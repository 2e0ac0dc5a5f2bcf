/** A client of a policy engine, ours or anybody's. */
import {
  type CallOptions,
  connectGrpc,
  type GrpcClientOptions,
  type JsonObject,
} from "../grpc/mod.ts";
import { loadModule } from "../service/mod.ts";

/** Meaning of an engine's answer for Envoy. */
export interface Verdict {
  readonly decision: "allow" | "deny" | "error";
  /** HTTP status that the client would see; 200 when allowed, 0 for an error. */
  readonly status: number;
  /** Value of `x-llm-deny-code`; empty without it. */
  readonly code: string;
}

/** Asks a policy engine. */
export interface CheckClient extends Disposable {
  /**
   * One Check; request and response as proto3 JSON with the field names of the .proto files.
   * Rejects with `GrpcError`, code UNAVAILABLE or DEADLINE_EXCEEDED when nobody answers.
   */
  check(request: JsonObject, options?: CallOptions): Promise<JsonObject>;
  /** One Check, reduced to what was decided. */
  verdict(request: JsonObject, options?: CallOptions): Promise<Verdict>;
  /** One Check in bytes. */
  checkBytes(request: Uint8Array, options?: CallOptions): Promise<Uint8Array>;
}

const PATH = "/envoy.service.auth.v3.Authorization/Check";

/**
 * Makes a client of the engine at `options.address`; nothing is dialled before the first call.
 *
 * @param path another method to call, for an engine of another API version
 */
export function checkClient(options: GrpcClientOptions, path = PATH): CheckClient {
  const client = connectGrpc(options);
  const check = async (plain: JsonObject, call?: CallOptions) => {
    const { messageCodec } = await messages();
    const request = messageCodec("envoy.service.auth.v3.CheckRequest").encode(plain);
    const response = await client.unary(path, request, call);
    return messageCodec("envoy.service.auth.v3.CheckResponse").decode(response);
  };
  return {
    check,
    verdict: async (plain, call) => verdictOf(await check(plain, call), await messages()),
    checkBytes: (bytes, call) => client.unary(path, bytes, call),
    [Symbol.dispose]: () => client[Symbol.dispose](),
  };
}

type Messages = typeof import("../grpc/messages/mod.ts");

/** Loads the codecs: a client that only passes bytes on needs none. */
function messages(): Promise<Messages> {
  return loadModule<Messages>("grpc/messages/mod.ts");
}

interface Refusal {
  readonly status?: { readonly code?: string | number };
  readonly headers?: readonly {
    readonly header: { readonly key: string; readonly value?: string };
  }[];
}

/** Reads a CheckResponse as Envoy does: status OK allows, whatever else it holds. */
function verdictOf(response: JsonObject, { protoTypes }: Messages): Verdict {
  const { code = 0 } = (response["status"] ?? {}) as { code?: number };
  if (code === 0) return { decision: "allow", status: 200, code: "" };
  if (response["error_response"] !== undefined) return { decision: "error", status: 0, code: "" };
  const denied = (response["denied_response"] ?? {}) as Refusal;
  const named = denied.status?.code ?? 0;
  const statuses = protoTypes().getEnum("envoy.type.v3.StatusCode")?.values ?? [];
  const status = typeof named === "number"
    ? named
    : statuses.find(({ name }) => name === named)?.number ?? 0;
  const option = denied.headers?.find(({ header }) => header.key === "x-llm-deny-code");
  return { decision: "deny", status: status || 403, code: option?.header.value ?? "" };
}
