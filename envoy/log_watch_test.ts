import assert from "node:assert/strict";
import { watchLog } from "./log_watch.ts";

Deno.test("watchLog() says once that lines were lost, and asks on when nobody answers", async () => {
  const looks: (number | undefined)[] = [0, undefined, 0, 1, 2];
  let said = 0;
  const lost = Promise.withResolvers<void>();
  const admin = {
    stats: (filter?: string) => {
      assert.match("filesystem.write_failed", new RegExp(filter ?? "-"));
      const look = looks.shift();
      return look === undefined
        ? Promise.reject(new Error("gone"))
        : Promise.resolve(new Map([["filesystem.write_failed", look]]));
    },
  };
  await using _watch = watchLog(admin, () => {
    said++;
    lost.resolve();
  }, 0);
  await lost.promise;
  assert.equal(said, 1);
  assert.deepEqual(looks, [2]);
});

Deno.test("watchLog() ends while it waits", async () => {
  await using _watch = watchLog(
    { stats: () => Promise.reject(new Error("never asked")) },
    () => {},
  );
});
