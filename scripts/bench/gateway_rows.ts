/** Figures of the whole gateway, beside bare Envoy. */
import { firstTokenClient } from "./first_token.ts";
import { type LoadResult, wrk } from "./load.ts";
import { residentMiB } from "./machine.ts";
import { compare, median, quantile, type Row } from "./row.ts";
import { benchEnvoyPath, programCommand, startBareEnvoy, startDev } from "./stack.ts";

/** How much is measured. */
export interface Effort {
  readonly runs: number;
  /** Seconds of load a run. */
  readonly seconds: number;
}

const KEY = { "x-api-key": "demo-key" };

/** Start to first 200, beside Envoy alone. */
export async function startRows(effort: Effort): Promise<Row[]> {
  const path = await benchEnvoyPath();
  // The first start fills the caches of runtime and kernel; it is nobody's measure.
  await (await startDev(programCommand()))[Symbol.asyncDispose]();
  const row = await compare(
    { name: "start to first 200, from source", unit: "ms", runs: effort.runs },
    async () => {
      const started = performance.now();
      await using dev = await startDev(programCommand());
      await expect200(`${dev.ready.ingress}/v1/models`);
      return performance.now() - started;
    },
    {
      name: "bare Envoy",
      measure: async () => {
        const started = performance.now();
        await using envoy = await startBareEnvoy({ path });
        await expect200(`${envoy.url}/healthz`);
        return performance.now() - started;
      },
    },
  );
  return [row];
}

/** Rate, latency, added first-token time and memory of a running gateway. */
export async function gatewayRows(effort: Effort): Promise<Row[]> {
  await using dev = await startDev(programCommand());
  const { ingress, upstream } = dev.ready;
  await using bare = await startBareEnvoy({ path: await benchEnvoyPath(), upstream });
  const idle = await residentMiB(dev.pid);
  const peer = "same Envoy without ext_authz";
  const load = (url: string) =>
    wrk({ url: `${url}/v1/models`, connections: 32, seconds: effort.seconds, headers: KEY });
  const own: LoadResult[] = [];
  const theirs: LoadResult[] = [];
  for (let run = 0; run < effort.runs; run++) {
    own.push(await load(ingress));
    theirs.push(await load(bare.url));
  }
  const loaded = await residentMiB(dev.pid);
  const errors = [...own, ...theirs].reduce((sum, result) => sum + result.errors, 0);
  if (errors > 0) throw new Error(`Cannot measure: ${errors} requests failed under load`);
  const row = (name: string, unit: string, pick: (result: LoadResult) => number): Row => {
    const samples = own.map(pick);
    const value = median(samples);
    const beside = median(theirs.map(pick));
    return {
      name,
      unit,
      value,
      beside: { name: peer, value: beside },
      ratio: value / beside,
      runs: effort.runs,
      samples,
    };
  };
  const single = (name: string, unit: string, value: number): Row => ({
    name,
    unit,
    value,
    runs: 1,
    samples: [value],
  });
  return [
    row("requests/s at 32 connections, with policy", "1/s", (result) => result.perSecond),
    row("p50 at 32 connections, with policy", "ms", (result) => result.p50Ms),
    row("p99 at 32 connections, with policy", "ms", (result) => result.p99Ms),
    ...await firstTokenRows({ ingress, bare: bare.url, upstream }, effort),
    single("our process, idle: resident", "MiB", idle),
    single("our process, after load: resident", "MiB", loaded),
  ];
}

/** Requests in a row for one median of the first-token time. */
const FIRST_TOKENS = 400;

async function firstTokenRows(
  urls: { ingress: string; bare: string; upstream: string },
  effort: Effort,
): Promise<Row[]> {
  using ingress = await firstTokenClient(urls.ingress);
  using bare = await firstTokenClient(urls.bare);
  using upstream = await firstTokenClient(urls.upstream);
  const medians = {
    ingress: [] as number[],
    bare: [] as number[],
    upstream: [] as number[],
    tail: [] as number[],
  };
  for (let run = 0; run < effort.runs; run++) {
    const samples = { ingress: [] as number[], bare: [] as number[], upstream: [] as number[] };
    for (let n = 0; n < FIRST_TOKENS; n++) {
      samples.ingress.push(await ingress.measure());
      samples.bare.push(await bare.measure());
      samples.upstream.push(await upstream.measure());
    }
    medians.ingress.push(median(samples.ingress));
    medians.bare.push(median(samples.bare));
    medians.upstream.push(median(samples.upstream));
    medians.tail.push(quantile(samples.ingress, 0.99));
  }
  const value = median(medians.ingress);
  const direct = median(medians.upstream);
  const plain = median(medians.bare);
  const { runs } = effort;
  return [
    {
      name: "first token through the gateway",
      unit: "ms",
      value,
      beside: { name: "straight to the mock", value: direct },
      ratio: value / direct,
      runs,
      samples: medians.ingress,
    },
    {
      name: "added first-token time, Envoy and policy",
      unit: "ms",
      value: value - direct,
      beside: { name: "same Envoy without ext_authz", value: plain - direct },
      ratio: (value - direct) / (plain - direct),
      runs,
      samples: medians.ingress.map((sample) => sample - direct),
    },
  ];
}

async function expect200(url: string): Promise<void> {
  const response = await fetch(url, { headers: KEY });
  await response.body?.cancel();
  if (response.status !== 200) {
    throw new Error(`Cannot measure: ${url} answered ${response.status}`);
  }
}
