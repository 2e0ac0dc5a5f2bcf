/** No id of another tenant is readable: on every route that the gateway's own document names, and by reference. */
import assert from "node:assert/strict";
import { defaultConfig, startResponses } from "../../responses/mod.ts";
import { startUpstream } from "../../upstream/mod.ts";

const SECRET = "the magpie nests in the old oak";

// deno-lint-ignore no-explicit-any -- bodies of every kind
type Body = any;

interface Answer {
  readonly status: number;
  readonly body: Body;
}

type Call = (method: string, path: string, body?: unknown, tenant?: string) => Promise<Answer>;

/** Bodies that the owner could send, by method and path. */
const bodiesOf = ({ file }: Owned): Readonly<Record<string, unknown>> => ({
  "POST /v1/conversations/{id}": { metadata: { k: "v" } },
  "POST /v1/conversations/{id}/items": {
    items: [{ type: "message", role: "user", content: "x" }],
  },
  "PUT /v1/prompts/{id}": { version: 1, template: "x" },
  "POST /v1/prompts/{id}/default_version": { version: 1 },
  "POST /v1/vector_stores/{store}": { name: "taken" },
  "PUT /v1/vector_stores/{store}": { name: "taken" },
  "POST /v1/vector_stores/{store}/search": { query: "magpie" },
  "POST /v1/vector_stores/{store}/files/{file}": { attributes: { k: "v" } },
  "PUT /v1/vector_stores/{store}/files/{file}": { attributes: { k: "v" } },
  "POST /v1/vector_stores/{store}/files": { file_id: file },
  "POST /v1/vector_stores/{store}/file_batches": { file_ids: [file] },
});

/** Paths whose ids are nobody's own. */
const SHARED = ["/v1/models/{id}"];

/** Objects of tenant "a", by the names in the paths. */
interface Owned {
  readonly conversation: string;
  readonly item: string;
  readonly prompt: string;
  readonly connector: string;
  readonly file: string;
  readonly response: string;
  readonly store: string;
  readonly batch: string;
}

