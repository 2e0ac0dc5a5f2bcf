/** One answer of the model, written into the response as it comes. */
import type { ToolCall } from "../../openai/mod.ts";
import type { ChatDelta, ChatUsage, ReasoningField, ToolCallDelta } from "../backend/chat.ts";
import { BackendError } from "../backend/errors.ts";
import { type Finish, finishOf } from "../backend/finish_reasons.ts";
import { type AssembledCall, CallAssembly } from "./call_assembly.ts";
import { customInput, type OfferedTool } from "./offered_tool.ts";
import type { ServerCall, ServerTool } from "./tools/tool.ts";
import type { Toolbox } from "./toolbox.ts";
import type { OpenCall, ResponseWriter } from "./writer.ts";

/** A call of a tool that runs here. */
export interface PendingCall {
  readonly call: ServerCall;
  readonly tool: ServerTool;
  /** Index of the item that was opened for it, where it is opened early. */
  readonly index: number | undefined;
}

/** Calls of the model, by who answers them. */
export interface RoundCalls {
  /** Tools that run here. */
  readonly server: readonly PendingCall[];
  /** Calls that the client's `tool_choice` rules out: told to the model, and to nobody else. */
  readonly ruledOut: readonly ToolCall[];
  /** All of them, in the model's own words. */
  readonly all: readonly ToolCall[];
}

/** Reads the deltas of one answer. */
export class Round {
  /** Why the model stopped; undefined until it says so. */
  finish: Finish | undefined;
  usage: ChatUsage | undefined;
  tier: string | undefined;
  /** The text of this answer. */
  text = "";
  /** The model's reasoning, and the field in which it came. */
  thought = "";
  reasoningField: ReasoningField | undefined;
  readonly #writer: ResponseWriter;
  readonly #toolbox: Toolbox;
  readonly #assembly: CallAssembly;
  /** Items of the calls, in order; null for those that have none (yet). */
  readonly #items: (OpenCall | null)[] = [];

  constructor(writer: ResponseWriter, toolbox: Toolbox) {
    this.#writer = writer;
    this.#toolbox = toolbox;
    this.#assembly = new CallAssembly((name) => toolbox.has(name));
  }

  take(delta: ChatDelta): void {
    switch (delta.kind) {
      case "text":
        this.text += delta.text;
        return this.#writer.text(delta.text, "output_text", delta.logprobs);
      case "refusal":
        return this.#writer.text(delta.text, "refusal");
      case "reasoning":
        this.thought += delta.text;
        this.reasoningField ??= delta.field;
        return this.#writer.reasoning(delta.text);
      case "tool_call":
        return this.#toolCall(delta);
      case "finish":
        this.finish = finishOf(delta.reason);
        return;
      case "usage":
        this.usage = delta.usage;
        return;
      case "tier":
        this.tier = delta.tier;
    }
  }

  /**
   * Closes the calls.
   *
   * @throws {BackendError} for a call that never got a name
   */
  calls(): RoundCalls {
    const { calls } = this.#assembly;
    // What was cut in the middle of its arguments is not run, and nobody is told that it could be.
    if (this.finish?.kind === "cut") {
      this.#openNamed(true);
      return { server: [], ruledOut: [], all: [] };
    }
    if (calls.some(({ name }) => name === "")) {
      throw new BackendError(
        502,
        "backend_error",
        "The model server failed: it called a tool without a name",
      );
    }
    this.#openNamed(true);
    const server: PendingCall[] = [];
    const ruledOut: ToolCall[] = [];
    const all: ToolCall[] = [];
    for (const [i, call] of calls.entries()) {
      const { id, name } = call;
      const text = call.arguments || "{}";
      const asked: ToolCall = {
        id,
        type: "function",
        function: { name, arguments: text },
        ...(call.extra === undefined ? {} : { extra_content: call.extra }),
      };
      all.push(asked);
      if (this.#toolbox.isRuledOut(name)) {
        ruledOut.push(asked);
        continue;
      }
      const item = this.#items[i] ?? undefined;
      if (item !== undefined) this.#close(item, call);
      const tool = this.#toolbox.get(name)?.server;
      if (tool === undefined) continue;
      server.push({ tool, index: item?.index, call: { callId: id, name, arguments: text } });
    }
    return { server, ruledOut, all };
  }

  #toolCall(delta: ToolCallDelta): void {
    const call = this.#assembly.take(delta);
    this.#openNamed(false);
    const item = this.#items[this.#assembly.calls.indexOf(call)];
    if (item !== null && item !== undefined) this.#write(item, call);
  }

  /** Opens items in the order of the calls: one whose name is not there yet holds those after it back. */
  #openNamed(atEnd: boolean): void {
    const { calls } = this.#assembly;
    for (let i = this.#items.length; i < calls.length; i++) {
      const call = calls[i];
      if (call === undefined || call.name === "") return;
      // It may be the first piece of a name.
      if (!atEnd && call.arguments === "" && !this.#toolbox.has(call.name)) return;
      const item = this.#open(call);
      this.#items.push(item);
      if (item !== null) this.#write(item, call);
    }
  }

  #open(call: AssembledCall): OpenCall | null {
    if (this.#toolbox.isRuledOut(call.name)) return null;
    const tool: OfferedTool | undefined = this.#toolbox.get(call.name);
    if (tool?.server === undefined) {
      const place = { name: tool?.name ?? call.name, callId: call.id };
      const fields = {
        ...(tool?.namespace === undefined ? {} : { namespace: tool.namespace }),
        ...(call.extra === undefined ? {} : { extra_content: call.extra }),
      };
      const kind = tool?.type === "custom" ? "custom_tool_call" : "function_call";
      return this.#writer.openCall(kind, place, fields);
    }
    const { opened, needsApproval } = tool.server;
    if (opened === undefined || needsApproval) return null;
    return this.#writer.openCall("mcp_call", { name: call.name, callId: call.id }, opened);
  }

  #write(item: OpenCall, call: AssembledCall): void {
    const { pending } = call;
    call.pending = "";
    // The input of a custom tool stands inside of the arguments: it is known when they are whole.
    if (item.kind !== "custom_tool_call") this.#writer.callArguments(item, pending);
  }

  #close(item: OpenCall, call: AssembledCall): void {
    if (item.kind === "custom_tool_call") {
      this.#writer.callArguments(item, customInput(call.arguments));
    } else if (call.arguments === "") {
      // A function without arguments: clients read JSON.
      this.#writer.callArguments(item, "{}");
    }
    this.#writer.closeArguments(item);
  }
}
