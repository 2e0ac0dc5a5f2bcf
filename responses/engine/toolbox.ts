/** The tools of one request, by the names under which the model knows them. */
import type { ChatTool } from "../../openai/mod.ts";
import { invalidRequest } from "../api/errors.ts";
import type { CreateRequest } from "../api/request.ts";
import { callersTools, type OfferedTool } from "./offered_tool.ts";
import { type ToolChoice, toolChoiceOf } from "./tool_choice.ts";
import type { ServerTool } from "./tools/tool.ts";

/** Tools that the model is offered in one answer. */
export interface Offer {
  readonly tools: readonly ChatTool[];
  /** `tool_choice` in the words of chat completions; undefined leaves it to the server. */
  readonly choice: unknown;
}

/** Which tools a model is offered, what of them it may and must call, and which of them run here. */
export class Toolbox {
  readonly #tools = new Map<string, OfferedTool>();
  readonly #choice: ToolChoice;

  /** @throws {ApiError} 400 for a choice that cannot be obeyed */
  constructor(request: CreateRequest) {
    this.#choice = toolChoiceOf(request);
    for (const tool of callersTools(request.tools)) this.#put(tool);
  }

  /** Adds a tool that runs here. A name that is taken already keeps its first owner. */
  add(server: ServerTool, more: Partial<OfferedTool> = {}): void {
    const { definition, kind } = server;
    const { name } = definition.function;
    this.#put({ definition, type: kind, name, server, ...more });
  }

  /** Whether a name is taken, by a tool that runs here or one of the caller's. */
  has(name: string): boolean {
    return this.#tools.has(name);
  }

  /** The tool of this name, whoever runs it. Models also call a tool by its own name, without that of its namespace. */
  get(name: string): OfferedTool | undefined {
    const tool = this.#tools.get(name);
    if (tool !== undefined) return tool;
    const named = [...this.#tools.values()].filter((one) => one.name === name);
    return named.length === 1 ? named[0] : undefined;
  }

  /** Whether the caller's choice rules out that a tool of this name is called. */
  isRuledOut(name: string): boolean {
    const tool = this.get(name);
    const { mode, allows } = this.#choice;
    if (mode === "none") return true;
    return allows !== undefined && (tool === undefined || !allows(tool));
  }

  /**
   * Returns the tools that the model is offered; without `server`, the client's own alone. A tool that must be called is asked for
   * in the `first` answer only, so that a loop comes to its end.
   *
   * @throws {ApiError} 400 when the tool that must be called is not offered
   */
  offer({ server, first }: { readonly server: boolean; readonly first: boolean }): Offer {
    const { mode, allows, must } = this.#choice;
    const offered = [...this.#tools.values()].filter((tool) =>
      (server || tool.server === undefined) && (allows === undefined || allows(tool))
    );
    const tools = offered.map(({ definition }) => definition);
    if (!first || mode === undefined || mode === "auto" || mode === "none") {
      return { tools, choice: mode === "required" ? undefined : mode };
    }
    if (must === undefined) return { tools, choice: mode };
    const named = offered.filter(must).map(({ definition }) => definition);
    const [only] = named;
    if (only === undefined) {
      throw invalidRequest(
        "Cannot obey 'tool_choice': this gateway has nothing to offer for the tool that it names",
        "tool_choice",
      );
    }
    if (named.length > 1) return { tools: named, choice: mode };
    return { tools, choice: { type: "function", function: { name: only.function.name } } };
  }

  #put(tool: OfferedTool): void {
    const { name } = tool.definition.function;
    if (!this.#tools.has(name)) this.#tools.set(name, tool);
  }
}
