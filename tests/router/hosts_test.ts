/** Journeys through a real Envoy: hosts with keys and paths of their own, and what each host alone knows. */
import assert from "node:assert/strict";
import type { Gateway } from "../../gateway/mod.ts";
import type { RouterPart, RouterPartOptions } from "../../gateway/profiles/mod.ts";
import { parseHosts } from "../../router/mod.ts";
import { delay, withDeadline } from "../../service/mod.ts";
import { done, post, startRouterGateway } from "../testing/router_stack.ts";

/** A model server: what it lists, what it wants, and what it was asked for. */
interface Host extends AsyncDisposable {
  readonly address: string;
  readonly asked: { readonly target: string; readonly authorization: string | null }[];
  /** Answers in place of its own. */
  answer?: () => Response;
}

function startHost(
  models: readonly string[],
  { key, base = "" }: { key?: string; base?: string } = {},
): Host {
  const asked: Host["asked"] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname, search } = new URL(request.url);
    const authorization = request.headers.get("authorization");
    const authorized = key === undefined || authorization === `Bearer ${key}`;
    if (!authorized) return Response.json({ error: { message: "no key" } }, { status: 401 });
    if (pathname === `${base}/v1/models`) {
      return Response.json({ data: models.map((id) => ({ id })) });
    }
    await request.bytes();
    asked.push({ target: pathname + search, authorization });
    return host.answer?.() ??
      Response.json({ id: `resp_${crypto.randomUUID()}`, object: "response" });
  });
  const host: Host = {
    address: `127.0.0.1:${server.addr.port}`,
    asked,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
  return host;
}

