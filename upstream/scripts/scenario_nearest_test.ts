/** Answers of a strict mock to a request that no scenario answers. */
import assert from "node:assert/strict";
import { withScenario } from "../testing/with_scenario.ts";

const messages = [{ role: "user", content: "weather in Oslo?" }];

Deno.test("with strict, what no scenario answers is an error that names the nearest and the difference", async () => {
  const yaml = `
- match: { model: other, last_message: /rain/ }
  reply: a
- name: sunny
  match: { model: m, last_message: /sun/ }
  reply: b
`;
  await withScenario(yaml, async (post) => {
    const response = await post("/v1/chat/completions", { model: "m", messages });
    assert.equal(response.status, 404);
    const { error } = await response.json();
    assert.equal(error.code, "scenario_not_found");
    assert.match(
      error.message,
      /nearest is "sunny": last_message is "weather in Oslo\?", not "\/sun\/"/,
    );
  }, { strict: true });
});

/** Prompts that no scenario answers, and the one that was meant. */
const MEANT: readonly (readonly [prompt: string, name: string])[] = [
  ["Wheather in Paris", "weather"],
  ["tell me about dogs", "dog"],
  ["translate this!", "translate"],
];

for (const [prompt, name] of MEANT) {
  Deno.test(`with strict, the scenario nearest to "${prompt}" is "${name}"`, async () => {
    const yaml = `
- { name: vectors, match: { path: /v1/embeddings }, reply: a }
- { name: dog, match: { last_message: /dogs? please/i }, reply: a }
- { name: weather, match: { last_message: "Weather in Paris" }, reply: b }
- { name: translate, match: { last_message: /^translate$/ }, reply: c }
`;
    await withScenario(yaml, async (post) => {
      const asked = [{ role: "user", content: prompt }];
      const response = await post("/v1/chat/completions", { model: "m", messages: asked });
      const { error } = await response.json();
      assert.match(error.message, new RegExp(`the nearest is "${name}"`));
    }, { strict: true });
  });
}
