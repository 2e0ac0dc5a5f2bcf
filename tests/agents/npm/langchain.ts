// deno-lint-ignore-file no-console -- a program of its own
/** Two turns and a tool call of LangChain with the Responses API: `langchain.ts BASE_URL`. Prints them as JSON. */
import { AIMessage, HumanMessage, ToolMessage } from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";

const [baseURL = ""] = Deno.args;
const model = new ChatOpenAI({
  model: "gpt-4o-mini",
  apiKey: "demo-key",
  useResponsesApi: true,
  maxRetries: 0,
  configuration: { baseURL },
});
const ask = new HumanMessage("one");
const first = await model.invoke([ask]);
const second = await model.invoke([ask, first, new HumanMessage("two")]);

const parameters = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
};
const withTools = model.bindTools([
  { type: "function", function: { name: "get_weather", description: "Weather", parameters } },
]);
const called = await withTools.invoke([new HumanMessage("weather?")]);
const [call] = called.tool_calls ?? [];
const answered = await withTools.invoke([
  new HumanMessage("weather?"),
  new AIMessage(called as never),
  new ToolMessage({ content: "sunny", tool_call_id: call?.id ?? "" }),
]);
console.log(JSON.stringify({
  first: first.text,
  second: second.text,
  called: call && { name: call.name, args: call.args },
  answered: answered.text,
}));
