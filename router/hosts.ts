import { UsageError } from "../service/mod.ts";

/** A model server, as static discovery knows it. */
export interface BackendHost {
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** HOST:PORT as it was written: the name that router and Envoy share. */
  readonly endpoint: string;
  /** Models that it serves; undefined for every one. */
  readonly models: ReadonlySet<string> | undefined;
}

const ENDPOINT = /^(\[[0-9a-fA-F:.]+\]|[^\s:/@[\],]+):(\d{1,5})$/;
const MAX_PORT = 65_535;

/**
 * Reads `--static-hosts A:PORT,B:PORT` and `--static-models`: one entry per host, in the same
 * order, each one model, several joined by `|`, or `*` for every model.
 *
 * @throws {UsageError} for what is no HOST:PORT, a host twice, or lists of different lengths
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
  return endpoints.map((endpoint, index) => {
    const match = ENDPOINT.exec(endpoint);
    const port = Number(match?.[2]);
    if (match === null || port < 1 || port > MAX_PORT) {
      throw new UsageError(
        `Cannot use --static-hosts: each entry must be HOST:PORT: current value is "${endpoint}"`,
      );
    }
    if (seen.has(endpoint)) {
      throw new UsageError(`Cannot use --static-hosts: "${endpoint}" stands there twice`);
    }
    seen.add(endpoint);
    return {
      endpoint,
      host: (match[1] ?? "").replace(/^\[|\]$/g, ""),
      port,
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
