import assert from "node:assert/strict";
import { decide, type Deciders, type Decision, type RoutedRequest } from "./decision.ts";
import { type BackendHost, parseHosts } from "./hosts.ts";
import { parseRoutes } from "./route_table.ts";
import { strategyOf } from "./strategies/strategies.ts";

const HOSTS = parseHosts("a:1,b:1,c:1", "m,m2,*")
  .map((host) => ({ ...host, hostname: `${host.host}.test:1` }));
const PATH = "/v1/chat/completions";

interface Setting extends Partial<RoutedRequest> {
  /** Fields of the one route beside `name`, `model` and `path_prefix`. */
  readonly route?: object;
  /** Endpoints that are not healthy. */
  readonly down?: readonly string[];
  readonly busy?: Readonly<Record<string, number>>;
  readonly hosts?: readonly BackendHost[];
  readonly home?: Deciders["home"];
}

/** The decision on a request for the model "m", or what the setting says. */
function decided(setting: Setting = {}): Decision {
  const { route, down = [], busy = {}, hosts = HOSTS, home, ...request } = setting;
  const routes = [{ name: "one", model: "m", path_prefix: "/v1/chat", ...route }];
  return decide({
    method: "POST",
    path: PATH,
    requestId: "id",
    body: new TextEncoder().encode('{"model": "m"}'),
    ...request,
  }, {
    table: parseRoutes(JSON.stringify(routes), "r.json"),
    hosts,
    ...(home === undefined ? {} : { home }),
    strategy: strategyOf("least_outstanding_requests"),
    alternates: 2,
    maxBodyBytes: 8_388_608,
    outstanding: (endpoint) => busy[endpoint] ?? 0,
    healthy: (hosts) => hosts.filter(({ endpoint }) => !down.includes(endpoint)),
  });
}

/** Where it went, and what went on: `a:1 as it came`. */
function route(setting: Setting = {}): string {
  const decision = decided(setting);
  assert.equal(decision.kind, "route");
  if (decision.kind !== "route") return "";
  const { host, body, fallback } = decision;
  const sent = body === undefined ? "as it came" : new TextDecoder().decode(body);
  return `${host.endpoint} ${sent}${fallback ? " (fallback)" : ""}`;
}

function alternates(setting: Setting): string[] {
  const decision = decided(setting);
  return decision.kind === "route" ? decision.alternates.map(({ endpoint }) => endpoint) : [];
}

function refusal(setting: Setting): string {
  const decision = decided(setting);
  return decision.kind === "refuse" ? `${decision.status} ${decision.code}` : decision.kind;
}

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("decide() routes to the least busy host that serves the model", () => {
  assert.equal(route(), "a:1 as it came");
  assert.equal(route({ busy: { "a:1": 1 } }), "c:1 as it came");
});

Deno.test("decide() takes paths outside of /v1/ where a route has them, and no others", () => {
  const path_prefix = "/tokenize";
  assert.equal(route({ path: "/tokenize", route: { path_prefix } }), "a:1 as it came");
  assert.equal(refusal({ path: "/tokenize" }), "404 not_found");
  assert.equal(refusal({ path: "/rerank", route: { path_prefix } }), "404 not_found");
});

Deno.test("decide() lets Envoy try no host that has another key or path than the first", () => {
  const hosts = parseHosts("a:1,http://b:1/x,c:1,d:1", undefined, ["k", "k", "k", ""]);
  assert.deepEqual(alternates({ hosts }), ["c:1"]);
});

Deno.test("decide() sends what follows a response to the host that keeps it", () => {
  const home = (id: string, tenant: string | undefined) =>
    id === "resp_1" && tenant === "t" ? { endpoint: "c:1", model: "m", tenant } : undefined;
  const body = bytes('{"model": "m", "previous_response_id": "resp_1"}');
  const follows = { path: "/v1/responses", route: { path_prefix: "/v1/" }, body, home };
  assert.equal(route({ ...follows, tenant: "t" }), "c:1 as it came");
  assert.equal(route({ ...follows, tenant: "u" }), "a:1 as it came");
  assert.equal(route({ ...follows, tenant: "t", down: ["c:1"] }), "a:1 as it came");
  for (const [method, end] of [["GET", ""], ["DELETE", ""], ["POST", "/cancel"]]) {
    const kept = {
      ...follows,
      method: method ?? "",
      body: bytes(""),
      path: `/v1/responses/resp_1${end}`,
    };
    assert.equal(route({ ...kept, tenant: "t" }), "c:1 as it came");
  }
  const other = { ...follows, method: "GET", body: bytes(""), path: "/v1/responses/resp_1" };
  assert.equal(refusal({ ...other, tenant: "u" }), "404 not_found");
});

