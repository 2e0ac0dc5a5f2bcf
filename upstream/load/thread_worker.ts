/**
 * One thread of a mock upstream that has several: endpoints and scripts on a port that all of them share. Nobody can
 * ask for its journal, so it keeps none.
 */
import { serveWorker } from "../../service/mod.ts";
import type { UpstreamExchange } from "../types.ts";
import { startUpstream, type Upstream, type UpstreamOptions } from "../upstream.ts";

/** Options of each thread. */
export interface ThreadSettings
  extends Pick<UpstreamOptions, "host" | "port" | "models" | "pace" | "scenarios" | "strict"> {
  /** Whether exchanges are reported. */
  readonly exchanges: boolean;
}

/** Events in a thread since it was asked before. */
export interface ThreadReport {
  /** Exchanges that ended, oldest first. */
  readonly exchanges: UpstreamExchange[];
  /** How many more there were than a report holds. */
  readonly left: number;
  /** Lines for the log. */
  readonly lines: string[];
}

/** Exchanges that one report holds, so that a slow reader costs no memory. */
const REPORT_LIMIT = 10_000;

let upstream: Upstream | undefined;
let exchanges: UpstreamExchange[] = [];
let left = 0;
let lines: string[] = [];
let wake = Promise.withResolvers<void>();

const methods = {
  /** Listens. */
  async start({ exchanges: reported, ...settings }: ThreadSettings): Promise<void> {
    upstream = await startUpstream({
      ...settings,
      sharedPort: true,
      journalLimit: 1,
      eventTimes: 0,
      log(line) {
        lines.push(line);
        wake.resolve();
      },
      ...(reported ? { onEnd: report } : {}),
    });
  },

  /** Resolves with the next report, once there is something to tell. */
  async report(): Promise<ThreadReport> {
    await wake.promise;
    return take();
  },

  /** Closes the listener and every connection; the last report. */
  async stop(): Promise<ThreadReport> {
    await upstream?.[Symbol.asyncDispose]();
    return take();
  },
};

/** Methods for the thread that started this one. */
export type ThreadMethods = typeof methods;

function take(): ThreadReport {
  const told = { exchanges, left, lines };
  [exchanges, left, lines] = [[], 0, []];
  wake = Promise.withResolvers();
  return told;
}

function report(exchange: UpstreamExchange): void {
  if (exchanges.length < REPORT_LIMIT) exchanges.push(exchange);
  else left++;
  wake.resolve();
}

serveWorker(methods);
