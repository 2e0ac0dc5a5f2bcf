/** Figures of policy and mock alone. */
import { ghz, h2load, type LoadResult, wrk } from "./load.ts";
import type { Effort } from "./gateway_rows.ts";
import { median, type Row } from "./row.ts";
import { programCommand, startDev, startMock } from "./stack.ts";
import { findTwins } from "./twins.ts";

/** Concurrent Check calls on the one connection, as Envoy would have them in a burst. */
const CONCURRENCY = 50;
const BEARER = { authorization: "Bearer demo-key" };

/** Check calls of the policy stub, beside the Go twins where they are present. */
export async function policyRows(effort: Effort): Promise<Row[]> {
  await using dev = await startDev(programCommand());
  await using twins = await findTwins();
  const calls = effort.seconds * 10_000;
  const load = (address: string) =>
    ghz({ address, calls, concurrency: CONCURRENCY, headers: BEARER });
  const own = await inTurn(effort.runs, {
    own: () => load(dev.ready.policy),
    go: twins.goAuthz && (() => load(twins.goAuthz ?? "")),
    opa: twins.opaAuthz && (() => load(twins.opaAuthz ?? "")),
  });
  return [
    row("policy: Check/s on one connection", "1/s", own, "go", (result) => result.perSecond),
    row("policy: p99 of a Check", "ms", own, "go", (result) => result.p99Ms),
    ...(own.opa
      ? [row("policy: Check/s, beside OPA", "1/s", own, "opa", (result) => result.perSecond)]
      : []),
  ];
}

/** The same calls from a client that does not decode the answers, so that only the server counts. */
export async function checkRows(effort: Effort): Promise<Row[]> {
  await using dev = await startDev(programCommand());
  await using twins = await findTwins({ only: ["go-authz", "opa-authz"] });
  const calls = effort.seconds * 20_000;
  const load = (address: string) =>
    h2load({ address, calls, concurrency: CONCURRENCY, headers: BEARER });
  const own = await inTurn(effort.runs, {
    own: () => load(dev.ready.policy),
    go: twins.goAuthz && (() => load(twins.goAuthz ?? "")),
    opa: twins.opaAuthz && (() => load(twins.opaAuthz ?? "")),
  });
  return [
    row("policy: Check/s, answers not decoded", "1/s", own, "go", (result) => result.perSecond),
    row("policy: p99, answers not decoded", "ms", own, "go", (result) => result.p99Ms),
    ...(own.opa
      ? [row("policy: Check/s, not decoded, beside OPA", "1/s", own, "opa", (r) => r.perSecond)]
      : []),
  ];
}

/** Events in one stream of the throughput row. */
const EVENTS = 1_000;

const CHAT = { model: "m", stream: true, messages: [{ role: "user", content: "Hello" }] };

/** The twin sends `n` events, and does not sleep with a negative delay. */
const TWIN = { n: EVENTS, delay: -1 };

/** A chunk as the Go twin writes it, so that both sides send the same number of bytes. */
const CHUNK =
  '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini","choices":[{"index":0,"delta":{"role":"assistant","content":"tok100 "},"finish_reason":null}]}';

/** Twice as many threads as cores: while one waits for room in a socket, another one writes. */
const THREADS = 2 * navigator.hardwareConcurrency;

/** Connections of the rows with threads: the kernel spreads them by chance, so there are many for each thread. */
const MANY = 32;

/** JSON answers and events of the mock, on one thread and on several, beside the Go twin where it is present. */
export async function upstreamRows(effort: Effort): Promise<Row[]> {
  await using dev = await startDev(programCommand());
  await using load = await startMock(programCommand(), ["--threads", String(THREADS)]);
  await using twins = await findTwins({ only: ["go-mock"] });
  const { runs, seconds } = effort;
  const json = (url: string) =>
    wrk({ url: `${url}/v1/models`, connections: MANY, seconds, headers: {} });
  const stream =
    (connections: number, headers: Record<string, string>, more = {}) => (url: string) =>
      wrk({
        url: `${url}/v1/chat/completions`,
        connections,
        seconds,
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ ...CHAT, ...more }),
      });
  const steps = [{ repeat: { times: EVENTS, steps: [{ event: { data: CHUNK } }] } }];
  const script = btoa(JSON.stringify({ steps })).replaceAll("+", "-").replaceAll("/", "_")
    .replace(/=+$/, "");
  const each = { "x-mock-script": script };
  // With the first and the last event, the finish reason and [DONE], it is as many.
  const burst = { "x-mock-tokens": String(EVENTS - 3), "x-mock-pace": "0" };
  const measure = async (
    name: string,
    own: () => Promise<LoadResult>,
    go: (url: string) => Promise<LoadResult>,
    answers = 1,
  ) => {
    const { goMock } = twins;
    // Not counted, on either side: each thread compiles what it runs in its first seconds.
    await own();
    if (goMock) await go(goMock);
    const sides = await inTurn(runs, { own, go: goMock && (() => go(goMock)) });
    return row(`mock upstream: ${name}`, "1/s", sides, "go", (one) => one.perSecond * answers);
  };
  const one = dev.ready.upstream;
  const several = load.ready.upstream;
  return [
    await measure("JSON/s at 32 connections", () => json(one), json),
    await measure(`JSON/s, ${THREADS} threads`, () => json(several), json),
    await measure(
      "SSE events/s, no delay",
      () => stream(8, burst)(one),
      stream(8, {}, TWIN),
      EVENTS,
    ),
    await measure(
      "SSE events/s, no delay, a write each",
      () => stream(8, each)(one),
      stream(8, {}, TWIN),
      EVENTS,
    ),
    await measure(
      `SSE events/s, no delay, a write each, ${THREADS} threads`,
      () => stream(MANY, each)(several),
      stream(MANY, {}, TWIN),
      EVENTS,
    ),
  ];
}

type Sides = { own: LoadResult[]; go?: LoadResult[]; opa?: LoadResult[] };

async function inTurn(
  runs: number,
  sides: Record<string, (() => Promise<LoadResult>) | "" | undefined>,
): Promise<Sides> {
  const results: Record<string, LoadResult[]> = { own: [] };
  for (let run = 0; run < runs; run++) {
    for (const [name, measure] of Object.entries(sides)) {
      if (!measure) continue;
      const result = await measure();
      if (result.errors > 0) throw new Error(`Cannot measure "${name}": ${result.errors} errors`);
      (results[name] ??= []).push(result);
    }
  }
  return results as Sides;
}

const PEER_NAMES = { go: "plain Go server", opa: "OPA engine embedded in Go" };

function row(
  name: string,
  unit: string,
  sides: Sides,
  peer: "go" | "opa",
  pick: (result: LoadResult) => number,
): Row {
  const samples = sides.own.map(pick);
  const value = median(samples);
  const other = sides[peer]?.map(pick);
  const beside = other && { name: PEER_NAMES[peer], value: median(other) };
  return {
    name,
    unit,
    value,
    beside,
    ratio: beside && value / beside.value,
    runs: samples.length,
    samples,
  };
}
