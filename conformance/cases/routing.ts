/** Cases on routes, and on how often a request is sent. */
import { BOTH, type Case } from "../case.ts";
import { jsonOf, valueOf } from "../client/transcript.ts";
import { chunkText, jsonAnswer, STREAM_HEAD } from "./shapes.ts";

/** Which requests go where, and how often. */
export const ROUTING_CASES: readonly Case[] = [
  {
    id: "route.known-paths",
    level: "must",
    control: "none",
    requirement: "The OpenAI paths are routed: an allowed request does not get the gateway's 404",
    source: "Project: OpenAI-shaped requests under /v1/",
    axes: BOTH,
    async run(t) {
      for (const path of t.target.expect.routes) {
        const part = t.fork(path.replace(/[^a-z0-9]+/g, "-"));
        const get = path === "/v1/models";
        const input = path === "/v1/embeddings" || path === "/v1/responses";
        const body = input
          ? { messages: undefined, input: "ping" }
          : path === "/v1/completions"
          ? { messages: undefined, prompt: "ping" }
          : {};
        if (path === "/v1/responses" && t.target.upstream) {
          part.upstream.script(...jsonAnswer("{}"));
        }
        const { head } = await part.ask(get ? { method: "GET", path } : { path, body });
        t.equal(path, 200, head?.status);
        if (t.target.upstream) {
          t.equal(`${path}: requests at the upstream`, 1, part.upstream.requests().length);
        }
      }
    },
  },
  {
    id: "route.unknown-404",
    level: "must",
    control: "none",
    requirement: "An unknown path gets 404 and never reaches the upstream",
    source: "Project: all else 404",
    axes: BOTH,
    async run(t) {
      for (const path of ["/", "/nowhere", "/v1beta/models", "/admin"]) {
        const part = t.fork(`p${path.replace(/[^a-z0-9]+/g, "-")}`);
        const transcript = await part.ask({ method: "GET", path });
        t.equal(`${path}: status`, 404, transcript.head?.status);
        if (t.target.upstream) {
          t.equal(`${path}: requests at the upstream`, 0, part.upstream.requests().length);
        }
      }
    },
  },
  {
    id: "route.unknown-shape",
    level: "should",
    control: "none",
    requirement: "The 404 of the gateway is an OpenAI error object",
    source: "openai-node src/core/error.ts: NotFoundError",
    async run(t) {
      const transcript = await t.ask({ method: "GET", path: "/nowhere" });
      t.equal("error.type is text", "string", typeof jsonOf(transcript)?.error?.type);
    },
  },
  {
    id: "route.healthz-open",
    level: "should",
    control: "none",
    requirement: "/healthz answers 200 without a credential, a Check call or the upstream",
    source: "Project: the one declared exemption",
    async run(t) {
      const transcript = await t.ask({ as: "nobody", method: "GET", path: "/healthz" });
      t.equal("status", 200, transcript.head?.status);
      if (t.target.policy) t.equal("Check calls", 0, t.policy.checks().length);
      if (t.target.upstream) t.equal("requests at the upstream", 0, t.upstream.requests().length);
    },
  },
  {
    id: "route.host-mismatch",
    level: "should",
    control: "none",
    requirement: "Another host name does not change the decision",
    source: "RFC 9110 section 7.2",
    async run(t) {
      const allowed = await t.ask({ headers: [["host", "other.example"]] });
      t.oneOf("allowed: status", [200, 404, 421], allowed.head?.status);
      const denied = await t.fork("denied").ask({
        as: "nobody",
        headers: [["host", "other.example"]],
      });
      t.oneOf("denied: status", [401, 403, 404, 421], denied.head?.status);
    },
  },
  {
    id: "route.trailing-slash",
    level: "may",
    control: "both",
    requirement: "A path with a trailing slash is policed like any other",
    source: "Project: everything under /v1/ goes through policy",
    async run(t) {
      const { head } = await t.ask({ as: "nobody", path: "/v1/chat/completions/" });
      t.oneOf("status", [401, 403, 404], head?.status);
      t.equal("requests at the upstream", 0, t.upstream.requests().length);
    },
  },
  {
    id: "route.by-policy-header",
    level: "may",
    control: "both",
    feature: "clear_route_cache",
    requirement: "A header that the policy sets picks the route only with clear_route_cache",
    source: "Envoy ext_authz.proto: clear_route_cache",
    async run(t) {
      t.policy.script({
        response: {
          status: { code: 0 },
          ok_response: {
            headers: [{
              header: { key: "x-case-route", value: "other" },
              append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
            }],
          },
        },
      });
      t.excuse("agree.answer-has-a-source", "The other route answers by itself");
      const { head } = await t.ask();
      t.equal(
        "answered by the other route",
        "other",
        valueOf(head?.headers ?? [], "x-case-answer"),
      );
    },
  },
  {
    id: "route.no-reroute-bypass",
    level: "must",
    control: "both",
    requirement: "Path headers that a policy sets do not send a request where another was checked",
    source: "Envoy ext_authz.proto: clear_route_cache security note",
    async run(t) {
      t.policy.script({
        response: {
          status: { code: 0 },
          ok_response: {
            headers: [{
              header: { key: "x-envoy-original-path", value: "/admin" },
              append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
            }],
          },
        },
      });
      const transcript = await t.ask();
      t.equal("status", 200, transcript.head?.status);
      const { target } = await t.upstream.request();
      t.that("target", target.endsWith("/v1/chat/completions"), "/v1/chat/completions", target);
    },
  },
];

