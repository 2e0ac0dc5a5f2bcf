/** Cases on a mirror: somebody gets a copy of each request, and the client never notices. */
import type { Case } from "../case.ts";
import { textOf, valueOf } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import type { UpstreamRecord } from "../target.ts";
import type { KnownUpstream } from "../traffic_features.ts";
import { chunkText, DONE, jsonAnswer, STREAM_HEAD, streamOf } from "./shapes.ts";

const MIRRORS = "Envoy route: request_mirror_policies";
const ANSWER = `{"answer":"of the upstream"}`;

function mirrorOf(t: CaseContext): KnownUpstream {
  return t.target.mirror?.mirror ?? t.undeclared("The mirror is not ours");
}

/** Resolves with the copy of this case's request. */
function copyOf(t: CaseContext): Promise<UpstreamRecord> {
  return mirrorOf(t).journal.waitFor(({ nonce }) => nonce === t.nonce, {
    signal: t.signal,
    deadlineMs: t.ms(10_000),
  });
}

/** Copies of requests. */
export const SHADOW_CASES: readonly Case[] = [
  {
    id: "shadow.client-unchanged",
    level: "must",
    control: "both",
    feature: "mirror",
    requirement:
      "The mirror gets a copy, and the client the upstream's answer, whatever the mirror says",
    source: MIRRORS,
    async run(t) {
      t.upstream.script(...jsonAnswer(ANSWER));
      mirrorOf(t).scripts.set(t.nonce, { steps: jsonAnswer(`{"answer":"of the mirror"}`, 500) });
      const transcript = await t.ask();
      t.equal("status", 200, transcript.head?.status);
      t.equal("answer", ANSWER, textOf(transcript));
      const copy = await copyOf(t);
      const own = await t.upstream.request();
      t.equal("bytes of the copy", own.bodySha256, copy.bodySha256);
      t.equal("requests at the upstream", 1, t.upstream.requests().length);
    },
  },
  {
    id: "shadow.credential-not-sent",
    level: "must",
    control: "both",
    feature: "mirror",
    requirement: "No credential of the client is in the copy; the mirror's own key is",
    source: MIRRORS,
    async run(t) {
      const { mirror } = t.target.mirror ?? {};
      t.upstream.script(...jsonAnswer(ANSWER));
      mirror?.scripts.set(t.nonce, { steps: jsonAnswer("{}") });
      const secret = `secret-${t.nonce}`;
      const headers = ["x-api-key", "api-key", "cookie", "x-goog-api-key"];
      await t.ask({ headers: headers.slice(1).map((name) => [name, secret]) });
      const copy = await copyOf(t);
      t.equal("authorization", mirror?.authorization, valueOf(copy.headers, "authorization"));
      for (const name of headers) t.equal(name, undefined, valueOf(copy.headers, name));
      const leaked = copy.headers.filter(([, value]) => value.includes(secret));
      t.equal("headers with the secret", [], leaked.map(([name]) => name));
    },
  },
  {
    id: "shadow.host",
    level: "should",
    control: "both",
    feature: "mirror",
    requirement: "The mirror is asked under its own name and path",
    source: MIRRORS,
    async run(t) {
      const mirror = mirrorOf(t);
      t.upstream.script(...jsonAnswer(ANSWER));
      mirror.scripts.set(t.nonce, { steps: jsonAnswer("{}") });
      await t.ask();
      const copy = await copyOf(t);
      t.equal("host", mirror.authority, valueOf(copy.headers, "host"));
      t.equal("target", `${mirror.pathPrefix}/v1/chat/completions`, copy.target);
    },
  },
  {
    id: "shadow.slow-harmless",
    level: "must",
    control: "both",
    feature: "mirror",
    requirement: "A mirror that never answers holds nothing: the stream comes event by event",
    source: MIRRORS,
    async run(t) {
      const chunks = [chunkText("one"), chunkText("two", 1)];
      t.upstream.script(
        STREAM_HEAD,
        { write: chunks[0] ?? "" },
        { barrier: "next" },
        { write: chunks[1] ?? "" },
        { write: DONE },
        { end: true },
      );
      mirrorOf(t).scripts.set(t.nonce, { steps: [{ hang: true }] });
      const exchange = await t.send(t.chat({ stream: true }));
      await exchange.event(0);
      await copyOf(t);
      t.upstream.release("next");
      const transcript = await exchange.done();
      t.equal("bytes", [...chunks, DONE].join(""), textOf(transcript));
      t.equal("end", "complete", transcript.end?.kind);
    },
  },
  {
    id: "shadow.down-harmless",
    level: "must",
    control: "both",
    feature: "mirror",
    requirement: "A mirror that takes no connection changes nothing",
    source: MIRRORS,
    exclusive: true,
    async run(t) {
      const mirror = mirrorOf(t);
      await mirror.close();
      try {
        for (const name of ["json", "stream"]) {
          const part = t.fork(name);
          const steps = name === "json" ? jsonAnswer(ANSWER) : streamOf(chunkText("one"), DONE);
          part.upstream.script(...steps);
          const transcript = await part.ask({ stream: name === "stream" });
          t.equal(`${name}: status`, 200, transcript.head?.status);
          t.equal(`${name}: end`, "complete", transcript.end?.kind);
          t.equal(`${name}: requests at the upstream`, 1, part.upstream.requests().length);
        }
      } finally {
        await mirror.reopen();
      }
    },
  },
  {
    id: "shadow.sse-drained",
    level: "should",
    control: "both",
    feature: "mirror",
    requirement: "The mirror's own stream is read to its end, also after the client has its answer",
    source: MIRRORS,
    async run(t) {
      t.upstream.script(...jsonAnswer(ANSWER));
      mirrorOf(t).scripts.set(t.nonce, {
        steps: streamOf(...Array.from({ length: 20 }, (_, index) => chunkText("x", index)), DONE),
      });
      await t.ask({ stream: true });
      await copyOf(t);
      const whole = await mirrorOf(t).journal.waitFor(
        ({ nonce, end }) => nonce === t.nonce && end !== undefined,
        { signal: t.signal, deadlineMs: t.ms(10_000) },
      );
      t.equal("end", "completed", whole.end);
      t.equal("events", 21, whole.events);
    },
  },
];
