/** The thread that all instruments of a process share. */
import { type RunningWorker, startWorker } from "../service/mod.ts";
import type { InstrumentMethods } from "./worker.ts";

/** A share in the thread of the instruments; the thread ends with the last share. */
export interface ThreadShare extends Disposable {
  readonly call: RunningWorker<InstrumentMethods>["call"];
}

/** One thread serves all gateways of a process: a thread of its own for each costs 0.1 s of CPU time to start. */
let shared: Thread | undefined;

interface Thread {
  readonly worker: Promise<RunningWorker<InstrumentMethods>>;
  shares: number;
}

/** Returns a share in the thread, which is started for the first. */
export async function shareThread(): Promise<ThreadShare> {
  const thread: Thread = shared ??= { worker: start(() => thread.shares > 0), shares: 0 };
  thread.shares++;
  const release = () => {
    if (--thread.shares > 0) return;
    if (shared === thread) shared = undefined;
    void thread.worker.then((worker) => worker[Symbol.dispose](), () => {});
  };
  try {
    const worker = await thread.worker;
    let released = false;
    return {
      call: worker.call,
      [Symbol.dispose]() {
        if (!released) release();
        released = true;
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

/** Starts the thread. Should it fail while `isNeeded()`, that is a fault of the program, and no gateway's. */
async function start(isNeeded: () => boolean): Promise<RunningWorker<InstrumentMethods>> {
  const worker = startWorker<InstrumentMethods>("instruments/worker.ts");
  worker.call("untilEnd", undefined).catch((error) => {
    if (isNeeded()) throw error;
  });
  await worker.shareClock();
  return worker;
}
