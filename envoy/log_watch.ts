/** Notices that Envoy cannot write its log: it goes on without a word, and whoever reads the log sees nothing more. */
import { delay } from "../service/mod.ts";
import type { AdminClient } from "./admin.ts";

/** Between looks, milliseconds. */
const LOOK_MS = 5_000;

/** Counter of writes that failed (Envoy, "File system statistics"). */
const FAILED = "filesystem.write_failed";

/**
 * Calls `onLost` once, within five seconds, when Envoy could not write a part of its log: the disk is full, say. An Envoy
 * that cannot be asked is looked at again. Disposing the result ends it.
 */
export function watchLog(
  admin: Pick<AdminClient, "stats">,
  onLost: () => void,
  everyMs = LOOK_MS,
): AsyncDisposable {
  const stop = new AbortController();
  const looking = async () => {
    for (;;) {
      await delay(everyMs, stop.signal);
      const stats = await admin.stats("^filesystem\\.write_failed$").catch(() => undefined);
      if ((stats?.get(FAILED) ?? 0) > 0) return onLost();
    }
  };
  const over = looking().catch((error) => {
    if (!stop.signal.aborted) throw error;
  });
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await over;
    },
  };
}
