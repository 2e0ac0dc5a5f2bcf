/** Figures of the model router. */
import { firstTokenClient } from "./first_token.ts";
import type { Effort } from "./gateway_rows.ts";
import { besideEach, inTurn, type Side } from "./in_turn.ts";
import { median, quantile, type Row } from "./row.ts";
import { startRouterTwin } from "./router_twin.ts";
import {
  type Config,
  fixed,
  observedByProcessor,
  startRouterProgram,
  startSide,
  unobserved,
  withoutRouter,
} from "./router_sides.ts";
import { benchEnvoyPath } from "./stack.ts";

const CHAT = JSON.stringify({
  model: "gpt-3.5-turbo",
  messages: [{ role: "user", content: "Hello!" }],
});
const PATH = "/v1/chat/completions";

/**
 * Measures the cost of routing: the same Envoy, without policy, in front of one model server, with our
 * router, with a Go program that does the same minimum, and without any.
 */
export async function routerRows(effort: Effort): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const twin = stack.use(await startRouterTwin());
  const router = stack.use(await startRouterProgram(twin.backend));
  const path = await benchEnvoyPath();
  const start = async (name: string, edit: (config: Config) => void, address?: string) => {
    const envoy = stack.use(await startSide({ path, edit, ...(address && { router: address }) }));
    return { name, url: `${envoy.url}${PATH}`, body: CHAT };
  };
  const own = await start("our router", () => {}, router.address);
  const go = await start("Go twin", (config) => fixed(config, twin.backend), twin.address);
  const bare = await start("same Envoy without ext_proc", (config) => {
    fixed(config, twin.backend);
    withoutRouter(config);
  });
  const blind = await start("same, answers not observed", unobserved, router.address);
  const second = await start("same, by a second ext_proc", observedByProcessor, router.address);
  return [
    ...await loadRows([own, go, bare], effort),
    ...await firstTokenRows([own, go, bare], effort),
    ...await observationRows([own, blind, second], effort),
  ];
}

async function loadRows(sides: readonly Side[], effort: Effort): Promise<Row[]> {
  const measured = await inTurn(sides, effort, 32);
  const rate = { name: "router: requests/s at 32 connections", unit: "1/s" };
  const tail = { name: "router: p99 at 32 connections", unit: "ms" };
  return [
    ...besideEach(rate, measured, ({ perSecond }) => perSecond),
    ...besideEach(tail, measured, ({ p99Ms }) => p99Ms),
  ];
}

/** Events of one stream, in the row of streams. */
const EVENTS = 200;

/** Measures the cost of counting tokens: answers in one piece, and streams of many events. */
async function observationRows(sides: readonly Side[], effort: Effort): Promise<Row[]> {
  const json = await inTurn(sides, effort, 32);
  const headers = { "x-events": `${EVENTS}` };
  const streams = await inTurn(sides.map((side) => ({ ...side, headers })), effort, 8);
  const answers = { name: "router: requests/s, answers observed", unit: "1/s" };
  const events = { name: "router: events/s, answers observed", unit: "1/s" };
  return [
    ...besideEach(answers, json, ({ perSecond }) => perSecond),
    ...besideEach(events, streams, ({ perSecond }) => perSecond * EVENTS),
  ];
}

/** Streams in a row for one median of the first-token time. */
const FIRST_TOKENS = 400;

async function firstTokenRows(sides: readonly Side[], effort: Effort): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const clients = await Promise.all(
    sides.map(async ({ url }) =>
      stack.use(
        await firstTokenClient(url, { headers: ["x-events: 1"], body: CHAT, until: "data: {" }),
      )
    ),
  );
  const medians = sides.map(() => [] as number[]);
  const tails = sides.map(() => [] as number[]);
  for (let run = 0; run < effort.runs; run++) {
    const samples = sides.map(() => [] as number[]);
    for (let n = 0; n < FIRST_TOKENS; n++) {
      for (const [side, client] of clients.entries()) samples[side]?.push(await client.measure());
    }
    samples.forEach((values, side) => {
      medians[side]?.push(median(values));
      tails[side]?.push(quantile(values, 0.99));
    });
  }
  const [own = 0, go = 0, bare = 0] = medians.map(median);
  const [ownTail = 0, goTail = 0, bareTail = 0] = tails.map(median);
  const row = (name: string, value: number, theirs: number): Row => ({
    name,
    unit: "ms",
    value,
    beside: { name: "Go twin", value: theirs },
    ratio: value / theirs,
    runs: effort.runs,
    samples: (medians[0] ?? []).map((sample) => sample - bare),
  });
  return [
    row("router: added first-token time, median", own - bare, go - bare),
    row("router: added first-token time, p99", ownTail - bareTail, goTail - bareTail),
  ];
}
