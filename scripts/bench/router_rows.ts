import { firstTokenClient } from "./first_token.ts";
import type { Effort } from "./gateway_rows.ts";
import { type LoadResult, wrk } from "./load.ts";
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

interface Side {
  readonly name: string;
  readonly url: string;
}

/**
 * What routing costs: the same Envoy, without policy, in front of one model server, with our
 * router, with a Go program that does the same minimum, and without any.
 */
export async function routerRows(effort: Effort): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const twin = stack.use(await startRouterTwin());
  const router = stack.use(await startRouterProgram(twin.backend));
  const path = await benchEnvoyPath();
  const start = async (name: string, edit: (config: Config) => void, address?: string) => {
    const envoy = stack.use(await startSide({ path, edit, ...(address && { router: address }) }));
    return { name, url: envoy.url };
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

/** Load on each side in turn, several times over. */
async function inTurn(
  sides: readonly Side[],
  effort: Effort,
  asked: { readonly connections: number; readonly headers?: Record<string, string> },
): Promise<LoadResult[][]> {
  const results = sides.map(() => [] as LoadResult[]);
  for (let run = 0; run < effort.runs; run++) {
    for (const [index, side] of sides.entries()) {
      const result = await wrk({
        url: `${side.url}${PATH}`,
        connections: asked.connections,
        seconds: effort.seconds,
        headers: { "content-type": "application/json", ...asked.headers },
        body: CHAT,
      });
      if (result.errors > 0) {
        throw new Error(`Cannot measure: ${result.errors} requests failed by ${side.name}`);
      }
      results[index]?.push(result);
    }
  }
  return results;
}

/** A row of the first side beside each of the others. */
function besideEach(
  what: { readonly name: string; readonly unit: string },
  measured: { readonly sides: readonly Side[]; readonly results: readonly LoadResult[][] },
  pick: (result: LoadResult) => number,
): Row[] {
  const { sides, results } = measured;
  const samples = (results[0] ?? []).map(pick);
  const value = median(samples);
  return sides.slice(1).map(({ name }, index) => {
    const theirs = median((results[index + 1] ?? []).map(pick));
    const beside = { name, value: theirs };
    return { ...what, value, beside, ratio: value / theirs, runs: samples.length, samples };
  });
}

async function loadRows(sides: readonly Side[], effort: Effort): Promise<Row[]> {
  const measured = { sides, results: await inTurn(sides, effort, { connections: 32 }) };
  const rate = { name: "router: requests/s at 32 connections", unit: "1/s" };
  const tail = { name: "router: p99 at 32 connections", unit: "ms" };
  return [
    ...besideEach(rate, measured, ({ perSecond }) => perSecond),
    ...besideEach(tail, measured, ({ p99Ms }) => p99Ms),
  ];
}

/** Events of one stream, in the row of streams. */
const EVENTS = 200;

/** What it costs to know of tokens: answers in one piece, and streams of many events. */
async function observationRows(sides: readonly Side[], effort: Effort): Promise<Row[]> {
  const json = { sides, results: await inTurn(sides, effort, { connections: 32 }) };
  const headers = { "x-events": `${EVENTS}` };
  const streams = { sides, results: await inTurn(sides, effort, { connections: 8, headers }) };
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
