/** Cases on denied requests. */
import { BOTH, type Case } from "../case.ts";
import { jsonOf, textOf, valueOf, valuesOf } from "../client/transcript.ts";

const REFUSALS = [401, 403];
const AZP = "Envoy external_auth.proto: DeniedHttpResponse";
const DENY_BODY = '{ "error": {"message":"no","type":"policy_error","param":null,"code":"x"} }\n';

/** The policy engine says no: the client hears exactly that, the upstream hears nothing. */
export const DENY_CASES: readonly Case[] = [
  {
    id: "deny.default-403",
    level: "must",
    control: "both",
    requirement: "A denial without denied_response is 403",
    source: "Envoy ext_authz gRPC client: status other than OK denies with 403",
    async run(t) {
      t.policy.script({ response: { status: { code: 7 } } });
      const transcript = await t.ask();
      t.equal("status", 403, transcript.head?.status);
      t.equal("requests at the upstream", 0, t.upstream.requests().length);
    },
  },
  {
    id: "deny.custom-status",
    level: "must",
    control: "both",
    requirement: "The status of a denial arrives as the policy set it; 0 is 403",
    source: AZP,
    axes: BOTH,
    async run(t) {
      for (const status of [401, 402, 429, 451, 0]) {
        const part = t.fork(status);
        part.policy.script({
          response: { status: { code: 7 }, denied_response: { status: { code: status } } },
        });
        const transcript = await part.ask();
        t.equal(`${status}: status`, status || 403, transcript.head?.status);
        t.equal(`${status}: requests at the upstream`, 0, part.upstream.requests().length);
      }
    },
  },
  {
    id: "deny.body-and-headers",
    level: "must",
    control: "both",
    requirement: "Body and headers of a denial arrive as the policy set them",
    source: AZP,
    axes: BOTH,
    async run(t) {
      const set = (key: string, value: string) => ({
        header: { key, value },
        append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
      });
      t.policy.script({
        response: {
          status: { code: 16 },
          denied_response: {
            status: { code: 401 },
            body: DENY_BODY,
            headers: [
              set("content-type", "application/json"),
              set("www-authenticate", 'Bearer realm="llm"'),
              set("retry-after", "17"),
              set("x-deny-note", "from-policy"),
            ],
          },
        },
      });
      const transcript = await t.ask();
      const headers = transcript.head?.headers ?? [];
      t.equal("status", 401, transcript.head?.status);
      t.equal("body", DENY_BODY, textOf(transcript));
      t.equal("content-type", ["application/json"], valuesOf(headers, "content-type"));
      t.equal("www-authenticate", ['Bearer realm="llm"'], valuesOf(headers, "www-authenticate"));
      t.equal("retry-after", ["17"], valuesOf(headers, "retry-after"));
      t.equal("x-deny-note", ["from-policy"], valuesOf(headers, "x-deny-note"));
    },
  },
  {
    id: "deny.upstream-untouched",
    level: "must",
    control: "both",
    requirement: "A denied request never reaches the upstream",
    source: "Project: enforcement happens before inference",
    axes: BOTH,
    async run(t) {
      t.policy.script({ deny: { status: 403 } });
      const denied = await t.ask({ body: { messages: [{ role: "user", content: "secret" }] } });
      t.equal("status", 403, denied.head?.status);
      // A request that is allowed comes after: had the denied one been sent on, it would be first.
      const after = t.fork("after");
      const allowed = await after.ask();
      t.equal("the next request passes", 200, allowed.head?.status);
      await after.upstream.request();
      t.equal("requests at the upstream", 0, t.upstream.requests().length);
      t.equal("Check calls", 1, t.policy.checks().length);
    },
  },
  {
    id: "deny.no-credential",
    level: "must",
    control: "none",
    requirement: "A request without a credential is refused with 401 or 403",
    source: "RFC 9110 section 15.5.2",
    axes: BOTH,
    async run(t) {
      const transcript = await t.ask({ as: "nobody" });
      t.oneOf("status", REFUSALS, transcript.head?.status);
      t.equal("the response is complete", "complete", transcript.end?.kind);
      if (t.target.upstream) t.equal("requests at the upstream", 0, t.upstream.requests().length);
    },
  },
  {
    id: "deny.wrong-credential",
    level: "must",
    control: "none",
    requirement: "A request with a wrong credential is refused with 401 or 403",
    source: "RFC 9110 section 15.5.4",
    axes: BOTH,
    async run(t) {
      const transcript = await t.ask({ as: "deny" });
      t.oneOf("status", REFUSALS, transcript.head?.status);
      t.equal("the response is complete", "complete", transcript.end?.kind);
      if (t.target.upstream) t.equal("requests at the upstream", 0, t.upstream.requests().length);
    },
  },
  {
    id: "deny.every-route",
    level: "must",
    control: "none",
    requirement: "No route under /v1/ is exempt: without a credential each is refused",
    source: "Project: everything under /v1/ goes through policy",
    axes: BOTH,
    async run(t) {
      for (const path of t.target.expect.routes) {
        for (const method of ["GET", "POST"]) {
          const { head } = await t.ask({ as: "nobody", method, path });
          t.oneOf(`${method} ${path}`, REFUSALS, head?.status);
        }
      }
      if (t.target.upstream) t.equal("requests at the upstream", 0, t.upstream.requests().length);
    },
  },
  {
    id: "deny.streaming-not-sse",
    level: "must",
    control: "none",
    requirement: "A denied streaming request gets an error status and JSON, not an event stream",
    source: "OpenAI SDKs read errors from the status, before they read events",
    axes: BOTH,
    async run(t) {
      const transcript = await t.ask({ as: "nobody", stream: true });
      const type = valueOf(transcript.head?.headers ?? [], "content-type") ?? "";
      t.oneOf("status", REFUSALS, transcript.head?.status);
      t.that("content-type", !/event-stream/i.test(type), "not text/event-stream", type);
      t.equal("events", 0, transcript.events.length);
    },
  },
  {
    id: "deny.openai-error-shape",
    level: "should",
    control: "none",
    requirement: "The body of a denial is an OpenAI error object, so that SDKs raise typed errors",
    source: "openai-node src/core/error.ts: APIError reads error.message, type, param, code",
    async run(t) {
      const transcript = await t.ask({ as: "nobody" });
      const error = jsonOf(transcript)?.error;
      t.equal("error.message is text", "string", typeof error?.message);
      t.equal("error.type is text", "string", typeof error?.type);
      t.that(
        "error.param is there",
        error !== undefined && "param" in error,
        "a key",
        error ?? null,
      );
      t.that("error.code is there", error !== undefined && "code" in error, "a key", error ?? null);
      const type = valueOf(transcript.head?.headers ?? [], "content-type") ?? "";
      t.that("content-type", /^application\/json\b/i.test(type), "application/json", type);
    },
  },
  {
    id: "deny.before-upload-end",
    level: "should",
    control: "none",
    requirement: "A denial arrives while the upload is still open, and the client is not stuck",
    source: "RFC 9112 section 9.6; RFC 9113 section 8.1",
    axes: BOTH,
    async run(t) {
      const exchange = await t.send(t.chat({
        as: "nobody",
        manual: true,
        headers: [
          ["content-length", String(5 << 20)],
        ],
      }));
      await exchange.write(new Uint8Array(1024).fill(32));
      const head = await exchange.head({ deadlineMs: t.ms(3_000) });
      t.oneOf("status", REFUSALS, head.status);
    },
  },
  {
    id: "deny.head-and-options",
    level: "should",
    control: "none",
    requirement: "HEAD and OPTIONS are checked like any other method",
    source: "Envoy ext_authz: no method is exempt; CORS preflight only where a route declares it",
    async run(t) {
      for (const method of ["HEAD", "OPTIONS"]) {
        const transcript = await t.ask({ as: "nobody", method });
        t.oneOf(`${method}: status`, REFUSALS, transcript.head?.status);
      }
    },
  },
  {
    id: "deny.multi-set-cookie",
    level: "may",
    control: "both",
    requirement: "Two set-cookie headers of a denial both arrive",
    source: AZP,
    async run(t) {
      const cookie = (value: string) => ({ header: { key: "set-cookie", value } });
      t.policy.script({
        response: {
          status: { code: 7 },
          denied_response: { status: { code: 403 }, headers: [cookie("a=1"), cookie("b=2")] },
        },
      });
      const transcript = await t.ask();
      const cookies = valuesOf(transcript.head?.headers ?? [], "set-cookie");
      t.equal("set-cookie", ["a=1", "b=2"], cookies);
    },
  },
  {
    id: "deny.local-reply-wins",
    level: "may",
    control: "both",
    requirement: "A local-reply mapper does not rewrite a denial that the policy wrote itself",
    source: "Envoy ext_authz integration test: denied response with local_reply_config",
    async run(t) {
      const body = "plain words, not JSON";
      t.policy.script({
        response: {
          status: { code: 7 },
          denied_response: {
            status: { code: 418 },
            body,
            headers: [{
              header: { key: "content-type", value: "text/x-odd" },
              append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
            }],
          },
        },
      });
      const transcript = await t.ask();
      const headers = transcript.head?.headers ?? [];
      t.equal("status", 418, transcript.head?.status);
      t.equal("body", body, textOf(transcript));
      t.equal("content-type", ["text/x-odd"], valuesOf(headers, "content-type"));
      if (t.protocol === "h1") {
        t.equal("content-length", [String(body.length)], valuesOf(headers, "content-length"));
      }
    },
  },
];
