/** One response from its first event to its last: the model's answers, and the tools between them. */
import type { ChatMessage } from "../../openai/mod.ts";
import { ApiError } from "../api/errors.ts";
import type { ResponseEvent } from "../api/events.ts";
import type { Item, ResponseObject } from "../api/objects.ts";
import type { CreateRequest } from "../api/request.ts";
import type { ChatAnswer, ReasoningField } from "../backend/chat.ts";
import type { Backend } from "../backend/backend.ts";
import type { Finish } from "../backend/finish_reasons.ts";
import { callMessage, toolMessage } from "./messages.ts";
import { chatParameters } from "./parameters.ts";
import { Round, type RoundCalls } from "./round.ts";
import type { Offer, Toolbox } from "./toolbox.ts";
import { citations } from "./tools/search_tool.ts";
import { shortened } from "./truncation.ts";
import { UsageTotal } from "./usage.ts";
import { type Annotation, type ReasoningForm, ResponseWriter } from "./writer.ts";

/** Why a running response was stopped: the reason of its signal. */
export class Cancelled extends Error {
  override readonly name = "Cancelled";
}

/** Where a response is kept; nothing happens for one that is not to be stored, and one that is answered whole has an end alone. */
export interface Keeper {
  /** Before the first event goes out. */
  begin(response: ResponseObject): Promise<void>;
  /** Withdraws it: there will be no first event. */
  undo(response: ResponseObject): Promise<void>;
  /** After each round of tools. False when somebody else has ended the response: stop. */
  progress(response: ResponseObject): Promise<boolean>;
  /** Before the last event goes out. False when somebody else has ended the response. */
  end(response: ResponseObject): Promise<boolean>;
}

/** How a model is spoken to, where servers differ. */
export interface ModelManner {
  readonly maxTokensField: "max_tokens" | "max_completion_tokens";
  /** The field in which it gets its thoughts back; undefined where it does not want them. */
  reasoningField(): ReasoningField | undefined;
  /** Told of the field in which its thoughts came. */
  onReasoning(field: ReasoningField): void;
}

/** Everything that a run needs; nothing of it changes while it runs. */
export interface RunPlan {
  readonly request: CreateRequest;
  readonly response: ResponseObject;
  readonly messages: readonly ChatMessage[];
  readonly toolbox: Toolbox;
  readonly keeper: Keeper;
  readonly backend: Backend;
  /** Headers of the client that go to the model server. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Answers of the model that one response may take. */
  readonly maxRounds: number;
  /** How its model is spoken to. */
  readonly model: ModelManner;
  /** How the response tells what the model thinks. */
  readonly reasoning: ReasoningForm;
  /** Work before the model is asked: lists of tools, calls that were approved. */
  readonly prelude?: (writer: ResponseWriter) => AsyncGenerator<void, readonly ChatMessage[]>;
  /** Unix seconds. */
  readonly now: () => number;
  /** Called when the response has begun: it is kept, and its first event goes out. */
  readonly onBegin?: () => void;
  /** Called when a response that has begun has ended, with what went wrong, if something did. */
  readonly onEnd?: (response: ResponseObject, error?: unknown) => void;
  /** Called when nothing of the run is left to do, however it went. */
  readonly onOver?: () => void;
}

/**
 * Yields the events of a response, those that come together in one list, and returns it. Whatever
 * goes wrong before the first event is thrown; afterwards it becomes the response's last event.
 * Ending the iteration early cancels the response, as its signal does.
 */
export async function* run(plan: RunPlan): AsyncGenerator<ResponseEvent[], ResponseObject> {
  const state = new RunState(plan);
  try {
    yield* state.answer();
    return yield* state.end();
  } catch (error) {
    if (!state.begun) {
      await state.undo();
      throw error;
    }
    return yield* state.fail(error);
  } finally {
    await state.abandon();
    plan.onOver?.();
  }
}

class RunState {
  begun = false;
  readonly #plan: RunPlan;
  readonly #writer: ResponseWriter;
  readonly #usage = new UsageTotal();
  readonly #messages: ChatMessage[];
  readonly #sources: Annotation[] = [];
  #finish: Finish | undefined;
  #tier: string | undefined;
  #calls = 0;
  #inserted: Promise<void> | undefined;
  #ended = false;

  constructor(plan: RunPlan) {
    this.#plan = plan;
    this.#writer = new ResponseWriter(plan.response, plan.reasoning);
    this.#messages = [...plan.messages];
  }

