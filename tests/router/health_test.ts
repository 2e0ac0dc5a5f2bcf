/** Journeys through a real Envoy: hosts that fail are passed over, and what broke is known. */
import type { RouterPart } from "../../gateway/profiles/mod.ts";
import assert from "node:assert/strict";
import type { Gateway } from "../../gateway/mod.ts";
import { delay, withDeadline } from "../../service/mod.ts";
import type { UpstreamStep } from "../../upstream/mod.ts";
import {
  chat,
  counts,
  done,
  EVENT_STREAM,
  metrics,
  script,
  startRouterGateway,
} from "../testing/router_stack.ts";
import { OLDER_ENVOY } from "../testing/stack.ts";

/** Waits until the router has heard of something; Envoy tells it on a stream of its own. */
async function heard(gateway: Gateway<RouterPart>, what: RegExp): Promise<void> {
  const look = async () => {
    while (!what.test(await metrics(gateway))) await delay(5);
  };
  await withDeadline(look(), 20_000, `The router heard of ${what}`);
}

const attempts = (gateway: Gateway<RouterPart>, index: number, outcome: string, count = "\\d+") => {
  const { endpoint = "" } = gateway.part.hosts[index] ?? {};
  return new RegExp(
    `llmgate_router_attempts_total\\{host="${endpoint}",outcome="${outcome}"\\} ${count}\n`,
  );
};

/** Whoever is ejected stays so for longer than any test. */
const FOREVER = { ejectMs: 3_600_000, maxEjectMs: 3_600_000 };

const BREAKS: UpstreamStep[] = [EVENT_STREAM, { event: { data: "1" } }, { abort: "tcp_rst" }];
const FAILS: UpstreamStep[] = [{ headers: { status: 500 } }, { write: "{}" }, { end: true }];

for (const envoyVersion of [undefined, OLDER_ENVOY]) {
  const on = `on Envoy ${envoyVersion ?? "(default)"}`;
  const version = envoyVersion === undefined ? {} : { envoyVersion };

  Deno.test(`the router hears how each attempt ended ${on}`, async () => {
    await using gateway = await startRouterGateway({
      ...version,
      router: { health: { limits: FOREVER } },
    });
    assert.equal(await done(await chat(gateway)), 200);
    await heard(gateway, attempts(gateway, 0, "answered", "1"));
    const broken = await chat(gateway, script(gateway, BREAKS));
    await assert.rejects(broken.text());
    await heard(gateway, attempts(gateway, 1, "broken", "1"));
    assert.equal(await done(await chat(gateway, script(gateway, FAILS))), 500);
    await heard(gateway, attempts(gateway, 2, "error", "1"));
    await gateway.part.mocks[0]?.close();
    assert.equal(await done(await chat(gateway)), 200);
    await heard(gateway, attempts(gateway, 0, "unreachable", "1"));
    const { router, hosts = [] } = gateway.part;
    assert.deepEqual(hosts.map(({ endpoint }) => router?.state(endpoint)), [
      "ejected",
      "healthy",
      "healthy",
    ]);
    const before = counts(gateway);
    for (let i = 0; i < 4; i++) assert.equal(await done(await chat(gateway)), 200);
    const [none, ...others] = counts(gateway).map((count, index) => count - (before[index] ?? 0));
    assert.equal(none, 0);
    assert.deepEqual(others, [2, 2]);
  });
}
