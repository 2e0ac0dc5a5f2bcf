/** One answer of the model, written into the response as it comes. */
import type { ToolCall } from "../../openai/mod.ts";
import type { ChatDelta, ChatUsage } from "../backend/chat.ts";
import type { ServerCall, ServerTool } from "./tools/tool.ts";
import type { Toolbox } from "./toolbox.ts";
import type { ResponseWriter } from "./writer.ts";

/** A call of a tool that runs here. */
export interface PendingCall {
  readonly call: ServerCall;
  readonly tool: ServerTool;
  /** Index of the item that was opened for it, where it is opened early. */
  readonly index: number | undefined;
}

type OpenCall = ReturnType<ResponseWriter["openCall"]>;

interface Building {
  id: string;
  name: string;
  arguments: string;
  open: OpenCall | undefined;
}

/** Takes the deltas of one answer. */
export class Round {
  /** Why the model stopped: `stop`, `length`, `tool_calls`, `content_filter`. */
  finish: string | undefined;
  usage: ChatUsage | undefined;
  tier: string | undefined;
  /** The text of this answer. */
  text = "";
  /** Characters that came, thoughts and arguments included: a measure where usage is not given. */
  characters = 0;
  readonly #writer: ResponseWriter;
  readonly #toolbox: Toolbox;
  readonly #calls = new Map<number, Building>();

  constructor(writer: ResponseWriter, toolbox: Toolbox) {
    this.#writer = writer;
    this.#toolbox = toolbox;
  }

  take(delta: ChatDelta): void {
    switch (delta.kind) {
      case "text":
        this.text += delta.text;
        this.characters += delta.text.length;
        return this.#writer.text(delta.text, "output_text", delta.logprobs);
      case "refusal":
        this.characters += delta.text.length;
        return this.#writer.text(delta.text, "refusal");
      case "reasoning":
        this.characters += delta.text.length;
        return this.#writer.reasoning(delta.text);
      case "tool_call":
        return this.#toolCall(delta);
      case "finish":
        this.finish = delta.reason;
        return;
      case "usage":
        this.usage = delta.usage;
        return;
      case "tier":
        this.tier = delta.tier;
    }
  }

  /** Closes the calls. Returns those that run here, and all of them in the model's own words. */
  calls(): { readonly server: PendingCall[]; readonly all: ToolCall[] } {
    const server: PendingCall[] = [];
    const all: ToolCall[] = [];
    for (const { id, name, arguments: text, open } of this.#calls.values()) {
      all.push({ id, type: "function", function: { name, arguments: text } });
      if (open !== undefined) this.#writer.closeArguments(open);
      const tool = this.#toolbox.serverTool(name);
      if (tool === undefined) continue;
      server.push({ tool, index: open?.index, call: { callId: id, name, arguments: text } });
    }
    return { server, all };
  }

  #toolCall(delta: Extract<ChatDelta, { kind: "tool_call" }>): void {
    const known = this.#calls.get(delta.index);
    const call = known ?? {
      id: delta.id ?? `call_${crypto.randomUUID().replaceAll("-", "")}`,
      name: delta.name ?? "",
      arguments: "",
      open: undefined,
    };
    if (known === undefined) {
      this.#calls.set(delta.index, call);
      this.#open(call);
    }
    call.arguments += delta.arguments;
    this.characters += delta.arguments.length;
    if (call.open !== undefined) this.#writer.callArguments(call.open, delta.arguments);
  }

  #open(call: Building): void {
    const tool = this.#toolbox.serverTool(call.name);
    const place = { name: call.name, callId: call.id };
    if (tool === undefined) call.open = this.#writer.openCall("function_call", place);
    else if (tool.opened !== undefined && !tool.needsApproval) {
      call.open = this.#writer.openCall("mcp_call", place, tool.opened);
    }
  }
}
