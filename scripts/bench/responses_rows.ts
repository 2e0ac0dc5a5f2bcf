/** Figures of the Responses gateway. */
import { type FirstTokenClient, firstTokenClient } from "./first_token.ts";
import type { Effort } from "./gateway_rows.ts";
import { besideEach, inTurn, type Side } from "./in_turn.ts";
import { type PacedRequest, runPacedStreams, tallyOf } from "./paced_streams.ts";
import { median, quantile, type Row } from "./row.ts";
import { programCommand, startDev, startMock } from "./stack.ts";

const RESPONSES = "/v1/responses";
const CHAT = "/v1/chat/completions";
const KEY = { "x-api-key": "demo-key" };
const MODEL = "gpt-4o-mini";
const TEXT = "What is 2+2?";

/** Requests through the gateway, and direct ones to the model. */
const asked = (fields: object) => JSON.stringify({ model: MODEL, input: TEXT, ...fields });
const chat = (fields: object) =>
  JSON.stringify({ model: MODEL, messages: [{ role: "user", content: TEXT }], ...fields });

/** Where the same question can be asked. All ask one mock, a program of its own as model servers are. */
interface Places {
  readonly gateway: string;
  readonly base: string;
  readonly model: string;
}

/**
 * Measures the cost of a response: through Envoy, policy and the gateway, which calls the model, beside the model itself and
 * beside its chat completions through the base profile.
 */
export async function responsesRows(effort: Effort): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const model = stack.use(await startMock(programCommand())).ready.upstream;
  const config = await Deno.makeTempFile({ prefix: "llmgate-bench-", suffix: ".yaml" });
  stack.defer(() => Deno.remove(config));
  // What JSON says, YAML says.
  await Deno.writeTextFile(
    config,
    JSON.stringify({
      extproc: { port: 0 },
      http: { port: 0 },
      engine: {
        model_endpoint: `${model}/v1`,
        forward_headers: ["x-mock-tokens", "x-mock-pace"],
      },
      search: { embedding_model: "none" },
    }),
  );
  const flags = ["--profile", "responses", "--config", config];
  const gateway = stack.use(await startDev(programCommand(), flags)).ready.ingress;
  const base = stack.use(await startDev(programCommand(), ["--upstream", model])).ready.ingress;
  const places = { gateway, base, model };
  return [
    ...await loadRows(places, effort),
    ...await firstEventRows(places, effort),
    ...await streamRows(places),
  ];
}

const CONNECTIONS = 32;

/** Whole answers: rate and latency. */
async function loadRows({ gateway, base, model }: Places, effort: Effort): Promise<Row[]> {
  const url = `${gateway}${RESPONSES}`;
  const own: Side[] = [
    { name: "stored", url, headers: KEY, body: asked({}) },
    { name: "store: false", url, headers: KEY, body: asked({ store: false }) },
  ];
  const measured = await inTurn(
    [
      ...own,
      { name: "model directly", url: `${model}${CHAT}`, body: chat({}) },
      { name: "chat, base profile", url: `${base}${CHAT}`, headers: KEY, body: chat({}) },
    ],
    effort,
    CONNECTIONS,
  );
  const peers = measured.slice(own.length);
  return measured.slice(0, own.length).flatMap((side) => {
    const rows = (figure: string, unit: string, pick: Parameters<typeof besideEach>[2]) => {
      const name = `responses: ${figure} at ${CONNECTIONS} connections, ${side.name}`;
      return besideEach({ name, unit }, [side, ...peers], pick);
    };
    return [
      ...rows("requests/s", "1/s", ({ perSecond }) => perSecond),
      ...rows("p50", "ms", ({ p50Ms }) => p50Ms),
      ...rows("p99", "ms", ({ p99Ms }) => p99Ms),
    ];
  });
}

/** Streams in a row for one median of the time to the first event. */
const FIRST_EVENTS = 400;

