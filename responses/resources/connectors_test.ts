import assert from "node:assert/strict";
import { T0 } from "../testing/objects.ts";
import { startTestApp } from "../testing/app.ts";

const CONNECTORS = "/v1/connectors";
const SEARCH = { connector_id: "search", connector_type: "mcp", url: "http://127.0.0.1:1/mcp" };

Deno.test("a connector is registered, replaced, listed and deleted", async () => {
  await using app = await startTestApp();
  const made = await app.call("POST", CONNECTORS, { ...SEARCH, metadata: { team: "a" } });
  assert.deepEqual(made, {
    status: 200,
    body: {
      object: "connector",
      ...SEARCH,
      server_label: null,
      created_at: T0,
      metadata: { team: "a" },
    },
  });
  const again = await app.call("POST", CONNECTORS, { ...SEARCH, url: "https://example.org/mcp" });
  assert.deepEqual((await app.call("GET", `${CONNECTORS}/search`)).body, again.body);
  assert.deepEqual((await app.call("GET", CONNECTORS)).body, {
    object: "list",
    data: [again.body],
    first_id: "search",
    last_id: "search",
    has_more: false,
  });
  assert.deepEqual((await app.call("DELETE", `${CONNECTORS}/search`)).body, {
    connector_id: "search",
    object: "connector.deleted",
    deleted: true,
  });
  for (const method of ["GET", "DELETE"]) {
    const { status, body } = await app.call(method, `${CONNECTORS}/search`);
    assert.deepEqual([status, body.error.type], [404, "connector_not_found"]);
  }
});

Deno.test("connectors: a missing field, another type or a wrong URL is refused", async () => {
  await using app = await startTestApp();
  const refused: [unknown, string][] = [
    [{ ...SEARCH, connector_id: undefined }, "connector_id"],
    [{ ...SEARCH, connector_type: "http" }, "connector_type"],
    [{ ...SEARCH, url: undefined }, "url"],
    [{ ...SEARCH, url: "file:///etc/passwd" }, "url"],
  ];
  for (const [body, param] of refused) {
    const answer = await app.call("POST", CONNECTORS, body);
    assert.deepEqual([answer.status, answer.body.error.param], [400, param]);
  }
});
