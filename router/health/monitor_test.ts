import assert from "node:assert/strict";
import { delay, silent, withDeadline } from "../../service/mod.ts";
import { parseHosts } from "../hosts.ts";
import { HealthMonitor } from "./monitor.ts";

/** An engine that says of itself what it is told to. */
function startEngine() {
  const engine = { health: 200, metrics: "", asleep: false };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    ({ url }) => {
      const { pathname } = new URL(url);
      if (pathname === "/is_sleeping") return Response.json({ is_sleeping: engine.asleep });
      return pathname === "/health"
        ? new Response(null, { status: engine.health })
        : new Response(engine.metrics);
    },
  );
  return Object.assign(engine, {
    endpoint: `127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  });
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const look = async () => {
    while (!holds()) await delay(1);
  };
  await withDeadline(look(), 20_000, what);
}

Deno.test("HealthMonitor probes hosts and reads their engines, for as long as they are followed", async () => {
  await using engine = startEngine();
  const { endpoint } = engine;
  const hosts = parseHosts(endpoint);
  await using monitor = new HealthMonitor({
    probeMs: 1,
    engineStatsMs: 1,
    place: { namespace: "lb", key: "endpoint" },
    onAttempt: () => {},
    log: silent,
  });
  engine.metrics = "vllm:num_requests_running 4\nvllm:num_requests_waiting 1\n";
  monitor.follow(hosts);
  await until("the engine was read", () => monitor.engine(endpoint)?.running === 4);
  assert.equal(monitor.state(endpoint), "healthy");
  engine.health = 503;
  await until("the host is down", () => monitor.state(endpoint) === "down");
  assert.deepEqual(monitor.admit(hosts), []);
  engine.health = 404;
  await until("the host is back", () => monitor.state(endpoint) !== "down");
  engine.asleep = true;
  await until("the engine sleeps", () => monitor.state(endpoint) === "sleeping");
  engine.asleep = false;
  await until("the engine is awake", () => monitor.state(endpoint) !== "sleeping");
  engine.metrics = "";
  await until("the reading is too old", () => monitor.engine(endpoint) === undefined);
  monitor.follow([]);
  assert.equal(monitor.state(endpoint), "healthy");
});
