import assert from "node:assert/strict";
import type { Phase, PhaseMessage } from "./phase.ts";
import { OrderError, PhaseOrder } from "./phase_order.ts";

/** A message of a phase; `!` behind its name ends the stream. */
function message(written: string): PhaseMessage {
  const phase = written.replace("!", "") as Phase;
  const endOfStream = written.endsWith("!");
  if (phase === "request_body" || phase === "response_body") {
    return { phase, body: new Uint8Array(), endOfStream };
  }
  return { phase, headers: [], endOfStream } as PhaseMessage;
}

/** Receives and answers each message in turn. */
function play(phases: readonly string[]): PhaseOrder {
  const order = new PhaseOrder();
  for (const written of phases) {
    const received = message(written);
    order.receive(received);
    order.answer(received.phase, { kind: "continue" });
  }
  return order;
}

const LEGAL = [
  ["request_headers!", "response_headers!"],
  ["request_headers", "request_body!", "response_headers", "response_body", "response_body!"],
  ["request_headers", "request_body", "request_trailers", "response_headers", "response_trailers"],
  // The processing mode may skip any phase.
  ["request_body!"],
  ["request_headers", "request_body!", "response_trailers"],
  // An upstream may answer while the request's body still comes.
  ["request_headers", "request_body", "response_headers", "request_body!", "response_body!"],
];

Deno.test("PhaseOrder takes every legal order", () => {
  for (const phases of LEGAL) assert.deepEqual(play(phases).waiting, [], phases.join(" "));
});

const ILLEGAL = [
  { phases: ["request_headers", "request_headers"], says: /came twice/ },
  { phases: ["request_trailers", "request_trailers"], says: /after the end of the request/ },
  { phases: ["request_body", "request_headers"], says: /came after the request's body/ },
  { phases: ["request_headers!", "request_body"], says: /after the end of the request/ },
  { phases: ["request_headers", "request_body!", "request_body"], says: /after the end/ },
  { phases: ["request_headers", "request_body!", "request_trailers"], says: /after the end/ },
  { phases: ["request_trailers", "request_body"], says: /after the end of the request/ },
  { phases: ["response_headers", "response_headers"], says: /came twice/ },
  { phases: ["response_body", "response_headers"], says: /came after the response's body/ },
  { phases: ["response_headers!", "response_body"], says: /after the end of the response/ },
  { phases: ["response_trailers", "response_body"], says: /after the end of the response/ },
];

Deno.test("PhaseOrder refuses every message out of order", () => {
  for (const { phases, says } of ILLEGAL) {
    assert.throws(() => play(phases), (error) => {
      return error instanceof OrderError && says.test(error.message);
    }, phases.join(" "));
  }
});

Deno.test("PhaseOrder wants one answer for each message, in order", () => {
  const order = new PhaseOrder();
  const go = { kind: "continue" } as const;
  assert.throws(() => order.answer("request_headers", go), /without being asked/);
  order.receive(message("request_headers"));
  order.receive(message("request_body"));
  assert.throws(() => order.answer("request_body", go), /while "request_headers" waits/);
  order.answer("request_headers", go);
  order.answer("request_body", go);
  assert.throws(() => order.answer("request_body", go), OrderError);
});

Deno.test("PhaseOrder lets nothing follow an immediate answer, or the stream's end", () => {
  const answered = new PhaseOrder();
  answered.receive(message("request_headers"));
  answered.answer("request_headers", { kind: "immediate" });
  assert.throws(() => answered.receive(message("request_body")), /after the immediate answer/);
  assert.throws(() => answered.answer("request_headers", { kind: "continue" }), /immediate answer/);
  const closed = play(["request_headers"]);
  closed.close();
  assert.throws(() => closed.receive(message("request_body")), /after the end of the stream/);
});

/** Receives messages and leaves each of them waiting. */
function collect(phases: readonly string[]): PhaseOrder {
  const order = new PhaseOrder();
  for (const written of phases) order.receive(message(written));
  return order;
}

Deno.test("PhaseOrder lets a request wait until it is complete, and then streams an answer", () => {
  const order = new PhaseOrder();
  order.receive(message("request_headers"));
  order.answer("request_headers", { kind: "wait" });
  order.receive(message("request_body"));
  order.answer("request_body", { kind: "wait" });
  order.receive(message("request_body!"));
  assert.throws(() => order.answer("request_body", { kind: "wait" }), /left waiting, and nothing/);
  order.answer("request_body", { kind: "stream" });
  order.stream({ part: "head" });
  order.stream({ part: "body", endOfStream: false });
  order.stream({ part: "body", endOfStream: true });
  assert.throws(() => order.stream({ part: "body" }), /after the streamed answer/);
});

Deno.test("PhaseOrder refuses every streamed answer out of order", () => {
  const answered = play(["request_headers"]);
  answered.receive(message("request_body!"));
  assert.throws(() => answered.answer("request_body", { kind: "stream" }), /after another answer/);
  const order = collect(["request_headers!"]);
  assert.throws(() => order.stream({ part: "head" }), /without a beginning/);
  order.answer("request_headers", { kind: "stream" });
  assert.throws(() => order.answer("request_headers", { kind: "continue" }), /within a streamed/);
  assert.throws(() => order.stream({ part: "body" }), /before its head/);
  order.stream({ part: "head" });
  assert.throws(() => order.stream({ part: "head" }), /twice/);
  order.stream({ part: "trailers" });
  assert.throws(() => order.stream({ part: "body" }), /after the streamed answer/);
});

Deno.test("PhaseOrder takes one answer for the body's pieces that were left waiting", () => {
  const order = play(["request_headers"]);
  for (const written of ["request_body", "request_body!"]) {
    order.receive(message(written));
    if (written === "request_body") order.answer("request_body", { kind: "wait" });
  }
  order.answer("request_body", { kind: "continue" });
  assert.deepEqual(order.waiting, []);
  const skipped = collect(["request_headers", "request_body!"]);
  assert.throws(
    () => skipped.answer("request_body", { kind: "continue" }),
    /"request_headers" waits/,
  );
});
