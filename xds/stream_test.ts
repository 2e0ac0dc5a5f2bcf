import assert from "node:assert/strict";
import { held, type Snapshot, TYPE, typeResources } from "./resources.ts";
import { type Step, XdsStream } from "./stream.ts";

/** Clusters by name and content, each with endpoints of its name; one route table that leads to the first. */
function snapshot(clusters: Record<string, string>, route = ""): Snapshot {
  const encode = (text: string) => new TextEncoder().encode(text);
  const of = (all: readonly (readonly [string, string])[]) =>
    typeResources(all.map(([name, text]) => held(name, encode(text))));
  const names = Object.keys(clusters);
  return {
    types: new Map([
      [TYPE.cds, of(Object.entries(clusters))],
      [TYPE.eds, of(names.map((name) => [name, "endpoints"]))],
      [TYPE.rds, of([["main", route]])],
    ]),
    endpointsOf: new Map(names.map((name) => [name, name])),
  };
}

/** Types and names of responses: `CDS a b`. */
const sent = ({ said }: Step) =>
  said.filter(({ word }) => word === "sent")
    .map(({ type, names = [] }) => [type, ...names].join(" "));
const words = ({ said }: Step) => said.map(({ word }) => word);

/** An Envoy that has `a` and the routes. */
function connected() {
  const stream = new XdsStream("sotw", snapshot({ a: "1" }, "to a"));
  const nonces = new Map<string, string>();
  const note = (step: Step) => {
    for (const { typeUrl, nonce } of step.answers) nonces.set(typeUrl, nonce);
    return step;
  };
  const ask = (typeUrl: string, names: string[], refusal?: string) =>
    note(stream.heard({
      typeUrl,
      names,
      nonce: nonces.get(typeUrl) ?? "",
      ...(refusal !== undefined && { refusal }),
    }));
  for (const [url, names] of [[TYPE.cds, []], [TYPE.eds, ["a"]], [TYPE.rds, ["main"]]] as const) {
    ask(url, [...names]);
    ask(url, [...names]);
  }
  return { stream, ask, change: (next: Snapshot) => note(stream.change(next)) };
}

Deno.test("a new cluster comes before the routes that lead to it, the old one goes after them", () => {
  const { ask, change, stream } = connected();
  const began = change(snapshot({ b: "1" }, "to b"));
  assert.deepEqual(sent(began), ["CDS a b"]);
  // Envoy accepts the cluster when it is warm, and needs its endpoints for that.
  assert.deepEqual(sent(ask(TYPE.eds, ["a", "b"])), ["EDS b"]);
  assert.deepEqual(sent(ask(TYPE.eds, ["a", "b"])), []);
  assert.deepEqual(sent(ask(TYPE.cds, [])), ["RDS main"]);
  assert.equal(stream.isSettled, false);
  assert.deepEqual(sent(ask(TYPE.rds, ["main"])), ["CDS b"]);
  assert.deepEqual(words(ask(TYPE.cds, [])), ["ack", "taken"]);
  assert.equal(stream.isSettled, true);
});

Deno.test("a cluster that has changed is told its endpoints again, though they have not", () => {
  const { ask, change } = connected();
  assert.deepEqual(sent(change(snapshot({ a: "2" }, "to a"))), ["CDS a", "EDS a"]);
  assert.deepEqual(words(ask(TYPE.cds, [])), ["ack"]);
  assert.deepEqual(words(ask(TYPE.eds, ["a"])), ["ack", "taken"]);
});

Deno.test("routes wait until the endpoints of a new cluster have been asked for, whoever is quicker", () => {
  const { ask, change } = connected();
  change(snapshot({ a: "1", b: "1" }, "to b"));
  assert.deepEqual(sent(ask(TYPE.cds, [])), []);
  assert.deepEqual(sent(ask(TYPE.eds, ["a", "b"])), ["EDS b"]);
  assert.deepEqual(sent(ask(TYPE.eds, ["a", "b"])), ["RDS main"]);
});

Deno.test("after a NACK the old is sent again and nothing more of the change; the next one goes on from there", () => {
  const { ask, change, stream } = connected();
  change(snapshot({ a: "1", b: "bad" }, "to b"));
  const refused = ask(TYPE.cds, [], "no such thing");
  assert.deepEqual(words(refused), ["nack", "held", "sent"]);
  assert.deepEqual(sent(refused), ["CDS a"]);
  assert.equal(stream.isSettled, true);
  assert.deepEqual(words(ask(TYPE.cds, [])), ["ack"]);
  assert.deepEqual(sent(change(snapshot({ a: "2", c: "good" }, "to c"))), ["CDS a c", "EDS a"]);
});

Deno.test("a change that comes before the last one is over takes its place", () => {
  const { ask, change } = connected();
  change(snapshot({ b: "1" }, "to b"));
  assert.deepEqual(sent(change(snapshot({ a: "1" }, "to a again"))), []);
  // The cluster that was on its way is there until the routes are told.
  assert.deepEqual(sent(ask(TYPE.cds, [])), ["RDS main"]);
  assert.deepEqual(sent(ask(TYPE.rds, ["main"])), ["CDS a"]);
  assert.deepEqual(words(ask(TYPE.cds, [])), ["ack", "taken"]);
});

Deno.test("a stream that has asked for nothing yet begins with the newest", () => {
  const stream = new XdsStream("delta", snapshot({ a: "1" }));
  assert.deepEqual(stream.change(snapshot({ b: "1" })), { answers: [], said: [] });
  const step = stream.heard({
    typeUrl: TYPE.cds,
    subscribe: [],
    unsubscribe: [],
    known: new Map(),
    nonce: "",
  });
  assert.deepEqual(sent(step), ["CDS b"]);
});

Deno.test("a type of nobody is answered with nothing, and no stream asks for ever more of them", () => {
  const stream = new XdsStream("sotw", snapshot({ a: "1" }));
  const ask = (typeUrl: string) => stream.heard({ typeUrl, names: ["x"], nonce: "" });
  assert.deepEqual(words(ask("type.googleapis.com/nobody")), ["wish"]);
  assert.throws(() => {
    for (let number = 0; number < 100; number++) ask(`type.googleapis.com/x${number}`);
  }, RangeError);
});