Deno.test("no id of another tenant is readable, on every route and by reference", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-tenancy-" });
  try {
    await using upstream = await startUpstream({ pace: "none", models: ["m"] });
    const config = defaultConfig();
    await using gateway = await startResponses({
      dataDir: folder,
      config: {
        ...config,
        http: { ...config.http, port: 0 },
        extproc: { ...config.extproc, port: 0 },
        engine: { ...config.engine, model_endpoint: `${upstream.url}/v1` },
        search: { ...config.search, embedding_model: "none" },
      },
    });
    const call = callerOf(gateway.http.url);
    const owned = await everythingOf(call);
    const bodies = bodiesOf(owned);
    const routes = await routesWithIds(call, owned);
    const seen = await whatTheOwnerSees(call, routes);

    for (const { method, path, filled } of routes) {
      await t.step(`${method} ${path}`, async () => {
        const { status, body } = await call(method, filled, bodies[`${method} ${path}`], "b");
        assert.equal(status, 404, JSON.stringify(body));
        assert.match(body.error.type, /_not_found$/);
      });
    }
    await t.step("nothing was changed", async () => {
      assert.deepEqual(await whatTheOwnerSees(call, routes), seen);
    });
    await t.step("lists are empty", async () => {
      const kinds = ["conversations", "prompts", "connectors", "files", "responses"];
      for (const kind of [...kinds, "vector_stores"]) {
        const { body } = await call("GET", `/v1/${kind}`, undefined, "b");
        assert.deepEqual(body.data, [], kind);
      }
    });
    await t.step("references say nothing, and the model hears nothing", async () => {
      const asked = upstream.journal.entries().length;
      for (const reference of referencesTo(owned)) {
        const ask = { model: "m", input: "What nests where?", ...reference };
        const { body } = await call("POST", "/v1/responses", ask, "b");
        assert.ok(!JSON.stringify(body).includes("magpie"), JSON.stringify(reference));
      }
      const stolen = { file_ids: [owned.file] };
      const made = await call("POST", "/v1/vector_stores", stolen, "b");
      assert.notEqual(made.status, 200);
      const heard = JSON.stringify(upstream.journal.entries().slice(asked));
      assert.ok(!heard.includes("magpie"));
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

function callerOf(url: string): Call {
  return async (method, path, body, tenant = "a") => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { "x-tenant": tenant },
      ...(body === undefined
        ? {}
        : { body: body instanceof FormData ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json");
    return { status: response.status, body: isJson ? JSON.parse(text) : text };
  };
}

async function everythingOf(call: Call): Promise<Owned> {
  const make = async (path: string, body: unknown): Promise<Body> => {
    const { status, body: made } = await call("POST", path, body);
    assert.equal(status, 200, `${path}: ${JSON.stringify(made)}`);
    return made;
  };
  const message = { type: "message", role: "user", content: SECRET };
  const conversation = await make("/v1/conversations", { items: [message] });
  const items = await call("GET", `/v1/conversations/${conversation.id}/items`);
  const prompt = await make("/v1/prompts", { name: "n", template: SECRET });
  await make("/v1/connectors", {
    connector_id: "own",
    connector_type: "mcp",
    url: "http://127.0.0.1:1/magpie",
  });
  const form = new FormData();
  form.append("file", new File([SECRET], "a.txt", { type: "text/plain" }));
  form.append("purpose", "assistants");
  const file = await make("/v1/files", form);
  const response = await make("/v1/responses", { model: "m", input: SECRET });
  const store = await make("/v1/vector_stores", { name: "own" });
  const batch = await make(`/v1/vector_stores/${store.id}/file_batches`, { file_ids: [file.id] });
  const path = `/v1/vector_stores/${store.id}/file_batches/${batch.id}`;
  while ((await call("GET", path)).body.status === "in_progress");
  return {
    conversation: conversation.id,
    item: items.body.data[0].id,
    prompt: prompt.id,
    connector: "own",
    file: file.id,
    response: response.id,
    store: store.id,
    batch: batch.id,
  };
}

interface Route {
  readonly method: string;
  /** `/v1/files/{id}` */
  readonly path: string;
  /** With the owner's ids. */
  readonly filled: string;
}

/** Every route that names an object; deletions last. */
async function routesWithIds(call: Call, owned: Owned): Promise<Route[]> {
  const { body: document } = await call("GET", "/openapi.json");
  const routes: Route[] = [];
  for (const [path, methods] of Object.entries(document.paths as Record<string, object>)) {
    if (!path.includes("{") || SHARED.includes(path)) continue;
    for (const method of Object.keys(methods)) {
      const ids: Record<string, string> = { ...owned, id: idOf(path, owned) };
      const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
        assert.ok(ids[name] !== undefined, `nothing is known to fill in for {${name}} of ${path}`);
        return ids[name];
      });
      routes.push({ method: method.toUpperCase(), path, filled });
    }
  }
  assert.ok(routes.length > 30, `${routes.length} routes`);
  return routes.toSorted((a, b) => Number(a.method === "DELETE") - Number(b.method === "DELETE"));
}

function idOf(path: string, owned: Owned): string {
  const kind = /^(?:\/v1)?\/(\w+?)s\//.exec(path)?.[1] ?? "";
  return kind in owned ? owned[kind as keyof Owned] : "";
}

/** The answers to all that can be read. */
async function whatTheOwnerSees(call: Call, routes: readonly Route[]): Promise<unknown[]> {
  const answers: unknown[] = [];
  for (const { method, filled } of routes) {
    if (method !== "GET") continue;
    const { status, body } = await call("GET", filled);
    assert.equal(status, 200, `${filled}: ${JSON.stringify(body)}`);
    answers.push(body);
  }
  return answers;
}

/** Requests that name what belongs to another tenant. */
function referencesTo(owned: Owned): object[] {
  const file = { type: "input_file", file_id: owned.file };
  return [
    { conversation: owned.conversation },
    { previous_response_id: owned.response },
    { prompt: { id: owned.prompt } },
    { input: [{ type: "message", role: "user", content: [file] }] },
    { tools: [{ type: "file_search", vector_store_ids: [owned.store] }] },
    { tools: [{ type: "mcp", server_label: owned.connector }] },
  ];
}
