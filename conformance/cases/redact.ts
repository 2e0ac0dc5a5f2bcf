/** Cases on the redaction of answers, by canaries that the upstream says. */
import { Buffer } from "node:buffer";
import { gunzipSync, gzipSync } from "node:zlib";
import type { Case } from "../case.ts";
import { bodyHash, bodyOf, sha256, textOf, type Transcript } from "../client/transcript.ts";
import type { UpstreamStep } from "../target.ts";
import { AFTER, BEFORE, canaryOf, everyCut, masked, parsed, redactCase } from "./canary.ts";
import {
  chunk,
  completion,
  cutsOf,
  heard,
  says,
  streams,
  streamsPieces,
  USAGE,
  wordsOf,
} from "./chat_answers.ts";
import { chunkText, DONE, jsonAnswer, ODD_JSON, STREAM_HEAD, streamOf } from "./shapes.ts";

/** Mail addresses in answers, whole and in pieces. */
export const REDACT_CASES: readonly Case[] = [
  redactCase({
    id: "json",
    requirement: "A canary in a JSON answer is masked, and the words around it arrive",
    async run(t) {
      const { name, mail } = canaryOf(t);
      t.upstream.script(...says(`${BEFORE}${mail}${AFTER}`));
      const transcript = await t.ask();
      const { choices: [choice], usage } = heard(transcript);
      masked(t, "answer", transcript, { name, said: choice?.content ?? "" });
      t.equal("finish reason", ["stop"], choice?.finish);
      t.equal("usage", USAGE, usage);
    },
  }),
  redactCase({
    id: "sse-every-cut",
    requirement: "A canary in a stream is masked, wherever the stream is cut in two",
    async run(t) {
      const { name, mail } = canaryOf(t);
      await everyCut(
        t,
        mail,
        ([one, two]) => streamsPieces(BEFORE, one, two, AFTER),
        (transcript, what) => {
          const { choices: [choice], done } = heard(transcript);
          masked(t, what, transcript, { name, said: choice?.content ?? "" });
          t.equal(`${what}: finish reason, terminators`, [["stop"], 1], [choice?.finish, done]);
        },
      );
    },
  }),
  redactCase({
    id: "sse-characters",
    requirement: "A canary that streams one character at a time is masked, at the stream's end too",
    async run(t) {
      const { name, mail } = canaryOf(t);
      t.upstream.script(...streamsPieces(BEFORE, ...mail, AFTER));
      const transcript = await t.ask({ stream: true });
      masked(t, "inside", transcript, { name, said: heard(transcript).choices[0]?.content ?? "" });
      const last = t.fork("last");
      last.upstream.script(...streamsPieces(BEFORE, ...mail));
      const ended = await last.ask({ stream: true });
      t.that("at the end: canary", !wordsOf(ended).includes(name), "nowhere", wordsOf(ended));
      const { choices: [choice], done } = heard(ended);
      t.that(
        "at the end: words before it",
        choice?.content.startsWith(BEFORE) === true,
        BEFORE,
        choice?.content,
      );
      t.equal("at the end: finish reason, terminators", [["stop"], 1], [choice?.finish, done]);
    },
  }),
  redactCase({
    id: "sse-cadence",
    requirement: "A stream that is redacted still streams: a word is held back no longer than two",
    async run(t) {
      const words = ["Once ", "upon ", "a ", "time ", "there ", "was ", "more "];
      t.upstream.script(
        STREAM_HEAD,
        ...words.flatMap((content, at) => [{ barrier: String(at) }, chunk({ content })]),
        { barrier: "end" },
        { write: DONE },
        { end: true },
      );
      const exchange = await t.send(t.chat({ stream: true }));
      for (const at of words.keys()) {
        t.upstream.release(String(at));
        if (at < 2) continue;
        const want = words.slice(0, at - 1).join("");
        await exchange.until(
          `"${want}" while the rest is held`,
          () => heard(exchange.transcript).choices[0]?.content.startsWith(want) || undefined,
        );
      }
      t.upstream.release("end");
      const transcript = await exchange.done();
      t.equal("content", words.join(""), heard(transcript).choices[0]?.content);
    },
  }),
  redactCase({
    id: "tool-arguments",
    requirement: "A canary in a tool call's arguments is masked, and they stay JSON",
    async run(t) {
      const { name, mail } = canaryOf(t);
      const call = (args: string) => ({ name: "send_mail", arguments: args });
      const args = JSON.stringify({ to: mail, text: "Hello" });
      const check = (transcript: Transcript, what: string) => {
        const said = heard(transcript).choices[0]?.calls[0] ?? "";
        t.that(`${what}: canary`, !wordsOf(transcript).includes(name), "nowhere", said);
        t.equal(`${what}: the other argument`, "Hello", parsed(said)?.text);
      };
      t.upstream.script(
        ...jsonAnswer(completion({
          tool_calls: [{ id: "call_1", type: "function", function: call(args) }],
        }, { finish: "tool_calls" })),
      );
      check(await t.ask(), "whole");
      const part = (pieces: string, more: object = {}) =>
        chunk({ tool_calls: [{ index: 0, ...more, function: { arguments: pieces } }] });
      await everyCut(t, mail, ([one, two]) =>
        streams([
          chunk({
            tool_calls: [{ index: 0, id: "call_1", type: "function", function: call("") }],
          }),
          part(`{"to":"${one}`),
          part(`${two}","text":"Hello"}`),
        ], { finish: "tool_calls" }), check);
    },
  }),
  redactCase({
    id: "second-choice",
    requirement: "Every choice is masked, whole and in pieces that alternate",
    async run(t) {
      const { name, mail } = canaryOf(t);
      const said = `${BEFORE}${mail}${AFTER}`;
      const check = (transcript: Transcript, what: string) => {
        const { choices } = heard(transcript);
        for (const [index, { content }] of choices.entries()) {
          masked(t, `${what}, choice ${index}`, transcript, { name, said: content });
        }
        t.equal(`${what}: choices`, 2, choices.length);
      };
      const second = { index: 1, message: { role: "assistant", content: said } };
      t.upstream.script(
        ...jsonAnswer(
          completion({ content: said }, { more: [{ ...second, finish_reason: "stop" }] }),
        ),
      );
      check(await t.ask({ body: { n: 2 } }), "whole");
      const pieces = [BEFORE, mail.slice(0, 4), mail.slice(4), AFTER];
      const streamed = t.fork("stream");
      streamed.upstream.script(
        ...streams([
          ...pieces.flatMap((content) => [0, 1].map((index) => chunk({ content }, { index }))),
          chunk({}, { index: 1, finish: "stop" }),
        ]),
      );
      check(await streamed.ask({ stream: true, body: { n: 2 } }), "stream");
    },
  }),
  redactCase({
    id: "usage-intact",
    requirement: "The usage of a stream arrives as it was said, once, before the one terminator",
    async run(t) {
      const { mail } = canaryOf(t);
      const usage = {
        event: { data: { id: "chatcmpl-case", choices: [], usage: USAGE } },
      } satisfies UpstreamStep;
      t.upstream.script(
        STREAM_HEAD,
        chunk({ content: `${BEFORE}${mail}` }),
        chunk({}, { finish: "stop" }),
        usage,
        { write: DONE },
        { end: true },
      );
      const transcript = await t.ask({ stream: true });
      const { usage: said, done } = heard(transcript);
      t.equal("usage", USAGE, said);
      t.equal("terminators", 1, done);
      const chunks = transcript.events.filter(({ data }) => data.includes("total_tokens"));
      t.equal("chunks with it", 1, chunks.length);
    },
  }),
  redactCase({
    id: "untouched-bytes",
    requirement: "Answers without anything to mask pass byte for byte, odd ones too",
    async run(t) {
      t.upstream.script(...jsonAnswer(ODD_JSON));
      t.equal("JSON", sha256(ODD_JSON), bodyHash(await t.ask()));
      const writes = [
        ": hello\n\n",
        "event: odd\ndata:no space\ndata:  two spaces\n\n",
        'data: { "choices" : [] , "n": 1.0 }\r\n\r\n',
        chunkText("Hello there, "),
        chunkText("you. "),
        DONE,
      ];
      const streamed = t.fork("stream");
      streamed.upstream.script(...streamOf(...writes));
      const transcript = await streamed.ask({ stream: true });
      t.equal("stream", writes.join(""), textOf(transcript));
    },
  }),
  redactCase({
    id: "compressed",
    requirement: "A canary in a compressed answer does not get through: it is masked, or refused",
    async run(t) {
      const { name, mail } = canaryOf(t);
      const zipped = gzipSync(completion({ content: `${BEFORE}${mail}${AFTER}` }));
      t.upstream.script(
        {
          headers: {
            headers: { "content-type": "application/json", "content-encoding": "gzip" },
          },
        },
        { write_base64: Buffer.from(zipped).toString("base64") },
        { end: true },
      );
      const headers: [string, string][] = [["accept-encoding", "gzip"]];
      const plain = unzipped(await t.ask({ headers }));
      t.that("canary", !plain.includes(name), "nowhere", plain);
      t.equal("a plain answer afterwards", 200, (await t.fork("after").ask()).head?.status);
    },
  }),
  redactCase({
    id: "error-answer",
    requirement: "A canary in an error of the upstream is masked, and its status and shape stay",
    async run(t) {
      const { name, mail } = canaryOf(t);
      const error = { message: `Unknown user ${mail}`, type: "server_error", code: "unknown_user" };
      t.upstream.script(...jsonAnswer(JSON.stringify({ error }), 404));
      const transcript = await t.ask();
      t.equal("status", 404, transcript.head?.status);
      t.that(
        "canary",
        !textOf(transcript).includes(name),
        "nowhere",
        textOf(transcript),
      );
      t.equal("error.code", "unknown_user", parsed(textOf(transcript))?.error?.code);
    },
  }),
  ...["responses", "messages"].map((api) =>
    redactCase({
      id: `${api}-events`,
      level: "should",
      requirement: `A canary in the events of the ${api} API is masked at every cut`,
      async run(t) {
        const { name, mail } = canaryOf(t);
        const path = `/v1/${api}`;
        await Promise.all(
          cutsOf(mail).map(async ([one, two], at) => {
            const part = t.fork(at);
            const events = api === "responses"
              ? responsesEvents(BEFORE + one, two + AFTER)
              : messagesEvents(BEFORE + one, two + AFTER);
            part.upstream.script(
              STREAM_HEAD,
              ...events.map((data) => ({ event: { event: String(data.type), data } })),
              { end: true },
            );
            const transcript = await part.ask({ path, stream: true });
            const deltas = transcript.events.flatMap(({ data }) => {
              const { delta } = parsed(data) ?? {};
              return typeof delta === "string" ? [delta] : [delta?.text ?? ""];
            }).join("");
            masked(t, `cut ${at + 1}`, transcript, { name, said: deltas });
            const types = transcript.events.map(({ type }) => type);
            t.equal(`cut ${at + 1}: last event`, events.at(-1)?.type, types.at(-1));
          }),
        );
      },
    })
  ),
];

