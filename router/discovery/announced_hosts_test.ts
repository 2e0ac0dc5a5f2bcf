import assert from "node:assert/strict";
import { UnavailableError } from "../../service/mod.ts";
import { type BackendHost, parseHosts } from "../hosts.ts";
import { announceHosts } from "./announced_hosts.ts";
import { HostList } from "./host_source.ts";

const names = (hosts: readonly BackendHost[]) => hosts.map(({ endpoint }) => endpoint).join(" ");

/** A sink that takes what it is given when the test says so. */
class HeldSink {
  readonly published: string[] = [];
  #take = Promise.withResolvers<void>();
  #asked = Promise.withResolvers<void>();
  open = true;
  fails = false;

  async publish(hosts: readonly BackendHost[]): Promise<void> {
    this.published.push(names(hosts));
    this.#asked.resolve();
    this.#asked = Promise.withResolvers();
    if (!this.open) await this.#take.promise;
    if (this.fails) throw new UnavailableError("Cannot write the endpoints");
  }

  /** Resolves at the next announcement. */
  get asked(): Promise<void> {
    return this.#asked.promise;
  }

  take(): void {
    this.#take.resolve();
    this.#take = Promise.withResolvers();
  }
}

async function announced(hosts: string, lingerMs = 60_000, settleMs = 0) {
  const source = new HostList(parseHosts(hosts));
  const sink = new HeldSink();
  const lines: string[] = [];
  const list = await announceHosts({
    source,
    sinks: [sink],
    lingerMs,
    settleMs,
    log: (line) => lines.push(line),
  });
  return { source, sink, list, lines };
}

/** Resolves with the hosts at their next change. */
function changed(list: { onChange: HostList["onChange"] }): Promise<string> {
  return new Promise((resolve) => {
    const listening = list.onChange((hosts) => {
      listening[Symbol.dispose]();
      resolve(names(hosts));
    });
  });
}

Deno.test("a new host is chosen once every sink has taken it", async () => {
  const { source, sink, list } = await announced("a:1");
  await using _ = list;
  sink.open = false;
  const asked = sink.asked;
  source.replace(parseHosts("a:1,b:1"));
  await asked;
  assert.equal(names(list.hosts), "a:1");
  const next = changed(list);
  sink.take();
  assert.equal(await next, "a:1 b:1");
  assert.deepEqual(sink.published, ["a:1", "a:1 b:1"]);
});

Deno.test("a new host may have to wait for other replicas of the router", async () => {
  const { source, list } = await announced("a:1", 60_000, 1);
  await using _ = list;
  const next = changed(list);
  source.replace(parseHosts("a:1,b:1"));
  assert.equal(await next, "a:1 b:1");
});

Deno.test("disposing does not wait for a host that settles", async () => {
  const { source, sink, list } = await announced("a:1", 60_000, 3_600_000);
  const asked = sink.asked;
  source.replace(parseHosts("a:1,b:1"));
  await asked;
  await list[Symbol.asyncDispose]();
  assert.equal(names(list.hosts), "a:1");
});

Deno.test("a lost host is not chosen at once, and stays known for a while", async () => {
  const { source, sink, list } = await announced("a:1,b:1");
  await using _ = list;
  source.replace(parseHosts("b:1"));
  assert.equal(names(list.hosts), "b:1");
  assert.equal(sink.published.at(-1), "b:1 a:1");
});

Deno.test("a lost host is forgotten after that while", async () => {
  const { source, sink, list } = await announced("a:1,b:1", 1);
  await using _ = list;
  source.replace(parseHosts("b:1"));
  while (sink.published.at(-1) !== "b:1") await sink.asked;
});

Deno.test("a lost host that comes back stays", async () => {
  const { source, sink, list } = await announced("a:1,b:1", 60_000);
  await using _ = list;
  source.replace(parseHosts("b:1"));
  const next = changed(list);
  source.replace(parseHosts("a:1,b:1"));
  assert.equal(await next, "a:1 b:1");
  assert.equal(sink.published.at(-1), "a:1 b:1");
});

Deno.test("changed models are in force without waiting", async () => {
  const { source, sink, list } = await announced("a:1");
  await using _ = list;
  sink.open = false;
  source.replace(parseHosts("a:1", "m"));
  assert.deepEqual([...list.hosts[0]?.models ?? []], ["m"]);
  sink.take();
});

Deno.test("a sink that fails keeps the new hosts out, and says why", async () => {
  const { source, sink, list, lines } = await announced("a:1");
  await using _ = list;
  sink.fails = true;
  const asked = sink.asked;
  source.replace(parseHosts("a:1,b:1"));
  await asked;
  sink.fails = false;
  const next = changed(list);
  source.replace(parseHosts("a:1,b:1,c:1"));
  assert.equal(await next, "a:1 b:1 c:1");
  assert.match(lines[0] ?? "", /^Cannot write the endpoints\nEnvoy keeps/);
});