/** Measures the delay of the model's first token by the gateway and, for comparison, by policy and Envoy alone. */
async function firstEventRows({ gateway, base, model }: Places, effort: Effort): Promise<Row[]> {
  using stack = new DisposableStack();
  const key = "x-api-key: demo-key";
  const headers = [key, "x-mock-tokens: 1"];
  const event = { headers, path: RESPONSES, until: "event: response.created" };
  const token = { headers, body: chat({ stream: true }), until: "data: {" };
  const open = async (url: string, request: Parameters<typeof firstTokenClient>[1]) =>
    stack.use(await firstTokenClient(url, request));
  const sides: Readonly<Record<SideName, FirstTokenClient>> = {
    stored: await open(gateway, { ...event, body: asked({ stream: true }) }),
    unstored: await open(gateway, { ...event, body: asked({ stream: true, store: false }) }),
    base: await open(base, token),
    model: await open(model, token),
  };
  const names = Object.keys(sides) as SideName[];
  const runs: { readonly p50: Times; readonly p99: Times }[] = [];
  for (let run = 0; run < effort.runs; run++) {
    const samples = { stored: [], unstored: [], base: [], model: [] } as Record<SideName, number[]>;
    for (let n = 0; n < FIRST_EVENTS; n++) {
      for (const name of names) samples[name].push(await sides[name].measure());
    }
    const figures = (figure: (values: readonly number[]) => number): Times => ({
      stored: figure(samples.stored),
      unstored: figure(samples.unstored),
      base: figure(samples.base),
      model: figure(samples.model),
    });
    runs.push({ p50: figures(median), p99: figures((values) => quantile(values, 0.99)) });
  }
  const added = (figure: "p50" | "p99", name: SideName) =>
    runs.map((run) => run[figure][name] - run[figure].model);
  const row = (name: string, samples: number[], beside: { name: string; value: number }): Row => {
    const value = median(samples);
    const ratio = value / beside.value;
    return {
      name: `responses: ${name}`,
      unit: "ms",
      value,
      beside,
      ratio,
      runs: samples.length,
      samples,
    };
  };
  const besideBase = (name: string, figure: "p50" | "p99", side: SideName) =>
    row(name, added(figure, side), {
      name: "added to chat, base profile",
      value: median(added(figure, "base")),
    });
  return [
    row("first event, stored", runs.map(({ p50 }) => p50.stored), {
      name: "model's first token, directly",
      value: median(runs.map(({ p50 }) => p50.model)),
    }),
    besideBase("added first-event time, median, stored", "p50", "stored"),
    besideBase("added first-event time, median, store: false", "p50", "unstored"),
    besideBase("added first-event time, p99, stored", "p99", "stored"),
  ];
}

type SideName = "stored" | "unstored" | "base" | "model";
type Times = Readonly<Record<SideName, number>>;

/** Streams at once, stored; all are opened as fast as they can be. */
const STREAMS = 1_000;
const EVENTS = 10;
const PACE_MS = 500;
/** An event that comes so much after its time is late: half of the pace. */
const LATE_MS = PACE_MS / 2;

/** Many streamed responses at once, beside as many streams of the model. */
async function streamRows({ gateway, model }: Places): Promise<Row[]> {
  const paced = { "x-mock-tokens": `${EVENTS}`, "x-mock-pace": `ttft=0,itl=${PACE_MS}` };
  const own: PacedRequest = {
    path: RESPONSES,
    headers: { ...KEY, ...paced },
    body: asked({ stream: true }),
    mark: "event: response.output_text.delta\n",
    last: "event: response.completed\n",
  };
  const direct: PacedRequest = {
    path: CHAT,
    headers: paced,
    body: chat({ stream: true }),
    mark: '"delta":{"content":',
    last: "data: [DONE]\n",
  };
  const run = async (url: string, request: PacedRequest) => {
    const { openingMs, results } = await runPacedStreams(url, STREAMS, request);
    return { openingMs, ...tallyOf(results, { events: EVENTS, paceMs: PACE_MS, lateMs: LATE_MS }) };
  };
  const ours = await run(gateway, own);
  const theirs = await run(model, direct);
  const row = (name: string, unit: string, pick: (tally: typeof ours) => number): Row => {
    const value = pick(ours);
    const beside = { name: "model directly", value: pick(theirs) };
    return {
      name: `${STREAMS} responses at once: ${name}`,
      unit,
      value,
      beside,
      runs: 1,
      samples: [value],
    };
  };
  return [
    row("refused", "streams", ({ refused }) => refused),
    row("not complete", "streams", ({ broken }) => broken),
    row("lost", "events", ({ lost }) => lost),
    row(`late by more than ${LATE_MS} ms`, "events", ({ late }) => late),
    row("p99 lateness of an event", "ms", ({ lateness }) => quantile(lateness, 0.99)),
  ];
}
