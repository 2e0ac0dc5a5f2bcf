/** Anthropic's Claude Code at its defaults, behind the base profile. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { singleUpstream } from "../../gateway/mod.ts";
import { startTestGateway } from "../testing/stack.ts";
import { setUpClaudeCode } from "./claude_code.ts";
import { messages, type ModelTurn, play, TURN_HEADERS, TURN_SCRIPT } from "./model_turns.ts";

async function start() {
  const gateway = await startTestGateway({ profile: singleUpstream() });
  const [mock] = gateway.part.mocks;
  assert.ok(mock !== undefined);
  return { gateway, mock, turns: (taken: readonly ModelTurn[]) => play(mock, messages, taken) };
}

Deno.test("Claude Code gets an answer, has a call executed, and goes on", async () => {
  const { gateway, turns } = await start();
  await using _ = gateway;
  await using claude = await setUpClaudeCode(gateway.url, { headers: TURN_HEADERS });
  const call = { name: "Bash", arguments: { command: "echo made > made.txt", description: "x" } };
  const played = turns([{ call }, { text: "It is made." }]);
  const first = await claude.turn("make it");
  await played;
  assert.deepEqual([first.code, first.said], [0, "It is made."]);
  assert.equal(await Deno.readTextFile(join(claude.folder, "made.txt")), "made\n");
  const again = turns([{ text: "As I said." }]);
  const second = await claude.turn("and now?", ["--continue"]);
  await again;
  assert.equal(second.said, "As I said.");
});

Deno.test("Claude Code prints the words of a denial, and of 429", async () => {
  const { gateway } = await start();
  await using _ = gateway;
  for (const [key, words] of [["nobody", /API key/], ["quota-key", /quota/i]] as const) {
    await using claude = await setUpClaudeCode(gateway.url, { key });
    const { code, said, failed } = await claude.turn("hello");
    assert.notEqual(code, 0, key);
    assert.ok(failed);
    assert.match(said, words);
  }
});

Deno.test("Claude Code takes a stream that is cut for a failure", async () => {
  const { gateway, mock } = await start();
  await using _ = gateway;
  await using claude = await setUpClaudeCode(gateway.url, { headers: TURN_HEADERS });
  // It asks again before it gives up, and is answered alike.
  mock.scripts.set(TURN_SCRIPT, { steps: messages({ text: "half an ans", cut: true }) });
  const { said, failed } = await claude.turn("hello");
  assert.ok(failed, said);
});
