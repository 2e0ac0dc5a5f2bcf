/** Cases on an external processor behind policy. */
import { Buffer } from "node:buffer";
import type { Case } from "../case.ts";
import { requestIdOf, textOf, valueOf, valuesOf } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import type { ProcessorScript } from "../target.ts";
import { chunkText, jsonAnswer, STREAM_HEAD } from "./shapes.ts";
import { lockstep } from "./stream.ts";

const EPP = "Envoy external_processor.proto";
const EPI = "Envoy ext_proc integration test";

/** Says what the processor does with this case's request. */
function processor(t: CaseContext, script: ProcessorScript): void {
  const control = t.target.processor ?? t.undeclared("The external processor is not ours");
  control.scripts.set(t.nonce, script);
}

function raw(text: string): string {
  return Buffer.from(text).toString("base64");
}

function xp(one: Omit<Case, "control" | "feature">): Case {
  return { ...one, control: "both", feature: "ext_proc" };
}

/** An external processor behind policy: what it may change, and what happens when it fails. */
export const EXT_PROC_CASES: readonly Case[] = [
  xp({
    id: "xp.headers-set-remove",
    level: "must",
    requirement: "Headers that the processor sets and removes change at the upstream",
    source: `${EPI}: GetAndSetHeaders`,
    async run(t) {
      processor(t, {
        request_headers: {
          response: {
            request_headers: {
              response: {
                header_mutation: {
                  set_headers: [{
                    header: { key: "x-case-set", raw_value: raw("by-processor") },
                    append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
                  }],
                  remove_headers: ["x-case-remove"],
                },
              },
            },
          },
        },
      });
      const { head } = await t.ask({ headers: [["x-case-set", "client"], ["x-case-remove", "1"]] });
      t.equal("status", 200, head?.status);
      const { headers } = await t.upstream.request();
      t.equal("x-case-set", ["by-processor"], valuesOf(headers, "x-case-set"));
      t.equal("x-case-remove", [], valuesOf(headers, "x-case-remove"));
    },
  }),
  xp({
    id: "xp.clean-close-continues",
    level: "must",
    requirement: "A processor that closes its stream with OK lets the request go on",
    source: `${EPI}: GetAndCloseStream`,
    async run(t) {
      processor(t, { request_headers: { close: true } });
      const { head } = await t.ask();
      t.equal("status", 200, head?.status);
      t.equal("requests at the upstream", 1, t.upstream.requests().length);
    },
  }),
  xp({
    id: "xp.error-500",
    level: "must",
    requirement: "A processor that fails refuses the request; it does not pass unprocessed",
    source: `${EPI}: GetAndFailStream; ${EPP}: failure_mode_allow is false`,
    async run(t) {
      processor(t, { request_headers: { grpc: 13 } });
      const { head } = await t.ask();
      t.that("status", (head?.status ?? 0) >= 500, "5xx", head?.status);
      t.equal("requests at the upstream", 0, t.upstream.requests().length);
    },
  }),
  xp({
    id: "xp.immediate-response",
    level: "must",
    requirement:
      "An immediate response arrives as the processor wrote it; the upstream is untouched",
    source: `${EPP}: ImmediateResponse`,
    async run(t) {
      const body = '{"from":"processor"}\n';
      processor(t, {
        request_headers: {
          response: {
            immediate_response: {
              status: { code: 409 },
              headers: {
                set_headers: [{
                  header: { key: "x-case-immediate", raw_value: raw("1") },
                  append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
                }],
              },
              body: raw(body),
            },
          },
        },
      });
      const transcript = await t.ask();
      t.equal("status", 409, transcript.head?.status);
      t.equal("body", body, textOf(transcript));
      t.equal("x-case-immediate", "1", valueOf(transcript.head?.headers ?? [], "x-case-immediate"));
      t.equal("requests at the upstream", 0, t.upstream.requests().length);
    },
  }),
  xp({
    id: "xp.sse-not-buffered",
    level: "must",
    requirement: "A stream that passes a processor in STREAMED mode keeps in lock-step",
    source: `${EPP}: BodySendMode STREAMED`,
    async run(t) {
      t.upstream.script(...lockstep(4));
      const exchange = await t.send(t.chat({ stream: true }));
      for (let n = 0; n < 4; n++) {
        const { data } = await exchange.event(n);
        t.equal(`event ${n + 1}`, n, JSON.parse(data).n);
        t.upstream.release(n < 3 ? String(n + 1) : "done");
      }
      t.equal("end", "complete", (await exchange.ended()).kind);
    },
  }),
  xp({
    id: "xp.body-replaced",
    level: "should",
    requirement: "A response body that the processor replaces arrives as it wrote it",
    source: `${EPP}: BodyMutation`,
    async run(t) {
      t.upstream.script({ headers: { headers: { "content-type": "application/json" } } }, {
        write: '{"from":"upstream"}',
      }, { end: true });
      processor(t, {
        response_headers: {
          response: {
            response_headers: {
              response: { header_mutation: { remove_headers: ["content-length"] } },
            },
          },
        },
        response_body: {
          response: { response_body: { response: { body_mutation: { clear_body: true } } } },
        },
      });
      const transcript = await t.ask();
      t.equal("status", 200, transcript.head?.status);
      t.equal("body", "", textOf(transcript));
    },
  }),
  xp({
    id: "xp.duplex-empty-body",
    level: "should",
    requirement: "A duplex body that the processor does not give back is empty for the client",
    source: `${EPP}: FULL_DUPLEX_STREAMED`,
    async run(t) {
      t.upstream.script(STREAM_HEAD, { write: chunkText("a") }, { write: chunkText("b") }, {
        end: true,
      });
      processor(t, { response_body: { swallow: true } });
      const transcript = await t.ask({ path: "/v1/duplex/chat/completions", stream: true });
      t.equal("status", 200, transcript.head?.status);
      t.equal("body", "", textOf(transcript));
      t.equal("end", "complete", transcript.end?.kind);
    },
  }),
  xp({
    id: "xp.message-timeout",
    level: "should",
    requirement: "A processor that does not answer is given up in the declared time, with an error",
    source: `${EPP}: message_timeout`,
    async run(t) {
      processor(t, { request_headers: { hang: true } });
      const transcript = await t.ask();
      const { head } = transcript;
      t.that("status", (head?.status ?? 0) >= 500, "5xx", head?.status);
      const took = await t.duration(transcript);
      t.that("time", took < t.ms(4_000), "< 4 s", took);
      t.equal("requests at the upstream", 0, t.upstream.requests().length);
    },
  }),
  xp({
    id: "xp.mode-override",
    level: "may",
    requirement:
      "A processor may choose to see nothing of the response, where overrides are allowed",
    source: `${EPP}: mode_override; allow_mode_override`,
    async run(t) {
      t.upstream.script(...jsonAnswer('{"ok":true}'));
      processor(t, {
        request_headers: {
          response: {
            request_headers: {},
            mode_override: { response_header_mode: "SKIP", response_body_mode: "NONE" },
          },
        },
        // Were the override ignored, this would refuse the response.
        response_headers: { grpc: 13 },
      });
      const transcript = await t.ask();
      t.equal("status", 200, transcript.head?.status);
      t.equal("body", '{"ok":true}', textOf(transcript));
      t.that("request id", requestIdOf(transcript) !== undefined, "there", requestIdOf(transcript));
    },
  }),
];
