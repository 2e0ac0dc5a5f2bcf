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
  never: () => new Promise<never>(() => {}),
  crash: () => {
    queueMicrotask(() => {
      throw new Error("out of order");
    });
    return new Promise<never>(() => {});
  },
};
export type Methods = typeof methods;

serveWorker(methods);
