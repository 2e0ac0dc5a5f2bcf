/** The limits service as a process of its own, the official client in front, and other services in its place. */
import assert from "node:assert/strict";
import { OpenAI } from "../../openai/testing/sdk.ts";
import { startProgram } from "../testing/program.ts";
import { chat, outcome, startEdge } from "./stack.ts";

const UNAVAILABLE = [503, "policy_error", "limits_unavailable"];

Deno.test("kill -9 of the limits service: 503, then back with its counters, without a restart of Envoy", async () => {
  const folder = await Deno.makeTempDir();
  const config = `${folder}/limits.yaml`;
  await Deno.writeTextFile(
    config,
    `version: 1\nlimits:\n  - match: { tenant: "*" }\n    requests: { per: month, max: 2 }\n`,
  );
  const start = async (port: string) => {
    const program = startProgram(["limits", "--config", config, "--port", port, "--json"]);
    return { program, address: JSON.parse(await program.line()).limits as string };
  };
  const first = await start("0");
  try {
    await using edge = await startEdge({ limitsAddress: first.address });
    assert.deepEqual(await outcome(chat(edge.url)), [200]);
    first.program.kill("SIGKILL");
    await first.program.ended;
    assert.deepEqual(await outcome(chat(edge.url)), UNAVAILABLE);
    const second = await start(first.address.split(":")[1] ?? "");
    await using _second = second.program;
    let answer = await outcome(chat(edge.url));
    while (answer[0] === 503) answer = await outcome(chat(edge.url));
    assert.deepEqual(answer, [200]);
    // The first of the two was counted by the process that is dead.
    assert.deepEqual(await outcome(chat(edge.url)), [429, "rate_limit_error", "requests_exceeded"]);
  } finally {
    await first.program[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the official client raises RateLimitError, and comes back by itself when it may", async () => {
  let now = Date.UTC(2026, 11, 1, 12);
  await using edge = await startEdge({
    limits:
      `{ version: 1, limits: [{ match: { tenant: "*" }, requests: { per: second, max: 1 } }] }`,
    now: () => now,
  });
  const ask = (maxRetries: number) =>
    new OpenAI({ apiKey: "demo-key", baseURL: `${edge.url}/v1`, maxRetries })
      .chat.completions.create({
        model: "gpt-4o-mini",
        messages: [{ role: "user", content: "x" }],
      });
  await ask(0);
  await assert.rejects(ask(0), OpenAI.RateLimitError);
  await assert.rejects(ask(0), (error: { code?: string; message: string }) => {
    assert.equal(error.code, "requests_exceeded");
    assert.match(error.message, /1 request per second\. Try again in 1s\.$/);
    return true;
  });
  const refusals = () =>
    edge.limits.journal.entries().filter(({ outcome }) => outcome === "refused").length;
  const before = refusals();
  const answer = ask(2);
  // Refused once; what the client does then is its own doing.
  await edge.limits.journal.waitFor(() => refusals() > before);
  now += 1_000;
  assert.match((await answer).choices[0].message.content, /You said/);
  assert.equal(refusals(), before + 1);
  assert.equal(edge.upstream.journal.entries().length, 2);
});
