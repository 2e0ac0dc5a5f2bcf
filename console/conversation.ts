/** Assembles an answer of a model from its events, in any of the dialects. */

/** An answer in words. */
export interface Conversation {
  readonly said: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
}

// deno-lint-ignore no-explicit-any -- anybody's JSON; a missing field reads as undefined
type Json = any;

/** Returns text and tool calls of an answer: Server-Sent Events, or one JSON text. */
export function conversationOf(texts: readonly string[]): Conversation {
  const calls = new Map<string, { name: string; arguments: string }>();
  let said = "";
  const call = (id: string, name: string | undefined, part: string | undefined) => {
    const known = calls.get(id) ?? { name: "", arguments: "" };
    calls.set(id, { name: known.name + (name ?? ""), arguments: known.arguments + (part ?? "") });
  };
  for (const json of texts.flatMap(jsonOf)) {
    // Chat Completions, whole or in pieces.
    for (const choice of listOf(json?.choices)) {
      said += choice?.delta?.content ?? choice?.message?.content ?? choice?.text ?? "";
      for (
        const [at, one] of [
          ...listOf(choice?.delta?.tool_calls),
          ...listOf(choice?.message?.tool_calls),
        ].entries()
      ) {
        call(`${choice.index}/${one?.index ?? at}`, one?.function?.name, one?.function?.arguments);
      }
    }
    // Responses.
    if (json?.type === "response.output_text.delta") said += json.delta ?? "";
    if (json?.type === "response.output_item.done" && json.item?.type === "function_call") {
      call(json.item.call_id, json.item.name, json.item.arguments);
    }
    if (json?.object === "response") said += textOfOutput(json.output);
    // Messages.
    if (json?.type === "content_block_delta") {
      said += json.delta?.text ?? "";
      if (json.delta?.partial_json !== undefined) {
        call(`block ${json.index}`, undefined, json.delta.partial_json);
      }
    }
    if (json?.type === "content_block_start" && json.content_block?.type === "tool_use") {
      call(`block ${json.index}`, json.content_block.name, "");
    }
    if (json?.type === "message") {
      said += listOf(json.content).map((one) => one?.text ?? "").join("");
    }
    // Gemini.
    for (const candidate of listOf(json?.candidates)) {
      for (const [at, part] of listOf(candidate?.content?.parts).entries()) {
        said += part?.text ?? "";
        if (part?.functionCall) {
          const { name, args } = part.functionCall;
          call(`part ${at}`, name, JSON.stringify(args ?? {}));
        }
      }
    }
    if (json?.error?.message !== undefined) said += json.error.message;
  }
  return { said, calls: [...calls.values()] };
}

function textOfOutput(output: Json): string {
  return listOf(output).flatMap((item) => listOf(item?.content)).map((part) => part?.text ?? "")
    .join("");
}

function listOf(value: Json): Json[] {
  return Array.isArray(value) ? value : [];
}

/** The JSON of an event's data lines, or of a text that is JSON itself. */
function jsonOf(text: string): Json[] {
  const data = text.split(/\r\n|\n|\r/).filter((line) => line.startsWith("data:"))
    .map((line) => line.slice(5).replace(/^ /, ""));
  try {
    return [JSON.parse(data.length > 0 ? data.join("\n") : text)];
  } catch {
    return [];
  }
}
