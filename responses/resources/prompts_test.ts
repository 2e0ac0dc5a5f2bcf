import assert from "node:assert/strict";
import { T0 } from "../testing/objects.ts";
import { startTestApp } from "../testing/app.ts";

const PROMPTS = "/v1/prompts";

Deno.test("a prompt is made with its variables as version 1, the default", async () => {
  await using app = await startTestApp();
  const made = await app.call("POST", PROMPTS, {
    name: "greeting",
    template: "Hello {{name}}, {{ place }} and {{name}}, not {name}",
  });
  assert.equal(made.status, 200);
  assert.match(made.body.id, /^prompt_[0-9a-f]{32}$/);
  assert.deepEqual(made.body, {
    id: made.body.id,
    object: "prompt",
    name: "greeting",
    description: null,
    template: "Hello {{name}}, {{ place }} and {{name}}, not {name}",
    variables: ["name", "place"],
    version: 1,
    is_default: true,
    created_at: T0,
    updated_at: T0,
    metadata: {},
  });
  assert.deepEqual((await app.call("GET", `${PROMPTS}/${made.body.id}`)).body, made.body);
});

Deno.test("a change makes a new version that takes over what is left out", async () => {
  await using app = await startTestApp();
  const made = await app.call("POST", PROMPTS, {
    name: "greeting",
    template: "one",
    description: "d",
    metadata: { k: "v" },
  });
  const path = `${PROMPTS}/${made.body.id}`;
  app.clock.now += 5;
  const second = await app.call("PUT", path, { version: 1, template: "two {{x}}" });
  assert.deepEqual(second.body, {
    ...made.body,
    template: "two {{x}}",
    variables: ["x"],
    version: 2,
    updated_at: T0 + 5,
  });
  const third = await app.call("PUT", path, { version: 2, name: "hi", set_as_default: false });
  assert.deepEqual([third.body.version, third.body.is_default], [3, false]);
  assert.equal(third.body.template, "two {{x}}");
  assert.equal((await app.call("GET", path)).body.version, 2);
  assert.equal((await app.call("GET", `${path}?version=3`)).body.name, "hi");
  const { data } = (await app.call("GET", `${path}/versions`)).body;
  assert.deepEqual(
    data.map((one: { version: number; is_default: boolean }) => [one.version, one.is_default]),
    [[1, false], [2, true], [3, false]],
  );
  const chosen = await app.call("POST", `${path}/default_version`, { version: 1 });
  assert.deepEqual([chosen.body.version, chosen.body.is_default], [1, true]);
  const listed = (await app.call("GET", PROMPTS)).body.data;
  assert.deepEqual(listed, [{ ...made.body, is_default: true }]);
});

Deno.test("a change that was made of an older version is a conflict", async () => {
  await using app = await startTestApp();
  const { body: { id } } = await app.call("POST", PROMPTS, { name: "n", template: "t" });
  const change = (version: number) => app.call("PUT", `${PROMPTS}/${id}`, { version, name: "m" });
  assert.equal((await change(1)).status, 200);
  for (const version of [1, 3]) {
    const { status, body } = await change(version);
    assert.equal(status, 409);
    assert.equal(body.error.type, "version_conflict");
  }
  const raced = await Promise.all([change(2), change(2), change(2)]);
  assert.deepEqual(raced.map(({ status }) => status).toSorted(), [200, 409, 409]);
});

Deno.test("a deleted prompt is gone with all its versions", async () => {
  await using app = await startTestApp();
  const { body: { id } } = await app.call("POST", PROMPTS, { name: "n", template: "t" });
  await app.call("PUT", `${PROMPTS}/${id}`, { version: 1, template: "u" });
  assert.deepEqual((await app.call("DELETE", `${PROMPTS}/${id}`)).body, {
    id,
    object: "prompt.deleted",
    deleted: true,
  });
  for (const rest of ["", "?version=1", "/versions"]) {
    const { status, body } = await app.call("GET", `${PROMPTS}/${id}${rest}`);
    assert.deepEqual([status, body.error.type], [404, "prompt_not_found"]);
  }
});

Deno.test("prompts: what is missing or wrong is named", async () => {
  await using app = await startTestApp();
  const { body: { id } } = await app.call("POST", PROMPTS, { name: "n", template: "t" });
  const refused: [string, string, unknown, number, string | null][] = [
    ["POST", "", {}, 400, "name"],
    ["POST", "", { name: "n" }, 400, "template"],
    ["POST", "", { name: "n", template: 5 }, 400, "template"],
    ["PUT", `/${id}`, { template: "t" }, 400, "version"],
    ["PUT", `/${id}`, { version: "1" }, 400, "version"],
    ["PUT", "/prompt_x", { version: 1 }, 404, null],
    ["GET", `/${id}?version=2`, undefined, 404, null],
    ["GET", `/${id}?version=x`, undefined, 400, "version"],
    ["POST", `/${id}/default_version`, { version: 2 }, 404, null],
    ["POST", `/${id}/default_version`, {}, 400, "version"],
  ];
  for (const [method, path, body, status, param] of refused) {
    const answer = await app.call(method, PROMPTS + path, body);
    assert.equal(answer.status, status, `${method} ${path} ${JSON.stringify(body)}`);
    assert.equal(answer.body.error.param, param);
  }
});
