import assert from "node:assert/strict";
import { startTestApp, type TestApp } from "../testing/app.ts";

/** A thing that tenant "a" owns, by path, and every route that names it. */
interface Owned {
  readonly make: (app: TestApp) => Promise<string>;
  /** Method, what follows the thing's path, and a body that its owner could send. */
  readonly routes: readonly (readonly [string, string, unknown?])[];
}

const ITEM = { type: "message", role: "user", content: "x" };

async function conversation(app: TestApp, body: unknown = {}): Promise<string> {
  const made = await app.call("POST", "/v1/conversations", body, "a");
  return `/v1/conversations/${made.body.id}`;
}

const OWNED: Readonly<Record<string, Owned>> = {
  "a conversation": {
    make: (app) => conversation(app),
    routes: [
      ["GET", ""],
      ["POST", "", { metadata: { k: "v" } }],
      ["GET", "/items"],
      ["POST", "/items", { items: [ITEM] }],
      ["DELETE", ""],
    ],
  },
  "an item": {
    make: async (app) => {
      const path = await conversation(app, { items: [ITEM] });
      const { body } = await app.call("GET", `${path}/items`, undefined, "a");
      return `${path}/items/${body.data[0].id}`;
    },
    routes: [["GET", ""], ["DELETE", ""]],
  },
  "a prompt": {
    make: async (app) => {
      const prompt = { name: "n", template: "t" };
      return `/v1/prompts/${(await app.call("POST", "/v1/prompts", prompt, "a")).body.id}`;
    },
    routes: [
      ["GET", ""],
      ["GET", "?version=1"],
      ["GET", "/versions"],
      ["PUT", "", { version: 1, template: "u" }],
      ["POST", "/default_version", { version: 1 }],
      ["DELETE", ""],
    ],
  },
  "a connector": {
    make: async (app) => {
      const connector = { connector_id: "c", connector_type: "mcp", url: "http://127.0.0.1:1/" };
      await app.call("POST", "/v1/connectors", connector, "a");
      return "/v1/connectors/c";
    },
    routes: [["GET", ""], ["DELETE", ""]],
  },
  "a file": {
    make: async (app) => `/v1/files/${await app.upload("x", { purpose: "vision" }, "a")}`,
    routes: [["GET", ""], ["GET", "/content"], ["DELETE", ""]],
  },
};

const LISTS = ["/v1/conversations", "/v1/prompts", "/v1/connectors", "/v1/files"];

for (const [name, { make, routes }] of Object.entries(OWNED)) {
  Deno.test(`${name} of another tenant does not exist, on every route`, async () => {
    await using app = await startTestApp();
    const path = await make(app);
    for (const [method, rest, body] of routes) {
      const answer = await app.call(method, path + rest, body, "b");
      assert.equal(answer.status, 404, `${method} ${rest}`);
      assert.match(answer.body.error.type, /_not_found$/);
    }
    // The owner's answers show that the routes are there, and that nothing was changed.
    for (const [method, rest, body] of routes) {
      const response = await app.fetch(
        new Request(`http://gateway${path}${rest}`, {
          method,
          headers: { "x-tenant": "a" },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        }),
      );
      await response.body?.cancel();
      assert.equal(response.status, 200, `${method} ${rest}`);
    }
  });
}

Deno.test("lists hold nothing of another tenant, not even by its cursors", async () => {
  await using app = await startTestApp();
  const paths: string[] = [];
  for (const { make } of Object.values(OWNED)) paths.push(await make(app));
  for (const list of LISTS) {
    const own = await app.call("GET", list, undefined, "a");
    assert.ok(own.body.data.length > 0, list);
    for (const query of ["", `?before=${own.body.last_id}`, `?after=${own.body.first_id}`]) {
      const { body } = await app.call("GET", list + query, undefined, "b");
      assert.deepEqual([body.data, body.has_more], [[], false], list + query);
    }
  }
});
