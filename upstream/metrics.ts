/** Metrics of the mock. */
import { type MetricFamily, metricsText } from "../service/mod.ts";
import type { ExchangeEnd, UpstreamExchange } from "./types.ts";

/** Plain numbers for the hot path; they are read when somebody asks. */
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

/** The room's metrics as Prometheus text. */
export function upstreamMetrics(
  counters: UpstreamCounters,
  server: { readonly open: number; readonly accepted: number },
): string {
  const ends = [...counters.ends].map(([key, value]) => {
    const [protocol = "", status = "", end = ""] = key.split(" ");
    return { labels: { protocol, status, end }, value };
  });
  const number = (kind: MetricFamily["kind"], name: string, help: string, value: number) => ({
    kind,
    name: `llmgate_upstream_${name}`,
    help,
    samples: [{ value }],
  });
  return metricsText([
    {
      name: "llmgate_upstream_requests_total",
      help: "Requests by protocol, status and how they ended",
      kind: "counter",
      samples: ends,
    },
    number("gauge", "requests_running", "Requests being answered", counters.running),
    number("counter", "events_total", "Events written", counters.events),
    number("counter", "body_bytes_total", "Body bytes written", counters.bytes),
    number("counter", "connections_total", "Connections accepted", server.accepted),
    number("gauge", "connections_open", "Connections open", server.open),
  ]);
}
