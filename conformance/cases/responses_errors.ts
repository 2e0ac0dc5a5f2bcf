/** A Responses gateway whose model server fails in its own way: no failure is told as success. */
import type { Case } from "../case.ts";
import { jsonOf } from "../client/transcript.ts";
import { modelError, shown } from "./responses_model.ts";
import {
  answered,
  create,
  creation,
  eventsOf,
  modelStream,
  refused,
  streamed,
  STREAMING,
} from "./responses_requests.ts";
import { jsonAnswer } from "./shapes.ts";

const ERRORS = "OpenAI API reference: error codes";

/** Errors in the place of an answer, by who writes them so. */
const SHAPES: Readonly<Record<string, object>> = {
  openai: { error: { message: "out of memory", type: "server_error", code: 500 } },
  vllm: { object: "error", message: "out of memory", type: "InternalServerError", code: 500 },
  gemini: [{ error: { code: 500, message: "out of memory", status: "INTERNAL" } }],
  text: { error: "out of memory" },
};

/** How servers say that a request is longer than the context. */
const TOO_LONG: Readonly<Record<string, string>> = {
  "vllm": "This model's maximum context length is 4096 tokens. However, you requested 9000 tokens",
  "sglang": "The input (9000 tokens) is longer than the model's context length (4096 tokens).",
  "llama-cpp": "request (9000 tokens) exceeds the available context size (4096 tokens)",
  "tgi": "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 9000 `inputs` tokens",
  "gemini": "The input token count (9000) exceeds the maximum number of tokens allowed (4096).",
  "anthropic": "prompt is too long: 9000 tokens > 4096 maximum",
  "ollama": "prompt too long; exceeded max context length by 4904 tokens",
  "openai": "Your input exceeds the context window of this model.",
};

