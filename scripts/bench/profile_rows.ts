/** Figures of what stands in a request's way beside policy: the profile `edge`, and the transform processor. */
import type { Effort } from "./gateway_rows.ts";
import { firstTokenClient } from "./first_token.ts";
import { type LoadResult, wrk } from "./load.ts";
import { cpuMs } from "./machine.ts";
import { median, type Row } from "./row.ts";
import { programCommand, type Running, startDev } from "./stack.ts";

const HEADERS = { "x-api-key": "demo-key", "content-type": "application/json" };
/** Without the mock's pacing, which would be what is measured where both sides are to be busy. */
const UNPACED = { "x-mock-pace": "0" };

/** A whole JSON answer, so that charging and steps have something to read. */
const BODY = JSON.stringify({
  model: "gpt-4o-mini",
  messages: [{ role: "user", content: "Hello" }],
});

const CONNECTIONS = 32;

/** Requests in a row for one median of the first-token time. */
const FIRST_TOKENS = 300;

/** Limits that nobody reaches: what is measured is the way, not a refusal. */
const LIMITS = `version: 1
limits: [{ match: { tenant: "*" }, tokens: { per: day, max: 100000000000 } }]
`;

const STEPS = `version: 1
steps: [{ redact: { detect: [email, card, iban, ssn, ip, secret] } }]
`;

/** Rate and added first-token time of the profile edge, and of redaction, each beside the base profile. */
export async function profileRows(effort: Effort): Promise<Row[]> {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-bench-" });
  try {
    await Deno.writeTextFile(`${folder}/limits.yaml`, LIMITS);
    await Deno.writeTextFile(`${folder}/transform.yaml`, STEPS);
    const edge = ["--profile", "edge", "--tls-port", "0", "--limits-port", "0"];
    return [
      ...await beside("edge", [...edge, "--limits", `${folder}/limits.yaml`], effort),
      ...await beside("redaction", [
        ...["--transform", `${folder}/transform.yaml`, "--transform-port", "0"],
      ], effort),
    ];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function beside(what: string, flags: readonly string[], effort: Effort): Promise<Row[]> {
  await using own = await startDev(programCommand(), flags);
  await using base = await startDev(programCommand());
  return [
    ...await rateRows(what, { own, base }, effort),
    await firstTokenRow(what, { own, base }, effort),
  ];
}

interface Sides {
  readonly own: Running;
  readonly base: Running;
}

/** One load, and the CPU that an answer cost: microseconds of Envoy, and of the program beside it. */
interface Cost extends LoadResult {
  readonly envoyUs: number;
  readonly programUs: number;
}

async function costOf(
  { pid, ready }: Running,
  { seconds }: Effort,
  headers: Record<string, string>,
): Promise<Cost> {
  const spent = () => Promise.all([cpuMs(ready.envoy.pid), cpuMs(pid)]);
  const before = await spent();
  const result = await wrk({
    url: `${ready.ingress}/v1/chat/completions`,
    connections: CONNECTIONS,
    seconds,
    headers: { ...HEADERS, ...headers },
    body: BODY,
  });
  const after = await spent();
  const answers = result.perSecond * seconds;
  const [envoyUs = 0, programUs = 0] = after.map((ms, index) =>
    (ms - (before[index] ?? 0)) * 1_000 / answers
  );
  return { ...result, envoyUs, programUs };
}

async function rateRows(what: string, { own, base }: Sides, effort: Effort): Promise<Row[]> {
  const measure = async (headers: Record<string, string>) => {
    const mine: Cost[] = [];
    const theirs: Cost[] = [];
    for (let run = 0; run < effort.runs; run++) {
      mine.push(await costOf(own, effort, headers));
      theirs.push(await costOf(base, effort, headers));
    }
    const errors = [...mine, ...theirs].reduce((sum, result) => sum + result.errors, 0);
    if (errors > 0) throw new Error(`Cannot measure ${what}: ${errors} requests failed under load`);
    return (name: string, unit: string, pick: (result: Cost) => number): Row => {
      const samples = mine.map(pick);
      const value = median(samples);
      const other = median(theirs.map(pick));
      return {
        name: `${what}: ${name}`,
        unit,
        value,
        beside: { name: "base profile", value: other },
        ratio: value / other,
        runs: effort.runs,
        samples,
      };
    };
  };
  const busy = await measure(UNPACED);
  const paced = await measure({});
  return [
    busy(`chat answers/s at ${CONNECTIONS} connections`, "1/s", (one) => one.perSecond),
    busy(`p99 at ${CONNECTIONS} connections`, "ms", (one) => one.p99Ms),
    busy("CPU of Envoy per answer", "us", (one) => one.envoyUs),
    busy("CPU of the program per answer", "us", (one) => one.programUs),
    paced("chat answers/s at the mock's usual pace", "1/s", (one) => one.perSecond),
  ];
}

async function firstTokenRow(what: string, { own, base }: Sides, effort: Effort): Promise<Row> {
  using through = await firstTokenClient(own.ready.ingress);
  using plain = await firstTokenClient(base.ready.ingress);
  const added: number[] = [];
  const plainMedians: number[] = [];
  for (let run = 0; run < effort.runs; run++) {
    const samples = { through: [] as number[], plain: [] as number[] };
    for (let n = 0; n < FIRST_TOKENS; n++) {
      samples.through.push(await through.measure());
      samples.plain.push(await plain.measure());
    }
    added.push(median(samples.through) - median(samples.plain));
    plainMedians.push(median(samples.plain));
  }
  return {
    name: `${what}: added first-token time beside the base profile`,
    unit: "ms",
    value: median(added),
    beside: { name: "base profile, whole", value: median(plainMedians) },
    ratio: median(added) / median(plainMedians),
    runs: effort.runs,
    samples: added,
  };
}
