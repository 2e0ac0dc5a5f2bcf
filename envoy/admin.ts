/** A client of Envoy's admin interface. */
import { Agent, request as httpRequest } from "node:http";
import { Buffer } from "node:buffer";
import { hostPort, messageOf, startDeadline, UnavailableError } from "../service/mod.ts";
import { drainPath, type HostPort } from "./overlay.ts";
import { isObject, type Json, objectsAt, valueAt } from "./tree.ts";

/** How long Envoy may take to answer an admin request, in milliseconds. A dump is the slowest. */
const ADMIN_DEADLINE_MS = 5_000;

/** A host of a cluster, as `/clusters` tells it. */
export interface AdminHost {
  readonly cluster: string;
  /** `host:port` */
  readonly address: string;
  /** Reasons why it gets no requests: `failed_outlier_check`; none when it is healthy. */
  readonly failing: readonly string[];
  readonly active: number;
  readonly total: number;
  readonly errors: number;
}

/** An answer of the admin interface. */
interface AdminReply {
  readonly status: number;
  readonly text: string;
}

/**
 * Asks a running Envoy about itself, over its admin interface. Every call is bounded by five
 * seconds and rejects with `UnavailableError` when Envoy does not answer.
 */
export class AdminClient implements Disposable {
  readonly host: string;
  readonly port: number;
  readonly #key: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });

  /** @param key the overlay's `adminKey` */
  constructor({ host, port }: HostPort, key = "") {
    this.host = host;
    this.port = port;
    this.#key = key;
  }

  /** The interface's address: `http://127.0.0.1:9901`. */
  get url(): string {
    return `http://${hostPort(this.host, this.port)}`;
  }

  /** Is the server live, with every listener up? Envoy's word for it otherwise: `PRE_INITIALIZING`. */
  async ready(signal?: AbortSignal): Promise<{ live: boolean; state: string }> {
    const { status, text } = await this.#send("GET", "/ready", signal);
    return { live: status === 200, state: text.trim() };
  }