  async *answer(): AsyncGenerator<ResponseEvent[]> {
    const { prelude, maxRounds, request } = this.#plan;
    if (prelude !== undefined || request.background) yield* this.#begin();
    if (prelude !== undefined) {
      const steps = prelude(this.#writer);
      while (true) {
        const step = await steps.next();
        yield* this.#flush();
        if (!step.done) continue;
        this.#messages.push(...step.value);
        break;
      }
    }
    for (let round = 1; round <= maxRounds; round++) {
      const calls = yield* this.#round(round < maxRounds, round === 1);
      this.#refuse(calls);
      if (calls.server.length + calls.ruledOut.length === 0) return;
      const asked = yield* this.#runTools(calls);
      if (asked || !await this.#keep()) return;
    }
  }

  /** The response has come to its end: keeps it, and says so. */
  async *end(): AsyncGenerator<ResponseEvent[], ResponseObject> {
    const cut = this.#finish?.kind === "cut" ? this.#finish : undefined;
    const status = cut === undefined ? "completed" : "incomplete";
    this.#closeText(status);
    if (cut !== undefined) this.#writer.closeOpen();
    return yield* this.#last({
      status,
      usage: this.#usage.total,
      incomplete_details: cut === undefined ? null : { reason: cut.reason },
      completed_at: this.#plan.now(),
    });
  }

  /** Something went wrong, or the response was cancelled. */
  async *fail(error: unknown): AsyncGenerator<ResponseEvent[], ResponseObject> {
    this.#cut();
    return yield* this.#last({ ...this.#failure(error), usage: this.#usage.total }, error);
  }

  /** Nobody reads the events any more: what is there is kept as cancelled. */
  async abandon(): Promise<void> {
    if (this.#ended || !this.begun) return;
    this.#ended = true;
    this.#cut();
    const reason = new Cancelled("the client left");
    const usage = this.#usage.total;
    const response = this.#writer.response({ ...this.#failure(reason), usage });
    await this.#plan.keeper.end(response);
    this.#plan.onEnd?.(response, reason);
  }

  /** Nothing was acknowledged, so nothing is kept. */
  async undo(): Promise<void> {
    if (this.#inserted === undefined) return;
    const inserted = await this.#inserted.then(() => true, () => false);
    if (inserted) await this.#plan.keeper.undo(this.#plan.response);
  }

  /** Begins to keep the response: while the model thinks, so that the disk costs no time. */
  #insert(): Promise<void> {
    if (this.#inserted === undefined) {
      this.#inserted = this.#plan.keeper.begin(this.#plan.response);
      // Whoever waits for it hears of a failure; nobody may, when the model fails first.
      this.#inserted.catch(() => {});
    }
    return this.#inserted;
  }

  async *#begin(): AsyncGenerator<ResponseEvent[]> {
    const { response, keeper, request } = this.#plan;
    await this.#insert();
    this.begun = true;
    this.#plan.onBegin?.();
    this.#writer.whole("response.created", response);
    if (request.background) this.#writer.whole("response.queued", response);
    const running = this.#writer.response({ status: "in_progress" });
    if (request.background) await keeper.progress(running);
    this.#writer.whole("response.in_progress", running);
    yield* this.#flush();
  }

