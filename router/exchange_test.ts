import assert from "node:assert/strict";
import type { Decision, Routed } from "./decision.ts";
import { answerOf, bodyOf, headOf, NO_HEAD } from "./exchange.ts";
import { parseHosts } from "./hosts.ts";
import { parseRoutes } from "./route_table.ts";

const [HOST, ...ALTERNATES] = parseHosts("a:1,b:1,c:1");

/** A decision for a route with these keys more. */
function routed(route: object, more: Partial<Routed> = {}): Decision {
  const one = { name: "one", model: "m", path_prefix: "/v1/", ...route };
  const [parsed] = parseRoutes(JSON.stringify([one]), "r.json").routes;
  const [target] = parsed?.targets ?? [];
  assert.ok(parsed && target && HOST);
  return {
    kind: "route",
    route: parsed,
    target,
    host: HOST,
    alternates: [],
    fallback: false,
    body: undefined,
    ...more,
  };
}

Deno.test("headOf() reads the headers that the router goes by, names in any case", () => {
  const headers = [
    [":method", "POST"],
    [":path", "/v1/x"],
    ["x-request-id", "id"],
    ["x-tenant", "team"],
    ["x-sid", "s"],
    ["x-model", ""],
    ["content-length", "12"],
    ["content-encoding", "gzip"],
  ] as const;
  const message = { phase: "request_headers", headers, endOfStream: false } as const;
  assert.deepEqual(headOf(message, { sessionHeader: "X-SID", modelHeader: "X-Model" }), {
    ...NO_HEAD,
    method: "POST",
    path: "/v1/x",
    requestId: "id",
    tenant: "team",
    session: "s",
    contentLength: 12,
    contentEncoding: "gzip",
  });
  const bare = headOf({ ...message, headers: [["x-model", "m"]] }, {});
  assert.deepEqual([bare.modelHeader, bare.session], [undefined, undefined]);
  assert.ok(Number.isNaN(bare.contentLength));
});

Deno.test("answerOf() sends a host its own key, and its own path", () => {
  const [host] = parseHosts("http://a:1/team", undefined, ["secret"]);
  assert.ok(host);
  const head = { ...NO_HEAD, path: "/v1/chat/completions?x=1" };
  const answer = answerOf(routed({}, { host }), head);
  assert.equal(answer.kind, "continue");
  assert.deepEqual(answer.headers?.set, [
    ["authorization", "Bearer secret"],
    [":path", "/team/v1/chat/completions?x=1"],
  ]);
});

Deno.test("bodyOf() has the body once it is known to be whole", () => {
  const body = new Uint8Array([1]);
  assert.equal(bodyOf({ phase: "request_body", body, endOfStream: true }), body);
  assert.equal(bodyOf({ phase: "request_headers", headers: [], endOfStream: true })?.length, 0);
  assert.equal(bodyOf({ phase: "response_trailers", headers: [] }), undefined);
});

Deno.test("answerOf() names the hosts in their order, and changes nothing that need not be", () => {
  assert.deepEqual(answerOf(routed({}, { alternates: ALTERNATES }), NO_HEAD), {
    kind: "continue",
    metadata: {
      "envoy.lb": { "x-gateway-destination-endpoint": "a:1,b:1,c:1" },
      "llmgate.router": { route: "one", model: "m", endpoint: "a:1", operation: "_OTHER" },
    },
  });
});

Deno.test("answerOf() sets a route's limits, and the length of a body that changes", () => {
  const body = new Uint8Array(7);
  const limits = { timeout: "1s", total_timeout: "1m", rewrite_model: "n" };
  const answer = answerOf(routed(limits, { body, fallback: true }), {
    ...NO_HEAD,
    contentLength: 9,
  });
  assert.ok(answer.kind === "continue");
  assert.deepEqual(answer.headers, {
    set: [
      ["x-envoy-upstream-rq-per-try-timeout-ms", "1000"],
      ["x-envoy-upstream-rq-timeout-ms", "60000"],
      ["content-length", "7"],
    ],
  });
  assert.deepEqual(answer.body, { replace: body });
  assert.partialDeepStrictEqual(answer.metadata, {
    "llmgate.router": { backend_model: "n", fallback: true },
  });
  // Nobody said a length: there is none to be wrong.
  const chunked = answerOf(routed({}, { body }), NO_HEAD);
  assert.ok(chunked.kind === "continue");
  assert.equal(chunked.headers, undefined);
});

Deno.test("answerOf() answers by itself where nothing goes upstream", () => {
  const refused = answerOf({ kind: "refuse", status: 404, code: "x", body: "{}" }, NO_HEAD);
  assert.partialDeepStrictEqual(refused, {
    kind: "immediate",
    status: 404,
    details: "router_x",
    headers: { set: [["content-type", "application/json"]] },
  });
  const models = answerOf({ kind: "models", body: "{}" }, NO_HEAD);
  assert.partialDeepStrictEqual(models, { kind: "immediate", status: 200 });
});

Deno.test("answerOf() asks for answers that can be read, where the client takes them", () => {
  const set = (acceptEncoding: string) => {
    const answer = answerOf(routed({}), { ...NO_HEAD, acceptEncoding });
    assert.ok(answer.kind === "continue");
    return answer.headers?.set?.[0]?.join(": ");
  };
  for (const value of ["gzip, deflate, br", "*", "gzip;q=1.0, identity;q=0.5, *;q=0", "zstd"]) {
    assert.equal(set(value), "accept-encoding: identity", value);
  }
  for (const value of ["identity", "", "gzip, identity;q=0", "br, *;q=0.0"]) {
    assert.equal(set(value), undefined, value);
  }
});

Deno.test("answerOf() names the operation as OpenTelemetry does", () => {
  const operation = (path: string) => {
    const answer = answerOf(routed({}), { ...NO_HEAD, path });
    assert.ok(answer.kind === "continue");
    return answer.metadata?.["llmgate.router"]?.["operation"];
  };
  assert.equal(operation("/v1/chat/completions?x=1"), "chat");
  assert.equal(operation("/v1/embeddings"), "embeddings");
  assert.equal(operation("/v1/constructor"), "_OTHER");
});
