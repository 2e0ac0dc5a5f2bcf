/** Defects of steps, each put around a correct one. */
import {
  type AnswerHandler,
  type JsonObject,
  type RequestDraft,
  type Step,
  StepFailure,
  type StreamedEvent,
  type TransformFile,
} from "../../../../transform/mod.ts";

/** Facts about the step that a defect is put around. */
export interface About {
  /** Its name in the file: `redact`. */
  readonly name: string;
  /** Makes it anew, without what it remembers. */
  again(): Promise<Step>;
}

/** One defect: in the file of the steps, or around a step. */
export interface Defect {
  file?(correct: TransformFile): TransformFile;
  step?(correct: Step, about: About): Step;
}

// deno-lint-ignore no-explicit-any -- a body of whatever shape, broken on purpose
type Loose = any;

/** Breaks one step of the list. */
export function broken(name: string, act: (step: Step, about: About) => Step): Defect {
  return { step: (step, about) => about.name === name ? act(step, about) : step };
}

/** Breaks the handling of answers of one step. */
export function handling(
  name: string,
  act: (handler: AnswerHandler, again: () => Promise<AnswerHandler>) => AnswerHandler,
): Defect {
  return broken(name, (step, about) => withHandler(step, about, act));
}

/** Breaks the handling of answers of every step. */
export function handlingAll(act: (handler: AnswerHandler) => AnswerHandler): Defect {
  return { step: (step, about) => withHandler(step, about, act) };
}

function withHandler(
  step: Step,
  { again }: About,
  act: (handler: AnswerHandler, again: () => Promise<AnswerHandler>) => AnswerHandler,
): Step {
  return {
    ...step,
    async request(draft) {
      const outcome = await step.request(draft);
      if (outcome === undefined || !("handler" in outcome)) return outcome;
      const anew = async () => {
        const other = await (await again()).request(draft);
        return other !== undefined && "handler" in other ? other.handler : {};
      };
      return { handler: act(outcome.handler, anew) };
    },
  };
}

/** Breaks what a step makes of requests. */
export function asking(
  name: string,
  act: (draft: RequestDraft, step: Step, about: About) => ReturnType<Step["request"]>,
): Defect {
  return broken(name, (step, about) => ({
    ...step,
    request: (draft) => act(draft, step, about),
  }));
}

/** Shows a step a request that lacks something, and puts it back. */
export function blindTo(name: string, fields: readonly string[]): Defect {
  return asking(name, async (draft, step) => {
    const json = draft.json as Loose;
    const kept = { ...json };
    for (const field of fields) delete json?.[field];
    const outcome = await step.request(draft);
    if (json !== undefined) Object.assign(json, kept);
    return outcome;
  });
}

/** Shows a step no tenant. */
export function tenantless(name: string): Defect {
  return asking(name, async (draft, step) => {
    const loose = draft as Loose;
    const { tenant } = draft;
    loose.tenant = "";
    const outcome = await step.request(draft);
    loose.tenant = tenant;
    return outcome;
  });
}

/** Undoes whatever a step does to a request. */
export function requestUndone(name: string): Defect {
  return asking(name, async (draft, step) => {
    const before = structuredClone(draft.json);
    const outcome = await step.request(draft);
    if (draft.json !== undefined && before !== undefined) Object.assign(draft.json, before);
    draft.changed = false;
    return outcome;
  });
}

/** Lets a step's own answers, and its failures, pass. */
export function answersIgnored(name: string): Defect {
  return asking(name, async (draft, step) => {
    try {
      const outcome = await step.request(draft);
      return outcome !== undefined && "answer" in outcome ? undefined : outcome;
    } catch (error) {
      if (error instanceof StepFailure) return undefined;
      throw error;
    }
  });
}

/** Handles each event as if it were the whole stream. */
export function forgetful(name: string): Defect {
  return handling(name, (handler, again) => ({
    ...handler,
    async event(event) {
      const fresh = await again();
      const events = await fresh.event?.(event) ?? [event];
      return [...events, ...await fresh.end?.() ?? []];
    },
    end: () => [],
  }));
}

/** Handles whole answers alone. */
export function blindToStreams(name: string): Defect {
  return handling(name, ({ event: _, end: __, ...handler }) => handler);
}

/** Holds a stream back until its end. */
export function holdingAll(handler: AnswerHandler): AnswerHandler {
  const held: StreamedEvent[] = [];
  return {
    ...handler,
    async event(event) {
      held.push(...await handler.event?.(event) ?? [event]);
      return [];
    },
    async end() {
      return [...held, ...await handler.end?.() ?? []];
    },
  };
}

/** Loses what a step held back. */
export function flushless(name: string): Defect {
  return handling(name, (handler) => ({
    ...handler,
    event: async (event) => (await handler.event?.(event))?.slice(-1),
    end: () => [],
  }));
}

/** Leaves events and parts of whole answers as they were, where `isSkipped` says so. */
export function skipping(
  name: string,
  isSkipped: (choice: Loose) => boolean,
): Defect {
  return handling(name, (handler) => ({
    ...handler,
    async event(event) {
      const choices = event.json?.choices as Loose[] | undefined;
      return choices?.some(isSkipped) ? undefined : await handler.event?.(event);
    },
    async whole(json, head) {
      const next = await handler.whole?.(json, head);
      if (next === undefined || !Array.isArray(next.choices)) return next;
      const choices = (json.choices as Loose[]).map((choice, at) =>
        isSkipped(choice) ? choice : (next.choices as Loose[])[at]
      );
      return { ...next, choices };
    },
  }));
}

/** Writes everything anew, changed or not. */
export function rewriting(name: string): Defect {
  return handling(name, (handler) => ({
    ...handler,
    event: async (event) => await handler.event?.(event) ?? [{ ...event }],
    whole: async (json, head) => await handler.whole?.(json, head) ?? json,
  }));
}

/** Treats an answer that broke off as a whole one. */
export function recordingCut(
  handler: AnswerHandler,
  ending: { readonly end: boolean; readonly over: boolean },
): AnswerHandler {
  let isWhole = false;
  const finish: StreamedEvent = eventOf({
    choices: [{ index: 0, delta: {}, finish_reason: "stop" }],
  });
  const done: StreamedEvent = { fields: [["data", "[DONE]"]], data: "[DONE]", json: undefined };
  const close = () => {
    if (isWhole) return;
    isWhole = true;
    for (const event of [finish, done]) Promise.resolve(handler.event?.(event)).catch(() => {});
  };
  return {
    ...handler,
    event(event) {
      if (event.data === "[DONE]") isWhole = true;
      return handler.event?.(event);
    },
    whole(json, head) {
      isWhole = true;
      return handler.whole?.(json, head);
    },
    end() {
      if (ending.end) close();
      return handler.end?.() ?? [];
    },
    over() {
      if (ending.over) close();
      handler.over?.();
    },
  };
}

/** Returns an event with this data. */
export function eventOf(json: JsonObject): StreamedEvent {
  const data = JSON.stringify(json);
  return { fields: [["data", data]], data, json };
}
