import assert from "node:assert/strict";
import fc from "fast-check";
import { Deframer, encodeGrpcMessage, frame, parseGrpcTimeout } from "./frame.ts";

Deno.test("Deframer gives the same messages back whatever pieces they arrive in", () => {
  fc.assert(fc.property(
    fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }),
    fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 30 }),
    (messages, cuts) => {
      const bytes = new Uint8Array(messages.flatMap((message) => [...frame(message)]));
      const deframer = new Deframer(1000);
      const out: number[][] = [];
      let at = 0;
      for (let i = 0; at < bytes.length; i++) {
        const size = cuts[i % cuts.length] ?? 1;
        for (const message of deframer.push(bytes.slice(at, at + size))) out.push([...message]);
        at += size;
      }
      assert.deepEqual(out, messages.map((message) => [...message]));
      assert.equal(deframer.pending, 0);
    },
  ));
});

Deno.test("Deframer refuses compressed messages and those over the limit", () => {
  assert.throws(() => new Deframer(10).push(new Uint8Array([1, 0, 0, 0, 0])), { code: 13 });
  assert.throws(() => new Deframer(10).push(new Uint8Array([0, 0, 0, 0, 11])), { code: 8 });
});

Deno.test("encodeGrpcMessage() percent-encodes what is not printable ASCII, and the percent sign", () => {
  assert.equal(encodeGrpcMessage("a b%\né😀"), "a b%25%0A%C3%A9%F0%9F%98%80");
});

Deno.test("parseGrpcTimeout() reads every unit", () => {
  assert.deepEqual(
    ["1H", "2M", "3S", "4m", "5000u", "6000000n", "", "S", "123456789S", undefined]
      .map((value) => parseGrpcTimeout(value)),
    [3_600_000, 120_000, 3000, 4, 5, 6, undefined, undefined, undefined, undefined],
  );
});
