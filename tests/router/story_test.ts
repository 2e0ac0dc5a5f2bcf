/** The model router's two stories, through a real Envoy: bad backends, and a model that changes. */
import type { RouterPart } from "../../gateway/profiles/mod.ts";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { AccessLogEntry } from "../../envoy/mod.ts";
import type { Gateway } from "../../gateway/mod.ts";
import { DONE } from "../../openai/mod.ts";
import { delay, withDeadline } from "../../service/mod.ts";
import type { Upstream } from "../../upstream/mod.ts";
import {
  CHAT,
  chat,
  COMPLETION,
  counts,
  done,
  EVENT_STREAM,
  exchanges,
  HELD,
  metrics,
  post,
  release,
  script,
  startRouterGateway,
} from "../testing/router_stack.ts";

const WAIT_MS = 60_000;

/** Waits for what happens beside the requests: in Envoy, or on its way to the router. */
async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const look = async () => {
    while (!await holds()) await delay(5);
  };
  await withDeadline(look(), WAIT_MS, what);
}

/** Stops a backend; resolves when Envoy has noticed the end of its idle connections. */
async function down(gateway: Gateway<RouterPart>, backend: Upstream): Promise<void> {
  await backend.close();
  await until("Envoy has no connection to the backend", async () => {
    const reply = await fetch(`${gateway.envoy.admin.url}/clusters`);
    const line = `backends::127.0.0.1:${backend.port}::cx_active::`;
    return (await reply.text()).includes(`${line}0\n`);
  });
}

/** A stream whose first event has come. */
interface Begun {
  readonly backend: number;
  readonly rest: () => Promise<string>;
}

/** Begins a stream that its backend holds at a barrier of its own. */
async function begin(gateway: Gateway<RouterPart>): Promise<Begun> {
  const before = counts(gateway);
  const response = await chat(gateway, { "x-mock-script": "own" });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await reader?.read())?.value, "data: 1\n\n");
  const backend = counts(gateway).findIndex((count, index) => count > (before[index] ?? 0));
  return {
    backend,
    async rest() {
      let text = "";
      for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
        text += next.value;
      }
      return text;
    },
  };
}

Deno.test("of slow, dying and flapping backends, nothing is lost but the broken stream", async () => {
  // At once back after each failure: every request may meet the host that fails.
  const limits = { ejectMs: 1, maxEjectMs: 1, returnMs: 0 };
  await using gateway = await startRouterGateway({
    router: {
      logic: "least_outstanding_requests",
      models: "gpt-3.5-turbo,*,*",
      health: { limits },
    },
  });
  const { mocks: backends, hosts, upstream: pool } = gateway.part;
  const logged: AccessLogEntry[] = [];
  gateway.onLogged((entry) => logged.push(entry));
  backends.forEach(({ scripts }, index) =>
    scripts.set("own", {
      steps: [
        EVENT_STREAM,
        { event: { data: "1" } },
        { barrier: `go-${index}` },
        { event: { data: DONE } },
        { end: true },
      ],
    })
  );
  const go = (index: number) => pool?.barriers.release(`own/go-${index}`);
  /** Both models at once, more of them than there are hosts. */
  const load = async () => {
    const requests = [0, 1, 2].flatMap(() => [
      chat(gateway),
      post(gateway, "/v1/completions", { body: COMPLETION }),
    ]);
    const statuses = await Promise.all(requests.map(async (request) => done(await request)));
    assert.deepEqual(statuses, Array(6).fill(200));
  };

  // The least busy host is always another one: each backend holds a stream.
  const held = [await begin(gateway), await begin(gateway), await begin(gateway)];
  assert.deepEqual(held.map(({ backend }) => backend).sort(), [0, 1, 2]);
  const streamOf = (backend: number) => held.find((one) => one.backend === backend)?.rest();
  await load();

  // The second one dies in the middle of its stream, while the others' go on, and comes back.
  const broken = assert.rejects(streamOf(1) ?? Promise.resolve());
  const [, dying, flapping] = backends as [Upstream, Upstream, Upstream];
  await down(gateway, dying);
  await broken;
  await load();
  await dying.reopen();

  // The third one ends its stream, and flaps.
  go(2);
  assert.equal(await streamOf(2), `data: ${DONE}\n\n`);
  for (let round = 0; round < 3; round++) {
    await down(gateway, flapping);
    await load();
    await flapping.reopen();
    const before = flapping.journal.entries().length;
    await until("the host that came back is chosen again", async () => {
      await load();
      return flapping.journal.entries().length > before;
    });
  }

  // The first one was slow all the time, and is no worse for it.
  go(0);
  assert.equal(await streamOf(0), `data: ${DONE}\n\n`);

  // Reported: by Envoy's log as one broken answer, by the router's metrics at the host that died.
  const broke = new RegExp(
    `attempts_total\\{host="${hosts[1]?.endpoint}",outcome="broken"\\} 1\n`,
  );
  await until(
    "the router heard of the broken stream",
    async () => broke.test(await metrics(gateway)),
  );
  assert.equal((await metrics(gateway)).match(/outcome="broken"\} \d+/g)?.length, 1);
  const cut = logged.filter(({ codeDetails }) => codeDetails?.startsWith("upstream_reset_"));
  assert.equal(cut.length, 1);
  assert.match(cut[0]?.codeDetails ?? "", /^upstream_reset_after_response_started/);
  const ids = exchanges(gateway).flat().map(({ requestId }) => requestId);
  assert.equal(new Set(ids).size, ids.length, "no request reached two backends, or one twice");
});

Deno.test("a model that changes under load fails no request", async () => {
  const folder = await Deno.makeTempDir();
  const routesFile = `${folder}/routes.json`;
  const serve = async (model: string) => {
    const routes = [{ name: "one", model: CHAT.model, path_prefix: "/v1/", rewrite_model: model }];
    await Deno.writeTextFile(`${folder}/new`, JSON.stringify(routes));
    await Deno.rename(`${folder}/new`, routesFile);
  };
  await serve("old");
  const changed = Promise.withResolvers<void>();
  await using gateway = await startRouterGateway({
    router: { routesFile },
    log: (line) => line.startsWith("Routes reloaded") && changed.resolve(),
  });
  const bodies = () => exchanges(gateway).flat().map(({ bodySha256 }) => bodySha256);
  const bodyOf = (model: string) =>
    createHash("sha256").update(JSON.stringify({ ...CHAT, model })).digest("hex");

  const stream = await chat(gateway, script(gateway, HELD));
  const statuses: number[] = [];
  let over = false;
  const clients = [0, 1, 2, 3].map(async () => {
    while (!over) statuses.push(await done(await chat(gateway)));
  });
  await until("the load runs", () => statuses.length >= 20);
  await serve("new");
  await withDeadline(changed.promise, WAIT_MS, "The routes were reloaded");
  await until("the new model is asked for", () => bodies().includes(bodyOf("new")));
  const before = statuses.length;
  await until("the load goes on", () => statuses.length >= before + 20);
  over = true;
  await Promise.all(clients);
  // A stream of the old model outlives the change.
  release(gateway);
  assert.equal(await stream.text(), `data: 1\n\ndata: ${DONE}\n\n`);
  assert.deepEqual(new Set(statuses), new Set([200]));
  assert.deepEqual(new Set(bodies()), new Set([bodyOf("old"), bodyOf("new")]));
  await Deno.remove(folder, { recursive: true });
});
