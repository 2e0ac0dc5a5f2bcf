/** Helpers of the edge profile's journeys: a real Envoy on `edge.yaml`, with policy, limits, mock, issuer and certificates. */
import { type Issuer, openIssuer, prepareTlsFolder } from "../../certs/mod.ts";
import {
  type AccessLogEntry,
  bundledConfig,
  type EnvoyOverlay,
  type RunningEnvoy,
  startEnvoy,
} from "../../envoy/mod.ts";
import { type Limits, startLimits } from "../../limits/mod.ts";
import { type Policy, startPolicy } from "../../policy/mod.ts";
import { Journal } from "../../service/mod.ts";
import { startUpstream, type Upstream } from "../../upstream/mod.ts";
import { envoyPath } from "../testing/stack.ts";

/** How to start the stack; what is left out is the program's own. */
export interface EdgeOptions {
  readonly limits?: string;
  /** The time of the limits, in milliseconds since 1970. */
  readonly now?: () => number;
  /** A limits service somewhere else: `HOST:PORT`. */
  readonly limitsAddress?: string;
  readonly rules?: string;
  /** Folder of the certificates; one of the stack's own when left out. */
  readonly tls?: string;
  readonly overlay?: EnvoyOverlay;
  /** Changes the parsed configuration in place before it is launched. */
  // deno-lint-ignore no-explicit-any -- the bundled file, edited at known places
  readonly edit?: (bootstrap: any) => void;
}

export interface EdgeStack extends AsyncDisposable {
  readonly envoy: RunningEnvoy;
  readonly url: string;
  /** `https://localhost:PORT` */
  readonly tlsUrl: string;
  readonly policy: Policy;
  readonly limits: Limits;
  readonly upstream: Upstream;
  readonly issuer: Issuer;
  /** Answer of `/jwks.json`; it can be set. */
  jwks: () => Response;
  /** Times that the keys were asked for; grows by itself. */
  readonly jwksAsked: Journal<number>;
  readonly tls: string;
  /** Trusts the CA, and shows the certificate of that name, where one is named. */
  client(certificate?: string): Promise<Deno.HttpClient>;
  readonly log: Journal<AccessLogEntry>;
}

/** Limits that are in nobody's way. */
const WIDE =
  `{ version: 1, limits: [{ match: { tenant: "*" }, requests: { per: day, max: 1000000 } }] }`;

export async function startEdge(options: EdgeOptions = {}): Promise<EdgeStack> {
  await using stack = new AsyncDisposableStack();
  const runDir = await Deno.makeTempDir({ prefix: "llmgate-edge-test-" });
  stack.defer(() => Deno.remove(runDir, { recursive: true }));
  const tls = options.tls ?? `${runDir}/tls`;
  const { ca } = await prepareTlsFolder(tls);
  const issuer = await openIssuer(`${runDir}/issuer.json`);
  const policy = stack.use(
    await startPolicy(options.rules === undefined ? {} : { rules: options.rules }),
  );
  const limits = stack.use(
    await startLimits({
      limits: options.limits ?? WIDE,
      ...(options.now === undefined ? {} : { now: options.now }),
    }),
  );
  const upstream = stack.use(await startUpstream({}));
  const parts = { jwks: () => Response.json(issuer.jwks()) };
  const jwksAsked = new Journal<number>({ limit: 1000 });
  let asked = 0;
  const keys = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    const response = parts.jwks();
    jwksAsked.append(++asked);
    return response;
  });
  stack.defer(() => keys.shutdown());
  const log = new Journal<AccessLogEntry>({ limit: 10_000 });
  const file = bundledConfig("edge");
  const bootstrap = structuredClone(file.bootstrap);
  patience(bootstrap);
  options.edit?.(bootstrap);
  const [host = "", port = ""] = (options.limitsAddress ?? limits.address).split(":");
  const envoy = stack.use(
    await startEnvoy({
      path: await envoyPath(),
      config: { ...file, bootstrap },
      runDir,
      graceMs: 0,
      concurrency: 1,
      onRequest: (entry) => log.append(entry),
      overlay: {
        adminPort: 0,
        listeners: {
          ingress: { host: "127.0.0.1", port: 0 },
          ingress_tls: { host: "127.0.0.1", port: 0 },
        },
        certificateFolder: tls,
        ...options.overlay,
        clusters: {
          policy_engine: { host: policy.host, port: policy.port },
          upstream: { host: "127.0.0.1", port: Number(new URL(upstream.url).port) },
          limits: { host, port: Number(port) },
          issuer: { host: "127.0.0.1", port: keys.addr.port },
          ...options.overlay?.clusters,
        },
      },
    }),
  );
  const read = (name: string) => Deno.readTextFile(`${tls}/${name}`);
  const portOf = (name: string) => envoy.listeners.get(name)?.port;
  const owned = stack.move();
  return Object.assign(parts, {
    envoy,
    url: `http://127.0.0.1:${portOf("ingress")}`,
    tlsUrl: `https://localhost:${portOf("ingress_tls")}`,
    policy,
    limits,
    upstream,
    issuer,
    jwksAsked,
    tls,
    async client(certificate?: string) {
      return Deno.createHttpClient({
        caCerts: [ca],
        ...(certificate === undefined ? {} : {
          cert: await read(`${certificate}.pem`),
          key: await read(`${certificate}.key.pem`),
        }),
      });
    },
    log,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  });
}

/**
 * All parts are one thread here, which has much to do where the machine is busy: they get more time than the bundled
 * file gives. And UDP on one worker needs no port that sockets share.
 */
// deno-lint-ignore no-explicit-any -- the bundled file, edited at known places
function patience({ static_resources: { listeners, clusters } }: any): void {
  for (const cluster of clusters) cluster.connect_timeout = "30s";
  for (const listener of listeners) {
    if (listener.udp_listener_config) listener.enable_reuse_port = false;
    for (const filter of listener.filter_chains[0].filters[0].typed_config.http_filters) {
      const { typed_config: config } = filter;
      if (filter.name === "envoy.filters.http.ext_authz") config.grpc_service.timeout = "60s";
      if (filter.name === "envoy.filters.http.ratelimit") config.timeout = "60s";
    }
  }
}

/** A credential of the demo rules. */
export const DEMO = { "x-api-key": "demo-key" };

/** Sends a chat request. */
export function chat(
  url: string,
  options: {
    headers?: Record<string, string>;
    body?: Record<string, unknown>;
    client?: Deno.HttpClient;
    signal?: AbortSignal;
  } = {},
): Promise<Response> {
  const { headers = DEMO, body, client, signal } = options;
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({
      model: "gpt-4o-mini",
      messages: [{ role: "user", content: "Hello" }],
      ...body,
    }),
    ...(client === undefined ? {} : { client }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Status and `error.code` of an answer, read to its end. */
export async function outcome(response: Response | Promise<Response>): Promise<unknown[]> {
  const answer = await response;
  const text = await answer.text();
  if (answer.ok) return [answer.status];
  const { error } = JSON.parse(text);
  return [answer.status, error.type, error.code];
}
