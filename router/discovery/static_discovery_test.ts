import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { parseHosts } from "../hosts.ts";
import type { HostSource } from "./host_source.ts";
import { startStaticDiscovery } from "./static_discovery.ts";

const endpoints = ({ hosts }: HostSource) => hosts.map(({ endpoint }) => endpoint);

/** A model server that says what `answer` returns. */
function serveModels(answer: (request: Request) => Response) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
  const address = `127.0.0.1:${server.addr.port}`;
  return { address, [Symbol.asyncDispose]: () => server.shutdown() };
}

const list = (...models: string[]) =>
  Response.json({ object: "list", data: models.map((id) => ({ id, object: "model" })) });

/** Resolves when the hosts satisfy `holds`. */
function until(source: HostSource, holds: () => boolean): Promise<void> {
  if (holds()) return Promise.resolve();
  return new Promise((resolve) => {
    const listening = source.onChange(() => {
      if (!holds()) return;
      listening[Symbol.dispose]();
      resolve();
    });
  });
}

Deno.test("each address of a name is a host, under the name that was written", async () => {
  await using source = await startStaticDiscovery({
    hosts: parseHosts("models.test:8000,10.0.0.9:8000"),
    resolve: () => Promise.resolve(["10.0.0.2", "10.0.0.1", "10.0.0.9"]),
  });
  assert.deepEqual(
    source.hosts.map(({ endpoint, hostname }) => [endpoint, hostname]),
    [
      ["10.0.0.1:8000", "models.test:8000"],
      ["10.0.0.2:8000", "models.test:8000"],
      ["10.0.0.9:8000", "models.test:8000"],
    ],
  );
});

Deno.test("the system's resolver knows localhost", async () => {
  await using source = await startStaticDiscovery({ hosts: parseHosts("localhost:8000") });
  assert.match(endpoints(source)[0] ?? "", /^(127\.0\.0\.1|\[::1\]):8000$/);
});

Deno.test("names are looked up again; what cannot be resolved keeps its addresses", async () => {
  const answers: (readonly string[] | Error)[] = [
    new Error("not found"),
    ["10.0.0.1"],
    new Error("not found"),
    ["10.0.0.2"],
  ];
  const lines: string[] = [];
  await using source = await startStaticDiscovery({
    hosts: parseHosts("models.test:8000"),
    resolveMs: 1,
    log: (line) => lines.push(line),
    resolve: () => {
      const answer = answers.shift() ?? ["10.0.0.2"];
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  });
  assert.deepEqual(endpoints(source), []);
  await until(source, () => endpoints(source)[0] === "10.0.0.1:8000");
  await until(source, () => endpoints(source)[0] === "10.0.0.2:8000");
  const complaint = 'Cannot resolve the host "models.test": not found';
  assert.deepEqual(lines, [complaint, complaint]);
});

Deno.test("models are read from the host itself, and again", async () => {
  let models = ["m"];
  await using server = serveModels(() => list(...models));
  await using source = await startStaticDiscovery({
    hosts: parseHosts(server.address),
    readModels: true,
    modelsMs: 1,
  });
  assert.deepEqual([...source.hosts[0]?.models ?? []], ["m"]);
  models = ["m", "n"];
  await until(source, () => source.hosts[0]?.models?.size === 2);
});

Deno.test("given models are not asked for", async () => {
  let asked = 0;
  await using server = serveModels(() => {
    asked++;
    return list("m");
  });
  await using source = await startStaticDiscovery({
    hosts: parseHosts(server.address, "n"),
    readModels: true,
  });
  assert.deepEqual([...source.hosts[0]?.models ?? []], ["n"]);
  assert.equal(asked, 0);
});

for (
  const [what, answer] of [
    ["no list", () => new Response("hello")],
    ["no such path", () => new Response("{}", { status: 404 })],
    ["an error", () => new Response("{}", { status: 503 })],
  ] as const
) {
  Deno.test(`a host that answers ${what} is asked for any model`, async () => {
    await using server = serveModels(answer);
    const lines: string[] = [];
    await using source = await startStaticDiscovery({
      hosts: parseHosts(server.address),
      readModels: true,
      log: (line) => lines.push(line),
    });
    assert.equal(source.hosts[0]?.models, undefined);
    assert.equal(lines.length, 1);
  });
}

Deno.test("a host that wants a key serves nothing until it has one, under its own path", async () => {
  await using server = serveModels((request) =>
    request.headers.get("authorization") === "Bearer right" &&
      new URL(request.url).pathname === "/team/v1/models"
      ? Response.json({ data: [{ id: "m" }] })
      : new Response("{}", { status: 401 })
  );
  for (
    const [keys, models, says] of [
      [[], [], /until --host-key-envs names its key, or --static-models/],
      [["wrong"], [], /its key is not the right one/],
      [["right"], ["m"], undefined],
    ] as const
  ) {
    const lines: string[] = [];
    await using source = await startStaticDiscovery({
      hosts: parseHosts(`http://${server.address}/team/v1`, undefined, keys),
      readModels: true,
      log: (line) => lines.push(line),
    });
    assert.deepEqual([...source.hosts[0]?.models ?? ["any"]], models);
    if (says === undefined) assert.deepEqual(lines, []);
    else assert.match(lines.join("\n"), says);
    assert.doesNotMatch(lines.join("\n"), /wrong/);
  }
});

Deno.test("a host with TLS is verified against its name", async () => {
  const pem = (name: string) =>
    Deno.readTextFileSync(new URL(`../../tests/envoy/testdata/${name}.pem`, import.meta.url));
  const server = createServer({ cert: pem("server"), key: pem("server.key") }, (_, answer) => {
    answer.setHeader("connection", "close");
    answer.end(JSON.stringify({ data: [{ id: "m" }] }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const lines: string[] = [];
  const discover = (name: string) =>
    startStaticDiscovery({
      hosts: parseHosts(`https://${name}:${port}`),
      readModels: true,
      ca: pem("ca"),
      resolve: () => Promise.resolve(["127.0.0.1"]),
      log: (line) => lines.push(line),
    });
  await using right = await discover("upstream.test");
  assert.deepEqual([...right.hosts[0]?.models ?? []], ["m"]);
  await using wrong = await discover("other.test");
  assert.equal(wrong.hosts[0]?.models, undefined);
  assert.match(lines[0] ?? "", /^Cannot read the models of 127\.0\.0\.1/);
  const closed = once(server, "close");
  server.close();
  await closed;
});
