/** `llmgate dev --profile edge` with two upstreams, as a person runs it: one is killed under load. */
import assert from "node:assert/strict";
import { startUpstream, type Upstream } from "../../upstream/mod.ts";
import { startDev } from "../testing/program.ts";

const PORTS = ["--limits-port", "--tls-port", "--otlp-port", "--otlp-http-port"]
  .flatMap((flag) => [flag, "0"]);
const LOAD = 100;
const KEYS = { FIRST_KEY: "first-of-the-keys", SECOND_KEY: "second-of-the-keys" };

async function inHome<T>(run: (home: string) => Promise<T>): Promise<T> {
  const home = await Deno.makeTempDir({ prefix: "llmgate-edge-home-" });
  try {
    return await run(home);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

function ask(url: string, script: string): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: {
      "x-api-key": "demo-key",
      "content-type": "application/json",
      "x-mock-script": script,
    },
    body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "ping" }] }),
  });
}

/** Requests that an upstream answered whole. */
function answered({ journal }: Upstream): string[] {
  return journal.entries().filter(({ end, status }) => end === "completed" && status === 200)
    .map(({ requestId }) => requestId ?? "");
}

Deno.test("an upstream that is killed under load costs no request, and none is answered twice", () =>
  inHome(async (home) => {
    await using first = await startUpstream({ journalLimit: 1_000 });
    await using second = await startUpstream({ journalLimit: 1_000 });
    await using dev = await startDev([
      ...["--profile", "edge", ...PORTS],
      ...["--upstream", first.url, "--upstream-key-env", "FIRST_KEY"],
      ...["--upstream", `${second.url}/backup/v1`, "--upstream-key-env", "SECOND_KEY"],
    ], { env: { LLMGATE_HOME: home, ...KEYS } });
    const answer = [{ headers: { status: 200 } }, { write: "{}" }, { end: true as const }];
    first.scripts.set("load", { steps: [{ barrier: "held" }, ...answer] });
    second.scripts.set("load", { steps: answer });
    const running = Array.from({ length: LOAD }, () => ask(dev.ready.ingress, "load"));
    await first.barriers.arrival("load/held", { count: LOAD });
    await first.close();
    const responses = await Promise.all(running);
    assert.deepEqual([...new Set(responses.map(({ status }) => status))], [200]);
    assert.deepEqual([...new Set(responses.map((one) => one.headers.get("x-llm-attempts")))], [
      "2",
    ]);
    await Promise.all(responses.map((one) => one.body?.cancel()));
    const ids = [...answered(first), ...answered(second)];
    assert.equal(ids.length, LOAD);
    assert.equal(new Set(ids).size, LOAD);
    const headers = second.journal.entries().map((one) => Object.fromEntries(one.headers));
    assert.deepEqual([...new Set(headers.map((one) => one.authorization))], [
      `Bearer ${KEYS.SECOND_KEY}`,
    ]);
    assert.deepEqual([...new Set(headers.map((one) => one["x-api-key"]))], [undefined]);
    const paths = new Set(second.journal.entries().map(({ target }) => target));
    assert.deepEqual([...paths], ["/backup/v1/chat/completions"]);
    const line = JSON.parse(await dev.program.line());
    assert.equal(line.attempts, 2);
    assert.equal(line.path, "/v1/chat/completions");
    const shown = await (await fetch(`${dev.ready.admin}/config_dump`)).text();
    for (const key of Object.values(KEYS)) assert.ok(!shown.includes(key), "a key is in the dump");
  }));
