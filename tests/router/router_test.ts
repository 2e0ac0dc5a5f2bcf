/** Journeys through a real Envoy with the model router: what docs/router.md promises. */
import { profileKind } from "../../gateway/profiles/mod.ts";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { DONE, parseSse } from "../../openai/mod.ts";
import { parseHosts } from "../../router/mod.ts";
import { delay, signNonce, UsageError } from "../../service/mod.ts";
import { startUpstream } from "../../upstream/mod.ts";
import {
  CHAT,
  chat,
  chunked,
  COMPLETION,
  counts,
  done,
  exchanges,
  HELD,
  metrics,
  outstanding,
  post,
  release,
  script,
  settled,
  startRouterGateway,
} from "../testing/router_stack.ts";
import { OLDER_ENVOY } from "../testing/stack.ts";

/** Headers by which a client could try to name a host, or to be taken for policy or router. */
const STEERING = (endpoint: string): Record<string, string> => ({
  "x-gateway-destination-endpoint": endpoint,
  "x-envoy-original-dst-host": endpoint,
  "x-llmgate-endpoint": endpoint,
  "x-envoy-upstream-alt-stat-name": endpoint,
  "x-forwarded-host": endpoint,
});

/** Bodies of more than 8 MiB are refused. */
const SMALL = { maxBodyBytes: 8_388_608 };

