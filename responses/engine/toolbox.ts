/** The tools of one request, by the names under which the model knows them. */
import type { ChatTool } from "../../openai/mod.ts";
import type { CreateRequest, FunctionTool } from "../api/request.ts";
import { chatTool } from "./parameters.ts";
import type { ServerTool } from "./tools/tool.ts";

/** Which tools a model is offered, and which of them run here. */
export class Toolbox {
  readonly #functions: readonly ChatTool[];
  readonly #server = new Map<string, ServerTool>();

  constructor(request: CreateRequest) {
    this.#functions = request.tools
      .filter((tool): tool is FunctionTool => tool.type === "function")
      .map(chatTool);
  }

  /** Adds a tool that runs here. A name that is taken already keeps its first owner. */
  add(tool: ServerTool): void {
    const { name } = tool.definition.function;
    if (!this.has(name)) this.#server.set(name, tool);
  }

  /** Whether a name is taken, by a tool that runs here or a function of the caller's. */
  has(name: string): boolean {
    return this.#server.has(name) ||
      this.#functions.some((known) => known.function.name === name);
  }

  /** The tool of this name that runs here; undefined for the caller's own functions. */
  serverTool(name: string): ServerTool | undefined {
    return this.#server.get(name);
  }

  /** What the model is offered; without `server`, the caller's functions alone. */
  offered({ server }: { readonly server: boolean }): ChatTool[] {
    const own = server ? [...this.#server.values()].map(({ definition }) => definition) : [];
    return [...this.#functions, ...own];
  }
}
