/** Agent SDKs at their defaults in front of the Responses profile: turns that follow each other, and a tool loop. */
import assert from "node:assert/strict";
import { responsesProfile } from "../../gateway/profiles/mod.ts";
import { startTestGateway } from "../testing/stack.ts";
import { pythonOf, run } from "../clients/python_venv.ts";
import { cleanEnv } from "./clean_env.ts";

// deno-lint-ignore no-explicit-any -- each program prints something else
async function printed(program: string): Promise<any> {
  await using gateway = await startTestGateway({ profile: responsesProfile() });
  const home = await Deno.makeTempDir({ prefix: "llmgate-agent-" });
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-prompt", "--quiet", "--frozen", program, `${gateway.url}/v1`],
    cwd: new URL("./npm/", import.meta.url),
    clearEnv: true,
    env: await cleanEnv(home),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { success, stdout, stderr } = await command.output();
  await Deno.remove(home, { recursive: true });
  if (!success) throw new Error(`${program} failed: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test("the AI SDK's Responses model goes on from what is stored, and runs its tools", async () => {
  const { first, second, asked, looped } = await printed("ai_sdk.ts");
  assert.match(first, /You said: "one"/);
  assert.match(second, /You said: "two"/);
  assert.deepEqual(asked, ["Paris"]);
  assert.match(looped, /sunny in Paris/);
});

Deno.test("OpenAI's Agents SDK runs its tools, goes on from its history, and streams", async () => {
  const { first, second, streamed, asked } = await printed("openai_agents.ts");
  for (const text of [first, second, streamed]) assert.match(text, /sunny in Paris/);
  assert.equal(asked.length, 3);
});

Deno.test("LangChain's OpenAI model goes on from its history, and takes a tool's result", async () => {
  const { first, second, called, answered } = await printed("langchain.ts");
  assert.match(first, /You said: "one"/);
  assert.match(second, /You said: "two"/);
  assert.deepEqual(called, { name: "get_weather", args: { city: "Paris" } });
  assert.match(answered, /You said: "sunny"/);
});

Deno.test("the Agents SDK and LangChain in Python do the same, and raise a denial with its words", async () => {
  await using gateway = await startTestGateway({ profile: responsesProfile() });
  const script = new URL("sdks.py", import.meta.url).pathname;
  const printed = JSON.parse(await run(await pythonOf("agents"), [script, gateway.url]));
  const { agents, langchain } = printed;
  for (const text of agents.answers) assert.match(text, /sunny in /);
  assert.deepEqual([agents.streamed, agents.asked], [true, 3]);
  assert.match(agents.denied, /invalid_api_key|API key/i);
  assert.match(langchain.first, /You said: "one"/);
  assert.match(langchain.second, /You said: "two"/);
  assert.equal(langchain.called, "get_weather");
  assert.match(langchain.answered, /sunny/);
  assert.match(langchain.streamed, /You said: "three"/);
});
