/** Cases on a cache of answers: who gets an answer again, when, and when not. */
import type { Case } from "../case.ts";
import { bodyHash, textOf, type Transcript, valueOf } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import type { HeaderList, UpstreamStep } from "../target.ts";
import { chunk, heard, says, streams, streamsPieces } from "./chat_answers.ts";
import { DONE, jsonAnswer, STREAM_HEAD } from "./shapes.ts";

/** Requests at once of which one may ask the upstream. */
const CROWD = 50;

interface Asking {
  readonly body?: Record<string, unknown>;
  readonly stream?: boolean;
  readonly headers?: HeaderList;
}

/** A question that nobody but this case asks, whose answer may be kept. */
function question(t: CaseContext, name: string, { body, stream, headers }: Asking = {}) {
  const messages = [{ role: "user", content: `Case ${t.nonce}` }];
  return t.fork(name).chat({
    body: { messages, temperature: 0, ...body },
    ...(stream && { stream }),
    ...(headers && { headers }),
  });
}

/** Asks it; each request has a name of its own, and the upstream an answer to it. */
async function ask(
  t: CaseContext,
  name: string,
  asking: Asking = {},
  steps: readonly UpstreamStep[] = asking.stream
    ? streamsPieces("Answer ", name)
    : says(`Answer ${name}`),
): Promise<Transcript> {
  const part = t.fork(name);
  part.upstream.script(...steps);
  return await (await part.send(question(t, name, asking))).done();
}

/** How often the upstream was asked by the request of this name. */
const askedBy = (t: CaseContext, name: string) => t.fork(name).upstream.requests().length;

interface Described {
  readonly id: string;
  readonly requirement: string;
  readonly needsPolicy?: true;
  run(t: CaseContext): Promise<void>;
}

function cacheCase({ needsPolicy, run, ...one }: Described): Case {
  return {
    ...one,
    id: `cache.${one.id}`,
    level: "must",
    control: needsPolicy ? "both" : "upstream",
    feature: "cache",
    source: "RFC 9111; Project: a hit is the answer itself, for those who may have it",
    async run(t) {
      t.excuse("agree.answer-has-a-source", "A cached answer has its source in an earlier one");
      await run(t);
    },
  };
}

/** Asks twice, the second time otherwise: the upstream must be asked again. */
async function apart(t: CaseContext, what: string, first: Asking, second: Asking): Promise<void> {
  const [one, two] = [`${what}-1`, `${what}-2`];
  await ask(t, one, first);
  const again = await ask(t, two, second);
  t.equal(`${what}: the second asks the upstream`, 1, askedBy(t, two));
  t.equal(`${what}: status`, 200, again.head?.status);
}

