// deno-lint-ignore-file no-console -- a program of its own
/**
 * Keeps a constant rate of requests (`URL RATE SECONDS`) from a process of its own, each sent at its time whether those
 * before were answered or not. Prints what came of it, as JSON.
 */
import { quantile } from "./row.ts";

/** Findings of a constant load. Times count from when each request was due, in milliseconds. */
export interface SteadyResult {
  readonly sent: number;
  /** Answers that were no 200, and requests without one. */
  readonly errors: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
}

/** Beginning of the request ids, by which logs are counted. */
export const ID_PREFIX = "steady-";

/** How often requests are started, milliseconds. */
const TICK_MS = 4;

/** Runs the program, and resolves with its findings when the last answer has come. */
export async function steadyLoad(
  url: string,
  { rate, seconds }: { readonly rate: number; readonly seconds: number },
): Promise<SteadyResult> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-prompt", "--quiet", new URL(import.meta.url).pathname],
      ...[url, String(rate), String(seconds)],
    ],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot measure: the load on ${url} ended too soon`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function run(url: string, rate: number, seconds: number): Promise<SteadyResult> {
  const times: number[] = [];
  const running = new Set<Promise<void>>();
  let errors = 0;
  const send = async (due: number, id: string) => {
    try {
      const answer = await fetch(url, {
        headers: { "x-api-key": "demo-key", "x-request-id": id },
      });
      await answer.body?.cancel();
      if (answer.status !== 200) errors++;
    } catch {
      errors++;
    }
    times.push(performance.now() - due);
  };
  const total = rate * seconds;
  const began = performance.now();
  for (let sent = 0; sent < total;) {
    for (; sent < total && began + sent * 1_000 / rate <= performance.now(); sent++) {
      const one: Promise<void> = send(began + sent * 1_000 / rate, `${ID_PREFIX}${sent}`)
        .finally(() => running.delete(one));
      running.add(one);
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  await Promise.all(running);
  return { sent: total, errors, p50_ms: quantile(times, .5), p99_ms: quantile(times, .99) };
}

if (import.meta.main) {
  const [url = "", rate, seconds] = Deno.args;
  console.log(JSON.stringify(await run(url, Number(rate), Number(seconds))));
}
