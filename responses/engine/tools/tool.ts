/** A tool that runs in the gateway, as the loop sees it. */
import type { ChatTool } from "../../../openai/mod.ts";
import type { Annotation, ResponseWriter } from "../writer.ts";

/** A call of such a tool, its arguments complete. */
export interface ServerCall {
  readonly callId: string;
  readonly name: string;
  /** As the model wrote them: JSON, or not. */
  readonly arguments: string;
}

/** Result of a call. */
export interface ToolOutcome {
  /** Text for the model. */
  readonly text: string;
  /** Why there is no result; the model is told it as well. */
  readonly failed?: string;
  /** Fields that the output item gains. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Sources that the answer's text may name as 【n】, by their numbers from 1. */
  readonly sources?: readonly Annotation[];
}

/** A tool that runs in the gateway. */
export interface ServerTool {
  readonly kind: "file_search" | "web_search" | "mcp";
  /** As the model is offered it. */
  readonly definition: ChatTool;
  /** Fields of the item that is opened while the arguments still come; search items open later. */
  readonly opened?: Readonly<Record<string, unknown>>;
  /** Whether the caller must agree first. */
  readonly needsApproval?: boolean;
  /** Says that the call begins; `index` is the item that was opened for it. Returns the item's index. */
  begin(writer: ResponseWriter, call: ServerCall, index: number | undefined): number;
  /** Never throws but for the signal's reason: a failure is an outcome, which the model is told. */
  run(call: ServerCall, signal: AbortSignal): Promise<ToolOutcome>;
  /** Says what came of it. */
  end(writer: ResponseWriter, index: number, outcome: ToolOutcome): void;
}

/** Reads a call's `query`; models wrap it in JSON more or less well. */
export function queryOf(call: ServerCall): string {
  try {
    const { query, queries } = JSON.parse(call.arguments);
    if (typeof query === "string") return query;
    if (Array.isArray(queries)) return queries.join(" ");
  } catch {
    // The bare words, then.
  }
  return call.arguments;
}