function responsesEvents(...pieces: string[]): Record<string, unknown>[] {
  const place = { item_id: "msg_1", output_index: 0, content_index: 0 };
  const text = pieces.join("");
  const deltas = pieces.map((delta) => ({ type: "response.output_text.delta", ...place, delta }));
  const output = [{
    id: "msg_1",
    type: "message",
    role: "assistant",
    content: [{ type: "output_text", text, annotations: [] }],
  }];
  return [
    { type: "response.created", response: { id: "resp_1", output: [] } },
    ...deltas,
    { type: "response.output_text.done", ...place, text },
    { type: "response.completed", response: { id: "resp_1", output } },
  ].map((event, sequence_number) => ({ ...event, sequence_number }));
}

function messagesEvents(...pieces: string[]): Record<string, unknown>[] {
  return [
    { type: "message_start", message: { id: "msg_1", role: "assistant", content: [] } },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    ...pieces.map((text) => ({
      type: "content_block_delta",
      index: 0,
      delta: { type: "text_delta", text },
    })),
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "end_turn" } },
    { type: "message_stop" },
  ];
}

/** The body as text, unpacked where it is compressed. */
function unzipped(transcript: Transcript): string {
  try {
    return gunzipSync(bodyOf(transcript)).toString();
  } catch {
    return textOf(transcript);
  }
}
