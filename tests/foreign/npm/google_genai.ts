// deno-lint-ignore-file no-console -- a program of its own
/** Asks a Gemini server with Google's own client and prints its reading as JSON: `google_genai.ts BASE_URL`. */
import { ApiError, FunctionCallingConfigMode, GoogleGenAI, Type } from "@google/genai";

const [baseUrl = ""] = Deno.args;
const client = new GoogleGenAI({ apiKey: "demo-key", httpOptions: { baseUrl } });
const ask = { model: "mock-small", contents: "Hi from Gemini" };
const weather = {
  name: "get_weather",
  parameters: {
    type: Type.OBJECT,
    properties: { city: { type: Type.STRING }, days: { type: Type.INTEGER } },
    required: ["city", "days"],
  },
};

const whole = await client.models.generateContent(ask);
const pieces: string[] = [];
let finish: unknown;
const stream = await client.models.generateContentStream(ask);
for await (const piece of stream) {
  if (piece.text) pieces.push(piece.text);
  finish = piece.candidates?.[0]?.finishReason ?? finish;
}
const config = {
  tools: [{ functionDeclarations: [weather] }],
  toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } },
};
const calling = await client.models.generateContent({ ...ask, config });
const thinking = await client.models.generateContent({
  ...ask,
  config: { thinkingConfig: { includeThoughts: true } },
});
const structured = await client.models.generateContent({
  ...ask,
  config: { responseMimeType: "application/json", responseSchema: weather.parameters },
});
const chat = client.chats.create({ model: ask.model, config: { systemInstruction: "Be brief" } });
await chat.sendMessage({ message: "One" });
const second = await chat.sendMessage({ message: "Two" });
const counted = await client.models.countTokens(ask);
const embedded = await client.models.embedContent({ model: ask.model, contents: "a" });
const wrong = await client.models.generateContent({ ...ask, model: "nobody" })
  .catch((error) => error);

console.log(JSON.stringify({
  text: whole.text,
  usage: whole.usageMetadata?.totalTokenCount,
  pieces: pieces.length,
  streamed: pieces.join(""),
  finish,
  calls: calling.functionCalls?.map(({ name, args }) => ({ name, args })),
  thoughts: thinking.usageMetadata?.thoughtsTokenCount,
  object: JSON.parse(structured.text ?? "null"),
  second: second.text,
  counted: counted.totalTokens,
  dimensions: embedded.embeddings?.[0]?.values?.length,
  error: wrong instanceof ApiError ? { status: wrong.status } : String(wrong),
}));
