// The program under test: asks a model, says each word as it comes, and looks the weather up when it is told to.
import OpenAI from "openai";

const TOOL = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } } },
  },
};

/** Asks a question; resolves with the answer. `say` gets its pieces. */
export async function ask(
  question,
  { baseURL, say = () => {}, signal, weather = async () => "sunny" },
) {
  const client = new OpenAI({ baseURL, apiKey: process.env.OPENAI_API_KEY ?? "test" });
  const messages = [{ role: "user", content: question }];
  for (;;) {
    const stream = client.chat.completions.stream(
      { model: "gpt-4o-mini", messages, tools: [TOOL] },
      { signal },
    );
    stream.on("content", (delta) => say(delta));
    const { message } = (await stream.finalChatCompletion()).choices[0];
    if (!message.tool_calls?.length) return message.content;
    messages.push(message);
    for (const { id, function: { arguments: given } } of message.tool_calls) {
      messages.push({
        role: "tool",
        tool_call_id: id,
        content: await weather(JSON.parse(given).city),
      });
    }
  }
}
