/** Spans, log records and metrics as plain values, from OTLP's JSON. */
import type { OtlpJson } from "./decode.ts";

/** Values of attributes; lists and maps stand as their JSON. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** One span. */
export interface CollectedSpan {
  readonly signal: "span";
  /** 32 and 16 hex digits; no parent at the root. */
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: "internal" | "server" | "client" | "producer" | "consumer" | "unspecified";
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly status: "unset" | "ok" | "error";
  readonly attributes: Attributes;
  readonly service: string;
}

/** One log record. */
export interface CollectedLog {
  readonly signal: "log";
  readonly traceId?: string;
  readonly spanId?: string;
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly body: string;
  readonly attributes: Attributes;
  readonly service: string;
}

/** One metric with its points. */
export interface CollectedMetric {
  readonly signal: "metric";
  readonly name: string;
  readonly unit: string;
  readonly kind: "gauge" | "sum" | "histogram";
  /** A histogram's value is its sum. */
  readonly points: readonly {
    readonly attributes: Attributes;
    readonly value: number;
    readonly count?: number;
  }[];
  readonly service: string;
}

/** One request as Envoy's gRPC access log service tells it. */
export interface CollectedAccessLog {
  readonly signal: "access_log";
  readonly requestId: string;
  readonly status: number;
  readonly path: string;
}

/** Everything that is collected. */
export type Collected = CollectedSpan | CollectedLog | CollectedMetric | CollectedAccessLog;

const KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"] as const;
const STATUSES = ["unset", "ok", "error"] as const;

/**
 * Attributes that are numbers by OpenTelemetry's conventions. Envoy sends every tag as a text.
 * https://opentelemetry.io/docs/specs/semconv/
 */
const NUMBERS =
  /^(http\.(response\.)?status_code|gen_ai\.usage\.\w+|(request|response)_size|\w+_ms|.*\.attempts)$/;

/** Reads `ExportTraceServiceRequest`. */
export function spansOf(request: OtlpJson): CollectedSpan[] {
  return itemsOf(request, ["resourceSpans", "scopeSpans", "spans"], (span, service) => ({
    signal: "span",
    traceId: idOf(span.traceId),
    spanId: idOf(span.spanId),
    ...(idOf(span.parentSpanId) !== "" && { parentSpanId: idOf(span.parentSpanId) }),
    name: textOf(span.name),
    kind: KINDS[Number(span.kind ?? 0)] ?? "unspecified",
    startMs: millisecondsOf(span.startTimeUnixNano),
    durationMs:
      Number(nanosecondsOf(span.endTimeUnixNano) - nanosecondsOf(span.startTimeUnixNano)) /
      1e6,
    status: STATUSES[Number(objectOf(span.status).code ?? 0)] ?? "unset",
    attributes: attributesOf(span.attributes),
    service,
  }));
}

/** Reads `ExportLogsServiceRequest`. */
export function logsOf(request: OtlpJson): CollectedLog[] {
  return itemsOf(request, ["resourceLogs", "scopeLogs", "logRecords"], (record, service) => ({
    signal: "log",
    ...(idOf(record.traceId) !== "" && { traceId: idOf(record.traceId) }),
    ...(idOf(record.spanId) !== "" && { spanId: idOf(record.spanId) }),
    timeMs: millisecondsOf(record.timeUnixNano),
    body: String(valueOf(objectOf(record.body)) ?? ""),
    attributes: attributesOf(record.attributes),
    service,
  }));
}

/** Reads `ExportMetricsServiceRequest`. */
export function metricsOf(request: OtlpJson): CollectedMetric[] {
  return itemsOf(request, ["resourceMetrics", "scopeMetrics", "metrics"], (metric, service) => {
    const kind = (["gauge", "sum", "histogram"] as const).find((one) => metric[one] !== undefined);
    const points = listOf(objectOf(metric[kind ?? "gauge"]).dataPoints);
    return {
      signal: "metric",
      name: textOf(metric.name),
      unit: textOf(metric.unit),
      kind: kind ?? "gauge",
      points: points.map((point) => ({
        attributes: attributesOf(point.attributes),
        value: Number(point.asDouble ?? point.asInt ?? point.sum ?? 0),
        ...(point.count !== undefined && { count: Number(point.count) }),
      })),
      service,
    };
  });
}

/** Reads `StreamAccessLogsMessage`. A path is told without its query, in which clients put keys. */
export function accessLogsOf(message: OtlpJson): CollectedAccessLog[] {
  return listOf(objectOf(message.httpLogs).logEntry).map((entry) => {
    const request = objectOf(entry.request);
    return {
      signal: "access_log",
      requestId: textOf(request.requestId),
      status: Number(objectOf(objectOf(entry.response).responseCode).value ?? 0),
      path: textOf(request.path).split("?")[0] ?? "",
    };
  });
}

function itemsOf<T>(
  request: OtlpJson,
  [resources, scopes, items]: readonly [string, string, string],
  read: (item: OtlpJson, service: string) => T,
): T[] {
  return listOf(request[resources]).flatMap((resource) => {
    const service = attributesOf(objectOf(resource.resource).attributes)["service.name"] ?? "";
    return listOf(resource[scopes]).flatMap((scope) =>
      listOf(scope[items]).map((item) => read(item, String(service)))
    );
  });
}

function attributesOf(list: OtlpJson[string]): Attributes {
  const found: Record<string, string | number | boolean> = {};
  for (const { key, value } of listOf(list)) {
    const plain = valueOf(objectOf(value));
    // Envoy writes a hyphen for what there is not.
    if (typeof key !== "string" || plain === undefined || plain === "-") continue;
    const isNumber = typeof plain === "string" && NUMBERS.test(key) &&
      /^-?\d+(\.\d+)?$/.test(plain);
    found[key] = isNumber ? Number(plain) : plain;
  }
  return found;
}

function valueOf(value: OtlpJson): string | number | boolean | undefined {
  if (value.stringValue !== undefined) return String(value.stringValue);
  if (value.boolValue !== undefined) return value.boolValue === true;
  if (value.intValue !== undefined) return Number(value.intValue);
  if (value.doubleValue !== undefined) return Number(value.doubleValue);
  if (value.arrayValue !== undefined) {
    return JSON.stringify(listOf(objectOf(value.arrayValue).values).map(valueOf));
  }
  if (value.kvlistValue !== undefined) {
    return JSON.stringify(attributesOf(objectOf(value.kvlistValue).values));
  }
  return value.bytesValue === undefined ? undefined : String(value.bytesValue);
}

function listOf(value: OtlpJson[string]): OtlpJson[] {
  return Array.isArray(value) ? value : [];
}

function objectOf(value: OtlpJson[string]): OtlpJson {
  return typeof value === "object" && !Array.isArray(value) ? value : {};
}

function textOf(value: OtlpJson[string]): string {
  return typeof value === "string" ? value : "";
}

function idOf(value: OtlpJson[string]): string {
  return /^0*$/.test(textOf(value)) ? "" : textOf(value).toLowerCase();
}

function millisecondsOf(nanoseconds: OtlpJson[string]): number {
  return Number(nanosecondsOf(nanoseconds)) / 1e6;
}

/** Sixty-four bits, which a double would round. */
function nanosecondsOf(value: OtlpJson[string]): bigint {
  return BigInt(typeof value === "string" || typeof value === "number" ? value : 0);
}
