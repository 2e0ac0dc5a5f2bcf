import assert from "node:assert/strict";
import { held, TYPE, typeResources } from "./resources.ts";
import { DeltaSubscription, SotwSubscription } from "./subscription.ts";
import type { Answer } from "./wire.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
/** Resources by name and content. */
const those = (all: Record<string, string>) =>
  typeResources(Object.entries(all).map(([name, text]) => held(name, bytes(text))));
const names = (answer: Answer | undefined) => answer?.resources.map(({ name }) => name);

/** A client of the state-of-the-world variant that answers with the nonce that it is told. */
function sotw(typeUrl: string, offered = those({ a: "1", b: "1" })) {
  const subscription = new SotwSubscription(typeUrl, offered);
  const ask = (names: string[], nonce?: string, refusal?: string) =>
    subscription.heard({
      typeUrl,
      names,
      nonce: nonce ?? "",
      ...(refusal !== undefined && { refusal }),
    });
  return { subscription, ask };
}

function delta(typeUrl: string, offered = those({ a: "1", b: "1" })) {
  const subscription = new DeltaSubscription(typeUrl, offered);
  const ask = (
    { subscribe = [], unsubscribe = [], nonce = "", known = {}, refusal }: {
      subscribe?: string[];
      unsubscribe?: string[];
      nonce?: string;
      known?: Record<string, string>;
      refusal?: string;
    } = {},
  ) =>
    subscription.heard({
      typeUrl,
      subscribe,
      unsubscribe,
      nonce,
      known: new Map(Object.entries(known)),
      ...(refusal !== undefined && { refusal }),
    });
  return { subscription, ask };
}

Deno.test("SotW: no name asks for every cluster, an ACK for nothing, and a change brings all of them again", () => {
  const { subscription, ask } = sotw(TYPE.cds);
  const { answer } = ask([]);
  assert.deepEqual(names(answer), ["a", "b"]);
  assert.equal(subscription.isSettled, false);
  assert.deepEqual(ask([], answer?.nonce), { word: "ack", version: answer?.version });
  assert.equal(subscription.isSettled, true);
  assert.equal(subscription.offer(those({ a: "1", b: "1" })), undefined);
  assert.deepEqual(names(subscription.offer(those({ a: "1", b: "2" }))), ["a", "b"]);
});

Deno.test("SotW: a removed cluster is said by a response without it, the last one by an empty response", () => {
  const { subscription, ask } = sotw(TYPE.cds);
  ask([], ask([]).answer?.nonce);
  const fewer = subscription.offer(those({ a: "1" }));
  assert.deepEqual(names(fewer), ["a"]);
  ask([], fewer?.nonce);
  assert.deepEqual(names(subscription.offer(those({}))), []);
});

Deno.test("SotW: nothing at all of a whole type is an empty response, of another type no response", () => {
  assert.deepEqual(names(sotw(TYPE.cds, those({})).ask([]).answer), []);
  assert.equal(sotw(TYPE.rds).ask(["c"]).answer, undefined);
  assert.equal(sotw(TYPE.rds).ask([]).answer, undefined);
  assert.deepEqual(names(sotw(TYPE.rds).ask(["*"]).answer), ["a", "b"]);
});

Deno.test("SotW: a name more is answered with what is new alone, a name less with nothing", () => {
  const { ask } = sotw(TYPE.eds);
  const first = ask(["a"]).answer;
  assert.deepEqual(names(first), ["a"]);
  const second = ask(["a", "b"], first?.nonce);
  assert.equal(second.word, "ack");
  assert.deepEqual(names(second.answer), ["b"]);
  assert.equal(ask(["b"], second.answer?.nonce).answer, undefined);
  // It was forgotten, and is asked for again.
  assert.deepEqual(names(ask(["a", "b"], second.answer?.nonce).answer), ["a"]);
});

Deno.test("SotW: a name that comes into being later is sent then", () => {
  const { subscription, ask } = sotw(TYPE.rds);
  ask(["c"]);
  assert.deepEqual(names(subscription.offer(those({ a: "1", c: "1" }))), ["c"]);
});

Deno.test("SotW: the same question without an open response is answered again: a cluster warms anew", () => {
  const { ask } = sotw(TYPE.eds);
  const first = ask(["a"]).answer;
  assert.equal(ask(["a"], first?.nonce).answer, undefined);
  const again = ask(["a"], first?.nonce);
  assert.equal(again.word, "wish");
  assert.deepEqual(names(again.answer), ["a"]);
});

Deno.test("SotW: a NACK has its reason's version, and what was refused is not sent again until it changes", () => {
  const { subscription, ask } = sotw(TYPE.cds);
  const { answer } = ask([]);
  assert.deepEqual(ask([], answer?.nonce, "bad"), { word: "nack", version: answer?.version });
  assert.equal(subscription.isSettled, true);
  assert.equal(subscription.offer(those({ a: "1", b: "1" })), undefined);
  assert.deepEqual(names(subscription.offer(those({ a: "1", b: "2" }))), ["a", "b"]);
});