/** A gateway in front of these hosts, with one route for the model "m" on each of the paths. */
async function start(
  hosts: string,
  { keys = [], paths = ["/v1/"], models, ...router }: RouterPartOptions & {
    readonly keys?: readonly string[];
    readonly paths?: readonly string[];
  } = {},
): Promise<Gateway<RouterPart> & AsyncDisposable> {
  const folder = await Deno.makeTempDir();
  const routesFile = `${folder}/routes.json`;
  const routes = paths.map((path_prefix, i) => ({ name: `r${i}`, model: "org/m", path_prefix }));
  await Deno.writeTextFile(routesFile, JSON.stringify(routes));
  try {
    return await startRouterGateway({
      router: {
        ...router,
        hosts: parseHosts(hosts, models, keys),
        readModels: models === undefined,
        routesFile,
      },
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const BODY = { model: "org/m", input: "x" };
const ask = (gateway: Gateway<RouterPart>, path: string, body: object = BODY) =>
  post(gateway, path, { body });
const status = async (...asked: Parameters<typeof ask>) => await done(await ask(...asked));
const counts = (hosts: readonly Host[]) => hosts.map(({ asked }) => asked.length);

async function until(what: string, holds: () => boolean): Promise<void> {
  const look = async () => {
    while (!holds()) await delay(5);
  };
  await withDeadline(look(), 20_000, what);
}

Deno.test("a host that wants a key is sent nothing, until it is asked with its own under its own path", async () => {
  await using open = startHost(["org/m"]);
  await using locked = startHost(["org/m"], { key: "right", base: "/team" });
  const hosts = `${open.address},http://${locked.address}/team/v1`;
  {
    await using gateway = await start(hosts);
    for (let i = 0; i < 4; i++) assert.equal(await status(gateway, "/v1/responses"), 200);
    assert.deepEqual(counts([open, locked]), [4, 0]);
  }
  await using gateway = await start(hosts, { keys: ["", "right"] });
  for (let i = 0; i < 4; i++) assert.equal(await status(gateway, "/v1/responses?x=1"), 200);
  assert.deepEqual(counts([open, locked]), [6, 2]);
  assert.equal(locked.asked[0]?.target, "/team/v1/responses?x=1");
  assert.equal(open.asked.at(-1)?.authorization, null);
});

Deno.test("paths outside of /v1/ are served where a route has them, and an id's slash may be escaped", async () => {
  await using host = startHost(["org/m"]);
  await using gateway = await start(host.address, { paths: ["/v1/", "/tokenize"] });
  assert.equal(await status(gateway, "/tokenize"), 200);
  assert.equal(await status(gateway, "/rerank"), 404);
  assert.deepEqual(counts([host]), [1]);
  const headers = { "x-api-key": "demo-key" };
  for (const id of ["org%2Fm", "org/m"]) {
    const shown = await fetch(`${gateway.url}/v1/models/${id}`, { headers });
    assert.deepEqual([shown.status, (await shown.json()).id], [200, "org/m"]);
  }
  // Policy sees what the escape says: no way around it.
  const hidden = await fetch(`${gateway.url}/healthz%2f..%2fv1/models`);
  assert.equal(hidden.status, 401);
  await hidden.body?.cancel();
});

Deno.test("a body of 40 MB goes through, and one beyond the limit does not", async () => {
  await using host = startHost(["org/m"]);
  await using gateway = await start(host.address, { models: "*" });
  const sent = { ...BODY, pad: "x".repeat(40_000_000) };
  assert.equal(await status(gateway, "/v1/responses", sent), 200);
  await using small = await start(host.address, { models: "*", maxBodyBytes: 4 * 2 ** 20 });
  const long = { ...BODY, pad: "x".repeat(6_000_000) };
  assert.equal(await status(small, "/v1/responses", long), 413);
  await assert.rejects(start(host.address, { maxBodyBytes: 2 ** 20 }), /at least 4 MiB/);
});

Deno.test("what names a response goes to the host that keeps it", async () => {
  await using one = startHost(["org/m"]);
  await using two = startHost(["org/m"]);
  const hosts = [one, two];
  await using gateway = await start(hosts.map(({ address }) => address).join(","));
  const { id } = await (await ask(gateway, "/v1/responses")).json();
  const home = one.asked.length === 1 ? one : two;
  const headers = { "x-api-key": "demo-key" };
  // The router hears of it with Envoy's log.
  await until("the response is known", () => gateway.part.router.keeps(id));
  for (let i = 0; i < 3; i++) {
    await (await ask(gateway, "/v1/responses", { ...BODY, previous_response_id: id })).text();
  }
  await (await fetch(`${gateway.url}/v1/responses/${id}`, { headers })).text();
  await (await fetch(`${gateway.url}/v1/responses/${id}`, { headers, method: "DELETE" })).text();
  assert.equal(home.asked.length, 6);
  assert.deepEqual(counts(hosts).toSorted(), [0, 6]);
  const unknown = await fetch(`${gateway.url}/v1/responses/resp_nobody`, { headers });
  assert.equal(unknown.status, 404);
  await unknown.body?.cancel();
});

Deno.test("a host that answers 429 with retry-after rests", async () => {
  await using busy = startHost(["org/m"]);
  await using idle = startHost(["org/m"]);
  await using gateway = await start(`${busy.address},${idle.address}`);
  busy.answer = () => new Response("{}", { status: 429, headers: { "retry-after": "3600" } });
  assert.equal(await status(gateway, "/v1/responses"), 429);
  await until("the host rests", () => gateway.part.router.state(busy.address) === "resting");
  for (let i = 0; i < 4; i++) assert.equal(await status(gateway, "/v1/responses"), 200);
  assert.deepEqual(counts([busy, idle]), [1, 4]);
});

Deno.test("a dead host's sessions move once, each to the host where it stays", async () => {
  const stopped = startHost(["org/m"]);
  await using one = startHost(["org/m"]);
  await using two = startHost(["org/m"]);
  const hosts = [one, two];
  await using gateway = await start([stopped, ...hosts].map(({ address }) => address).join(","), {
    logic: "session",
    models: "*,*,*",
    health: { limits: { ejectMs: 3_600_000, maxEjectMs: 3_600_000 } },
  });
  await stopped[Symbol.asyncDispose]();
  const went = new Map<string, number[]>();
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 8; i++) {
      const before = counts(hosts);
      const session = { "x-session-id": `s${i}` };
      const response = await post(gateway, "/v1/responses", { body: BODY, headers: session });
      assert.equal(response.status, 200);
      await response.text();
      const at = counts(hosts).findIndex((count, index) => count > (before[index] ?? 0));
      went.set(`s${i}`, [...went.get(`s${i}`) ?? [], at]);
    }
    await until(
      "the dead host is out",
      () => gateway.part.router.state(stopped.address) === "ejected",
    );
  }
  for (const [session, [first, second]] of went) assert.equal(first, second, session);
});
