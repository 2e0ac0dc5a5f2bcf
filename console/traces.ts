/** Traces, made of a collector's records: a list of them, and one with its spans in the order of the tree. */
import { NotThere } from "./not_there.ts";
import type { SpanShown, TraceDetail, TraceShown } from "./shown.ts";
import type { LogTold, SpanTold, TraceSource } from "./sources.ts";

/** Attributes of a request over HTTP, in the older and the newer words of OpenTelemetry. */
const METHODS = ["http.request.method", "http.method"];
const URLS = ["url.path", "http.url", "url.full"];
/** Attribute by which our gateway names its request. */
const REQUEST_ID = "llmgate.request_id";
/** Spans of one trace that are shown. */
const MOST_SPANS = 1_000;
/** Traces of a list. */
const MOST_TRACES = 200;

/** Returns the newest traces, newest first; those of one request, when it is named. */
export function tracesOf(source: TraceSource, requestId = ""): TraceShown[] {
  const all = [...Map.groupBy(source().filter(isSpan), ({ traceId }) => traceId)]
    .map(([id, spans]) => traceOf(id, spans));
  return all.filter((trace) => requestId === "" || trace.request_id === requestId)
    .sort((one, two) => one.time < two.time ? 1 : -1).slice(0, MOST_TRACES);
}

/** Returns one trace. Throws `NotThere` for an id that no record has. */
export function traceAt(source: TraceSource, id: string): TraceDetail {
  const records = source();
  const spans = records.filter(isSpan).filter(({ traceId }) => traceId === id);
  if (spans.length === 0) throw new NotThere("No span of this trace is kept");
  const start = startOf(spans);
  return {
    ...traceOf(id, spans),
    tree: treeOf(spans, start),
    logs: records.filter(isLog).filter(({ traceId }) => traceId === id).map((log) => ({
      at: round(log.timeMs - start),
      service: log.service,
      text: log.body,
      attributes: attributesOf(log.attributes),
    })),
  };
}

function isSpan(record: { readonly signal: string }): record is SpanTold {
  return record.signal === "span";
}

function isLog(record: { readonly signal: string }): record is LogTold {
  return record.signal === "log";
}

function startOf(spans: readonly SpanTold[]): number {
  return spans.reduce((least, { startMs }) => Math.min(least, startMs), Infinity);
}

function traceOf(id: string, spans: readonly SpanTold[]): TraceShown {
  const start = startOf(spans);
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const [root] = spans.filter(({ parentSpanId = "" }) => !ids.has(parentSpanId))
    .sort((one, two) => one.startMs - two.startMs);
  const named = spans.find(({ attributes }) => attributes[REQUEST_ID] !== undefined);
  return {
    id,
    time: new Date(start).toISOString(),
    name: nameOf(root),
    services: [...new Set(spans.map(({ service }) => service))],
    // Spans may go on behind their root: Envoy closes a tap seconds after the answer.
    ms: round(root?.durationMs ?? 0),
    spans: spans.length,
    errors: spans.filter(({ status }) => status === "error").length,
    request_id: String(named?.attributes[REQUEST_ID] ?? ""),
  };
}

/** `POST /v1/chat/completions` where the span is that of a request, else its own name. */
function nameOf(span: SpanTold | undefined): string {
  if (span === undefined) return "";
  const first = (names: readonly string[]) =>
    names.map((name) => span.attributes[name]).find((value) => value !== undefined);
  const [method, url] = [first(METHODS), first(URLS)];
  if (method === undefined || url === undefined) return span.name;
  const path = String(url).replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "").split("?")[0];
  return `${method} ${path || "/"}`;
}

/** Spans in the order of the tree. Strangers name parents: one that is missing, or below itself, is a root. */
function treeOf(spans: readonly SpanTold[], start: number): SpanShown[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const ordered = spans.toSorted((one, two) => one.startMs - two.startMs);
  const below = Map.groupBy(ordered, ({ parentSpanId = "" }) => parentSpanId);
  const shown: SpanShown[] = [];
  const seen = new Set<SpanTold>();
  const visit = (roots: readonly SpanTold[]) => {
    const waiting = roots.map((span) => ({ span, depth: 0 })).reverse();
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { span, depth } = next;
      if (seen.has(span) || shown.length >= MOST_SPANS) continue;
      seen.add(span);
      shown.push(spanOf(span, { start, depth }));
      const children = below.get(span.spanId) ?? [];
      waiting.push(...children.map((child) => ({ span: child, depth: depth + 1 })).reverse());
    }
  };
  visit(ordered.filter(({ parentSpanId = "" }) => !ids.has(parentSpanId)));
  visit(ordered);
  return shown;
}

function spanOf(
  span: SpanTold,
  { start, depth }: { readonly start: number; readonly depth: number },
): SpanShown {
  return {
    id: span.spanId,
    parent: span.parentSpanId ?? "",
    name: span.name,
    service: span.service,
    kind: span.kind,
    from: round(span.startMs - start),
    ms: round(Math.max(0, span.durationMs)),
    status: span.status,
    depth,
    attributes: attributesOf(span.attributes),
  };
}

function attributesOf(
  attributes: Readonly<Record<string, string | number | boolean>>,
): (readonly [string, string])[] {
  return Object.entries(attributes).map(([name, value]) => [name, String(value)] as const)
    .sort(([one], [two]) => one < two ? -1 : 1);
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
