/** Thoughts that a model server leaves in the text, between tags, told apart from it. Pure. */
import type { ChatDelta } from "./chat.ts";

/** The pairs that models write (DeepSeek, Qwen; Gemini's and Mistral's templates). */
const PAIRS: readonly (readonly [open: string, close: string])[] = [
  ["<think>", "</think>"],
  ["<thinking>", "</thinking>"],
  ["<thought>", "</thought>"],
  ["[THINK]", "[/THINK]"],
];

type TextDelta = Extract<ChatDelta, { kind: "text" }>;

/**
 * Turns the text between a pair of tags at the very beginning of an answer into thoughts. Tags anywhere else are what
 * the model says. What may be the beginning of a tag is held back until it is known to be one or not.
 */
export class ThoughtTags {
  #state: "begin" | "inside" | "after" = "begin";
  #held = "";
  #close = "";
  /** Set while the white space after a tag is passed over. */
  #trims = false;

  /** Returns what a piece of the answer says, thoughts told apart. */
  take(delta: ChatDelta): ChatDelta[] {
    if (this.#state === "after" && !this.#trims) return [delta];
    if (delta.kind === "text") return this.#text(delta);
    if (delta.kind === "usage" || delta.kind === "tier") return [delta];
    // After thoughts that come as such, a call, or the end, no tag is at the beginning any more.
    return [...this.flush(), delta];
  }

  /** The answer has ended: returns what was held back. */
  flush(): ChatDelta[] {
    const text = this.#held;
    const kind = this.#state === "inside" ? "reasoning" : "text";
    this.#held = "";
    if (this.#state === "begin") this.#state = "after";
    return text === "" ? [] : [{ kind, text }];
  }

  #text(delta: TextDelta): ChatDelta[] {
    if (this.#state === "after") return this.#trimmed(delta.text);
    const text = this.#held + delta.text;
    if (this.#state === "inside") return this.#thought(text);
    const said = text.trimStart();
    const pair = PAIRS.find(([open]) => said.startsWith(open));
    if (pair !== undefined) {
      this.#state = "inside";
      this.#close = pair[1];
      this.#trims = true;
      return this.#thought(said.slice(pair[0].length));
    }
    if (PAIRS.some(([open]) => open.startsWith(said))) {
      this.#held = text;
      return [];
    }
    this.#state = "after";
    this.#held = "";
    return [{ ...delta, text }];
  }

  #thought(given: string): ChatDelta[] {
    const text = this.#trims ? given.trimStart() : given;
    if (text !== "") this.#trims = false;
    const end = text.indexOf(this.#close);
    if (end >= 0) {
      this.#state = "after";
      this.#trims = true;
      this.#held = "";
      const thought = text.slice(0, end).trimEnd();
      return [
        ...(thought === "" ? [] : [{ kind: "reasoning" as const, text: thought }]),
        ...this.#trimmed(text.slice(end + this.#close.length)),
      ];
    }
    const kept = beginningOf(this.#close, text);
    this.#held = text.slice(text.length - kept);
    const thought = text.slice(0, text.length - kept);
    return thought === "" ? [] : [{ kind: "reasoning", text: thought }];
  }

  #trimmed(text: string): ChatDelta[] {
    const said = text.trimStart();
    if (said === "") return [];
    this.#trims = false;
    return [{ kind: "text", text: said }];
  }
}

/** How many characters at the end of a text may be the beginning of a tag, white space before it included. */
function beginningOf(tag: string, text: string): number {
  const at = text.lastIndexOf(tag[0] ?? "");
  const begun = at >= 0 && tag.startsWith(text.slice(at)) ? at : text.length;
  return text.length - text.slice(0, begun).trimEnd().length;
}
