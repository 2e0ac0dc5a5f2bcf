// deno-lint-ignore-file no-console -- a program of its own
/** Two turns and a tool loop of OpenAI's Agents SDK at its defaults: `openai_agents.ts BASE_URL`. Prints them as JSON. */
import { Agent, run, setDefaultOpenAIClient, setTracingDisabled, tool } from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";

const [baseURL = ""] = Deno.args;
setDefaultOpenAIClient(new OpenAI({ baseURL, apiKey: "demo-key", maxRetries: 0 }) as never);
setTracingDisabled(true);

const asked: string[] = [];
const agent = new Agent({
  name: "weather",
  model: "gpt-4o-mini",
  instructions: "Answer in a word.",
  tools: [tool({
    name: "get_weather",
    description: "The weather of a city",
    parameters: z.object({ city: z.string() }),
    execute({ city }) {
      asked.push(city);
      return Promise.resolve(`sunny in ${city}`);
    },
  })],
});
const first = await run(agent, "weather?");
const second = await run(agent, [...first.history, { role: "user", content: "and tomorrow?" }]);
const streamed = await run(agent, "once more", { stream: true });
await streamed.completed;
console.log(JSON.stringify({
  first: first.finalOutput,
  second: second.finalOutput,
  streamed: streamed.finalOutput,
  asked,
}));