Deno.test("decide() names the hosts that Envoy may try next, the least busy first", () => {
  const next = (setting: Setting) => {
    const decision = decided({ busy: { "b:1": 2, "c:1": 1 }, ...setting });
    assert.ok(decision.kind === "route");
    return [decision.host, ...decision.alternates].map(({ endpoint }) => endpoint).join(" ");
  };
  assert.equal(next({}), "a:1 c:1");
  assert.equal(next({ route: { rewrite_model: "m2" } }), "c:1 b:1");
  // Fallbacks take part where they serve the same model: a body cannot change on the way.
  const targets = [{ hosts: ["a:1"] }];
  assert.equal(next({ route: { targets } }), "a:1");
  assert.equal(next({ route: { targets, fallbacks: [{ hosts: ["c:1"] }] } }), "a:1 c:1");
  assert.equal(next({ route: { targets, fallbacks: [{ model: "m2" }] } }), "a:1");
  const down = ["c:1"];
  assert.equal(next({ down, route: { targets, fallbacks: [{ hosts: ["c:1"] }] } }), "a:1");
});

Deno.test("an alias and a rewritten model reach the backend under its own name", () => {
  const body = bytes('{ "model": "x" }');
  assert.equal(route({ body, route: { aliases: ["x"] } }), 'a:1 { "model": "m" }');
  assert.equal(route({ route: { rewrite_model: "m2" } }), 'b:1 {"model": "m2"}');
});

Deno.test("weights split by request id: the same id, the same target", () => {
  const split = { targets: [{ weight: 9 }, { model: "m2", hosts: ["b:1"] }] };
  const went = (id: number) => route({ route: split, requestId: `request-${id}` });
  const ids = Array.from({ length: 2_000 }, (_, id) => id);
  const canary = ids.filter((id) => went(id).startsWith("b:1"));
  // 200 expected; beyond 5 standard deviations of 13 it would be a wrong split.
  assert.ok(canary.length > 130 && canary.length < 270, `${canary.length} of 2000`);
  for (const id of canary.slice(0, 20)) assert.equal(went(id), 'b:1 {"model": "m2"}');
  const off = { targets: [{ weight: 1 }, { model: "m2", weight: 0 }] };
  assert.ok(ids.every((id) => route({ route: off, requestId: `${id}` }).endsWith("as it came")));
});

Deno.test("fallbacks are for when no host of the targets is healthy", () => {
  const fallbacks = [{ hosts: ["b:1"] }, { model: "m2" }];
  const down = ["a:1", "c:1"];
  assert.equal(route({ route: { fallbacks } }), "a:1 as it came");
  assert.equal(route({ route: { fallbacks }, down: ["a:1"] }), "c:1 as it came");
  assert.equal(route({ route: { fallbacks }, down }), 'b:1 {"model": "m2"} (fallback)');
  // Another target of the route comes before a fallback.
  const targets = [{ weight: 1_000_000 }, { model: "m2", weight: 1 }];
  assert.equal(route({ route: { targets, fallbacks }, down }), 'b:1 {"model": "m2"}');
});

Deno.test("a target's hosts are named as they are written, or by their addresses", () => {
  for (const hosts of [["c:1"], ["c.test:1"]]) {
    assert.equal(route({ route: { targets: [{ hosts }] } }), "c:1 as it came");
  }
});

Deno.test("when nobody is healthy, the hosts are tried all the same", () => {
  const down = ["a:1", "b:1", "c:1"];
  assert.equal(route({ down, route: { fallbacks: [{ model: "m2" }] } }), "a:1 as it came");
});

Deno.test("a host that discovery does not know is never chosen", () => {
  const targets = [{ hosts: ["169.254.169.254:80"] }];
  assert.equal(refusal({ route: { targets } }), "503 no_backend");
});

Deno.test("a route is there for its tenants alone", () => {
  const tenants = { tenants: ["team"] };
  assert.equal(route({ route: tenants, tenant: "team" }), "a:1 as it came");
  assert.equal(refusal({ route: tenants, tenant: "other" }), "404 model_not_found");
  assert.equal(refusal({ route: tenants }), "404 model_not_found");
});

