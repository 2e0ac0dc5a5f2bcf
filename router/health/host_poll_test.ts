import assert from "node:assert/strict";
import { parseHosts } from "../hosts.ts";
import { getFromHost, HostPoll } from "./host_poll.ts";

const HOSTS = parseHosts("a:1,b:1");

/** A wait that lasts until it is told, or until its signal aborts. */
function gate() {
  const waiting: (() => void)[] = [];
  return {
    waits: () => waiting.length,
    open: () => waiting.splice(0).forEach((resume) => resume()),
    wait: (_: number, signal: AbortSignal) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      waiting.push(resolve);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      return promise;
    },
  };
}

Deno.test("HostPoll asks each host again after each wait, and those that went no more", async () => {
  const { open, wait, waits } = gate();
  const heard: string[] = [];
  const settled = async (count: number) => {
    while (waits() < count) await Promise.resolve();
  };
  await using poll = new HostPoll<string>({
    ask: ({ endpoint }) => Promise.resolve(`${endpoint}!`),
    onAnswer: (_, answer) => heard.push(answer),
    intervalMs: 1_000,
    wait,
  });
  poll.follow(HOSTS);
  await settled(2);
  assert.deepEqual(heard, ["a:1!", "b:1!"]);
  poll.follow(HOSTS.slice(0, 1));
  open();
  await settled(1);
  assert.deepEqual(heard, ["a:1!", "b:1!", "a:1!"]);
  poll.follow(HOSTS);
  await settled(2);
  assert.deepEqual(heard.slice(3), ["b:1!"]);
});

Deno.test("an answer that comes after its host went is not heard", async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<string>();
  const heard: string[] = [];
  {
    await using poll = new HostPoll<string>({
      ask: () => {
        asked.resolve();
        return answer.promise;
      },
      onAnswer: (_, text) => heard.push(text),
      intervalMs: 1,
    });
    poll.follow(HOSTS.slice(0, 1));
    await asked.promise;
    poll.follow([]);
    answer.resolve("late");
  }
  assert.deepEqual(heard, []);
});

Deno.test("getFromHost() reads a host's answer, and says why there is none", async () => {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => new Response(new URL(request.url).pathname, { status: 404 }),
  );
  const [host] = parseHosts(`127.0.0.1:${server.addr.port}`);
  assert.ok(host);
  const { signal } = new AbortController();
  const get = { path: "/health", timeoutMs: 60_000, signal };
  assert.deepEqual(await getFromHost(host, get), { kind: "answer", status: 404, text: "/health" });
  await server.shutdown();
  assert.equal((await getFromHost(host, get)).kind, "silent");
});

Deno.test("getFromHost() leaves a host that never ends its answer", async () => {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => {
      const chunk = new TextEncoder().encode("# HELP more\n".repeat(5_000));
      return new Response(new ReadableStream({ pull: (stream) => stream.enqueue(chunk) }));
    },
  );
  const [host] = parseHosts(`127.0.0.1:${server.addr.port}`);
  assert.ok(host);
  const { signal } = new AbortController();
  const answer = await getFromHost(host, { path: "/metrics", timeoutMs: 60_000, signal });
  assert.deepEqual(answer, { kind: "silent", why: "an answer longer than 1048576 bytes" });
  await server.shutdown();
});
