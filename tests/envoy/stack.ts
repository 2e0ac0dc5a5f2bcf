/** A real Envoy between the smallest parts that can be had, for tests of Envoy alone. */
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import {
  type AccessLogEntry,
  bundledConfig,
  type EnvoyOptions,
  findEnvoy,
  type RunningEnvoy,
  startEnvoy,
} from "../../envoy/mod.ts";
import { Journal } from "../../service/mod.ts";

/**
 * A real Envoy between the smallest policy engine and the smallest upstream that can be had, for
 * tests of Envoy alone. The engine is raw HTTP/2 with answers spelled in protobuf bytes, so that
 * nothing of the program's own stub is taken for granted.
 */
export interface EnvoyStack extends AsyncDisposable {
  readonly envoy: RunningEnvoy;
  readonly url: string;
  readonly port: number;
  /** Policy's answer from now on; `hang` never answers. */
  policy: PolicyBytes | "hang";
  /** Raw `CheckRequest`s, as text with the protobuf bytes between the words. */
  readonly checks: string[];
  /** Requests that reached the upstream. */
  readonly forwarded: Forwarded[];
  /** Answers forwarded requests. */
  upstream: (request: Request) => Response | Promise<Response>;
  readonly log: Journal<AccessLogEntry>;
}

/** A request as it reached the upstream. */
export interface Forwarded {
  readonly url: URL;
  readonly headers: Headers;
}

/** A CheckResponse in protobuf's wire format. */
export type PolicyBytes = Uint8Array;

/** One protobuf field of length-delimited type (wire type 2). */
function field(number: number, content: Uint8Array | string): number[] {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  if (bytes.length > 127) throw new RangeError("Cannot encode more than 127 bytes in one field");
  return [number << 3 | 2, bytes.length, ...bytes];
}

/** One protobuf field of varint type (wire type 0), for values below 16,384. */
function varint(number: number, value: number): number[] {
  return [number << 3, ...(value > 127 ? [value & 127 | 128, value >> 7] : [value])];
}

/** `CheckResponse{status{}, ok_response{headers[HeaderValueOption{header{key, value}, append_action}]}}`. */
export function allow(headers: Record<string, string> = {}): PolicyBytes {
  const options = Object.entries(headers).flatMap(([key, value]) => {
    const header = new Uint8Array([...field(1, key), ...field(2, value)]);
    // append_action (3) OVERWRITE_IF_EXISTS_OR_ADD (2).
    return field(2, new Uint8Array([...field(1, header), ...varint(3, 2)]));
  });
  return new Uint8Array([...field(1, ""), ...field(3, new Uint8Array(options))]);
}

/** `CheckResponse{status{}, ok_response{query_parameters_to_set[QueryParameter{key, value}]}}`. */
export function allowWithQuery(key: string, value: string): PolicyBytes {
  const parameter = new Uint8Array([...field(1, key), ...field(2, value)]);
  return new Uint8Array([...field(1, ""), ...field(3, new Uint8Array(field(7, parameter)))]);
}

/** `CheckResponse{status{code: PERMISSION_DENIED}, denied_response{status{code}, body}}`. */
export function deny(status: number, body: string): PolicyBytes {
  const denied = [...field(1, new Uint8Array(varint(1, status))), ...field(3, body)];
  return new Uint8Array([
    ...field(1, new Uint8Array(varint(1, 7))),
    ...field(2, new Uint8Array(denied)),
  ]);
}

/** Names of the parts in a configuration. */
export interface Names {
  readonly listener: string;
  readonly policy: string;
  readonly upstream: string;
}

const BASE_NAMES: Names = { listener: "ingress", policy: "policy_engine", upstream: "upstream" };

/** Starts the stack on free ports. Options of Envoy can be replaced, the overlay's parts one by one. */
export async function startEnvoyStack(
  options: Partial<EnvoyOptions> & { readonly version?: string; readonly names?: Names } = {},
): Promise<EnvoyStack> {
  const names = options.names ?? BASE_NAMES;
  await using stack = new AsyncDisposableStack();
  const log = new Journal<AccessLogEntry>({ limit: 1000 });
  const checks: string[] = [];
  const forwarded: Forwarded[] = [];
  const parts: Pick<EnvoyStack, "policy" | "upstream"> = {
    policy: allow(),
    upstream: () => Response.json({ ok: true }),
  };
  const policyPort = await startPolicyBytes(stack, () => parts.policy, { checks });
  const upstream = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      forwarded.push({ url: new URL(request.url), headers: new Headers(request.headers) });
      return parts.upstream(request);
    },
  );
  stack.defer(() => upstream.shutdown());
  const runDir = await Deno.makeTempDir({ prefix: "llmgate-envoy-test-" });
  stack.defer(() => Deno.remove(runDir, { recursive: true }));
  const envoy = stack.use(
    await startEnvoy({
      path: await envoyPath(options.version),
      config: bundledConfig("base"),
      runDir,
      graceMs: 0,
      onRequest: (entry) => log.append(entry),
      ...options,
      overlay: {
        adminPort: 0,
        listeners: { [names.listener]: { host: "127.0.0.1", port: 0 } },
        ...options.overlay,
        clusters: {
          [names.policy]: { host: "127.0.0.1", port: policyPort },
          [names.upstream]: { host: "127.0.0.1", port: upstream.addr.port },
          ...options.overlay?.clusters,
        },
      },
    }),
  );
  const port = envoy.listeners.get(names.listener)?.port ?? 0;
  const owned = stack.move();
  return Object.assign(parts, {
    envoy,
    port,
    url: `http://127.0.0.1:${port}`,
    checks,
    forwarded,
    log,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  });
}

/** The Envoy that the tests use; downloaded once, unless the machine has one. */
export async function envoyPath(version?: string): Promise<string> {
  const given = version === undefined ? Deno.env.get("ENVOY_PATH") : undefined;
  const found = await findEnvoy({
    env: (name) => Deno.env.get(name),
    ...(given === undefined ? {} : { path: given }),
    ...(version === undefined ? {} : { version }),
  });
  return found.path;
}

/** Starts the policy engine of the stack alone; with `tls`, clients must show a certificate when `ca` is set. */
export async function startPolicyBytes(
  stack: AsyncDisposableStack,
  answer: () => EnvoyStack["policy"],
  options: { readonly checks: string[]; readonly tls?: http2.SecureServerOptions },
): Promise<number> {
  const { checks, tls } = options;
  const sessions = new Set<http2.ServerHttp2Session>();
  const server = tls === undefined ? http2.createServer() : http2.createSecureServer(tls);
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
  });
  server.on("stream", (stream: http2.ServerHttp2Stream) => {
    const chunks: Uint8Array[] = [];
    stream.on("error", () => {});
    stream.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    stream.on("end", () => {
      checks.push(chunks.map((chunk) => new TextDecoder().decode(chunk)).join(""));
      const message = answer();
      if (message === "hang") return;
      const head = new Uint8Array(5);
      new DataView(head.buffer).setUint32(1, message.length);
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, {
        waitForTrailers: true,
      });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(new Uint8Array([...head, ...message]));
    });
  });
  const listening = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", listening.resolve);
  await listening.promise;
  stack.defer(async () => {
    for (const session of sessions) session.destroy();
    const closed = Promise.withResolvers<void>();
    server.close(() => closed.resolve());
    await closed.promise;
  });
  return (server.address() as AddressInfo).port;
}
