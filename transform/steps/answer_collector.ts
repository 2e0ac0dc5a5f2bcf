/** Puts the message of a streamed chat answer together again. */
import type { Json } from "../../openai/mod.ts";
import type { JsonObject } from "../exchange.ts";

/** Collects the chunks of one answer; of several choices the first. */
export class AnswerCollector {
  readonly #texts = new Map<string, string>();
  readonly #calls = new Map<number, { id: string; name: string; arguments: string }>();
  #isFinished = false;

  add(chunk: JsonObject): void {
    for (const choice of (chunk.choices ?? []) as JsonObject[]) {
      if ((choice.index ?? 0) !== 0) continue;
      this.#addDelta((choice.delta ?? {}) as JsonObject);
      if (choice.finish_reason) this.#isFinished = true;
    }
  }

  /** Returns the message, or undefined when the model did not finish. */
  message(): JsonObject | undefined {
    if (!this.#isFinished) return undefined;
    const calls = [...this.#calls].sort(([a], [b]) => a - b).map(([, call]): Json => ({
      id: call.id,
      type: "function",
      function: { name: call.name, arguments: call.arguments },
    }));
    return {
      role: "assistant",
      content: this.#texts.get("content") ?? null,
      ...(this.#texts.has("refusal") && { refusal: this.#texts.get("refusal") ?? "" }),
      ...(calls.length > 0 && { tool_calls: calls }),
    };
  }

  #addDelta(delta: JsonObject): void {
    for (const field of ["content", "refusal"]) {
      const piece = delta[field];
      if (typeof piece === "string") {
        this.#texts.set(field, (this.#texts.get(field) ?? "") + piece);
      }
    }
    for (const [at, call] of ((delta.tool_calls ?? []) as JsonObject[]).entries()) {
      const index = typeof call.index === "number" ? call.index : at;
      const known = this.#calls.get(index) ?? { id: "", name: "", arguments: "" };
      const called = (call.function ?? {}) as JsonObject;
      known.id += typeof call.id === "string" && known.id === "" ? call.id : "";
      known.name += typeof called.name === "string" ? called.name : "";
      known.arguments += typeof called.arguments === "string" ? called.arguments : "";
      this.#calls.set(index, known);
    }
  }
}
