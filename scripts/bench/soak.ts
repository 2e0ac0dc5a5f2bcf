/** Runs a gateway for minutes and looks whether anything grows. */
import { residentMiB } from "./machine.ts";
import { median, quantile } from "./row.ts";
import { programCommand, type Running, startDev } from "./stack.ts";

/** One look at the running gateway. Files and threads are null where the system has no /proc. */
export interface Sample {
  /** Seconds since the load began. */
  readonly at: number;
  readonly program: ProcessSample;
  readonly envoy: ProcessSample;
  /** Bytes that Envoy's allocator has given out, in MiB (admin `/memory`). */
  readonly envoy_allocated_mib: number;
  /** Requests and connections that the mock upstream has open. */
  readonly upstream_requests: number;
  readonly upstream_connections: number;
}

/** The system's figures of a process. */
export interface ProcessSample {
  readonly resident_mib: number;
  readonly files: number | null;
  readonly threads: number | null;
}

/** Findings of a soak. */
export interface SoakResult {
  readonly minutes: number;
  /** Requests that were started each second. */
  readonly rate: number;
  readonly requests: Readonly<Record<string, number>>;
  /** Answers that were not what was asked for, by what they were. */
  readonly errors: Readonly<Record<string, number>>;
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** Of each figure: the median of the second tenth of the time, and of the last. */
  readonly growth: Readonly<Record<string, { readonly early: number; readonly late: number }>>;
  /** The figures once the load has ended and everything was answered. */
  readonly after: Sample;
  readonly samples: readonly Sample[];
}

/** Seconds between two looks. */
const SAMPLE_SECONDS = 5;
/** How often requests are started, ms: a few at a time, as constant as timers are. */
const TICK_MS = 50;
/** Latencies kept for the quantiles; later ones replace a random earlier one. */
const RESERVOIR = 20_000;
/** How long the last answers may take after the load has ended, ms. */
const DRAIN_MS = 30_000;

interface Kind {
  readonly name: string;
  /** Of a hundred requests. */
  readonly share: number;
  /** Sends one and says what went wrong, or undefined. */
  send(url: string): Promise<string | undefined>;
}

const CHAT = JSON.stringify({
  model: "m",
  stream: true,
  messages: [{ role: "user", content: "Hello" }],
});

async function chat(url: string, headers: Record<string, string>, signal?: AbortSignal) {
  return await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: CHAT,
    ...(signal && { signal }),
  });
}

const KEY = { "x-api-key": "demo-key" };
const PACED = { ...KEY, "x-mock-tokens": "40", "x-mock-pace": "ttft=20,itl=10" };

/** Everyday traffic: answers, streams, denials, uploads, and clients that leave. */
const KINDS: readonly Kind[] = [
  {
    name: "json",
    share: 40,
    async send(url) {
      const response = await fetch(`${url}/v1/models`, { headers: KEY });
      await response.text();
      return response.status === 200 ? undefined : `status ${response.status}`;
    },
  },
  {
    name: "stream",
    share: 25,
    async send(url) {
      const response = await chat(url, PACED);
      const text = await response.text();
      if (response.status !== 200) return `status ${response.status}`;
      return text.endsWith("data: [DONE]\n\n") ? undefined : "stream without its end";
    },
  },
  {
    name: "denial",
    share: 20,
    async send(url) {
      const response = await chat(url, { "x-api-key": "wrong" });
      await response.text();
      return response.status === 403 ? undefined : `status ${response.status}, not 403`;
    },
  },
  {
    name: "upload",
    share: 5,
    async send(url) {
      const response = await fetch(`${url}/v1/embeddings`, {
        method: "POST",
        headers: { ...KEY, "content-type": "application/json" },
        body: JSON.stringify({ model: "m", input: "word ".repeat(20_000) }),
      });
      await response.text();
      return response.status === 200 ? undefined : `status ${response.status}`;
    },
  },
  {
    name: "leaver",
    share: 10,
    async send(url) {
      const leave = new AbortController();
      const response = await chat(url, PACED, leave.signal);
      const reader = response.body?.getReader();
      await reader?.read();
      leave.abort();
      await reader?.read().catch(() => {});
      return response.status === 200 ? undefined : `status ${response.status}`;
    },
  },
];

/**
 * Keeps a constant load on a gateway of its own for so many minutes, and looks at both processes
 * every five seconds. Blocks that long. `onSample` hears of each look.
 */
