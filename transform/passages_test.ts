import assert from "node:assert/strict";
import type { Answer, PhaseMessage, Processor } from "../ext_proc/mod.ts";
import { Passages } from "./passages.ts";

const STREAM = { signal: new AbortController().signal };

function head(id: string): PhaseMessage {
  return { phase: "request_headers", headers: [["x-request-id", id]], endOfStream: true };
}

const GOES_ON: Processor = { answer: (): Answer => ({ kind: "continue" }), end: () => {} };

Deno.test("a passage tells when a request came, when it went on, and what was made of it", async () => {
  const passages = new Passages();
  const processor = passages.follow((report) => ({
    ...GOES_ON,
    answer: () => {
      report({ outcome: "answered", code: "cache_hit" });
      return { kind: "continue" };
    },
  }));
  await processor.answer(head("r-1"), STREAM);
  const piece = { phase: "response_body", body: new Uint8Array(1), endOfStream: false } as const;
  await processor.answer(piece, STREAM);
  const passage = passages.of("r-1");
  assert.equal(passage?.says, "answered: cache_hit");
  assert.ok((passage?.to ?? 0) >= (passage?.from ?? Infinity));
  assert.equal(passage?.marks.length, 1);
});

Deno.test("the oldest passages go, and a request without an id has none", async () => {
  const passages = new Passages();
  for (let at = 0; at <= 2_000; at++) {
    await passages.follow(() => GOES_ON).answer(head(`r-${at}`), STREAM);
  }
  assert.equal(passages.of("r-0"), undefined);
  assert.ok(passages.of("r-2000"));
  await passages.follow(() => GOES_ON).answer(
    { phase: "request_headers", headers: [], endOfStream: true },
    STREAM,
  );
  assert.equal(passages.of(""), undefined);
});
