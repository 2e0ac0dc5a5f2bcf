/** Cases on traces: one for each request, from the client to the upstream, and nothing in it that is nobody's business. */
import type { Case } from "../case.ts";
import { valueOf } from "../client/transcript.ts";
import type { CaseContext, ChatOptions } from "../context.ts";
import type { TracedLog, TracedSpan, TraceFeature } from "../traffic_features.ts";
import { chunkText, DONE, jsonAnswer, STREAM_HEAD, streamOf } from "./shapes.ts";

const CONTEXT = "W3C Trace Context, traceparent";
const GENAI = "OpenTelemetry semantic conventions: GenAI spans";
const OTLP = "OTLP 1.x; Envoy: opentelemetry tracer";
const USAGE = { prompt_tokens: 12, completion_tokens: 34, total_tokens: 46 };

function traceOf(t: CaseContext): TraceFeature {
  return t.target.trace ?? t.undeclared("The collector is not ours");
}

/** A trace of the client's own: its ids, and the header. */
function ownTrace(
  t: CaseContext,
): { traceId: string; spanId: string; headers: [string, string][] } {
  const digits = (count: number) =>
    Array.from({ length: count }, () => Math.floor(t.random() * 16).toString(16)).join("");
  // Neither may be all zeros.
  const traceId = `1${digits(31)}`;
  const spanId = `1${digits(15)}`;
  return { traceId, spanId, headers: [["traceparent", `00-${traceId}-${spanId}-01`]] };
}

/** One traced request; resolves with the server's span, those of the upstream attempts, and the log record. */
async function traced(
  t: CaseContext,
  options: ChatOptions = {},
): Promise<{ clientSpan: string; server: TracedSpan; attempts: TracedSpan[]; log: TracedLog }> {
  const { traceId, spanId, headers } = ownTrace(t);
  await t.ask({ ...options, headers: [...headers, ...(options.headers ?? [])] });
  const { spans, log } = await traceOf(t).of(traceId);
  const server = spans.find(({ kind }) => kind === "server");
  if (server === undefined || log === undefined) {
    t.equal("server spans and log records of the trace", [1, 1], [server ? 1 : 0, log ? 1 : 0]);
    throw new Error("No trace came");
  }
  const attempts = spans.filter((one) =>
    one.kind === "client" && one.attributes["upstream_address"] !== undefined &&
    !String(one.name).startsWith("async ")
  );
  return { clientSpan: spanId, server, attempts, log };
}

/** An answer that says its usage. */
function answer(form: "json" | "sse") {
  const fields = {
    id: "chatcmpl-case",
    created: 1,
    model: "case-model",
    choices: [],
    usage: USAGE,
  };
  if (form === "json") return jsonAnswer(JSON.stringify({ object: "chat.completion", ...fields }));
  const last = JSON.stringify({ object: "chat.completion.chunk", ...fields });
  return streamOf(chunkText("hello"), `data: ${last}\n\n`, DONE);
}

/** Traces of requests. */
export const TRACE_CASES: readonly Case[] = [
  {
    id: "trace.context-kept",
    level: "must",
    control: "both",
    feature: "trace",
    requirement:
      "The client's trace goes on to the upstream, with the gateway's span as its parent",
    source: CONTEXT,
    async run(t) {
      t.upstream.script(...answer("json"));
      const { clientSpan, server, attempts } = await traced(t);
      t.equal("parent of the gateway's span", clientSpan, server.parentSpanId);
      const sent = valueOf((await t.upstream.request()).headers, "traceparent");
      t.equal("traceparent", `00-${server.traceId}-${attempts[0]?.spanId}-01`, sent);
    },
  },
  {
    id: "trace.child-span",
    level: "must",
    control: "both",
    feature: "trace",
    requirement: "Each attempt at an upstream is a span of its own below the gateway's",
    source: OTLP,
    async run(t) {
      t.upstream.script(...answer("json"));
      const { server, attempts } = await traced(t);
      t.equal("attempts", 1, attempts.length);
      t.equal("their parent", server.spanId, attempts[0]?.parentSpanId);
      t.equal("status", 200, attempts[0]?.attributes["http.status_code"]);
    },
  },
  {
    id: "trace.no-secret",
    level: "must",
    control: "both",
    feature: "trace",
    requirement: "No query, credential or body is in any span or log record",
    source: "OpenTelemetry: url.full must not contain credentials",
    async run(t) {
      const secret = `secret-${t.nonce}`;
      t.upstream.script(...jsonAnswer(JSON.stringify({ answer: secret })));
      const { traceId, headers } = ownTrace(t);
      await t.ask({
        path: `/v1/chat/completions?api_key=${secret}`,
        headers: [...headers, ["api-key", secret]],
        body: { messages: [{ role: "user", content: secret }] },
      });
      const { spans, log } = await traceOf(t).of(traceId);
      const found = [...spans, log].map((one) => JSON.stringify(one ?? {}))
        .filter((text) => text.includes(secret));
      t.equal("records with the secret", [], found);
    },
  },
  ...(["json", "sse"] as const).map((form): Case => ({
    id: `trace.genai-usage-${form}`,
    level: "should",
    control: "both",
    feature: "trace",
    requirement: `The span says model and tokens of ${
      form === "json" ? "a JSON answer" : "a stream"
    }`,
    source: GENAI,
    async run(t) {
      t.upstream.script(...answer(form));
      const { server } = await traced(t, { stream: form === "sse" });
      t.equal("model", "case-model", server.attributes["gen_ai.response.model"]);
      t.equal("input", 12, server.attributes["gen_ai.usage.input_tokens"]);
      t.equal("output", 34, server.attributes["gen_ai.usage.output_tokens"]);
      t.equal("operation", "chat", server.attributes["gen_ai.operation.name"]);
    },
  })),
  {
    id: "trace.error-status",
    level: "should",
    control: "both",
    feature: "trace",
    requirement: "An upstream's failure is the status of its span",
    source: OTLP,
    async run(t) {
      t.upstream.script(...jsonAnswer(`{"error":{"message":"no"}}`, 500));
      const { server, attempts } = await traced(t);
      t.equal("of the attempt", "error", attempts[0]?.status);
      t.equal("of the gateway", "error", server.status);
    },
  },
  {
    id: "trace.log-joined",
    level: "must",
    control: "both",
    feature: "trace",
    requirement: "The log record of a request has its trace's and span's id, and the request's own",
    source: OTLP,
    async run(t) {
      t.upstream.script(...answer("json"));
      const { server, log } = await traced(t);
      const { requestId } = await t.upstream.request();
      t.equal("span", server.spanId, log.spanId);
      t.equal("request id in the log", requestId, log.attributes["llmgate.request_id"]);
      t.equal("request id in the span", requestId, server.attributes["llmgate.request_id"]);
    },
  },
  {
    id: "trace.collector-down-harmless",
    level: "must",
    control: "both",
    feature: "trace",
    exclusive: true,
    requirement: "While the collector is down requests and streams pass as ever",
    source: OTLP,
    async run(t) {
      const { close, reopen } = traceOf(t);
      await close();
      try {
        t.upstream.script(
          STREAM_HEAD,
          { write: chunkText("one") },
          { barrier: "next" },
          { write: DONE },
          { end: true },
        );
        const exchange = await t.send(t.chat({ stream: true }));
        await exchange.event(0);
        t.upstream.release("next");
        t.equal("end", "complete", (await exchange.done()).end?.kind);
        const part = t.fork("json");
        part.upstream.script(...answer("json"));
        t.equal("status", 200, (await part.ask()).head?.status);
      } finally {
        await reopen();
      }
    },
  },
];