export async function soak(
  options: { minutes: number; rate: number; onSample?: (sample: Sample) => void },
): Promise<SoakResult> {
  await using dev = await startDev(programCommand());
  const { ingress } = dev.ready;
  const load = new Load(ingress);
  const samples: Sample[] = [];
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  const look = async () => {
    const sample = await sampleOf(dev, seconds());
    samples.push(sample);
    options.onSample?.(sample);
  };
  await look();
  let started = 0;
  let nextLook = SAMPLE_SECONDS;
  while (seconds() < options.minutes * 60) {
    // From the clock and not from the ticks, so that a late tick catches up.
    const due = Math.floor(seconds() * options.rate);
    while (started < due) load.start(started++);
    if (seconds() >= nextLook) {
      nextLook += SAMPLE_SECONDS;
      await look();
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  await load.drained(DRAIN_MS);
  const after = await sampleOf(dev, seconds());
  return {
    minutes: options.minutes,
    rate: options.rate,
    requests: Object.fromEntries(load.counts),
    errors: Object.fromEntries(load.errors),
    p50_ms: quantile(load.latencies, 0.5),
    p99_ms: quantile(load.latencies, 0.99),
    growth: growthOf(samples),
    after,
    samples,
  };
}

/** Starts requests and remembers how they went. */
class Load {
  readonly counts = new Map<string, number>();
  readonly errors = new Map<string, number>();
  readonly latencies: number[] = [];
  readonly #url: string;
  readonly #running = new Set<Promise<void>>();
  #answered = 0;

  constructor(url: string) {
    this.#url = url;
  }

  /** Starts request number `n`; the numbers decide the kind, so that every minute has the same mix. */
  start(n: number): void {
    let place = (n * 37) % 100;
    const kind = KINDS.find(({ share }) => (place -= share) < 0);
    if (kind === undefined) throw new RangeError("Cannot choose a request: the shares are not 100");
    const running = this.#send(kind).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Resolves when every request was answered, or after `ms`; the rest count as unanswered. */
  async drained(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
    await Promise.race([Promise.all(this.#running), late]);
    clearTimeout(timer);
    if (this.#running.size > 0) this.errors.set("unanswered", this.#running.size);
  }

  async #send(kind: Kind): Promise<void> {
    const began = performance.now();
    const problem = await kind.send(this.#url).catch((error: Error) => error.message);
    add(this.counts, kind.name);
    if (problem !== undefined) add(this.errors, `${kind.name}: ${problem}`);
    const took = performance.now() - began;
    const place = this.#answered++;
    if (place < RESERVOIR) this.latencies.push(took);
    else {
      const other = Math.floor(Math.random() * (place + 1));
      if (other < RESERVOIR) this.latencies[other] = took;
    }
  }
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

async function sampleOf({ pid, ready }: Running, at: number): Promise<Sample> {
  const metrics = await (await fetch(`${ready.control}/metrics`)).text();
  const gauge = (name: string) => Number(new RegExp(`^${name} (\\d+)`, "m").exec(metrics)?.[1]);
  const memory = await (await fetch(`${ready.admin}/memory`)).json();
  return {
    at: Math.round(at),
    program: await processSample(pid),
    envoy: await processSample(ready.envoy.pid),
    envoy_allocated_mib: Number(memory.allocated) / 2 ** 20,
    upstream_requests: gauge("llmgate_upstream_requests_running"),
    upstream_connections: gauge("llmgate_upstream_connections_open"),
  };
}

async function processSample(pid: number): Promise<ProcessSample> {
  const countIn = async (folder: string) => {
    try {
      return (await Array.fromAsync(Deno.readDir(`/proc/${pid}/${folder}`))).length;
    } catch {
      return null;
    }
  };
  return {
    resident_mib: await residentMiB(pid),
    files: await countIn("fd"),
    threads: await countIn("task"),
  };
}

/** The figures whose growth would be a leak. */
const FIGURES: Readonly<Record<string, (sample: Sample) => number>> = {
  "program, MiB": ({ program }) => program.resident_mib,
  "program, open files": ({ program }) => program.files ?? 0,
  "program, threads": ({ program }) => program.threads ?? 0,
  "Envoy, MiB": ({ envoy }) => envoy.resident_mib,
  "Envoy, allocated MiB": ({ envoy_allocated_mib }) => envoy_allocated_mib,
  "Envoy, open files": ({ envoy }) => envoy.files ?? 0,
  "mock, running requests": ({ upstream_requests }) => upstream_requests,
  "mock, connections": ({ upstream_connections }) => upstream_connections,
};

/** The first tenth of the time warms up: journals fill, code is compiled. It is left out. */
export function growthOf(samples: readonly Sample[]): SoakResult["growth"] {
  const tenth = Math.max(1, Math.floor(samples.length / 10));
  const early = samples.slice(tenth, 2 * tenth);
  const late = samples.slice(-tenth);
  return Object.fromEntries(
    Object.entries(FIGURES).map(([name, of]) => [
      name,
      { early: median((early.length > 0 ? early : late).map(of)), late: median(late.map(of)) },
    ]),
  );
}

/** Returns what a soak found as lines. */
export function renderSoak(result: SoakResult): string {
  const total = Object.values(result.requests).reduce((sum, count) => sum + count, 0);
  const errors = Object.entries(result.errors);
  const round = (value: number) => Math.round(value * 10) / 10;
  return [
    `${result.minutes} minutes, ${total} requests (${
      Object.entries(result.requests).map(([name, count]) => `${count} ${name}`).join(", ")
    }), ${result.rate}/s; p50 ${round(result.p50_ms)} ms, p99 ${round(result.p99_ms)} ms`,
    ...Object.entries(result.growth).map(([name, { early, late }]) =>
      `${name.padEnd(24)} ${String(round(early)).padStart(8)} -> ${round(late)}`
    ),
    `after the load: ${result.after.upstream_requests} running requests, ` +
    `${result.after.program.files} open files of the program, ${result.after.envoy.files} of Envoy`,
    errors.length === 0
      ? "no errors"
      : `errors: ${errors.map(([what, count]) => `${count} ${what}`).join("; ")}`,
  ].join("\n");
}
