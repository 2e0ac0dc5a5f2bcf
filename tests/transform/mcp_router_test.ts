/** Envoy's `mcp_router` behind policy: prefixed names, headers that pass, and whose a session is. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { bundledConfig } from "../../envoy/mod.ts";
import { FREE_PORTS, singleUpstream, startGateway } from "../../gateway/mod.ts";
import { startPolicy } from "../../policy/mod.ts";
import { envoyPath, RUN_PARENTS } from "../testing/stack.ts";

const RULES = `version: v1
keys:
  - { name: ada, key: ada-key, tenant: ada }
  - { name: bob, key: bob-key, tenant: bob }
rules:
  - name: no-deletes
    match:
      metadata: { envoy.filters.http.mcp: { method: tools/call, params.name: two__delete_file } }
    deny: { code: tool_forbidden }
  - name: rest
    match: { credential: known }
    allow: {}
`;

interface Call {
  readonly server: string;
  readonly method: string;
  readonly tool: string | undefined;
  readonly session: string | null;
  readonly tenant: string | null;
}

/** An MCP server that gives each client a session of its own, and notes what it was asked. */
function startServer(name: string, calls: Call[]) {
  let sessions = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const text = await request.text();
    if (text === "") return new Response(null, { status: 405 });
    const { id, method, params } = JSON.parse(text);
    const { headers } = request;
    const [session, tenant] = [headers.get("mcp-session-id"), headers.get("x-tenant")];
    calls.push({ server: name, method, tool: params?.name, session, tenant });
    if (id === undefined) return new Response(null, { status: 202 });
    const answer = (result: object, more = {}) =>
      Response.json({ jsonrpc: "2.0", id, result }, { headers: more });
    if (method === "initialize") {
      const { protocolVersion } = params;
      const serverInfo = { name, version: "1" };
      const made = { "mcp-session-id": `${name}-${++sessions}` };
      return answer({ protocolVersion, capabilities: { tools: {} }, serverInfo }, made);
    }
    if (method === "tools/list") {
      return answer({
        tools: ["read_file", "delete_file"].map((tool) => ({ name: tool, inputSchema: {} })),
      });
    }
    return answer({ content: [{ type: "text", text: name }] });
  });
  return {
    port: server.addr.port,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("mcp_router: policy hears prefixed names, and a session is of the client that began it, until it is forged", async () => {
  await using stack = new AsyncDisposableStack();
  const calls: Call[] = [];
  const servers = ["one", "two"].map((name) => ({
    name,
    port: stack.use(startServer(name, calls)).port,
  }));
  const folder = await Deno.makeTempDir({ prefix: "llmgate-mcp-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.writeTextFile(`${folder}/rules.yaml`, RULES);
  const policy = stack.use(await startPolicy({ rulesFile: `${folder}/rules.yaml` }));
  const config = bundledConfig("check/mcp");
  const { listeners, clusters } = config.bootstrap.static_resources as {
    // deno-lint-ignore no-explicit-any -- a configuration is edited at known places; Envoy validates it
    [name: string]: any;
  };
  const filters = listeners[0].filter_chains[0].filters[0].typed_config.http_filters;
  const type = "type.googleapis.com/envoy.extensions.filters.http.mcp_router.v3.McpRouter";
  filters.splice(-1, 1, {
    name: "envoy.filters.http.mcp_router",
    typed_config: {
      "@type": type,
      servers: servers.map(({ name }) => ({
        name,
        mcp_cluster: { cluster: name, path: "/mcp" },
        ...name === "one" &&
          { header_forwarding: { allowed_headers: { patterns: [{ exact: "x-tenant" }] } } },
      })),
      session_identity: {
        identity: { header: { name: "x-tenant" } },
        validation: { mode: "ENFORCE" },
      },
    },
  });
  for (const { name, port } of servers) {
    const address = { socket_address: { address: "127.0.0.1", port_value: port } };
    clusters.push({
      name,
      type: "STATIC",
      connect_timeout: "2s",
      load_assignment: {
        cluster_name: name,
        endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
      },
    });
  }
  const gateway = stack.use(
    await startGateway({
      profile: { ...singleUpstream(), config: () => config },
      ports: FREE_PORTS,
      policy: { host: policy.host, port: policy.port },
      envoyPath: await envoyPath(),
      runParents: RUN_PARENTS,
      graceMs: 0,
      concurrency: 1,
    }),
  );
  const ask = async (key: string, method: string, params: object, session?: string) => {
    const response = await fetch(`${gateway.url}/mcp`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "x-api-key": key,
        "x-tenant": "ada",
        ...(session !== undefined && { "mcp-session-id": session }),
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    });
    const text = await response.text();
    return { status: response.status, text, session: response.headers.get("mcp-session-id") ?? "" };
  };
  const begin = (key: string) =>
    ask(key, "initialize", {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: "test", version: "1" },
    });
  const ada = await begin("ada-key");
  assert.equal(ada.status, 200, ada.text);
  const list = await ask("ada-key", "tools/list", {}, ada.session);
  for (const tool of ["one__read_file", "two__read_file", "two__delete_file"]) {
    assert.ok(list.text.includes(`"${tool}"`), list.text);
  }
  const call = (key: string, name: string, session: string) =>
    ask(key, "tools/call", { name, arguments: {} }, session);
  const called = () => calls.filter(({ method }) => method === "tools/call");

  assert.equal((await call("ada-key", "two__read_file", ada.session)).status, 200);
  assert.equal((await call("ada-key", "one__read_file", ada.session)).status, 200);
  assert.deepEqual(called().map(({ server, tool, tenant }) => [server, tool, tenant]), [
    ["two", "read_file", null],
    ["one", "read_file", "ada"],
  ]);
  const denied = await call("ada-key", "two__delete_file", ada.session);
  assert.deepEqual([denied.status, called().length], [403, 2]);

  // Another client's session, as it is: refused, and no server is asked.
  const bob = await begin("bob-key");
  assert.equal((await call("bob-key", "one__read_file", ada.session)).status, 403);
  assert.equal(called().length, 2);
  assert.equal((await call("bob-key", "one__read_file", bob.session)).status, 200);
  // A session's id is not signed: with its own name in it, it is taken for the client's own.
  const read = Buffer.from(ada.session, "base64").toString();
  const forged = forge(read, bob.session);
  const stolen = await call("bob-key", "one__read_file", forged);
  const last = called().at(-1);
  assert.deepEqual([stolen.status, last?.session, last?.tenant], [200, sessionOf("one"), "bob"]);

  /** The id of a server's session that Ada has. */
  function sessionOf(server: string): string | null | undefined {
    return called().find((one) => one.server === server && one.tenant === "ada")?.session;
  }
});

/** Puts the client of another id into an id that was read: `route@client@server:session,…`. */
function forge(read: string, own: string): string {
  const [, client = ""] = Buffer.from(own, "base64").toString().split("@");
  const parts = read.split("@");
  parts[1] = client;
  return Buffer.from(parts.join("@")).toString("base64");
}
