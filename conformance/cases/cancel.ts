/** Cases on clients that leave. */
import { BOTH, type Case } from "../case.ts";
import { valueOf } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import { chunkText, jsonAnswer, STREAM_HEAD } from "./shapes.ts";
import { lockstep } from "./stream.ts";

const SEED = "Project: an abandoned request must not go on costing money";

/** How the upstream may hear that the client left. */
const GONE = ["client-fin", "client-rst", "h2-rst"];

/** How long the news may take from the client to the upstream, milliseconds: 2 s, and slack. */
const NEWS_MS = 5_000;

/** Waits until the upstream knows that the client left, and judges how. */
async function upstreamKnows(t: CaseContext, label = ""): Promise<void> {
  const wait = { deadlineMs: t.ms(NEWS_MS) };
  const seen = await t.upstream.request("client's leave at the upstream", (r) => !!r.end, wait);
  t.oneOf(`${label}how the upstream's request ended`, GONE, seen.end);
}

/** The client leaves: the gateway passes it on, and nothing else breaks. */
export const CANCEL_CASES: readonly Case[] = [
  {
    id: "cancel.propagates-stream",
    level: "must",
    control: "upstream",
    requirement: "A client that leaves mid-stream is seen by the upstream within 5 s",
    source: `${SEED}; gRPC interop cancel_after_first_response`,
    axes: BOTH,
    async run(t) {
      t.upstream.script(
        STREAM_HEAD,
        { repeat: { times: 3, steps: [{ write: chunkText("a") }] } },
        { barrier: "never" },
        { write: chunkText("late") },
        { end: true },
      );
      const exchange = await t.send(t.chat({ stream: true }));
      await exchange.event(2);
      await t.upstream.arrival("never");
      exchange.abort();
      await upstreamKnows(t);
    },
  },
  {
    id: "cancel.fin-propagates",
    level: "must",
    control: "upstream",
    requirement: "A client that closes its connection with FIN mid-stream is seen by the upstream",
    source: SEED,
    async run(t) {
      t.upstream.script(STREAM_HEAD, { write: chunkText("a") }, { barrier: "never" }, {
        end: true,
      });
      const exchange = await t.send(t.chat({ stream: true }));
      await exchange.event(0);
      exchange.abort("fin");
      await upstreamKnows(t);
    },
  },
  {
    id: "cancel.before-first-byte",
    level: "must",
    control: "upstream",
    requirement: "A client that leaves before the first byte is seen by the upstream",
    source: `${SEED}; gRPC interop cancel_after_begin`,
    axes: BOTH,
    async run(t) {
      t.upstream.script({ barrier: "thinking" }, ...jsonAnswer("{}"));
      const exchange = await t.send(t.chat());
      await t.upstream.arrival("thinking");
      exchange.abort();
      await upstreamKnows(t);
    },
  },
  {
    id: "cancel.during-check",
    level: "should",
    control: "both",
    requirement:
      "A client that leaves during the Check call: the call is cancelled, the upstream untouched",
    source: "Envoy ext_authz filter: onDestroy cancels the call",
    axes: BOTH,
    async run(t) {
      t.policy.script({ allow: {}, barrier: "hold" });
      const exchange = await t.send(t.chat());
      await t.policy.arrival("hold");
      exchange.abort();
      await t.policy.check("Check call cancelled", (check) => check.cancelledAt !== undefined);
      t.that("cancelled", true, "seen by the policy engine", "seen");
      t.policy.release("hold");
      const other = await t.fork("after").ask();
      t.equal("the next request passes", 200, other.head?.status);
      t.equal("requests at the upstream", 0, t.upstream.requests().length);
    },
  },
  {
    id: "cancel.during-upload",
    level: "should",
    control: "upstream",
    requirement: "An upload that is broken off does not reach the upstream as a complete request",
    source: "RFC 9112 section 8; RFC 9113 section 8.1.1",
    axes: BOTH,
    async run(t) {
      t.upstream.script({ barrier: "never" }, { end: true });
      const exchange = await t.send(t.chat({ manual: true }));
      await exchange.write('{"messages":');
      await t.upstream.request("first body byte", (r) => r.bodyBytes > 0);
      exchange.abort();
      await upstreamKnows(t);
      const [seen] = t.upstream.requests();
      t.equal("the body was never complete", undefined, seen?.bodyEnd);
    },
  },
  {
    id: "cancel.h2-rst-only-one",
    level: "must",
    control: "upstream",
    requirement: "RST_STREAM on one stream leaves its siblings alive",
    source: "RFC 9113 section 5.4.2",
    axes: ["h2c"],
    async run(t) {
      const [left, right] = [t.fork("left"), t.fork("right")];
      left.upstream.script(...lockstep(4));
      right.upstream.script(...lockstep(4));
      const connection = await t.connect("h2c");
      const doomed = await t.send(left.chat({ stream: true }), connection);
      const alive = await t.send(right.chat({ stream: true }), connection);
      await Promise.all([doomed.event(0), alive.event(0)]);
      doomed.abort();
      for (let n = 1; n < 4; n++) {
        right.upstream.release(String(n));
        await alive.event(n);
      }
      right.upstream.release("done");
      t.equal("the sibling is complete", "complete", (await alive.ended()).kind);
      await upstreamKnows(left, "the reset one: ");
    },
  },
  {
    id: "cancel.isolated",
    level: "must",
    control: "upstream",
    requirement:
      "After 100 cancelled streams the next request works and no upstream request is left open",
    source: SEED,
    deadlineMs: 60_000,
    async run(t) {
      const parts = Array.from({ length: 100 }, (_, n) => t.fork(n));
      await Promise.all(parts.map(async (part) => {
        part.upstream.script(STREAM_HEAD, { write: chunkText("a") }, { barrier: "never" });
        const exchange = await part.send(part.chat({ stream: true }));
        await exchange.event(0);
        exchange.abort();
        await part.upstream.request("end at the upstream", (r) => !!r.end);
      }));
      const open = parts.flatMap((part) => part.upstream.requests()).filter(({ end }) => !end);
      t.equal("requests left open at the upstream", 0, open.length);
      const after = await t.ask();
      t.equal("the next request passes", 200, after.head?.status);
    },
  },
  {
    id: "cancel.logged",
    level: "may",
    control: "upstream",
    admin: true,
    requirement: "A request whose client left is logged with flag DC",
    source: "Envoy response flags: DC, DownstreamConnectionTermination",
    async run(t) {
      t.upstream.script(STREAM_HEAD, { write: chunkText("a") }, { barrier: "never" });
      const exchange = await t.send(t.chat({ stream: true }));
      const head = await exchange.head();
      await exchange.event(0);
      exchange.abort();
      const { flags = "" } = await t.envoy.line(valueOf(head.headers, "x-request-id") ?? "");
      t.that("flags", /\bDC\b/.test(flags), "DC", flags);
    },
  },
];
