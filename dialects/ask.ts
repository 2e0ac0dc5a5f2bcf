/** The neutral form of a request for text: every dialect is read into it, one planner answers it. */

/** One turn of a conversation; system prompts stand apart. */
export interface AskTurn {
  readonly role: "user" | "assistant" | "tool";
  /** Its text parts, joined. */
  readonly text: string;
  /** How many images it holds. */
  readonly images: number;
  /** Ids or names of the tools that an assistant's turn calls. */
  readonly calls: readonly string[];
  /** Id of the call that a tool's turn answers; Gemini's results have the name alone. */
  readonly answers?: string;
}

/** One tool that a request offers. */
export interface AskTool {
  readonly name: string;
  /** JSON Schema of a function's arguments. */
  readonly parameters?: unknown;
  /** Free text in place of arguments; `regex` is what the text must match. */
  readonly custom?: { readonly regex?: string; readonly grammar?: string };
}

/** Which tools an answer may and must call. */
export interface AskChoice {
  readonly mode: "auto" | "none" | "required";
  /** Restricts the choice to these names. */
  readonly names?: readonly string[];
}

/** A request for text, whatever dialect it came in. */
export interface Ask {
  readonly model: string;
  readonly stream: boolean;
  /** System prompts in their order. */
  readonly system: readonly string[];
  readonly turns: readonly AskTurn[];
  readonly tools: readonly AskTool[];
  readonly choice: AskChoice;
  /** Whether several tools may be called at once. */
  readonly parallel: boolean;
  /** Most tokens of the answer. */
  readonly limit: number;
  readonly stop: readonly string[];
  /** Tokens of reasoning that the answer begins with. */
  readonly reasoning: number;
  /** Set when the answer is to be JSON: the schema of it. */
  readonly schema?: unknown;
  /** How many answers are wanted. */
  readonly count: number;
}

/** Tokens of reasoning that each effort brings; a plain request has none. */
const REASONING_TOKENS: Readonly<Record<string, number>> = {
  minimal: 3,
  low: 6,
  medium: 10,
  high: 16,
  xhigh: 24,
};

/** Returns how many tokens of reasoning an effort brings. */
export function reasoningTokens(effort: string | null | undefined): number {
  return REASONING_TOKENS[effort ?? ""] ?? 0;
}

/** Returns the text that an answer is about: the last turn of the user or of a tool. */
export function questionOf(ask: Ask): string {
  return ask.turns.findLast((turn) => turn.role !== "assistant")?.text ?? "";
}
