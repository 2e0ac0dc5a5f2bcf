/** Cases on the Check call itself. */
import { BOTH, type Case } from "../case.ts";
import { requestIdOf } from "../client/transcript.ts";
import { jsonAnswer } from "./shapes.ts";

const AZI = "Envoy ext_authz integration test: expected CheckRequest";
const SEED = "Project: policy is header- and metadata-driven, bodies are not inspected";

const SOME_HEADERS = "The gateway is told to show policy only some headers";

/** The method of external_auth.proto that Envoy calls with `transport_api_version: V3`. */
const CHECK_METHOD = "/envoy.service.auth.v3.Authorization/Check";

/** Cases on the CheckRequest: its content, how often it is sent, and when. */
export const CONTRACT_CASES: readonly Case[] = [
  {
    id: "contract.check-once",
    level: "must",
    control: "policy",
    requirement: "One client request makes exactly one Check call",
    source: "envoyproxy/envoy#13260 (several calls with a body)",
    axes: BOTH,
    async run(t) {
      const json = await t.ask();
      t.equal("JSON: status", 200, json.head?.status);
      t.equal("JSON: Check calls", 1, t.policy.checks().length);
      const stream = t.fork("stream");
      await stream.ask({ stream: true });
      t.equal("stream: Check calls", 1, stream.policy.checks().length);
      const upload = t.fork("upload");
      await upload.ask({ body: `{"messages":[],"pad":"${"x".repeat(300_000)}"}` });
      t.equal("300 kB upload: Check calls", 1, upload.policy.checks().length);
    },
  },
  {
    id: "contract.method-path-host",
    level: "must",
    control: "policy",
    requirement: "Check has the client's method, path with query, host and protocol",
    source: AZI,
    axes: BOTH,
    async run(t) {
      const path = "/v1/chat/completions?a=1&b=%20x";
      await t.ask({ path, headers: [["host", "llm.example.com"]] });
      const check = await t.policy.check();
      t.equal("method", "POST", check.method);
      t.equal("path", path, check.path);
      t.equal("host", "llm.example.com", check.host);
      const protocol = t.protocol === "h1" ? "HTTP/1.1" : "HTTP/2";
      t.equal("protocol", protocol, check.protocol);
    },
  },
  {
    id: "contract.headers-complete",
    level: "must",
    control: "policy",
    requirement: "Every header of the client is in the Check call, names in lower case",
    source: "Envoy ext_authz.proto: allowed_headers unset sends all",
    axes: BOTH,
    async run(t) {
      if (t.target.marksPath) t.unsupported(SOME_HEADERS);
      const sent: [string, string][] = [
        ["X-Case-One", "1"],
        ["openai-organization", "org-1"],
        ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
        ["user-agent", "case/1"],
        ["accept", "text/event-stream"],
      ];
      await t.ask({ headers: sent });
      const { headers } = await t.policy.check();
      for (const [name, value] of sent) {
        if (name === "traceparent") continue; // Envoy may start a span of its own.
        t.equal(name, value, headers[name.toLowerCase()]);
      }
      const upper = Object.keys(headers).filter((name) => name !== name.toLowerCase());
      t.equal("names that are not in lower case", [], upper);
    },
  },
  {
    id: "contract.duplicate-headers",
    level: "should",
    control: "policy",
    requirement: "A repeated header reaches the policy engine with every value, in order",
    source: `${AZI} (x-duplicate)`,
    async run(t) {
      if (t.target.marksPath) t.unsupported(SOME_HEADERS);
      await t.ask({
        headers: [["x-duplicate", "one"], ["x-duplicate", "two"], ["x-duplicate", "three"]],
      });
      const check = await t.policy.check();
      const listed = check.headerList?.filter(([name]) => name === "x-duplicate").map(([, v]) => v);
      const values = listed && listed.length > 0 ? listed : [check.headers["x-duplicate"] ?? ""];
      t.equal("values", ["one", "two", "three"], values.flatMap((value) => value.split(/ *, */)));
    },
  },
  {
    id: "contract.no-body-by-default",
    level: "must",
    control: "policy",
    requirement: "The Check call holds no request body",
    source: SEED,
    async run(t) {
      await t.ask({ body: { messages: [{ role: "user", content: "private words" }] } });
      const check = await t.policy.check();
      t.equal("body bytes in the Check call", 0, check.bodyBytes);
    },
  },
  {
    id: "contract.check-before-upstream",
    level: "must",
    control: "both",
    requirement: "The upstream sees nothing while the policy engine holds its answer",
    source: SEED,
    axes: BOTH,
    async run(t) {
      t.policy.script({ allow: {}, barrier: "hold" });
      const exchange = await t.send(t.chat());
      await t.policy.arrival("hold");
      // Another request goes all the way while this one is held.
      const other = t.fork("other");
      const passed = await other.ask();
      t.equal("another request passes meanwhile", 200, passed.head?.status);
      t.equal("requests at the upstream while held", 0, t.upstream.requests().length);
      t.policy.release("hold");
      const { head } = await exchange.done();
      t.equal("status after release", 200, head?.status);
      t.equal("requests at the upstream after release", 1, t.upstream.requests().length);
    },
  },
  {
    id: "contract.no-body-buffer",
    level: "must",
    control: "both",
    requirement: "The policy engine is asked on headers alone; the upload streams while it is open",
    source: "emissary-ingress/emissary#1140; envoyproxy/envoy#42800",
    axes: BOTH,
    async run(t) {
      t.upstream.script(...jsonAnswer('{"ok":true}'));
      const exchange = await t.send(t.chat({ manual: true }));
      await t.policy.check("Check call before any body byte");
      await exchange.write('{"messages":[');
      await t.upstream.request(
        "first body byte at the upstream",
        (r) => r.firstBodyByteAt !== undefined || r.bodyBytes > 0,
      );
      t.equal("requests at the upstream while the upload is open", 1, t.upstream.requests().length);
      await exchange.write("]}");
      await exchange.finish();
      const { head } = await exchange.done();
      t.equal("status", 200, head?.status);
      const seen = await t.upstream.request("whole body", (r) => r.bodyEnd !== undefined);
      t.equal("body bytes at the upstream", 15, seen.bodyBytes);
    },
  },
  {
    id: "contract.non-utf8-header",
    level: "must",
    control: "policy",
    requirement:
      "Header bytes that are not UTF-8 do not break the Check call or let the request pass unasked",
    source: "GHSA-9g5w-hqr3-w2ph",
    async run(t) {
      const transcript = await t.ask({ headers: [["x-case-bytes", "a\xc3\x28b"]] });
      const status = transcript.head?.status ?? 0;
      const checks = t.policy.checks();
      if (status === 200) {
        t.equal("Check calls of an allowed request", 1, checks.length);
        const value = checks[0]?.headers["x-case-bytes"] ?? "";
        t.that(
          "value in the Check call",
          !/[\ufffd]/.test(value) || value.length > 0,
          "sanitised",
          value,
        );
      } else {
        t.that("status", status >= 400 && status < 600, "an error", status);
      }
      const after = await t.fork("after").ask();
      t.equal("the next request passes", 200, after.head?.status);
    },
  },
  {
    id: "contract.request-id",
    level: "must",
    control: "policy",
    requirement: "The Check call carries the request id that the client gets back",
    source: "Project: each decision is joined by x-request-id",
    axes: BOTH,
    async run(t) {
      if (t.target.marksPath) t.unsupported(SOME_HEADERS);
      const transcript = await t.ask();
      const id = requestIdOf(transcript);
      const check = await t.policy.check();
      t.that("the response has an id", id !== undefined && id !== "", "x-request-id", id);
      t.equal("id in the Check call", id, check.requestId);
    },
  },
  {
    id: "contract.source-address",
    level: "should",
    control: "policy",
    requirement: "The Check call names the peer that really connected",
    source: "Envoy attribute_context.proto: source.address",
    async run(t) {
      await t.ask({ headers: [["x-forwarded-for", "203.0.113.9"]] });
      const { source } = await t.policy.check();
      t.that(
        "source",
        source !== "" && !source.includes("203.0.113.9"),
        "the peer's own address",
        source,
      );
    },
  },
  {
    id: "contract.grpc-path",
    level: "must",
    control: "policy",
    requirement: "Policy is asked by the v3 Check method, whatever the request's method",
    source: "Envoy ext_authz integration test; external_auth.proto: service Authorization",
    axes: BOTH,
    async run(t) {
      for (const method of ["POST", "GET", "HEAD"]) {
        const part = t.fork(method.toLowerCase());
        await part.ask(method === "POST" ? {} : { method, path: "/v1/models" });
        const { grpcPath } = await part.policy.check();
        t.equal(`${method}: method called`, CHECK_METHOD, grpcPath);
      }
    },
  },
  {
    id: "contract.context-extensions",
    level: "may",
    control: "policy",
    feature: "body",
    requirement: "Context extensions of the route arrive in the Check call",
    source: "Envoy ext_authz: CheckSettings.context_extensions",
    async run(t) {
      await t.ask();
      const { contextExtensions } = await t.policy.check();
      const names = Object.keys(contextExtensions);
      t.that("context extensions", names.length > 0, "at least one", contextExtensions);
    },
  },
  {
    id: "contract.body-partial-flag",
    level: "may",
    control: "policy",
    feature: "body",
    requirement: "With with_request_body, x-envoy-auth-partial-body says whether the body is whole",
    source: "Envoy ext_authz.proto: BufferSettings.allow_partial_message",
    async run(t) {
      for (
        const [name, size, partial] of [["small", 100, "false"], ["large", 60_000, "true"]] as const
      ) {
        const part = t.fork(name);
        await part.ask({ body: "x".repeat(size) });
        const { headers } = await part.policy.check();
        t.equal(
          `${name} body: x-envoy-auth-partial-body`,
          partial,
          headers["x-envoy-auth-partial-body"],
        );
      }
    },
  },
  {
    id: "contract.raw-body-bytes",
    level: "may",
    control: "policy",
    feature: "body",
    requirement: "With pack_as_bytes the Check call holds the bytes that the client sent",
    source: "Envoy ext_authz.proto: BufferSettings.pack_as_bytes",
    async run(t) {
      const body = Uint8Array.from({ length: 256 }, (_, i) => i);
      await t.ask({ body });
      const check = await t.policy.check();
      t.equal("body bytes in the Check call", body.length, check.bodyBytes);
    },
  },
];
