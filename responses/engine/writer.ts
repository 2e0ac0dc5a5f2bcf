/**
 * The response under construction: deltas of the model in, events and output items out. Pure but for
 * ids; every event gets the next sequence number.
 */
import type { TokenLogprob } from "../../openai/mod.ts";
import { publicResponse, type ResponseEvent } from "../api/events.ts";
import { newId } from "../api/id.ts";
import type { Item, ResponseObject } from "../api/objects.ts";

/** A call that the model asked for, complete. */
export interface Call {
  readonly callId: string;
  readonly name: string;
  readonly arguments: string;
}

/** A source of the answer (API reference, "annotations"). */
export type Annotation = { readonly type: string; readonly [field: string]: unknown };

type Fields = Readonly<Record<string, unknown>>;
type OutputItem = Fields & { readonly id: string };

interface OpenText {
  readonly index: number;
  readonly item: OutputItem;
  readonly kind: "output_text" | "refusal";
  text: string;
  logprobs: TokenLogprob[];
}

interface OpenReasoning {
  readonly index: number;
  readonly item: OutputItem;
  text: string;
}

/** How a response tells what the model thinks. */
export interface ReasoningForm {
  /** As a summary, which the caller asked for, in place of the thought itself. */
  readonly asSummary?: boolean;
  /** Makes `encrypted_content` of a whole thought. */
  readonly seal?: ((text: string) => string) | undefined;
}

/** Where the events of a thought stand, and its part. */
const THOUGHT = {
  place: "content_index",
  added: "response.content_part.added",
  text: "response.reasoning_text",
  done: "response.content_part.done",
  part: "reasoning_text",
} as const;
const SUMMARY = {
  place: "summary_index",
  added: "response.reasoning_summary_part.added",
  text: "response.reasoning_summary_text",
  done: "response.reasoning_summary_part.done",
  part: "summary_text",
} as const;

/** Kinds of calls whose arguments are streamed: a function's, a custom tool's, or those of an MCP server's tool. */
export type CallKind = "function_call" | "custom_tool_call" | "mcp_call";

/** A call whose arguments still come. */
export interface OpenCall {
  readonly index: number;
  readonly item: OutputItem;
  readonly kind: CallKind;
  arguments: string;
}

/**
 * Builds one response. Items are opened, filled and closed; what is open at an end is closed with it.
 * An item that changes is another object: events and earlier states keep the one they were given.
 */
export class ResponseWriter {
  readonly #base: ResponseObject;
  readonly #output: Fields[] = [];
  #sequence = 0;
  #text: OpenText | undefined;
  #reasoning: OpenReasoning | undefined;
  #events: ResponseEvent[] = [];
  readonly #calls = new Set<OpenCall>();
  readonly #form: ReasoningForm;

  constructor(base: ResponseObject, form: ReasoningForm = {}) {
    this.#base = base;
    this.#form = form;
  }

  /** The events since the last call. */
  take(): ResponseEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** The output so far; items that are still open included. */
  get output(): readonly Item[] {
    return this.#output as unknown as Item[];
  }