export const RESPONSE_ERROR_CASES: readonly Case[] = [
  streamed({
    id: "responses.error-in-200",
    level: "must",
    control: "upstream",
    requirement: "An error inside of a 200 is an error before the first event, in every shape",
    source: ERRORS,
    async run(t) {
      for (const [name, error] of Object.entries(SHAPES)) {
        for (const stream of [false, true]) {
          const part = t.fork(`${name}-${stream ? "streamed" : "whole"}`);
          part.upstream.script(...jsonAnswer(JSON.stringify(error)));
          const transcript = await part.ask(creation(t, { stream }));
          const { status = 0 } = transcript.head ?? {};
          t.that(`${name}: status`, status >= 400, "an error", status);
          const { message = "" } = jsonOf(transcript)?.error ?? {};
          t.that(`${name}: words`, message.includes("out of memory"), "the server's", message);
        }
      }
    },
  }),
  streamed({
    id: "responses.error-first-event",
    level: "must",
    control: "upstream",
    requirement: "A stream that begins with an error is that error: its status, code and words",
    source: ERRORS,
    async run(t) {
      const busy = { error: { message: "slow down", type: "rate_limit_error", code: 429 } };
      t.upstream.script(...modelError(busy));
      const transcript = await t.ask(creation(t, { stream: true }));
      refused(t, transcript, [429]);
      const { error } = jsonOf(transcript) ?? {};
      t.equal("code", "rate_limit_exceeded", error?.code);
      t.equal("message", "slow down", error?.message);
    },
  }),
  streamed({
    id: "responses.error-mid-stream",
    level: "must",
    control: "upstream",
    requirement: "An error in the middle of a stream ends it in response.failed, in every shape",
    source: STREAMING,
    async run(t) {
      for (const [name, error] of Object.entries(SHAPES)) {
        const part = t.fork(name);
        part.upstream.script(...modelError(error, { content: "half " }));
        const last = eventsOf(await part.ask(creation(t, { stream: true }))).at(-1);
        t.equal(`${name}: last event`, "response.failed", last?.type);
        t.equal(`${name}: status`, "failed", last?.response?.status);
        const { message = "" } = last?.response?.error ?? {};
        t.that(`${name}: words`, message.includes("out of memory"), "the server's", message);
      }
    },
  }),
  streamed({
    id: "responses.failed-finish",
    level: "must",
    control: "upstream",
    requirement: "A stream that ends for an error, or for no known reason, is not complete",
    source: STREAMING,
    async run(t) {
      for (const reason of ["error", "abort", "reason_of_tomorrow"]) {
        const part = t.fork(reason.replaceAll("_", "-"));
        part.upstream.script(...modelStream([{ content: "half" }], reason));
        const last = eventsOf(await part.ask(creation(t, { stream: true }))).at(-1);
        t.equal(`${reason}: last event`, "response.failed", last?.type);
      }
    },
  }),
  streamed({
    id: "responses.failed-usage",
    level: "must",
    control: "upstream",
    requirement: "A response that failed counts no tokens that its model did not count",
    source: STREAMING,
    async run(t) {
      t.upstream.script(...modelError({ error: { message: "gone" } }, { content: "half" }));
      const last = eventsOf(await t.ask(creation(t, { stream: true }))).at(-1);
      t.equal("last event", "response.failed", last?.type);
      t.equal("usage", null, last?.response?.usage ?? null);
    },
  }),
  answered({
    id: "responses.busy",
    level: "must",
    control: "upstream",
    requirement: "A model server that is busy is 503 or 429, with its retry-after",
    source: ERRORS,
    async run(t) {
      const busy = JSON.stringify({ error: { message: "maximum pending requests exceeded" } });
      t.upstream.script(...jsonAnswer(busy, 503, { "retry-after": "7" }));
      const transcript = await t.ask(creation(t));
      refused(t, transcript, [503, 429]);
      const after = transcript.head?.headers.find(([name]) => name === "retry-after")?.[1];
      t.equal("retry-after", "7", after);
    },
  }),
  answered({
    id: "responses.too-long",
    level: "must",
    control: "upstream",
    requirement: "A request that is too long is 400 context_length_exceeded, whoever says so",
    source: ERRORS,
    async run(t) {
      for (const [server, message] of Object.entries(TOO_LONG)) {
        const part = t.fork(server);
        part.upstream.script(...jsonAnswer(JSON.stringify({ error: { message, code: 400 } }), 400));
        const transcript = await part.ask(creation(t));
        t.equal(`${server}: status`, 400, transcript.head?.status);
        t.equal(`${server}: code`, "context_length_exceeded", jsonOf(transcript)?.error?.code);
      }
    },
  }),
  answered({
    id: "responses.truncation",
    level: "must",
    control: "upstream",
    requirement: "With truncation auto a request that is too long is asked again with less",
    source: "OpenAI API reference: truncation",
    async run(t) {
      const message = TOO_LONG["llama-cpp"];
      const error = { error: { message, type: "exceed_context_size_error", code: 400 } };
      t.upstream.script({ barrier: "asked" }, ...jsonAnswer(JSON.stringify(error), 400));
      const input = ["old ".repeat(20), "older", "new"].map((content) => ({
        role: "user",
        content,
      }));
      const exchange = await t.send(t.chat(creation(t, { input, truncation: "auto" })));
      await t.upstream.arrival("asked");
      t.upstream.script(...jsonAnswer(JSON.stringify({
        choices: [{ message: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
      })));
      t.upstream.release("asked");
      const transcript = await exchange.done();
      t.equal("status", 200, transcript.head?.status);
      t.equal("requests at the model", 2, t.upstream.requests().length);
      const { messages } = await shown(t);
      t.that("messages of the second", messages?.length < 3, "fewer than 3", messages?.length);
      t.equal("its last", "new", messages?.at(-1)?.content);
    },
  }),
  answered({
    id: "responses.no-answer",
    level: "must",
    control: "upstream",
    requirement: "An answer without a choice in it is no empty success",
    source: ERRORS,
    async run(t) {
      t.upstream.script(...jsonAnswer('{"id":"x","object":"chat.completion","choices":[]}'));
      const transcript = await t.ask(creation(t));
      const made = jsonOf(transcript);
      const failed = (transcript.head?.status ?? 0) >= 400 || made?.status === "failed";
      t.that("what became of it", failed, "an error, or failed", made?.status);
      await create(t.fork("next"));
    },
  }),
];
