/**
 * A collector for one machine: an OTLP receiver (gRPC and HTTP; traces, logs, metrics) and Envoy's access log service,
 * whose journal shows what a gateway tells about its requests. It stores nothing and forwards nothing.
 *
 * ```ts
 * import { startCollector } from "../collector/mod.ts";
 *
 * await using collector = await startCollector();
 * collector.address; // for Envoy's tracer, or OTEL_EXPORTER_OTLP_ENDPOINT=http://ADDRESS
 * await collector.journal.waitFor((record) => record.signal === "span");
 * ```
 *
 * @module
 */
export { type Collector, type CollectorOptions, startCollector } from "./collector.ts";
export type {
  Attributes,
  Collected,
  CollectedAccessLog,
  CollectedLog,
  CollectedMetric,
  CollectedSpan,
} from "./records.ts";