  /** The response as it stands, with these fields over it. */
  response(fields: Partial<ResponseObject> = {}): ResponseObject {
    return { ...this.#base, ...fields, output: [...this.output] };
  }

  /** An event that carries the whole response: `response.created` and its like. */
  whole(type: string, response: ResponseObject): void {
    this.emit(type, { response: publicResponse(response) });
  }

  emit(type: string, fields: Fields): void {
    this.#events.push({ type, sequence_number: this.#sequence++, ...fields });
  }

  /** Adds an item at the end of the output, and says so. Returns its index. */
  add(item: Fields): number {
    this.closeText();
    const index = this.#output.push(item) - 1;
    this.emit("response.output_item.added", { output_index: index, item });
    return index;
  }

  /** Says that an item is complete; `fields` are its last changes. */
  done(index: number, fields: Fields = {}): void {
    if (this.#output[index] === undefined) return;
    const item = this.#change(index, fields);
    this.emit("response.output_item.done", { output_index: index, item });
  }

  /** More of the answer's text, or of a refusal. */
  text(
    text: string,
    kind: OpenText["kind"],
    logprobs?: readonly TokenLogprob[],
  ): void {
    this.#closeReasoning();
    if (this.#text !== undefined && this.#text.kind !== kind) this.closeText();
    const open = this.#text ??= this.#openText(kind);
    open.text += text;
    open.logprobs.push(...logprobs ?? []);
    const place = placeOf(open);
    if (kind === "refusal") this.emit("response.refusal.delta", { ...place, delta: text });
    else {
      this.emit("response.output_text.delta", { ...place, delta: text, logprobs: logprobs ?? [] });
    }
  }

  /** More of what the model thinks. */
  reasoning(text: string): void {
    if (this.#reasoning === undefined) this.closeText();
    const open = this.#reasoning ??= this.#openReasoning();
    open.text += text;
    this.emit(`${this.#kind.text}.delta`, { ...this.#thoughtPlace(open), delta: text });
  }

  /** A call begins; `fields` are those that its kind has beside name and arguments. */
  openCall(kind: CallKind, call: { name: string; callId: string }, fields: Fields = {}): OpenCall {
    this.closeText();
    const { prefix, field } = CALLS[kind];
    const item = {
      id: newId(prefix),
      type: kind,
      ...(kind === "mcp_call" ? {} : { call_id: call.callId }),
      name: call.name,
      [field]: "",
      ...fields,
      status: "in_progress",
    };
    const index = this.add(item);
    if (kind === "mcp_call") {
      this.emit("response.mcp_call.in_progress", { output_index: index, item_id: item.id });
    }
    const open: OpenCall = { index, item, kind, arguments: "" };
    this.#calls.add(open);
    return open;
  }

  /** More of a call's arguments. */
  callArguments(open: OpenCall, text: string): void {
    if (text === "") return;
    open.arguments += text;
    const place = { item_id: open.item.id, output_index: open.index };
    this.emit(`${CALLS[open.kind].events}.delta`, { ...place, delta: text });
  }

  /** The arguments are complete; a call of the caller's own is complete with them. */
  closeArguments(open: OpenCall): void {
    this.#calls.delete(open);
    const { events, field } = CALLS[open.kind];
    const place = { item_id: open.item.id, output_index: open.index };
    const name = open.kind === "function_call" ? { name: open.item["name"] } : {};
    this.emit(`${events}.done`, { ...place, ...name, [field]: open.arguments });
    this.#change(open.index, { [field]: open.arguments });
    if (open.kind !== "mcp_call") this.done(open.index, { status: "completed" });
  }

  /** The response ends before they do: items that are open end as they are. */
  closeOpen(): void {
    for (const { index, kind, arguments: text } of this.#calls) {
      this.#change(index, { [CALLS[kind].field]: text });
    }
    this.#calls.clear();
    for (const [index, { status }] of this.#output.entries()) {
      if (status === "in_progress") this.done(index, { status: "incomplete" });
    }
  }

  /** The text is complete, with the sources that it names. */
  closeText(
    annotate: (text: string) => readonly Annotation[] = () => [],
    status: "completed" | "incomplete" = "completed",
  ): void {
    this.#closeReasoning(status);
    const open = this.#text;
    if (open === undefined) return;
    this.#text = undefined;
    const place = placeOf(open);
    const annotations = open.kind === "output_text" ? annotate(open.text) : [];
    for (const [annotation_index, annotation] of annotations.entries()) {
      this.emit("response.output_text.annotation.added", {
        ...place,
        annotation_index,
        annotation,
      });
    }
    const part = partOf(open, annotations);
    if (open.kind === "refusal") {
      this.emit("response.refusal.done", { ...place, refusal: open.text });
    } else {
      const { text, logprobs } = open;
      this.emit("response.output_text.done", { ...place, text, logprobs });
    }
    this.emit("response.content_part.done", { ...place, part });
    this.done(open.index, { status, content: [part] });
  }

  #change(index: number, fields: Fields): Fields {
    return this.#output[index] = { ...this.#output[index], ...fields };
  }

  #closeReasoning(status: "completed" | "incomplete" = "completed"): void {
    const open = this.#reasoning;
    if (open === undefined) return;
    this.#reasoning = undefined;
    const { text } = open;
    const place = this.#thoughtPlace(open);
    const part = { type: this.#kind.part, text };
    this.emit(`${this.#kind.text}.done`, { ...place, text });
    this.emit(this.#kind.done, { ...place, part });
    const { asSummary, seal } = this.#form;
    this.done(open.index, {
      ...(asSummary ? { summary: [part] } : { content: [part] }),
      ...(seal === undefined ? {} : { encrypted_content: seal(text) }),
      status,
    });
  }

  get #kind(): typeof THOUGHT | typeof SUMMARY {
    return this.#form.asSummary ? SUMMARY : THOUGHT;
  }

  #thoughtPlace({ item, index }: OpenReasoning): Fields {
    return { item_id: item.id, output_index: index, [this.#kind.place]: 0 };
  }

  #openText(kind: OpenText["kind"]): OpenText {
    const item = {
      id: newId("msg"),
      type: "message",
      status: "in_progress",
      role: "assistant",
      content: [],
    };
    const open: OpenText = { index: this.add(item), item, kind, text: "", logprobs: [] };
    this.emit("response.content_part.added", { ...placeOf(open), part: partOf(open, []) });
    return open;
  }

  #openReasoning(): OpenReasoning {
    const item = { id: newId("rs"), type: "reasoning", summary: [], status: "in_progress" };
    const open: OpenReasoning = { index: this.add(item), item, text: "" };
    const part = { type: this.#kind.part, text: "" };
    this.emit(this.#kind.added, { ...this.#thoughtPlace(open), part });
    return open;
  }
}

function placeOf(
  open: { readonly index: number; readonly item: { readonly id: string } },
): Fields {
  return { item_id: open.item.id, output_index: open.index, content_index: 0 };
}

function partOf(open: OpenText, annotations: readonly Annotation[]): Fields {
  const { kind, text, logprobs } = open;
  if (kind === "refusal") return { type: "refusal", refusal: text };
  return { type: "output_text", text, annotations, logprobs: [...logprobs] };
}

/** Ids, fields and events of each kind of call. */
const CALLS = {
  function_call: {
    prefix: "fc",
    field: "arguments",
    events: "response.function_call_arguments",
  },
  custom_tool_call: {
    prefix: "ctc",
    field: "input",
    events: "response.custom_tool_call_input",
  },
  mcp_call: { prefix: "mcp", field: "arguments", events: "response.mcp_call_arguments" },
} as const;