  /** Returns counters and gauges by name; `filter` is a regular expression for Envoy (RE2). */
  async stats(filter?: string): Promise<Map<string, number>> {
    const query = filter === undefined ? "" : `&filter=${encodeURIComponent(filter)}`;
    const stats = valueAt(await this.#json(`/stats?format=json${query}`), "stats");
    const values = new Map<string, number>();
    for (const stat of Array.isArray(stats) ? stats : []) {
      if (!isObject(stat) || typeof stat.name !== "string") continue;
      if (typeof stat.value === "number") values.set(stat.name, stat.value);
    }
    return values;
  }

  /** Returns all statistics as Envoy's own text, histograms included. */
  async statsText(): Promise<string> {
    return (await this.#ok("GET", "/stats")).text;
  }

  /** Returns those of Envoy's metrics whose name matches (RE2), in the Prometheus text format. */
  async prometheus(filter: string): Promise<string> {
    const path = `/stats/prometheus?filter=${encodeURIComponent(filter)}`;
    return (await this.#ok("GET", path)).text;
  }

  /** Returns the bytes that are allocated now; the statistic of that name is some seconds old. */
  async memory(): Promise<number> {
    return Number(valueAt(await this.#json("/memory"), "allocated"));
  }

  /** Returns the configuration that is in force, endpoints included. */
  configDump(): Promise<Json> {
    return this.#json("/config_dump?include_eds");
  }

  /** Returns where each listener really listens, by name. */
  async listeners(): Promise<Map<string, HostPort>> {
    const dump = await this.#json("/listeners?format=json");
    const found = new Map<string, HostPort>();
    for (const listener of objectsAt(dump, "listener_statuses/*")) {
      const host = valueAt(listener, "local_address/socket_address/address");
      const port = valueAt(listener, "local_address/socket_address/port_value");
      if (typeof listener.name !== "string" || typeof host !== "string") continue;
      if (typeof port === "number") found.set(listener.name, { host, port });
    }
    return found;
  }

  /** Returns the hosts of every cluster, with their health and counters. */
  async hosts(): Promise<AdminHost[]> {
    const dump = await this.#json("/clusters?format=json");
    return objectsAt(dump, "cluster_statuses/*").flatMap((cluster) =>
      objectsAt(cluster, "host_statuses/*").map((host): AdminHost => {
        const stats = new Map(
          objectsAt(host, "stats/*").map(({ name, value }) => [String(name), Number(value ?? 0)]),
        );
        const address = valueAt(host, "address/socket_address/address");
        const port = valueAt(host, "address/socket_address/port_value");
        const { eds_health_status: _, ...health } = (host.health_status ?? {}) as Record<
          string,
          unknown
        >;
        return {
          cluster: String(cluster.name ?? ""),
          address: `${address}:${port}`,
          failing: Object.entries(health).filter(([, on]) => on === true).map(([name]) => name),
          active: stats.get("rq_active") ?? 0,
          total: stats.get("rq_total") ?? 0,
          errors: stats.get("rq_error") ?? 0,
        };
      })
    );
  }

  /** Returns Envoy's version as it says it, and its state. */
  async serverInfo(): Promise<{ version: string; state: string; uptimeSeconds: number }> {
    const info = await this.#json("/server_info");
    const text = (key: string) => String(valueAt(info, key) ?? "");
    return {
      version: text("version"),
      state: text("state"),
      uptimeSeconds: Number.parseInt(text("uptime_current_epoch")),
    };
  }

  /** How many requests run on the ingress right now (not the admin's own). */
  async activeRequests(): Promise<number> {
    const stats = await this.stats("^http\\..*downstream_rq_active$");
    return [...stats].filter(([name]) => !name.startsWith("http.admin."))
      .reduce((sum, [, value]) => sum + value, 0);
  }

  /** Closes the listening sockets; running streams go on. */
  async drainListeners(): Promise<void> {
    await this.#ok("POST", drainPath(this.#key));
  }

  /** Closes the connections to the admin interface. */
  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async #json(path: string): Promise<Json> {
    return JSON.parse((await this.#ok("GET", path)).text);
  }

  async #ok(method: string, path: string): Promise<AdminReply> {
    const reply = await this.#send(method, path);
    if (reply.status !== 200) {
      throw new UnavailableError(
        `Cannot ask Envoy's admin for "${path}": status ${reply.status}: ${reply.text.trim()}`,
      );
    }
    return reply;
  }

  // node:http rather than fetch: fetch would follow HTTP_PROXY away from loopback.
  #send(method: string, path: string, signal?: AbortSignal): Promise<AdminReply> {
    const reply = Promise.withResolvers<AdminReply>();
    const fail = (error: Error) =>
      reply.reject(
        new UnavailableError(
          `Cannot ask Envoy's admin at ${this.host}:${this.port} for "${path}": ${
            messageOf(error)
          }`,
        ),
      );
    const { host, port } = this;
    const agent = this.#agent;
    const call = httpRequest({ host, port, method, path, agent }, (message) => {
      const chunks: Uint8Array[] = [];
      message.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      message.on("error", fail);
      message.on("end", () => {
        const text = new TextDecoder().decode(Buffer.concat(chunks));
        reply.resolve({ status: message.statusCode ?? 0, text });
      });
    });
    const onAbort = () => call.destroy(new Error("aborted"));
    const deadline = startDeadline(ADMIN_DEADLINE_MS, () => {
      call.destroy(new Error(`no answer within ${ADMIN_DEADLINE_MS} ms`));
    });
    call.on("error", fail);
    signal?.addEventListener("abort", onAbort, { once: true });
    call.end();
    return reply.promise.finally(() => {
      deadline[Symbol.dispose]();
      signal?.removeEventListener("abort", onAbort);
    });
  }
}
