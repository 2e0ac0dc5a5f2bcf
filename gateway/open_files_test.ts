import assert from "node:assert/strict";
import { filesFor, streamsWithin } from "./mod.ts";
import { fewFiles } from "./open_files.ts";

const BASE = { name: "base" };
const RESPONSES = { name: "responses", filesPerStream: 3 };

Deno.test("a profile needs its files at rest, and those of each stream", () => {
  assert.equal(filesFor(BASE, 50_000), 100_128);
  assert.equal(filesFor(RESPONSES, 1_000), 3_128);
  assert.equal(streamsWithin(BASE, 1_024), 448);
  assert.equal(streamsWithin(BASE, 100), 0);
});

Deno.test("a low limit is said with what it has room for and what to do; an ample one is not", () => {
  assert.equal(
    fewFiles(BASE, 256),
    '256 open files (ulimit -n) have room for about 64 streams of the profile "base" at once: 1000 want ulimit -n 2128',
  );
  assert.equal(fewFiles(BASE, 2_128), undefined);
  assert.ok(fewFiles(RESPONSES, 2_128));
  assert.equal(fewFiles(RESPONSES, Infinity), undefined);
});
