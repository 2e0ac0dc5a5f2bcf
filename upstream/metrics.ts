import { Counter, Gauge, type Registry } from "prom-client";
import type { ExchangeEnd, UpstreamExchange } from "./types.ts";

/** Plain numbers for the hot path; the registry reads them when it is asked. */
export class UpstreamCounters {
  running = 0;
  bytes = 0;
  events = 0;
  readonly ends = new Map<string, number>();

  started(): void {
    this.running++;
  }

  /** Counts an exchange whose answer is over. */
  ended(exchange: UpstreamExchange): void {
    this.running--;
    this.bytes += exchange.bytesWritten;
    this.events += exchange.events;
    const end: ExchangeEnd = exchange.end ?? "completed";
    const key = `${exchange.protocol} ${exchange.status ?? 0} ${end}`;
    this.ends.set(key, (this.ends.get(key) ?? 0) + 1);
  }
}

/** Registers the room's metrics (Prometheus). */
export function registerMetrics(
  registry: Registry,
  counters: UpstreamCounters,
  server: { readonly open: number; readonly accepted: number },
): void {
  const registers = [registry];
  new Counter({
    name: "llmgate_upstream_requests_total",
    help: "Requests by protocol, status and how they ended",
    labelNames: ["protocol", "status", "end"],
    registers,
    collect() {
      this.reset();
      for (const [key, count] of counters.ends) {
        const [protocol = "", status = "", end = ""] = key.split(" ");
        this.inc({ protocol, status, end }, count);
      }
    },
  });
  const numbers: readonly [kind: "counter" | "gauge", name: string, help: string, () => number][] =
    [
      [
        "gauge",
        "llmgate_upstream_requests_running",
        "Requests being answered",
        () => counters.running,
      ],
      ["counter", "llmgate_upstream_events_total", "Events written", () => counters.events],
      ["counter", "llmgate_upstream_body_bytes_total", "Body bytes written", () => counters.bytes],
      [
        "counter",
        "llmgate_upstream_connections_total",
        "Connections accepted",
        () => server.accepted,
      ],
      ["gauge", "llmgate_upstream_connections_open", "Connections open", () => server.open],
    ];
  for (const [kind, name, help, read] of numbers) {
    if (kind === "gauge") {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    } else {
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(read());
        },
      });
    }
  }
}
