/** The messages of OTLP 1.x that are read, as tables: field number to name and type (opentelemetry-proto, `*.proto`). */
import { type Table } from "./decode.ts";

const ANY_VALUE: Table = {
  1: ["stringValue", "string"],
  2: ["boolValue", "bool"],
  3: ["intValue", "int"],
  4: ["doubleValue", "double"],
  5: ["arrayValue", () => ({ 1: ["values", () => ANY_VALUE, "many"] })],
  6: ["kvlistValue", () => ({ 1: ["values", () => KEY_VALUE, "many"] })],
  7: ["bytesValue", "hex"],
};

const KEY_VALUE: Table = { 1: ["key", "string"], 2: ["value", () => ANY_VALUE] };
const ATTRIBUTES = [() => KEY_VALUE, "many"] as const;
const RESOURCE: Table = { 1: ["attributes", ...ATTRIBUTES] };

const SPAN: Table = {
  1: ["traceId", "hex"],
  2: ["spanId", "hex"],
  4: ["parentSpanId", "hex"],
  5: ["name", "string"],
  6: ["kind", "int"],
  7: ["startTimeUnixNano", "fixed64"],
  8: ["endTimeUnixNano", "fixed64"],
  9: ["attributes", ...ATTRIBUTES],
  15: ["status", () => ({ 2: ["message", "string"], 3: ["code", "int"] })],
};

const LOG_RECORD: Table = {
  1: ["timeUnixNano", "fixed64"],
  2: ["severityNumber", "int"],
  3: ["severityText", "string"],
  5: ["body", () => ANY_VALUE],
  6: ["attributes", ...ATTRIBUTES],
  9: ["traceId", "hex"],
  10: ["spanId", "hex"],
};

const NUMBER_POINT: Table = {
  4: ["asDouble", "double"],
  6: ["asInt", "fixed64"],
  7: ["attributes", ...ATTRIBUTES],
};

const HISTOGRAM_POINT: Table = {
  4: ["count", "fixed64"],
  5: ["sum", "double"],
  9: ["attributes", ...ATTRIBUTES],
};

const METRIC: Table = {
  1: ["name", "string"],
  2: ["description", "string"],
  3: ["unit", "string"],
  5: ["gauge", () => ({ 1: ["dataPoints", () => NUMBER_POINT, "many"] })],
  7: ["sum", () => ({ 1: ["dataPoints", () => NUMBER_POINT, "many"], 3: ["isMonotonic", "bool"] })],
  9: ["histogram", () => ({ 1: ["dataPoints", () => HISTOGRAM_POINT, "many"] })],
};

/** Shape of all three requests: resources, scopes in them, and items in those. */
function request(resources: string, scopes: string, items: string, item: Table): Table {
  return {
    1: [resources, () => ({
      1: ["resource", () => RESOURCE],
      2: [scopes, () => ({ 2: [items, () => item, "many"] }), "many"],
    }), "many"],
  };
}

/** `ExportTraceServiceRequest` */
export const TRACES = request("resourceSpans", "scopeSpans", "spans", SPAN);
/** `ExportLogsServiceRequest` */
export const LOGS = request("resourceLogs", "scopeLogs", "logRecords", LOG_RECORD);
/** `ExportMetricsServiceRequest` */
export const METRICS = request("resourceMetrics", "scopeMetrics", "metrics", METRIC);

/** `envoy.service.accesslog.v3.StreamAccessLogsMessage`, the requests' lines of it. */
export const ACCESS_LOGS: Table = {
  2: ["httpLogs", () => ({
    1: ["logEntry", () => ({
      3: ["request", () => ({ 5: ["path", "string"], 9: ["requestId", "string"] })],
      4: ["response", () => ({ 1: ["responseCode", () => ({ 1: ["value", "int"] })] })],
    }), "many"],
  })],
};
