/** Model servers, and how flags name them. */
import { hostPort, UsageError } from "../service/mod.ts";

/** A model server. */
export interface BackendHost {
  /** Its address, or its name as long as that is not resolved; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** HOST:PORT: the name that router and Envoy share. Once discovered, ADDRESS:PORT. */
  readonly endpoint: string;
  /** Its name before it was resolved; `Host` of its requests, and SNI. The endpoint when left out. */
  readonly hostname?: string;
  /** TLS, with its certificate verified against the hostname; plain HTTP when left out. */
  readonly tls?: boolean;
  /** Path before that of each request, without a slash at its end: `/gateway`. */
  readonly pathPrefix?: string;
  /** Its own key, sent as `Authorization: Bearer` in place of the client's. A secret. */
  readonly key?: string;
  /** Models that it serves; undefined for every one. */
  readonly models: ReadonlySet<string> | undefined;
}

const ENDPOINT =
  /^(?:(https?):\/\/)?(\[[0-9a-fA-F:.]+\]|[^\s:/@[\],]+)(?::(\d{1,5}))?(\/[\w./~-]*)?$/;
const MAX_PORT = 65_535;
/** Ports of URLs that name none. */
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: "80", https: "443" };

/**
 * Reads `--static-hosts A:PORT,https://B/prefix` and `--static-models`: one entry per host, in the
 * same order, each one model, several joined by `|`, or `*` for every model. `keys` are the hosts'
 * own: one for each, or one for all; an empty one is none.
 *
 * @throws {UsageError} for what is neither HOST:PORT nor a URL, a host twice, or lists of different lengths
 */
export function parseHosts(
  hosts: string,
  models?: string,
  keys: readonly string[] = [],
): BackendHost[] {
  const endpoints = hosts.split(",").map((entry) => entry.trim());
  if (keys.length > 1 && keys.length !== endpoints.length) {
    throw new UsageError(
      `Cannot use --host-key-envs: it must have one entry for all static hosts, or one for each of the ${endpoints.length}: current number is ${keys.length}`,
    );
  }
  const served = models?.split(",").map((entry) => entry.trim());
  if (served !== undefined && served.length !== endpoints.length) {
    throw new UsageError(
      `Cannot use --static-models: it must have one entry for each of the ${endpoints.length} static hosts: current number is ${served.length}`,
    );
  }
  const seen = new Set<string>();
  return endpoints.map((entry, index) => {
    const [, scheme = "", written = "", digits = DEFAULT_PORTS[scheme], path = ""] =
      ENDPOINT.exec(entry) ?? [];
    const port = Number(digits);
    if (written === "" || !(port >= 1 && port <= MAX_PORT)) {
      throw new UsageError(
        `Cannot use --static-hosts: each entry must be HOST:PORT, or a URL such as https://HOST or https://HOST/prefix: current value is "${entry}"`,
      );
    }
    const host = written.replace(/^\[|\]$/g, "");
    const endpoint = hostPort(host, port);
    if (seen.has(endpoint)) {
      throw new UsageError(`Cannot use --static-hosts: "${endpoint}" stands there twice`);
    }
    seen.add(endpoint);
    return {
      endpoint,
      host,
      port,
      ...(scheme === "https" ? { tls: true } : {}),
      ...prefixOf(path),
      ...keyOf(keys.length === 1 ? keys[0] : keys[index]),
      models: modelsOf(served?.[index] ?? "*"),
    };
  });
}

/** Base URLs of OpenAI clients end in /v1, which each request's path has anyway. */
function prefixOf(path: string): Pick<BackendHost, "pathPrefix"> {
  const pathPrefix = path.replace(/\/+$/, "").replace(/\/v1$/, "");
  return pathPrefix === "" ? {} : { pathPrefix };
}

function keyOf(key: string | undefined): Pick<BackendHost, "key"> {
  return key === undefined || key === "" ? {} : { key };
}

/** Headers with which a host is asked directly. */
export function credentialOf({ key }: BackendHost): Readonly<Record<string, string>> {
  return key === undefined ? {} : { authorization: `Bearer ${key}` };
}

/** The URL of a path at a host, as it is asked past Envoy. */
export function urlOf(host: BackendHost, path: string): URL {
  const authority = host.hostname ?? hostPort(host.host, host.port);
  return new URL(`${host.tls ? "https" : "http"}://${authority}${host.pathPrefix ?? ""}${path}`);
}

/** Whether two hosts may be sent the very same request: Envoy changes neither path nor key between two attempts. */
export function areAlike(one: BackendHost, other: BackendHost): boolean {
  return one.key === other.key && one.pathPrefix === other.pathPrefix;
}

function modelsOf(entry: string): ReadonlySet<string> | undefined {
  if (entry === "*") return undefined;
  const models = entry.split("|").map((model) => model.trim());
  if (models.some((model) => model === "")) {
    throw new UsageError(
      `Cannot use --static-models: an entry must be a model, models joined by "|", or "*": current value is "${entry}"`,
    );
  }
  return new Set(models);
}
