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
  /** Models that it serves; undefined for every one. */
  readonly models: ReadonlySet<string> | undefined;
}

const ENDPOINT = /^(?:(https?):\/\/)?(\[[0-9a-fA-F:.]+\]|[^\s:/@[\],]+)(?::(\d{1,5}))?\/?$/;
const MAX_PORT = 65_535;
/** Ports of URLs that name none. */
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: "80", https: "443" };

/**
 * Reads `--static-hosts A:PORT,https://B` and `--static-models`: one entry per host, in the same
 * order, each one model, several joined by `|`, or `*` for every model.
 *
 * @throws {UsageError} for what is no HOST:PORT and no URL without a path, a host twice, or lists of different lengths
 */
export function parseHosts(hosts: string, models?: string): BackendHost[] {
  const endpoints = hosts.split(",").map((entry) => entry.trim());
  const served = models?.split(",").map((entry) => entry.trim());
  if (served !== undefined && served.length !== endpoints.length) {
    throw new UsageError(
      `Cannot use --static-models: it must have one entry for each of the ${endpoints.length} static hosts: current number is ${served.length}`,
    );
  }
  const seen = new Set<string>();
  return endpoints.map((entry, index) => {
    const [, scheme = "", written = "", digits = DEFAULT_PORTS[scheme]] = ENDPOINT.exec(entry) ??
      [];
    const port = Number(digits);
    if (written === "" || !(port >= 1 && port <= MAX_PORT)) {
      throw new UsageError(
        `Cannot use --static-hosts: each entry must be HOST:PORT, or a URL such as https://HOST without a path: current value is "${entry}"`,
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
      models: modelsOf(served?.[index] ?? "*"),
    };
  });
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
