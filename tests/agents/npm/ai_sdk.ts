// deno-lint-ignore-file no-console -- a program of its own
/** Two turns and a tool loop of Vercel's AI SDK at its defaults: `ai_sdk.ts BASE_URL`. Prints them as JSON. */
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, isStepCount, type ModelMessage, streamText, tool } from "ai";
import { z } from "zod";

const [baseURL = ""] = Deno.args;
const openai = createOpenAI({ baseURL, apiKey: "demo-key" });
const model = openai.responses("gpt-4o-mini");

const first = await generateText({ model, prompt: "one", maxRetries: 0 });
const messages: ModelMessage[] = [
  { role: "user", content: "one" },
  ...first.response.messages,
  { role: "user", content: "two" },
];
const second = await generateText({ model, messages, maxRetries: 0 });

const asked: string[] = [];
const looped = streamText({
  model,
  prompt: "weather?",
  maxRetries: 0,
  stopWhen: isStepCount(3),
  tools: {
    get_weather: tool({
      inputSchema: z.object({ city: z.string() }),
      execute({ city }) {
        asked.push(city);
        return `sunny in ${city}`;
      },
    }),
  },
});
const text = await looped.text;
console.log(JSON.stringify({ first: first.text, second: second.text, asked, looped: text }));