/** Answers that were given once and are given again. */
export const CACHE_CASES: readonly Case[] = [
  cacheCase({
    id: "hit-json",
    requirement: "The same question is answered again with the same bytes, without the upstream",
    async run(t) {
      const first = await ask(t, "first");
      const second = await ask(t, "second");
      t.equal("status", 200, second.head?.status);
      t.equal("bytes", bodyHash(first), bodyHash(second));
      t.equal("upstream asked", [1, 0], [askedBy(t, "first"), askedBy(t, "second")]);
      const type = (one: Transcript) => valueOf(one.head?.headers ?? [], "content-type");
      t.equal("content-type", type(first), type(second));
    },
  }),
  cacheCase({
    id: "hit-sse-bytes",
    requirement: "A stream is answered again with the same bytes, to its terminator",
    async run(t) {
      const first = await ask(t, "first", { stream: true });
      const second = await ask(t, "second", { stream: true });
      t.equal("bytes", textOf(first), textOf(second));
      t.equal("upstream asked", [1, 0], [askedBy(t, "first"), askedBy(t, "second")]);
      t.equal("terminators", 1, heard(second).done);
    },
  }),
  cacheCase({
    id: "tenant-isolated",
    needsPolicy: true,
    requirement: "Another tenant's question is asked of the upstream, however equal",
    async run(t) {
      for (const name of ["one", "two"]) {
        t.fork(name).policy.script({ allow: { set: { "x-tenant": `${t.nonce}-${name}` } } });
        await ask(t, name);
        t.equal(`${name} asks the upstream`, 1, askedBy(t, name));
      }
    },
  }),
  cacheCase({
    id: "deny-first",
    needsPolicy: true,
    requirement: "A denied request gets no cached answer",
    async run(t) {
      await ask(t, "first");
      t.fork("denied").policy.script({ deny: { status: 403 } });
      const denied = await ask(t, "denied");
      t.equal("status", 403, denied.head?.status);
      t.that("the answer", !textOf(denied).includes("Answer"), "nothing of it", textOf(denied));
    },
  }),
  cacheCase({
    id: "params-differ",
    requirement: "Another model, temperature or token limit is another question",
    async run(t) {
      await apart(t, "model", {}, { body: { model: `${t.target.model}-2` } });
      await apart(t, "seed", { body: { seed: 1 } }, { body: { seed: 2 } });
      await apart(t, "tokens", { body: { max_tokens: 5 } }, { body: { max_tokens: 6 } });
    },
  }),
  cacheCase({
    id: "tools-differ",
    requirement: "Other tools are another question",
    async run(t) {
      const tool = (name: string) => [{ type: "function", function: { name, parameters: {} } }];
      await apart(t, "tools", { body: { tools: tool("one") } }, { body: { tools: tool("two") } });
    },
  }),
  cacheCase({
    id: "unknown-field-differs",
    requirement: "A field that the cache does not know may change the answer: another question",
    async run(t) {
      await apart(t, "field", { body: { x_style: "short" } }, { body: { x_style: "long" } });
    },
  }),
  cacheCase({
    id: "stream-differs",
    requirement: "Who asks for a stream gets a stream, and who does not gets JSON",
    async run(t) {
      await ask(t, "whole");
      const streamed = await ask(t, "stream", { stream: true });
      t.equal("upstream asked for the stream", 1, askedBy(t, "stream"));
      t.equal("terminators", 1, heard(streamed).done);
    },
  }),
  cacheCase({
    id: "key-order-same",
    requirement: "The order of the fields of a question does not matter",
    async run(t) {
      await ask(t, "first", { body: { seed: 1, max_tokens: 5 } });
      await ask(t, "second", { body: { max_tokens: 5, seed: 1 } });
      t.equal("upstream asked", [1, 0], [askedBy(t, "first"), askedBy(t, "second")]);
    },
  }),
  cacheCase({
    id: "incomplete-not-stored",
    requirement: "A stream that broke off, or was cut by the token limit, is not given again",
    async run(t) {
      const part = t.fork("cut");
      part.upstream.script(
        STREAM_HEAD,
        chunk({ content: "half " }),
        { barrier: "cut" },
        { abort: "rst" },
      );
      const exchange = await part.send(question(t, "cut", { stream: true }));
      await exchange.event(0);
      part.upstream.release("cut");
      await exchange.ended();
      await ask(t, "after-cut", { stream: true });
      t.equal("after a cut", 1, askedBy(t, "after-cut"));
      const other = { stream: true, body: { seed: 3 } };
      await ask(t, "long", other, streams([chunk({ content: "half" })], { finish: "length" }));
      await ask(t, "after-long", other);
      t.equal("after the limit", 1, askedBy(t, "after-long"));
      const open = { stream: true, body: { seed: 4 } };
      await ask(t, "open", open, [STREAM_HEAD, chunk({ content: "x" }), { end: true }]);
      await ask(t, "after-open", open);
      t.equal("after a stream without its end", 1, askedBy(t, "after-open"));
    },
  }),
  cacheCase({
    id: "error-not-stored",
    requirement: "An error is not given again",
    async run(t) {
      await ask(t, "error", {}, jsonAnswer('{"error":{"message":"no"}}', 500));
      const after = await ask(t, "after");
      t.equal("upstream asked", 1, askedBy(t, "after"));
      t.equal("status", 200, after.head?.status);
    },
  }),
  cacheCase({
    id: "no-store",
    requirement: "A client's no-store keeps its answer out, and no-cache asks anew",
    async run(t) {
      const control = (value: string): Asking => ({ headers: [["cache-control", value]] });
      await ask(t, "secret", control("no-store"));
      await ask(t, "after");
      t.equal("after no-store", 1, askedBy(t, "after"));
      await ask(t, "anew", control("no-cache"));
      t.equal("no-cache", 1, askedBy(t, "anew"));
    },
  }),
  cacheCase({
    id: "max-age",
    requirement: "A client's max-age=0 takes no answer that is older",
    async run(t) {
      await ask(t, "first");
      await ask(t, "anew", { headers: [["cache-control", "max-age=0"]] });
      t.equal("upstream asked", 1, askedBy(t, "anew"));
    },
  }),
  cacheCase({
    id: "stampede",
    requirement: `Of ${CROWD} equal questions at once one asks the upstream, and all are answered`,
    async run(t) {
      const names = Array.from({ length: CROWD }, (_, at) => `crowd-${at}`);
      const [leader = "", ...others] = names;
      const first = t.fork(leader);
      first.upstream.script({ barrier: "hold" }, ...says("The answer"));
      const leading = await first.send(question(t, leader));
      await first.upstream.arrival("hold");
      const following = await Promise.all(
        others.map((name) => t.fork(name).send(question(t, name))),
      );
      // Once another request has gone all the way, those that policy allowed before it are past policy.
      if (t.target.policy) await Promise.all(others.map((name) => t.fork(name).policy.check()));
      await ask(t, "another", { body: { seed: 99 } });
      first.upstream.release("hold");
      const all = await Promise.all([leading, ...following].map((one) => one.done()));
      t.equal("answers", 1, new Set(all.map(bodyHash)).size);
      t.equal("status", [200], [...new Set(all.map(({ head }) => head?.status))]);
      const asked = names.reduce((sum, name) => sum + askedBy(t, name), 0);
      t.equal("requests at the upstream", 1, asked);
    },
  }),
  cacheCase({
    id: "leader-fails",
    requirement: "When the one that asks fails, those who wait go on, and are answered",
    async run(t) {
      const first = t.fork("leader");
      first.upstream.script({ barrier: "hold" }, ...jsonAnswer('{"error":{"message":"no"}}', 500));
      const leading = await first.send(question(t, "leader"));
      await first.upstream.arrival("hold");
      const second = t.fork("follower");
      second.upstream.script(...says("The answer"));
      const following = await second.send(question(t, "follower"));
      first.upstream.release("hold");
      t.equal("the leader's status", 500, (await leading.done()).head?.status);
      t.equal("the follower's status", 200, (await following.done()).head?.status);
      t.equal("upstream asked by the follower", 1, askedBy(t, "follower"));
    },
  }),
  cacheCase({
    id: "stream-miss-cadence",
    requirement: "A stream that is not in the cache arrives event by event",
    async run(t) {
      const part = t.fork("miss");
      part.upstream.script(
        STREAM_HEAD,
        chunk({ content: "first " }),
        { barrier: "rest" },
        chunk({ content: "second" }),
        chunk({}, { finish: "stop" }),
        { write: DONE },
        { end: true },
      );
      const exchange = await part.send(question(t, "miss", { stream: true }));
      await exchange.until(
        "the first event while the rest is held",
        () => heard(exchange.transcript).choices[0]?.content === "first " || undefined,
      );
      part.upstream.release("rest");
      t.equal("end", "complete", (await exchange.ended()).kind);
    },
  }),
];
