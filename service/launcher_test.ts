import assert from "node:assert/strict";
import { isLauncher, watchLaunchers } from "./launcher.ts";

for (
  const [command, expected] of [
    ["npm exec deno task dev", true],
    ["node /x/lib/node_modules/npm/bin/npx-cli.js deno task", true],
    ["node /x/node_modules/.bin/deno task dev", true],
    ["node /x/node_modules/.bin/llmgate dev", true],
    ["node /x/node_modules/@llmgate/llmgate/llmgate.mjs dev", true],
    ["/bin/sh -c deno task dev", true],
    ["/x/deno task dev", true],
    ["deno --quiet task dev", true],
    ["deno test -A", false],
    ["bash", false],
    ["sh -c llmgate dev", true],
    ["/bin/sh -c make up", false],
    ["node server.js", false],
  ] as const
) {
  Deno.test(`isLauncher() is ${expected} for "${command}"`, () => {
    assert.equal(isLauncher(command), expected);
  });
}

Deno.test("watchLaunchers() returns when its signal aborts, without a loss", async () => {
  await watchLaunchers(AbortSignal.abort(), () => assert.fail("nothing was lost"));
});
