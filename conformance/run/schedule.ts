/** Runs cases side by side, exclusive ones alone. */
import type { Case } from "../case.ts";
import type { Protocol } from "../target.ts";

/** One run of a case: an HTTP version, a repetition, and a way to say that it is settled. */
export interface Axis {
  protocol: Protocol;
  round: number;
  onSettled: () => void;
}

/** A case that is going to run. */
export interface Job {
  one: Case;
  protocols: readonly Protocol[];
}

/** How the jobs of one target are run; `R` is what one run of a case gives. */
export interface ScheduleOptions<R> {
  /** Cases side by side. */
  jobs: number;
  repeat: number;
  runAxis: (one: Case, axis: Axis) => Promise<R>;
  finish: (one: Case, results: R[]) => void;
}

/**
 * Runs jobs in an order that costs least time and keeps them apart where they would disturb each
 * other: cases that only wait start first and hold no slot, the others run `jobs` at a time, and
 * exclusive ones run alone once every waiting case has said that it is settled.
 *
 * @returns what resolves when all but the waiting cases are done; `waiting` resolves with those
 */
export function schedule<R>(
  jobs: readonly Job[],
  options: ScheduleOptions<R>,
): { active: Promise<void>; waiting: Promise<void> } {
  const patient = jobs.filter(({ one }) => one.waits).map((job) => startPatient(job, options));
  const waiting = Promise.all(patient.map(({ done }) => done)).then(() => {});
  const run = async ({ one, protocols }: Job) => {
    const results: R[] = [];
    for (const axis of axes(protocols, options.repeat)) {
      results.push(await options.runAxis(one, { ...axis, onSettled: () => {} }));
    }
    options.finish(one, results);
  };
  const active = async () => {
    await inParallel(jobs.filter(({ one }) => !one.waits && !one.exclusive), options.jobs, run);
    await Promise.all(patient.map(({ settled }) => settled));
    for (const job of jobs.filter(({ one }) => one.exclusive && !one.waits)) await run(job);
  };
  return { active: active(), waiting };
}

/** Starts every axis of a waiting case at once: they cost nothing but time. */
function startPatient<R>(
  { one, protocols }: Job,
  options: ScheduleOptions<R>,
): { settled: Promise<unknown>; done: Promise<void> } {
  const runs = axes(protocols, options.repeat).map((axis) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const result = options.runAxis(one, { ...axis, onSettled: resolve }).finally(resolve);
    return { settled: promise, result };
  });
  return {
    settled: Promise.all(runs.map(({ settled }) => settled)),
    done: Promise.all(runs.map(({ result }) => result)).then((results) =>
      options.finish(one, results)
    ),
  };
}

function axes(protocols: readonly Protocol[], repeat: number) {
  return Array.from(
    { length: repeat },
    (_, round) => protocols.map((protocol) => ({ protocol, round })),
  ).flat();
}

async function inParallel<T>(
  items: readonly T[],
  width: number,
  act: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await act(item);
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
}