for (const envoyVersion of [undefined, OLDER_ENVOY]) {
  const on = `on Envoy ${envoyVersion ?? "(default)"}`;
  const version = envoyVersion === undefined ? {} : { envoyVersion };

  Deno.test(`each model is served on its path ${on}`, async () => {
    await using gateway = await startRouterGateway(version);
    const first = await chat(gateway);
    assert.equal(first.status, 200);
    assert.equal((await first.json()).object, "chat.completion");
    const second = await post(gateway, "/v1/completions", { body: COMPLETION });
    assert.equal(second.status, 200);
    assert.equal((await second.json()).object, "text_completion");
  });

  Deno.test(`what cannot be routed is an OpenAI-shaped error ${on}`, async () => {
    await using gateway = await startRouterGateway({ ...version, router: SMALL });
    const cases = [
      { body: "{", status: 400, code: "invalid_json" },
      { body: "[1]", status: 400, code: "invalid_json" },
      { body: "", status: 400, code: "invalid_json" },
      { body: { messages: [] }, status: 400, code: "missing_model" },
      { body: { model: 7 }, status: 400, code: "missing_model" },
      { body: { ...CHAT, model: "nobody" }, status: 404, code: "model_not_found" },
      { body: { ...CHAT, model: COMPLETION.model }, status: 400, code: "path_not_served" },
      { body: { ...CHAT, pad: "x".repeat(8_388_608) }, status: 413, code: "request_too_large" },
      { body: chunked(12_000_000), status: 413, code: "request_too_large" },
    ];
    for (const { body, status, code } of cases) {
      const response = await post(gateway, "/v1/chat/completions", { body });
      const { error } = await response.json();
      assert.equal(response.status, status, code);
      assert.equal(response.headers.get("content-type"), "application/json", code);
      assert.equal(error.code, code);
      assert.deepEqual(Object.keys(error), ["message", "type", "param", "code"]);
    }
    assert.deepEqual(counts(gateway), [0, 0, 0]);
    assert.deepEqual(outstanding(gateway), [0, 0, 0]);
  });

  Deno.test(`round robin gives every backend its share ${on}`, async () => {
    await using gateway = await startRouterGateway(version);
    for (let i = 0; i < 9; i++) await (await chat(gateway)).text();
    assert.deepEqual(counts(gateway), [3, 3, 3]);
  });

  Deno.test(`no client can pick a host ${on}`, async () => {
    await using gateway = await startRouterGateway(version);
    await using elsewhere = await startUpstream();
    const third = gateway.part.hosts[2]?.endpoint ?? "";
    for (const endpoint of [`127.0.0.1:${elsewhere.port}`, third, third]) {
      const response = await chat(gateway, STEERING(endpoint));
      assert.equal(response.status, 200);
      await response.text();
    }
    assert.deepEqual(counts(gateway), [1, 1, 1]);
    assert.equal(elsewhere.journal.entries().length, 0);
    const names = exchanges(gateway).flat().flatMap(({ headers }) => headers.map(([name]) => name));
    assert.ok(!names.includes("x-gateway-destination-endpoint"));
  });

  Deno.test(`without a router, requests are refused and nothing goes upstream ${on}`, async () => {
    await using gateway = await startRouterGateway(version);
    await gateway.part.router[Symbol.asyncDispose]();
    const response = await chat(gateway);
    assert.equal(response.status, 503);
    assert.equal((await response.json()).error.code, "router_unavailable");
    assert.deepEqual(counts(gateway), [0, 0, 0]);
  });

  Deno.test(`policy is asked before the router ${on}`, async () => {
    await using gateway = await startRouterGateway(version);
    const response = await chat(gateway, { "x-api-key": "nobody" });
    assert.equal(response.status, 403);
    assert.equal((await response.json()).error.code, "invalid_api_key");
    assert.doesNotMatch(await metrics(gateway), /llmgate_router_requests_total\{/);
  });

  Deno.test(`a body that comes while policy thinks is taken or refused, never held up ${on}`, async () => {
    const scriptSecret = crypto.randomUUID();
    await using gateway = await startRouterGateway({ ...version, scriptSecret, router: SMALL });
    gateway.policy?.scripts.set("slow-policy", [
      // Long enough for more to come than Envoy takes meanwhile.
      { delay: 500, response: { status: { code: 0 } } },
    ]);
    const headers = { "x-harness-case": signNonce("slow-policy", scriptSecret) };
    const send = (bytes: number) => {
      const body = { ...CHAT, pad: "x".repeat(bytes) };
      return post(gateway, "/v1/chat/completions", { body, headers }).then(done);
    };
    const statuses = await Promise.all([send(2_000_000), send(7_000_000), send(12_000_000)]);
    assert.deepEqual(statuses, [200, 200, 413]);
  });

  Deno.test(`a body reaches the backend byte for byte ${on}`, async () => {
    await using gateway = await startRouterGateway(version);
    const body = `{ "model":"gpt-3.5-turbo" ,\n\t"messages":[],"n":1.0,"n":1e0,"pad":"\\u00e9é${
      "x".repeat(3_000_000)
    }" }\r\n`;
    await (await post(gateway, "/v1/chat/completions", { body })).text();
    const [exchange] = exchanges(gateway).flat();
    assert.equal(exchange?.bodySha256, createHash("sha256").update(body).digest("hex"));
  });

  Deno.test(`a stream passes event by event ${on}`, async () => {
    await using gateway = await startRouterGateway(version);
    const response = await chat(gateway, script(gateway, HELD));
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    // The second event is not written before this first one has arrived.
    assert.equal((await reader?.read())?.value, "data: 1\n\n");
    release(gateway);
    const { events } = parseSse((await reader?.read())?.value ?? "");
    assert.equal(events[0]?.data, DONE);
    assert.equal((await reader?.read())?.done, true);
  });

  Deno.test(`a request is outstanding to its last byte ${on}`, async () => {
    await using gateway = await startRouterGateway({
      ...version,
      router: { logic: "least_outstanding_requests" },
    });
    const response = await chat(gateway, script(gateway, HELD));
    const reader = response.body?.getReader();
    await reader?.read();
    const busy = counts(gateway).indexOf(1);
    assert.equal(outstanding(gateway)[busy], 1);
    for (let i = 0; i < 4; i++) {
      await (await chat(gateway)).text();
      while (outstanding(gateway).reduce((sum, count) => sum + count) > 1) await delay(1);
    }
    assert.equal(counts(gateway)[busy], 1, "the busy backend got no other request");
    assert.equal(outstanding(gateway)[busy], 1);
    release(gateway);
    while (!(await reader?.read())?.done);
    await settled(gateway);
  });

  Deno.test(`a client that leaves is no longer outstanding ${on}`, async () => {
    await using gateway = await startRouterGateway(version);
    const leave = new AbortController();
    const response = await post(gateway, "/v1/chat/completions", {
      body: CHAT,
      headers: script(gateway, HELD),
      signal: leave.signal,
    });
    const reader = response.body?.getReader();
    await reader?.read();
    assert.equal(outstanding(gateway).reduce((sum, count) => sum + count), 1);
    leave.abort();
    await assert.rejects(reader?.read() ?? Promise.resolve());
    await settled(gateway);
  });
}

Deno.test("given hosts are reached by name, each with its own models", async () => {
  await using first = await startUpstream();
  await using second = await startUpstream();
  const hosts = parseHosts(
    `localhost:${first.port},127.0.0.1:${second.port}`,
    "gpt-3.5-turbo,text-davinci-003",
  );
  await using gateway = await startRouterGateway({ router: { hosts } });
  for (let i = 0; i < 2; i++) await (await chat(gateway)).text();
  await (await post(gateway, "/v1/completions", { body: COMPLETION })).text();
  assert.equal(first.journal.entries().length, 2);
  assert.equal(second.journal.entries().length, 1);
  const text = await metrics(gateway);
  assert.match(
    text,
    new RegExp(`llmgate_router_requests_total\\{route="chat-route".*:${first.port}".*\\} 2`),
  );
});

Deno.test("a session keeps its host", async () => {
  await using gateway = await startRouterGateway({ router: { logic: "session" } });
  for (let i = 0; i < 5; i++) await (await chat(gateway, { "x-session-id": "one" })).text();
  assert.deepEqual(counts(gateway).sort(), [0, 0, 5]);
});

Deno.test("changed routes are in force without a restart, broken ones are not", async () => {
  const folder = await Deno.makeTempDir();
  const routesFile = `${folder}/routes.json`;
  // As editors do: never a moment with half a file.
  const write = async (text: string) => {
    await Deno.writeTextFile(`${folder}/new`, text);
    await Deno.rename(`${folder}/new`, routesFile);
  };
  const routes = (model: string) =>
    JSON.stringify([{ name: "only", model, path_prefix: "/v1/chat" }]);
  await write(routes("gpt-3.5-turbo"));
  const refused = Promise.withResolvers<string>();
  const reloaded = Promise.withResolvers<void>();
  await using gateway = await startRouterGateway({
    router: { routesFile },
    log: (line) => {
      if (line.includes("The old routes stay in force")) refused.resolve(line);
      if (line.startsWith("Routes reloaded")) reloaded.resolve();
    },
  });
  assert.equal(await chat(gateway).then(done), 200);
  await write("[{}]");
  assert.match(await refused.promise, /routes\.json:1:2: 0\.name/);
  assert.equal(await chat(gateway).then(done), 200);
  await write(routes("another"));
  await reloaded.promise;
  assert.equal(await chat(gateway).then(done), 404);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("swapping the backends leaves both configuration hashes as they are", async () => {
  await using first = await startRouterGateway();
  const [host] = first.part.hosts;
  assert.ok(host);
  await using second = await startRouterGateway({ router: { hosts: [host] } });
  assert.equal(second.envoy.configSha256, first.envoy.configSha256);
  assert.equal(second.envoy.launchedSha256, first.envoy.launchedSha256);
});

Deno.test("one upstream in place of backends is refused", async () => {
  await assert.rejects(
    profileKind("router").bind({}, {
      env: () => undefined,
      upstream: { url: "http://127.0.0.1:1" },
    }),
    (error) => error instanceof UsageError && error.message.includes("--static-hosts"),
  );
});
