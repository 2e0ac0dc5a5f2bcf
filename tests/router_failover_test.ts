/** Journeys through a real Envoy: another host is tried only where nothing was sent to the first. */
import assert from "node:assert/strict";
import type { Gateway } from "../gateway/mod.ts";
import type { UpstreamStep } from "../upstream/mod.ts";
import {
  CHAT,
  chat,
  counts,
  done,
  exchanges,
  post,
  script,
  startRouterGateway,
} from "./router_stack.ts";
import { OLDER_ENVOY } from "./stack.ts";

/** How often each request id reached a backend, the highest count. */
function mostOften(gateway: Gateway): number {
  const ids = exchanges(gateway).flat().map(({ requestId }) => requestId);
  return Math.max(...[...Map.groupBy(ids, (id) => id).values()].map(({ length }) => length));
}

/** Everything of the request was read; then the connection breaks, before any byte of an answer. */
const RESET: UpstreamStep[] = [{ abort: "tcp_rst" }];

for (const envoyVersion of [undefined, OLDER_ENVOY]) {
  const on = `on Envoy ${envoyVersion ?? "(default)"}`;
  const version = envoyVersion === undefined ? {} : { envoyVersion };

  Deno.test(`a host that takes no connection costs no request ${on}`, async () => {
    await using gateway = await startRouterGateway(version);
    await gateway.routing?.backends[0]?.close();
    // One for each turn, and each long enough to be more than a connection's buffer.
    const body = { ...CHAT, pad: "x".repeat(6_000_000) };
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
    for (const backend of gateway.routing?.backends ?? []) await backend.close();
    const response = await chat(gateway);
    assert.equal(response.status, 503);
    assert.equal((await response.json()).error.code, "upstream_unavailable");
  });
}
