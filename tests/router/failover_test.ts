/** Journeys through a real Envoy: another host is tried only where nothing was sent to the first. */
import type { RouterPart } from "../../gateway/profiles/mod.ts";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Gateway } from "../../gateway/mod.ts";
import { parseHosts } from "../../router/mod.ts";
import { delay, withDeadline } from "../../service/mod.ts";
import { startUpstream, type Upstream, type UpstreamStep } from "../../upstream/mod.ts";
import {
  CHAT,
  chat,
  counts,
  done,
  exchanges,
  post,
  script,
  startRouterGateway,
} from "../testing/router_stack.ts";
import { OLDER_ENVOY } from "../testing/stack.ts";

/** How often each request id reached a backend, the highest count. */
function mostOften(gateway: Gateway<RouterPart>): number {
  const ids = exchanges(gateway).flat().map(({ requestId }) => requestId);
  return Math.max(...[...Map.groupBy(ids, (id) => id).values()].map(({ length }) => length));
}

/** Everything of the request was read; then the connection breaks, before any byte of an answer. */
const RESET: UpstreamStep[] = [{ abort: "tcp_rst" }];

/** A gateway in front of two hosts, and a route from the first to the second one. */
async function startPair(fallback: object) {
  await using stack = new AsyncDisposableStack();
  const first = stack.use(await startUpstream());
  const second = stack.use(await startUpstream());
  const address = ({ port }: Upstream) => `127.0.0.1:${port}`;
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const routesFile = `${folder}/routes.json`;
  const route = {
    name: "pair",
    model: CHAT.model,
    path_prefix: "/v1/",
    targets: [{ hosts: [address(first)] }],
    fallbacks: [{ hosts: [address(second)], ...fallback }],
  };
  await Deno.writeTextFile(routesFile, JSON.stringify([route]));
  const gateway = stack.use(
    await startRouterGateway({
      router: {
        routesFile,
        hosts: parseHosts([first, second].map(address).join(",")),
        // Whoever is ejected stays so for longer than any test.
        health: { limits: { ejectMs: 3_600_000, maxEjectMs: 3_600_000 } },
      },
    }),
  );
  const owned = stack.move();
  const dispose = () => owned.disposeAsync();
  return { gateway, first, second, [Symbol.asyncDispose]: dispose };
}

Deno.test("a fallback of the same model takes over without a failed request", async () => {
  await using pair = await startPair({});
  assert.equal(await done(await chat(pair.gateway)), 200);
  assert.equal(pair.second.journal.entries().length, 0);
  await pair.first.close();
  assert.equal(await done(await chat(pair.gateway)), 200);
  assert.equal(pair.second.journal.entries().length, 1);
});

Deno.test("a fallback model is asked for when the host is known to be gone", async () => {
  await using pair = await startPair({ model: "spare" });
  const { gateway, first, second } = pair;
  const spare = createHash("sha256").update(JSON.stringify({ ...CHAT, model: "spare" }));
  await first.close();
  // Nothing but the host itself can tell: this one request is lost, and not repeated.
  assert.equal(await done(await chat(gateway)), 503);
  const gone = async () => {
    const { endpoint = "" } = gateway.part.hosts[0] ?? {};
    while (gateway.part.router.state(endpoint) !== "ejected") await delay(5);
  };
  await withDeadline(gone(), 60_000, "The router heard that the host is gone");
  assert.equal(await done(await chat(gateway)), 200);
  const [exchange, ...more] = second.journal.entries();
  assert.equal(exchange?.bodySha256, spare.digest("hex"));
  assert.deepEqual(more, []);
});

for (const envoyVersion of [undefined, OLDER_ENVOY]) {
  const on = `on Envoy ${envoyVersion ?? "(default)"}`;
  const version = envoyVersion === undefined ? {} : { envoyVersion };

  Deno.test(`a host that takes no connection costs no request ${on}`, async () => {
    await using gateway = await startRouterGateway(version);
    await gateway.part.mocks[0]?.close();
    // One for each turn, and each long enough to be more than a connection's buffer. 1.36 counts a
    // held body twice, so that no more than half of what the buffer filter takes is tried again.
    const pad = "x".repeat(envoyVersion === undefined ? 6_000_000 : 3_000_000);
    const body = { ...CHAT, pad };
    for (let i = 0; i < 3; i++) {
      assert.equal(await done(await post(gateway, "/v1/chat/completions", { body })), 200);
    }
    for (let i = 0; i < 3; i++) assert.equal(await done(await chat(gateway)), 200);
    const [closed, ...others] = counts(gateway);
    assert.equal(closed, 0);
    assert.equal(others.reduce((sum, count) => sum + count), 6);
    assert.equal(mostOften(gateway), 1);
  });

  Deno.test(`a request of which a byte was sent is never sent again ${on}`, async () => {
    await using gateway = await startRouterGateway(version);
    const response = await chat(gateway, script(gateway, RESET));
    assert.equal(response.status, 503);
    assert.equal((await response.json()).error.code, "upstream_unavailable");
    assert.deepEqual(counts(gateway), [1, 0, 0]);
  });

  Deno.test(`when no host can be reached, the error says so ${on}`, async () => {
    await using gateway = await startRouterGateway(version);
    for (const backend of gateway.part.mocks) await backend.close();
    const response = await chat(gateway);
    assert.equal(response.status, 503);
    assert.equal((await response.json()).error.code, "upstream_unavailable");
  });
}
