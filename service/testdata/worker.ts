import { nextOrder, now } from "../clock.ts";
import { UsageError } from "../errors.ts";
import { SharedLog } from "../shared_log.ts";
import { giveAway, serveWorker } from "../worker.ts";

/** The worker of worker_test.ts. */
const methods = {
  double: (values: Float32Array<ArrayBuffer>) => {
    const doubled = values.map((value) => 2 * value);
    return giveAway(doubled, [doubled.buffer]);
  },
  fail: (message: string) => {
    throw new RangeError(message);
  },
  refuse: (message: string) => {
    throw new UsageError(message);
  },
  /** Reads a log until its last message has come. */
  readAll: ({ memory, until }: { memory: SharedArrayBuffer; until: unknown }) => {
    const log = new SharedLog(memory);
    const messages: unknown[] = [];
    while (messages.at(-1) !== until) messages.push(...log.read());
    return messages;
  },
  stamp: () => ({ at: now(), order: nextOrder() }),
  never: () => new Promise<never>(() => {}),
  slip: () => {
    void Promise.reject(new Error("left alone"));
    return new Promise<never>(() => {});
  },
  crash: () => {
    queueMicrotask(() => {
      throw new Error("out of order");
    });
    return new Promise<never>(() => {});
  },
};
export type Methods = typeof methods;

serveWorker(methods);
