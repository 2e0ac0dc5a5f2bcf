/** Cases on a model server that stands alone. */
import type { Case } from "../case.ts";
import { CASES } from "../cases/mod.ts";
import { jsonOf, textOf, type Transcript, valueOf } from "../client/transcript.ts";

const OAI = "OpenAI API reference: chat completion chunk object";

/** Cases of the catalogue that judge a model server as well as a gateway in front of one. */
const SHARED = [
  "allow.basic-200",
  "allow.get-models",
  "sse.done-exact",
  "sse.eof-after-done",
  "sse.content-type",
  "sse.usage-chunk",
];

// deno-lint-ignore no-explicit-any -- the shape is what the cases check
function chunksOf({ events }: Transcript): any[] {
  return events.filter(({ data }) => data !== "[DONE]").map(({ data }) => JSON.parse(data));
}

/** Azure's chunk about the prompt, before any of the answer: no choices, and ids left empty. */
// deno-lint-ignore no-explicit-any -- the shape is what the cases check
function isPromptFilter(chunk: any): boolean {
  return chunk?.prompt_filter_results !== undefined && (chunk.choices?.length ?? 0) === 0;
}

/** The chunks of the answer itself. */
function answerOf(transcript: Transcript): ReturnType<typeof chunksOf> {
  return chunksOf(transcript).filter((chunk) => !isPromptFilter(chunk));
}

function modelCase(one: Omit<Case, "control" | "feature">): Case {
  return { ...one, control: "none", feature: "model_server" };
}

/** A model server alone: is its streaming well-formed? Read-only, and few requests. */
export const MODEL_SERVER_CASES: readonly Case[] = [
  ...CASES.filter(({ id }) => SHARED.includes(id)).map((one) =>
    modelCase({ ...one, id: one.id.replace(/^[a-z]+/, "model"), axes: ["h1"] })
  ),
  modelCase({
    id: "model.chunk-shape",
    level: "must",
    requirement: "Each event is a chat.completion.chunk with one id for the whole stream",
    source: OAI,
    async run(t) {
      const chunks = answerOf(await t.ask({ stream: true }));
      t.that("chunks", chunks.length > 0, "at least one", chunks.length);
      t.equal("object", ["chat.completion.chunk"], [
        ...new Set(chunks.map(({ object }) => object)),
      ]);
      t.equal("ids", 1, new Set(chunks.map(({ id }) => id)).size);
    },
  }),
  modelCase({
    id: "model.no-prompt-filter-chunk",
    level: "may",
    requirement:
      "No chunk about the prompt comes before the answer, as Azure's prompt_filter_results does",
    source:
      "Azure OpenAI: content filtering, prompt_filter_results; its first chunk has no choices",
    async run(t) {
      const before = chunksOf(await t.ask({ stream: true })).filter(isPromptFilter);
      t.equal("Azure prompt_filter_results chunks", 0, before.length);
    },
  }),
  modelCase({
    id: "model.role-first",
    level: "should",
    requirement: "The first chunk's delta has the role",
    source: OAI,
    async run(t) {
      const [first] = answerOf(await t.ask({ stream: true }));
      t.equal("role", "assistant", first?.choices?.[0]?.delta?.role);
    },
  }),
  modelCase({
    id: "model.finish-reason",
    level: "must",
    requirement: "Exactly one chunk has a finish_reason, and it comes last",
    source: OAI,
    async run(t) {
      const chunks = chunksOf(await t.ask({ stream: true })).filter(({ choices }) =>
        choices?.length
      );
      const reasons = chunks.map(({ choices }) => choices[0].finish_reason ?? null);
      t.equal("chunks with a reason", 1, reasons.filter((reason) => reason !== null).length);
      t.that("last reason", reasons.at(-1) !== null, "a reason", reasons.at(-1));
    },
  }),
  modelCase({
    id: "model.piece-by-piece",
    level: "should",
    requirement: "A streamed answer comes in several pieces, not at once",
    source: "Project: streams are for people who wait",
    async run(t) {
      const transcript = await t.ask({ stream: true });
      const times = new Set(transcript.events.map(({ at }) => Math.floor(at)));
      t.that("different arrival times", times.size >= 3, ">= 3", times.size);
    },
  }),
  modelCase({
    id: "model.stream-framing",
    level: "must",
    requirement: "A stream has no content-length, and ends as its framing says",
    source: "RFC 9112 section 6",
    async run(t) {
      const { head, end } = await t.ask({ stream: true });
      t.equal("content-length", undefined, valueOf(head?.headers ?? [], "content-length"));
      t.equal("end", "complete", end?.kind);
    },
  }),
  modelCase({
    id: "model.valid-utf8",
    level: "must",
    requirement: "The stream is valid UTF-8",
    source: "WHATWG HTML section 9.2.5",
    async run(t) {
      const transcript = await t.ask({
        stream: true,
        body: { messages: [{ role: "user", content: "Say: grüße 😀" }] },
      });
      t.that("text", !textOf(transcript).includes("\ufffd"), "no U+FFFD", "see body");
      t.equal("status", 200, transcript.head?.status);
    },
  }),
  modelCase({
    id: "model.bad-json",
    level: "must",
    requirement: "A body that is not JSON gets 400 and an OpenAI error object",
    source: "openai-node src/core/error.ts: BadRequestError",
    async run(t) {
      const transcript = await t.ask({ body: '{"model": ' });
      t.oneOf("status", [400, 422], transcript.head?.status);
      t.equal("error.message is text", "string", typeof jsonOf(transcript)?.error?.message);
    },
  }),
  modelCase({
    id: "model.cancel",
    level: "should",
    requirement: "After a client left in the middle of a stream the next request is answered",
    source: "Project: an abandoned request must not go on costing money",
    async run(t) {
      const exchange = await t.send(t.chat({ stream: true }));
      await exchange.event(0);
      exchange.abort();
      t.equal("status", 200, (await t.ask()).head?.status);
    },
  }),
];
