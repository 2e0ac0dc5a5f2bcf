/** Cases on allowed requests. */
import { BOTH, type Case } from "../case.ts";
import { bodyHash, jsonOf, sha256, sha256InTurns, textOf } from "../client/transcript.ts";
import { bytes, filler, jsonAnswer, ODD_JSON } from "./shapes.ts";

const SEED = "Project: bodies and headers untouched, forwarded after approval";

/** The policy engine says yes: nothing else may change. */
export const ALLOW_CASES: readonly Case[] = [
  {
    id: "allow.basic-200",
    level: "must",
    control: "none",
    requirement: "An allowed request gets the upstream's status and body",
    source: SEED,
    axes: BOTH,
    async run(t) {
      const transcript = await t.ask();
      t.equal("status", 200, transcript.head?.status);
      t.equal("the response is complete", "complete", transcript.end?.kind);
      const body = jsonOf(transcript);
      t.equal("the body is a chat completion", "chat.completion", body?.object);
      const content = body?.choices?.[0]?.message?.content;
      t.equal("it has an answer", "string", typeof content);
    },
  },
  {
    id: "allow.empty-ok",
    level: "must",
    control: "both",
    requirement: "A CheckResponse with status OK and no http_response allows",
    source: "Envoy ext_authz gRPC client: status.code OK allows",
    async run(t) {
      t.policy.script({ response: { status: { code: 0 } } });
      const transcript = await t.ask();
      t.equal("status", 200, transcript.head?.status);
      t.equal("requests at the upstream", 1, t.upstream.requests().length);
    },
  },
  {
    id: "allow.body-identical",
    level: "must",
    control: "upstream",
    requirement: "The request body reaches the upstream byte for byte",
    source: SEED,
    axes: BOTH,
    async run(t) {
      t.upstream.script(...jsonAnswer('{"ok":true}'));
      const transcript = await t.ask({ body: ODD_JSON });
      t.equal("status", 200, transcript.head?.status);
      const seen = await t.upstream.request("whole body at the upstream", (r) => !!r.bodySha256);
      t.equal("bytes at the upstream", bytes(ODD_JSON).length, seen.bodyBytes);
      t.equal("SHA-256 at the upstream", sha256(ODD_JSON), seen.bodySha256);
    },
  },
  {
    id: "allow.response-identical",
    level: "must",
    control: "upstream",
    requirement: "The response body reaches the client byte for byte",
    source: SEED,
    axes: BOTH,
    async run(t) {
      t.upstream.script(...jsonAnswer(ODD_JSON));
      const transcript = await t.ask();
      t.equal("status", 200, transcript.head?.status);
      t.equal("bytes at the client", bytes(ODD_JSON).length, transcript.bodyBytes);
      t.equal("SHA-256 at the client", sha256(ODD_JSON), bodyHash(transcript));
    },
  },
  {
    id: "allow.upstream-error-verbatim",
    level: "must",
    control: "upstream",
    requirement: "An error of the upstream passes with its status and body, and is no denial",
    source: SEED,
    async run(t) {
      for (const status of [400, 401, 404, 429, 500, 503]) {
        const part = t.fork(status);
        const body = `{"error":{"message":"upstream ${status}","type":"mock_error","code":null}}\n`;
        part.upstream.script(...jsonAnswer(body, status));
        const transcript = await part.ask();
        t.equal(`${status}: status`, status, transcript.head?.status);
        t.equal(`${status}: body`, body, textOf(transcript));
        t.equal(`${status}: requests at the upstream`, 1, part.upstream.requests().length);
      }
    },
  },
  {
    id: "allow.get-models",
    level: "should",
    control: "none",
    requirement: "A GET without a body is answered, not held",
    source: "emissary-ingress/emissary#1140",
    axes: BOTH,
    async run(t) {
      const transcript = await t.ask({ method: "GET", path: "/v1/models" });
      t.equal("status", 200, transcript.head?.status);
      t.equal("the body is a list", "list", jsonOf(transcript)?.object);
    },
  },
  {
    id: "allow.large-response",
    level: "must",
    control: "upstream",
    requirement: "A response of 32 MiB arrives whole",
    source: "Project: no body buffering, no size limit on responses",
    axes: BOTH,
    // So many bytes would hold up our own policy engine for the cases beside it.
    exclusive: true,
    deadlineMs: 60_000,
    async run(t) {
      const block = filler(1 << 20, t.random);
      const blocks = 32;
      t.upstream.script(
        {
          headers: {
            headers: {
              "content-type": "application/json",
              "content-length": String(blocks * block.length),
            },
          },
        },
        { repeat: { times: blocks, steps: [{ write: block }] } },
        { end: true },
      );
      const exchange = await t.send(t.chat());
      const transcript = await exchange.done({ deadlineMs: t.ms(25_000) });
      t.equal("bytes", blocks * block.length, transcript.bodyBytes);
      const sent = await sha256InTurns(Array.from({ length: blocks }, () => block));
      const received = await sha256InTurns(transcript.chunks.map(({ bytes }) => bytes));
      t.equal("SHA-256", sent, received);
      t.equal("the response is complete", "complete", transcript.end?.kind);
    },
  },
  {
    id: "allow.independent-decisions",
    level: "must",
    control: "both",
    requirement: "On one connection, each request gets its own decision",
    source: "Envoy ext_authz: one Check per request",
    axes: BOTH,
    deadlineMs: 60_000,
    async run(t) {
      t.upstream.script(...jsonAnswer("{}"));
      const connection = await t.connect();
      const seen: (number | undefined)[] = [];
      const expected: number[] = [];
      for (let i = 0; i < 50; i++) {
        const allow = i % 2 === 0;
        const spec = t.chat({ as: allow ? "allow" : "nobody" });
        const { head } = await (await t.send(spec, connection)).done();
        seen.push(head?.status);
        expected.push(allow ? 200 : 401);
      }
      const wrong = seen.filter((status, i) =>
        expected[i] === 200 ? status !== 200 : status === undefined || status < 400 || status > 403
      );
      t.equal("answers that belong to another request", [], wrong);
      t.equal("requests at the upstream", 25, t.upstream.requests().length);
      t.equal("Check calls", 50, t.policy.checks().length);
    },
  },
];