Deno.test("SotW: a nonce that is out of date, or of nobody, is no answer and changes nothing", () => {
  const { subscription, ask } = sotw(TYPE.eds);
  const first = ask(["a"]).answer;
  ask(["a"], first?.nonce);
  const second = subscription.offer(those({ a: "2" }));
  for (const nonce of ["", first?.nonce, "rubbish"]) {
    assert.deepEqual(ask(["b"], nonce), { word: "stale" });
  }
  assert.equal(subscription.isSettled, false);
  assert.equal(ask(["a"], second?.nonce).word, "ack");
});

Deno.test("SotW: after a name was asked for, none means none, of clusters too", () => {
  const { subscription, ask } = sotw(TYPE.cds);
  const first = ask(["a"]).answer;
  assert.deepEqual(names(first), ["a"]);
  assert.equal(ask([], first?.nonce).answer, undefined);
  assert.equal(subscription.offer(those({ a: "2", b: "2" })), undefined);
});

Deno.test("delta: all clusters at first, then what has changed and what is gone", () => {
  const { subscription, ask } = delta(TYPE.cds);
  const { answer } = ask();
  assert.deepEqual(names(answer), ["a", "b"]);
  assert.deepEqual(ask({ nonce: answer?.nonce ?? "" }), { word: "ack", version: answer?.version });
  const next = subscription.offer(those({ a: "2", c: "1" }));
  assert.deepEqual(names(next), ["a", "c"]);
  assert.deepEqual(next?.removed, ["b"]);
});

Deno.test("delta: versions from before a reconnect are kept, what is gone meanwhile is said", () => {
  const offered = those({ a: "1", b: "2" });
  const { ask } = delta(TYPE.cds, offered);
  const [a] = offered.byName.values();
  const { answer } = ask({ known: { a: a?.version ?? "", b: "old", c: "old" } });
  assert.deepEqual(names(answer), ["b"]);
  assert.deepEqual(answer?.removed, ["c"]);
});

Deno.test("delta: a reconnect that has missed nothing hears that there is nothing", () => {
  const offered = those({ a: "1" });
  const [a] = offered.byName.values();
  const { answer } = delta(TYPE.cds, offered).ask({ known: { a: a?.version ?? "" } });
  assert.deepEqual([names(answer), answer?.removed], [[], []]);
  const named = delta(TYPE.eds, offered);
  assert.equal(
    named.ask({ subscribe: ["a"], known: { a: a?.version ?? "" } }).answer,
    undefined,
  );
});

Deno.test("delta: a name that does not exist is said to be gone, once, and sent when it comes into being", () => {
  const { subscription, ask } = delta(TYPE.eds);
  const { answer } = ask({ subscribe: ["x"] });
  assert.deepEqual([names(answer), answer?.removed], [[], ["x"]]);
  assert.equal(subscription.offer(those({ a: "2" })), undefined);
  const come = subscription.offer(those({ x: "1" }));
  assert.deepEqual([names(come), come?.removed], [["x"], []]);
});

Deno.test("delta: names are added and taken away, on demand, while other responses are open", () => {
  const { subscription, ask } = delta(TYPE.eds);
  assert.deepEqual(names(ask({ subscribe: ["a"] }).answer), ["a"]);
  assert.deepEqual(names(ask({ subscribe: ["b"] }).answer), ["b"]);
  assert.equal(ask({ unsubscribe: ["a"] }).answer, undefined);
  assert.deepEqual(names(subscription.offer(those({ a: "2", b: "2" }))), ["b"]);
  assert.deepEqual(names(ask({ subscribe: ["b"] }).answer), ["b"]);
});

Deno.test("delta: a NACK is told from an ACK, and an unknown nonce from both", () => {
  const { subscription, ask } = delta(TYPE.eds);
  const { answer } = ask({ subscribe: ["a"] });
  assert.equal(ask({ nonce: "rubbish" }).word, "stale");
  assert.equal(subscription.isSettled, false);
  assert.equal(ask({ nonce: answer?.nonce ?? "", refusal: "bad" }).word, "nack");
  assert.equal(subscription.isSettled, true);
  assert.equal(subscription.offer(those({ a: "1" })), undefined);
});

Deno.test("delta: the wildcard can be taken and given back, names of its own stay", () => {
  const { subscription, ask } = delta(TYPE.cds);
  assert.deepEqual(names(ask({ subscribe: ["*", "a"] }).answer), ["a", "b"]);
  ask({ unsubscribe: ["*"] });
  assert.deepEqual(names(subscription.offer(those({ a: "2", b: "2" }))), ["a"]);
});
