/** Journeys through a real Envoy: what routes.json can say beside model and path. */
import type { RouterPart, RouterPartOptions } from "../../gateway/profiles/mod.ts";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { Gateway } from "../../gateway/mod.ts";
import type { UpstreamStep } from "../../upstream/mod.ts";
import {
  CHAT,
  done,
  EVENT_STREAM,
  exchanges,
  post,
  release,
  script,
  startRouterGateway,
} from "../testing/router_stack.ts";
import { OLDER_ENVOY } from "../testing/stack.ts";

const CHAT_PATH = "/v1/chat/completions";
const sha256 = (body: string | Uint8Array) => createHash("sha256").update(body).digest("hex");

interface Journey extends AsyncDisposable {
  readonly gateway: Gateway<RouterPart>;
}

/** A gateway with one route for the model "m" and more keys, or with a list of routes. */
async function start(
  given: object | object[],
  options: { envoyVersion?: string; router?: RouterPartOptions } = {},
): Promise<Journey> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const routesFile = `${folder}/routes.json`;
  const one = { name: "one", model: "m", path_prefix: "/v1/" };
  const routes = Array.isArray(given) ? given : [{ ...one, ...given }];
  await Deno.writeTextFile(routesFile, JSON.stringify(routes));
  const gateway = stack.use(
    await startRouterGateway({ ...options, router: { ...options.router, routesFile } }),
  );
  const owned = stack.move();
  return { gateway, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** The digest of the last body that a backend got. */
function lastBody(gateway: Gateway<RouterPart>): string | undefined {
  return exchanges(gateway).flat().toSorted((a, b) => a.receivedAt - b.receivedAt)
    .at(-1)?.bodySha256;
}

/** An answer to anything: the mock's own endpoints judge requests. */
const TAKEN: UpstreamStep[] = [{ write: "{}" }, { end: true }];
/** Never answers, but reads the request. */
const SILENT: UpstreamStep[] = [{ barrier: "go" }, { end: true }];
/** Begins at once, and ends when it is told to. */
const BEGUN: UpstreamStep[] = [
  EVENT_STREAM,
  { event: { data: "1" } },
  { barrier: "go" },
  { event: { data: "2" } },
  { end: true },
];

for (const envoyVersion of [undefined, OLDER_ENVOY]) {
  const on = `on Envoy ${envoyVersion ?? "(default)"}`;
  const version = envoyVersion === undefined ? {} : { envoyVersion };

  Deno.test(`a renamed model changes in the body, and nothing else does ${on}`, async () => {
    await using journey = await start({ aliases: ["alias"], rewrite_model: "served/m" }, version);
    const { gateway } = journey;
    const headers = script(gateway, TAKEN);
    const body = (model: string) =>
      `{ "n":1.0,"n":1e0,\t"model" : "${model}","pad":"\\u00e9é${"x".repeat(2_000_000)}" }\r\n`;
    const unsaidLength = new Blob([body("m")]).stream();
    for (const sent of [body("m"), body("alias"), unsaidLength]) {
      assert.equal(await done(await post(gateway, CHAT_PATH, { body: sent, headers })), 200);
      assert.equal(lastBody(gateway), sha256(body("served/m")));
    }
    const unknown = body("served/m");
    assert.equal(await done(await post(gateway, CHAT_PATH, { body: unknown, headers })), 404);
  });

  Deno.test(`a compressed body and a form are read and forwarded ${on}`, async () => {
    await using journey = await start({ aliases: ["alias"] }, {
      ...version,
      router: { maxBodyBytes: 8_388_608 },
    });
    const { gateway } = journey;
    const packed = (model: string) => new Uint8Array(gzipSync(JSON.stringify({ ...CHAT, model })));
    const headers = { ...script(gateway, TAKEN), "content-encoding": "gzip" };
    assert.equal(await done(await post(gateway, CHAT_PATH, { body: packed("m"), headers })), 200);
    assert.equal(lastBody(gateway), sha256(packed("m")));
    const alias = packed("alias");
    assert.equal(await done(await post(gateway, CHAT_PATH, { body: alias, headers })), 200);
    // Packed again by the router, as the same library does it here.
    assert.equal(lastBody(gateway), sha256(packed("m")));
    const form = new FormData();
    form.append("file", new Blob(["\r\n--sound"]), "a.wav");
    form.append("model", "m");
    const { body: stream, headers: type } = new Response(form);
    const bytes = await new Response(stream).bytes();
    const response = await post(gateway, "/v1/audio/transcriptions", {
      body: bytes,
      headers: { "content-type": type.get("content-type") ?? "" },
    });
    assert.equal(await done(response), 200);
    assert.equal(lastBody(gateway), sha256(bytes));
    const bomb = gzipSync(`{"model":"m","pad":"${" ".repeat(9_000_000)}"}`);
    assert.equal(await done(await post(gateway, CHAT_PATH, { body: bomb, headers })), 413);
  });

  Deno.test(`a timeout is for the answer's begin, a total one cuts streams ${on}`, async () => {
    // Nobody is slow to begin here, however busy the machine is; whoever hangs is cut.
    const limit = "4s";
    await using journey = await start([
      { name: "begin", model: "m", path_prefix: "/v1/", timeout: limit },
      { name: "total", model: "n", path_prefix: "/v1/", total_timeout: limit },
    ], version);
    const { gateway } = journey;
    const ask = (model: string, headers: Record<string, string>) =>
      post(gateway, CHAT_PATH, { body: { ...CHAT, model }, headers });
    const begun = script(gateway, BEGUN);
    const kept = await ask("m", begun);
    const cut = await ask("n", begun);
    assert.equal(cut.status, 200);
    const asked = ask("m", script(gateway, SILENT));
    await assert.rejects(cut.text());
    // When its limit has passed, that of the stream before it has, too.
    const silent = await asked;
    assert.equal(silent.status, 504);
    assert.equal((await silent.json()).error.code, "upstream_timeout");
    release(gateway);
    assert.equal(await kept.text(), "data: 1\n\ndata: 2\n\n");
  });

  Deno.test(`a client cannot set the limits, nor the tenant ${on}`, async () => {
    await using journey = await start({ tenants: ["demo"] }, version);
    const { gateway } = journey;
    const headers = {
      ...script(gateway, [{ sleep: 50 }, { write: "late" }, { end: true }]),
      "x-envoy-upstream-rq-timeout-ms": "1",
      "x-envoy-upstream-rq-per-try-timeout-ms": "1",
    };
    const body = { ...CHAT, model: "m" };
    assert.equal(await done(await post(gateway, CHAT_PATH, { body, headers })), 200);
  });

  Deno.test(`a header names the model only where that is allowed ${on}`, async () => {
    const headers = { "x-model": "m" };
    const body = { ...CHAT, model: "unknown" };
    await using closed = await start({}, version);
    assert.equal(await done(await post(closed.gateway, CHAT_PATH, { body, headers })), 404);
    await using open = await start({}, { ...version, router: { modelHeader: "X-Model" } });
    assert.equal(await done(await post(open.gateway, CHAT_PATH, { body, headers })), 200);
    assert.equal(lastBody(open.gateway), sha256(JSON.stringify({ ...body, model: "m" })));
  });
}

Deno.test("a tenant's route does not exist for others", async () => {
  await using journey = await start({ tenants: ["somebody"] });
  const response = await post(journey.gateway, CHAT_PATH, {
    body: { ...CHAT, model: "m" },
    headers: { "x-tenant": "somebody" },
  });
  assert.equal(response.status, 404);
  assert.equal((await response.json()).error.code, "model_not_found");
});
