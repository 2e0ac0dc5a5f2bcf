/** A log of calls that is written beside the requests, and never in their way. */
import {
  type Log,
  messageOf,
  metricsText,
  type RequestRecord,
  silent,
  startWorker,
  UsageError,
} from "../service/mod.ts";
import type { Bounds } from "./bounds.ts";
import { GenAiMetrics } from "./gen_ai_metrics.ts";
import { spanOf } from "./periods.ts";
import type { Point } from "./query.ts";
import { type Value, valuesOf } from "./row.ts";
import type { CallLogMethods } from "./worker.ts";

/** Options of `startCallLog`. */
export interface CallLogOptions {
  readonly path: string;
  /** Calls older than this go, days; 30 when left out. */
  readonly days?: number;
  /** The file is cut when it is larger, megabytes; 256 when left out. */
  readonly megabytes?: number;
  readonly log?: Log;
}

/** A running log. Disposing it writes what waits. */
export interface CallLog extends AsyncDisposable {
  readonly path: string;
  /** Notes a call; it is written soon. One that finds too many waiting is lost, and counted. */
  append(call: RequestRecord): void;
  /** Sums over time. Rejects with `UsageError` for a period that is none. */
  trends(asked: { readonly since: string; readonly by: string }): Promise<Point[]>;
  /** Resolves when everything that was noted before is in the file. */
  flush(): Promise<void>;
  /** Prometheus text: rows, losses, and GenAI metrics by OpenTelemetry's names. */
  metrics(): Promise<string>;
}

/** Calls that wait for the disk at most. */
const WAITING_LIMIT = 50_000;
/** How long a call waits for others to be written with, milliseconds. */
const GATHER_MS = 100;
/** Points of a chart. */
const POINTS = 60;

/**
 * Opens a log, on a thread of its own, and resolves when it can be written.
 *
 * @throws {UsageError} for a file that is no log, or cannot be opened
 */
export async function startCallLog(options: CallLogOptions): Promise<CallLog> {
  const { path, days = 30, megabytes = 256, log = silent } = options;
  const worker = startWorker<CallLogMethods>("call_log/worker.ts");
  const bounds: Bounds = { days, megabytes };
  try {
    await worker.call("open", { path, bounds });
  } catch (error) {
    worker[Symbol.dispose]();
    throw error;
  }
  const genAi = new GenAiMetrics();
  let waiting: Value[][] = [];
  let lost = 0;
  const counts = { written: 0, lost: 0 };
  let timer: ReturnType<typeof setTimeout> | undefined;
  let writing: Promise<void> | undefined;
  let isBroken = false;
  const lose = (calls: number) => {
    lost += calls;
    counts.lost += calls;
  };
  const write = async () => {
    while (waiting.length > 0) {
      const rows = waiting;
      const before = lost;
      waiting = [];
      lost = 0;
      try {
        await worker.call("write", { rows, lost: before });
        counts.written += rows.length;
        isBroken = false;
      } catch (error) {
        lost = before;
        lose(rows.length);
        if (!isBroken) log(`call log: calls are lost: ${messageOf(error)}; requests go on`);
        isBroken = true;
      }
    }
  };
  const flush = async () => {
    clearTimeout(timer);
    timer = undefined;
    while (writing !== undefined || waiting.length > 0) {
      await (writing ??= write().finally(() => writing = undefined));
    }
  };
  return {
    path,
    append(call) {
      genAi.observe(call);
      if (waiting.length >= WAITING_LIMIT) return lose(1);
      waiting.push(valuesOf(call));
      timer ??= setTimeout(() => void flush().catch(() => {}), GATHER_MS);
    },
    async trends({ since, by }) {
      if (by !== "" && by !== "tenant" && by !== "model") {
        throw new UsageError(`Cannot sum by "${by}": expected tenant, model, or nothing`);
      }
      const span = spanOf(since);
      return await worker.call("trends", {
        since: Date.now() - span,
        bucketMs: Math.max(1_000, span / POINTS),
        by: by === "" ? undefined : by,
      });
    },
    flush,
    metrics: () =>
      Promise.resolve(
        metricsText([
          {
            name: "llmgate_call_log_calls_total",
            help: "Calls by what became of them in the call log.",
            kind: "counter",
            samples: [
              { labels: { outcome: "written" }, value: counts.written },
              { labels: { outcome: "lost" }, value: counts.lost },
            ],
          },
          ...genAi.families(),
        ]),
      ),
    async [Symbol.asyncDispose]() {
      await flush();
      await worker.call("close", undefined).catch(() => {});
      worker[Symbol.dispose]();
    },
  };
}