Deno.test("a header that may name the model counts more than the body", () => {
  const aliases = { aliases: ["x"] };
  const modelHeader = "m";
  assert.equal(route({ route: aliases, modelHeader }), "a:1 as it came");
  assert.equal(
    route({ route: aliases, modelHeader, body: bytes('{"model":"unknown"}') }),
    'a:1 {"model":"m"}',
  );
  assert.equal(route({ modelHeader, method: "GET", body: bytes("") }), "a:1 as it came");
  assert.equal(refusal({ modelHeader, body: bytes("{}") }), "400 missing_model");
  assert.equal(refusal({ modelHeader: "unknown" }), "404 model_not_found");
});

const REFUSED: readonly (readonly [Setting, string])[] = [
  [{ body: bytes("{") }, "400 invalid_json"],
  [{ body: bytes("{}") }, "400 missing_model"],
  [{ body: bytes("x"), contentType: "multipart/form-data; boundary=b" }, "400 invalid_form"],
  [{ contentEncoding: "gzip" }, "400 invalid_encoding"],
  [{ contentEncoding: "zstd" }, "415 unsupported_encoding"],
  [{ body: new Uint8Array(8_388_609) }, "413 request_too_large"],
  [{ body: bytes('{"model":"n"}') }, "404 model_not_found"],
  [{ path: "/v1/completions" }, "400 path_not_served"],
  [{ method: "GET", path: "/v1/files" }, "404 not_found"],
  [{ method: "GET", path: "/v1/models/n" }, "404 model_not_found"],
  [{ method: "GET", path: "/v1/models/%" }, "404 model_not_found"],
];

Deno.test("decide() refuses with OpenAI's statuses and codes", () => {
  for (const [setting, expected] of REFUSED) assert.equal(refusal(setting), expected);
});

Deno.test("GET /v1/models lists the models and aliases that the tenant may use", () => {
  const models = (setting: Setting) => {
    const decision = decided({ method: "GET", path: "/v1/models?x=1", ...setting });
    assert.ok(decision.kind === "models");
    return JSON.parse(decision.body);
  };
  const listed = models({ route: { aliases: ["x/y"] }, modelHeader: "m" });
  assert.deepEqual(listed.data.map(({ id }: { id: string }) => id), ["m", "x/y"]);
  assert.equal(models({ route: { aliases: ["x/y"] }, path: "/v1/models/x%2Fy" }).id, "x/y");
  assert.deepEqual(models({ route: { tenants: ["team"] } }).data, []);
});

Deno.test("of equal routes the first whose conditions hold is taken, then the one without, then none", () => {
  const route = (name: string, more: object) => ({
    name,
    model: "m",
    path_prefix: "/v1/chat",
    ...more,
  });
  const table = (...routes: object[]) => parseRoutes(JSON.stringify(routes), "r.json");
  const asked = (routes: ReturnType<typeof parseRoutes>, more: object) => {
    const decision = decide({
      method: "POST",
      path: PATH,
      requestId: "id",
      body: new TextEncoder().encode(JSON.stringify({ model: "m", ...more })),
    }, {
      table: routes,
      hosts: HOSTS,
      strategy: strategyOf("least_outstanding_requests"),
      alternates: 2,
      outstanding: () => 0,
    });
    return decision.kind === "route"
      ? decision.route.name
      : decision.kind === "refuse" && decision.code;
  };
  const rest = route("rest", {});
  const tools = route("tools", { when: { has: ["tools"] } });
  const streams = route("streams", { when: { stream: true } });
  const all = table(rest, tools, streams);
  const some = { tools: [{ type: "function" }] };
  assert.equal(asked(all, {}), "rest");
  assert.equal(asked(all, some), "tools");
  assert.equal(asked(all, { ...some, stream: true }), "tools");
  assert.equal(asked(all, { stream: true }), "streams");
  assert.equal(asked(table(tools), {}), "no_route_matches");
  // A body that is only looked through for its model is read whole for conditions.
  const long = { messages: [{ role: "user", content: "x".repeat(2_000_000) }] };
  assert.equal(asked(all, { ...long, ...some }), "tools");
  const tokens = table(rest, route("long", { when: { tokens: { over: 400_000 } } }));
  assert.equal(asked(tokens, long), "long");
});