  *#flush(): Generator<ResponseEvent[]> {
    const events = this.#writer.take();
    if (events.length > 0) yield events;
  }

  /** Asks the model once. Returns the calls that it asks for. */
  async *#round(
    withServerTools: boolean,
    first: boolean,
  ): AsyncGenerator<ResponseEvent[], RoundCalls> {
    const { toolbox, model } = this.#plan;
    const offer = toolbox.offer({ server: withServerTools && this.#mayCall(), first });
    this.#insert().catch(() => {});
    using answer = await this.#ask(offer);
    if (!this.begun) yield* this.#begin();
    const round = new Round(this.#writer, toolbox);
    for await (const deltas of answer.deltas) {
      for (const delta of deltas) round.take(delta);
      yield* this.#flush();
    }
    this.#usage.add(round.usage);
    this.#finish = round.finish;
    this.#tier = round.tier ?? this.#tier;
    if (round.reasoningField !== undefined) model.onReasoning(round.reasoningField);
    const calls = round.calls();
    const field = model.reasoningField();
    if (calls.server.length + calls.ruledOut.length > 0) {
      const { text, thought } = round;
      const more = field === undefined ? { text } : { text, thought, field };
      this.#messages.push(callMessage(calls.all, more));
    }
    // The caller must answer its own calls first; ours are run all the same.
    return calls;
  }

  /** Calls that the request rules out are not run, and not handed on: the model is told. */
  #refuse({ ruledOut }: RoundCalls): void {
    for (const { id, function: { name } } of ruledOut) {
      this.#messages.push(toolMessage(id, `The tool '${name}' must not be called here.`));
    }
  }

  #mayCall(): boolean {
    const { max_tool_calls } = this.#plan.request;
    return typeof max_tool_calls !== "number" || this.#calls < max_tool_calls;
  }

  async #ask({ tools, choice }: Offer): Promise<ChatAnswer> {
    const { request, backend, headers, signal, model } = this.#plan;
    const { max_output_tokens } = request;
    const call = {
      headers,
      model: request.model,
      tools,
      maxTokensField: model.maxTokensField,
      parameters: chatParameters(request, tools.length === 0 ? undefined : { choice }),
      stream: request.stream === true || request.background === true,
      ...(typeof max_output_tokens === "number" ? { maxTokens: max_output_tokens } : {}),
    };
    while (true) {
      try {
        return await backend.chat({ ...call, messages: this.#messages }, signal);
      } catch (error) {
        const tooLong = error instanceof ApiError && error.code === "context_length_exceeded";
        if (!tooLong || request.truncation !== "auto" || !this.#forget()) throw error;
      }
    }
  }

  /** Leaves out the older half of what may be left out. False when there is nothing more. */
  #forget(): boolean {
    const rest = shortened(this.#messages);
    if (rest === undefined) return false;
    this.#messages.splice(0, this.#messages.length, ...rest);
    return true;
  }

  /** Runs what the model asked for, side by side. True when the caller must agree first. */
  async *#runTools(
    { server: calls, ruledOut, all }: RoundCalls,
  ): AsyncGenerator<ResponseEvent[], boolean> {
    const { signal } = this.#plan;
    const allowed = calls.filter(({ tool }) => !tool.needsApproval);
    const begun = allowed.map((pending) => {
      this.#calls++;
      return { ...pending, index: pending.tool.begin(this.#writer, pending.call, pending.index) };
    });
    yield* this.#flush();
    const outcomes = await Promise.all(begun.map(({ tool, call }) => tool.run(call, signal)));
    for (const [i, { tool, call, index }] of begun.entries()) {
      const outcome = outcomes[i];
      if (outcome === undefined) continue;
      tool.end(this.#writer, index, outcome);
      this.#messages.push(toolMessage(call.callId, outcome.text));
      this.#sources.push(...outcome.sources ?? []);
    }
    const waiting = calls.filter(({ tool }) => tool.needsApproval);
    for (const { tool, call } of waiting) tool.begin(this.#writer, call, undefined);
    yield* this.#flush();
    // A call of the caller's own stands open: the next word is the caller's.
    return waiting.length > 0 || all.length > calls.length + ruledOut.length;
  }

  async #keep(): Promise<boolean> {
    const kept = await this.#plan.keeper.progress(this.#writer.response({ status: "in_progress" }));
    if (!kept) throw new Cancelled("the response was ended elsewhere");
    return kept;
  }

  /** Ends what has begun, before it is whole. */
  #cut(): void {
    this.#closeText("incomplete");
    this.#writer.closeOpen();
  }

  #closeText(status: "completed" | "incomplete"): void {
    this.#writer.closeText((text) => citations(text, this.#sources), status);
  }

  async *#last(
    fields: Partial<ResponseObject>,
    error?: unknown,
  ): AsyncGenerator<ResponseEvent[], ResponseObject> {
    const tier = this.#tier === undefined ? {} : { service_tier: this.#tier };
    const response = this.#writer.response({ ...tier, ...fields });
    this.#ended = true;
    await this.#plan.keeper.end(response);
    this.#plan.onEnd?.(response, error);
    this.#writer.whole(LAST_EVENTS[response.status] ?? "response.failed", response);
    yield* this.#flush();
    return response;
  }

  #failure(error: unknown): Partial<ResponseObject> {
    if (error instanceof Cancelled || this.#plan.signal.aborted) {
      return { status: "cancelled", error: null };
    }
    const known = error instanceof ApiError
      ? { code: error.code, message: error.message }
      : { code: "server_error", message: "The gateway failed to process the request" };
    return { status: "failed", error: known };
  }
}

/** The last event of each status; a cancelled response has none of its own in the API. */
const LAST_EVENTS: Readonly<Record<string, string>> = {
  completed: "response.completed",
  incomplete: "response.incomplete",
  failed: "response.failed",
};

/** The items that a response adds to its conversation. */
export function gained(input: readonly Item[], response: ResponseObject): Item[] {
  return [...input, ...response.output];
}