/** Nobody sends a POST twice. */
export const RETRY_CASES: readonly Case[] = [
  {
    id: "retry.post-not-blind",
    level: "must",
    control: "upstream",
    requirement: "A POST that was answered with an error is sent once",
    source: "RFC 9110 section 9.2.2: POST is not idempotent",
    axes: BOTH,
    async run(t) {
      for (const status of [500, 502, 503, 429]) {
        const part = t.fork(status);
        part.upstream.script(...jsonAnswer('{"error":{}}', status));
        const { head } = await part.ask();
        t.equal(`${status}: status`, status, head?.status);
        t.equal(`${status}: requests at the upstream`, 1, part.upstream.requests().length);
      }
    },
  },
  {
    id: "retry.reset-not-blind",
    level: "must",
    control: "upstream",
    requirement: "A POST whose upstream resets before it answers is sent once",
    source: "RFC 9110 section 9.2.2: POST is not idempotent",
    axes: BOTH,
    async run(t) {
      t.upstream.script({ abort: "rst" });
      const { head } = await t.ask();
      t.oneOf("status", [502, 503], head?.status);
      t.equal("requests at the upstream", 1, t.upstream.requests().length);
    },
  },
  {
    id: "retry.never-mid-stream",
    level: "must",
    control: "upstream",
    requirement: "A stream that dies is not begun again: no second request, no repeated events",
    source: "envoyproxy/envoy#40030",
    axes: BOTH,
    async run(t) {
      t.upstream.script(
        STREAM_HEAD,
        { write: chunkText("a", 0) },
        { write: chunkText("b", 1) },
        { barrier: "seen" },
        { abort: "rst" },
      );
      const exchange = await t.send(t.chat({ stream: true }));
      await exchange.event(1);
      t.upstream.release("seen");
      const { kind } = await exchange.ended();
      t.that("end", kind !== "complete", "abnormal", kind);
      const seen = exchange.transcript.events.map(({ data }) => JSON.parse(data).n);
      t.equal("events", [0, 1], seen);
      // A request that comes after shows that a second try would have been seen by now.
      await t.fork("after").ask();
      t.equal("requests at the upstream", 1, t.upstream.requests().length);
    },
  },
  {
    id: "retry.body-identical",
    level: "should",
    control: "upstream",
    feature: "resilience",
    requirement: "With retries declared, the second try sends the same body",
    source: "Gateway API HTTPRouteRetry",
    async run(t) {
      t.upstream.script(...jsonAnswer('{"error":{}}', 503));
      await t.ask({ path: "/v1/retried/chat/completions", body: '{"messages": [ ]}' });
      const tries = t.upstream.requests();
      t.that("requests at the upstream", tries.length >= 2, ">= 2", tries.length);
      t.equal("different bodies", 1, new Set(tries.map(({ bodySha256 }) => bodySha256)).size);
    },
  },
  {
    id: "retry.before-first-byte",
    level: "may",
    control: "upstream",
    feature: "resilience",
    requirement: "A try that stays silent before its first byte is given up for another one",
    source: "Envoy route_components.proto: RetryPolicy.per_try_idle_timeout",
    async run(t) {
      t.upstream.script({ barrier: "silent" }, STREAM_HEAD, { write: chunkText("a") }, {
        end: true,
      });
      const path = "/v1/impatient/chat/completions";
      const exchange = await t.send(t.chat({ path, stream: true }));
      await t.upstream.request("the first try given up", (r) => r.end !== undefined);
      // Whichever try comes next may pass, should a slow machine have given up more of them.
      for (let i = 0; i < 5; i++) t.upstream.release("silent");
      const { head, end, events } = await exchange.done();
      t.equal("status", 200, head?.status);
      t.equal("end", "complete", end?.kind);
      t.equal("events", 1, events.length);
      const tries = t.upstream.requests();
      t.that("requests at the upstream", tries.length >= 2, ">= 2", tries.length);
      t.that("first try", tries[0]?.status === undefined, "no answer", tries[0]?.status);
    },
  },
  {
    id: "cb.overflow-503",
    level: "may",
    control: "upstream",
    feature: "resilience",
    // Both take the one place of the same cluster.
    exclusive: true,
    requirement:
      "Beyond the limit of concurrent requests the answer is 503 at once; afterwards it recovers",
    source: "Envoy circuit breakers: overflow",
    async run(t) {
      const path = "/v1/narrow/chat/completions";
      const held = t.fork("held");
      held.upstream.script({ barrier: "hold" }, ...jsonAnswer("{}"));
      const first = await held.send(held.chat({ path }));
      await held.upstream.arrival("hold");
      const { head } = await t.fork("over").ask({ path });
      t.equal("status beyond the limit", 503, head?.status);
      held.upstream.release("hold");
      t.equal("the held one", 200, (await first.done()).head?.status);
      t.equal("afterwards", 200, (await t.fork("after").ask({ path })).head?.status);
    },
  },
  {
    id: "cb.streams-hold-slot",
    level: "may",
    control: "upstream",
    feature: "resilience",
    // Both take the one place of the same cluster.
    exclusive: true,
    requirement: "An open stream counts until it ends, and is freed when its client leaves",
    source: "Envoy circuit breakers: max_requests",
    async run(t) {
      const path = "/v1/narrow/chat/completions";
      const held = t.fork("held");
      held.upstream.script(STREAM_HEAD, { write: chunkText("a") }, { barrier: "never" });
      const stream = await held.send(held.chat({ path, stream: true }));
      await stream.event(0);
      t.equal("while the stream is open", 503, (await t.fork("over").ask({ path })).head?.status);
      stream.abort();
      await held.upstream.request("end at the upstream", (r) => !!r.end);
      t.equal("after the client left", 200, (await t.fork("after").ask({ path })).head?.status);
    },
  },
];
