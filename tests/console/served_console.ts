/** A console on a port of its own, without a gateway: every page has something to show, written by strangers. */
import {
  type ConfigShown,
  type Console,
  type ConsoleSources,
  createConsole,
} from "../../console/mod.ts";
import { serveLocal } from "../../local_http/mod.ts";
import { startPolicy } from "../../policy/mod.ts";
import type { RequestRecord } from "../../service/mod.ts";
import { startUpstream } from "../../upstream/mod.ts";

/** A console that a test fills. */
export interface ServedConsole extends AsyncDisposable {
  readonly url: string;
  /** Tells the console of a finished request. */
  finish(fields: Partial<RequestRecord>): void;
}

const RECORD: RequestRecord = {
  time: "2026-01-01T00:00:00.000Z",
  request_id: "",
  method: "POST",
  path: "/v1/chat/completions",
  status: 200,
  decision: "allow",
  reason: "allow",
  tenant: "acme",
  first_byte_ms: 3,
  total_ms: 40,
  bytes: 3,
  events: 4,
  flags: "-",
  ended: null,
  details: "via_upstream",
  model: "m",
  key: "demo",
  host: "127.0.0.1:9000",
  attempts: 1,
  protocol: "HTTP/1.1",
  bytes_received: 2,
  tokens: { input: 1, output: 2, cached: 0 },
  policy_ms: 1,
  upstream_tx_ms: 1,
  upstream_rx_ms: 2,
};

/** Starts a console; every text that a stranger may write is `text`, and without one nothing was heard yet. */
export async function serveConsole(text = ""): Promise<ServedConsole> {
  await using stack = new AsyncDisposableStack();
  const policy = stack.use(await startPolicy());
  const upstream = stack.use(await startUpstream({ port: 0 }));
  const listeners = new Set<(record: RequestRecord) => void>();
  const page: Console = stack.use(createConsole({
    policy,
    mocks: [upstream],
    ...(text !== "" && sourcesOf(text)),
    onRequest: (listener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    facts: () => ({
      profile: "edge",
      ingress: upstream.url,
      services: { [text]: text },
      envoy: { version: "1.40.0", config: text, config_sha256: "abc", launched_sha256: "def" },
    }),
    hosts: () =>
      Promise.resolve([
        { cluster: text, address: text, failing: [text], active: 1, total: 2, errors: 1 },
      ]),
    config: () => Promise.resolve(configOf(text)),
    startCheck: () =>
      Promise.resolve({
        lines: ReadableStream.from([`   1/1 FAILED       ${text}`]),
        ended: Promise.resolve({ code: 1, html: "", error: text }),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
  }));
  const server = stack.use(
    await serveLocal(
      (request) => page.handle(request) ?? Promise.resolve(new Response("", { status: 404 })),
      { host: "127.0.0.1", port: 0 },
    ),
  );
  const owned = stack.move();
  return {
    url: server.url,
    finish: (fields) => listeners.forEach((listener) => listener({ ...RECORD, ...fields })),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A request of which every field is the text. */
export function strange(text: string): Partial<RequestRecord> {
  return {
    request_id: text,
    method: text,
    path: `/${text}`,
    reason: text,
    tenant: text,
    model: text,
    key: text,
    host: text,
    ended: text,
    details: text,
    protocol: text,
  };
}

function configOf(text: string): ConfigShown {
  return {
    name: text,
    text,
    sha256: "abc",
    launched_sha256: "def",
    overlay: [{ what: text, path: text, before: text, after: text }],
    findings: [{ rule: text, severity: "error", place: text, found: text, fix: text }],
  };
}

function sourcesOf(text: string): ConsoleSources {
  const attributes = { [text]: text, "llmgate.request_id": text };
  const at = Date.now();
  return {
    trends: () =>
      Promise.resolve([0, 60].map((seconds) => ({
        at: at / 1_000 - seconds,
        series: text,
        requests: 5,
        errors: 1,
        p50_ms: 2,
        p95_ms: 3,
        tokens: 4,
      }))),
    limits: () => [{ subject: { [text]: text }, outcome: "refused", code: text }],
    lane: () => ({ name: text, from: 0, to: 1, marks: [1], says: text }),
    traces: () => [
      ...["", "a"].map((parentSpanId) => ({
        signal: "span" as const,
        traceId: "t",
        spanId: parentSpanId === "" ? "a" : "b",
        parentSpanId,
        name: text,
        kind: "client",
        startMs: at,
        durationMs: 5,
        status: "error",
        attributes,
        service: text,
      })),
      { signal: "log", traceId: "t", timeMs: at, body: text, attributes, service: text },
    ],
    tap: {
      entries: () => [{
        requestId: text,
        receivedAt: performance.now(),
        request: text,
        status: 200,
        model: text,
        tokens: undefined,
        events: [{
          at: performance.now(),
          text: `data: ${JSON.stringify({ choices: [{ delta: { content: text } }] })}`,
        }],
        leftOut: 3,
        endedAt: performance.now(),
      }],
      subscribe: () => ({ [Symbol.dispose]: () => {} }),
    },
  };
}
