/** A mock on several threads. */
import {
  assertPortFree,
  listenLasting,
  type Log,
  messageOf,
  type RunningWorker,
  silent,
  startWorker,
  UnavailableError,
} from "../../service/mod.ts";
import type { ThreadMethods, ThreadReport, ThreadSettings } from "./thread_worker.ts";
import type { UpstreamExchange } from "../types.ts";
import type { UpstreamOptions } from "../upstream.ts";

/** Options of `startUpstreamThreads`: those that threads need not share. */
export interface UpstreamThreadsOptions
  extends Pick<UpstreamOptions, "host" | "port" | "models" | "pace" | "scenarios" | "strict"> {
  /** How many threads answer, at least 1. */
  readonly threads: number;
  /** Called once for each exchange when it has ended; it keeps no times of events. */
  readonly onEnd?: (exchange: UpstreamExchange) => void;
  readonly log?: Log;
}

/** A mock upstream that answers from several threads. */
export interface UpstreamThreads extends AsyncDisposable {
  /** `http://host:port` */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Rejects when a thread has failed; never resolves. */
  readonly failed: Promise<never>;
}

/**
 * Starts a mock upstream as a source of load: each thread has a listener of its own on one port, and the kernel
 * spreads connections over them. The endpoints, paces, scripts in requests and scenario files work as in
 * `startUpstream`; what needs one memory does not exist here: the journal, named scripts, the release of barriers,
 * recordings. Resolves when all threads listen.
 *
 * @throws {UnavailableError} when the port is taken, or cannot be shared: it can be on Linux, with Deno 2.9
 * @throws {UsageError} when a scenario file is not right
 */
export async function startUpstreamThreads(
  options: UpstreamThreadsOptions,
): Promise<UpstreamThreads> {
  const { threads, onEnd, log = silent, host = "127.0.0.1", models, pace, scenarios, strict } =
    options;
  if (Deno.build.os !== "linux") {
    throw new UnavailableError(
      `Cannot share a port among ${threads} threads on ${Deno.build.os}: only Linux spreads connections over listeners`,
    );
  }
  await using stack = new AsyncDisposableStack();
  const free = async (port: number) => {
    await assertPortFree({ host, port, what: "the mock upstream" });
    return port;
  };
  const port = options.port ? await free(options.port) : await listenLasting(host, free);
  const settings: ThreadSettings = {
    host,
    port,
    exchanges: onEnd !== undefined,
    ...(models === undefined ? {} : { models }),
    ...(pace === undefined ? {} : { pace }),
    ...(scenarios === undefined ? {} : { scenarios }),
    ...(strict === undefined ? {} : { strict }),
  };
  const tell = ({ exchanges, left, lines }: ThreadReport) => {
    for (const line of lines) log(line);
    for (const exchange of exchanges) onEnd?.(exchange);
    if (left > 0) log(`Mock upstream: ${left} requests came too fast to be told one by one`);
  };
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const workers = Array.from(
    { length: threads },
    () => stack.use(startWorker<ThreadMethods>("upstream/load/thread_worker.ts")),
  );
  // All at once: the port is free when the last listener is closed. A thread that has failed cannot be stopped any more.
  const stop = (worker: RunningWorker<ThreadMethods>) =>
    worker.call("stop", undefined).then(tell, () => {});
  stack.defer(async () => void await Promise.all(workers.map(stop)));
  await Promise.all(workers.map(async (worker) => {
    await worker.shareClock();
    await worker.call("start", settings).catch((error) => {
      throw startError(error, settings);
    });
    follow(worker, tell).catch(failed.reject);
  }));
  const owned = stack.move();
  return {
    url: `http://${host}:${port}`,
    host,
    port,
    failed: failed.promise,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Passes on what a thread reports, until it is ended. */
async function follow(
  worker: RunningWorker<ThreadMethods>,
  tell: (report: ThreadReport) => void,
): Promise<never> {
  while (true) tell(await worker.call("report", undefined));
}

/** Returns the error for a thread that cannot have the port that another one has. */
function startError(error: unknown, { host, port }: ThreadSettings): unknown {
  if (!messageOf(error).includes("EADDRINUSE")) return error;
  return new UnavailableError(
    `Cannot share ${host}:${port} among threads: Deno ${Deno.version.deno} does not ask the kernel for it: use Deno 2.9, the self-extracting binary, or one thread`,
  );
}
