/** The step `context`: the turns of a session go in front of a request, and each answered turn is kept. */
import { Buffer } from "node:buffer";
import { type Json, parseSse } from "../../openai/mod.ts";
import { messageOf } from "../../service/mod.ts";
import {
  type AnswerHandler,
  type JsonObject,
  objectOf,
  type OwnAnswer,
  type RequestDraft,
  type Step,
  StepFailure,
} from "../exchange.ts";
import type { Awaitable, Store } from "../store/store.ts";
import type { StepFile } from "../transform_schema.ts";
import { AnswerCollector } from "./answer_collector.ts";
import { canonical } from "./cache.ts";

type Settings = NonNullable<StepFile["context"]>;

/** A session's id: what a path, a log and a key can hold. */
const SESSION_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** Characters of a token, as an estimate that is wrong by a tenth. */
const CHARACTERS_PER_TOKEN = 4;

/** Longest header that carries a context, bytes: upstreams refuse longer heads with 431. */
const MAX_HEADER = 8_192;

/** One turn: what was asked anew, and what the model said. */
interface Turn {
  readonly messages: readonly JsonObject[];
}

/** Returns the step. A session belongs to its tenant: another's id is another session. */
export function contextStep(settings: Settings, store: Store): Step {
  return {
    async request(draft) {
      const { messages } = draft;
      const id = draft.header(settings.session.header);
      if (id === undefined || messages === undefined) return undefined;
      if (!SESSION_ID.test(id)) return { answer: badSession(settings.session.header) };
      const key = sessionKey(draft.tenant, id);
      const known = await attempt(settings, () => read(store, key));
      if (known === undefined) return undefined;
      const { turns, dropped } = kept(known, settings.keep);
      const own = messages.filter(({ role }) => role !== "system" && role !== "developer");
      const isTold = tells(own, known.flatMap((turn) => turn.messages));
      if (!isTold && turns.length > 0) inject(draft, turns, settings.as);
      const told = isTold ? 0 : turns.length;
      draft.answerHeaders.set(
        "x-llm-context",
        `turns=${told} tokens=${told === 0 ? 0 : tokensOf(turns)} dropped=${dropped}`,
      );
      const fresh = isTold ? own.slice(known.flatMap((turn) => turn.messages).length) : own;
      return {
        handler: recorder(async (answer) => {
          const turn = { messages: [...fresh, answer] };
          const { turns: max, for: ttl } = settings.keep;
          // As one step: another request of the session may end at the same time.
          const added = (value: Uint8Array | undefined) =>
            encoded([...turnsOf(value), turn].slice(-max));
          await attempt(settings, () => store.update(key, added, ttl));
        }),
      };
    },
  };
}

/** Returns the key of a session in the store. */
export function sessionKey(tenant: string, id: string): string {
  return `context:${encodeURIComponent(tenant)}:${id}`;
}

async function attempt<T>(
  { on_store_failure }: Settings,
  act: () => Awaitable<T>,
): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (on_store_failure === "pass") return undefined;
    throw new StepFailure(
      "context_unavailable",
      `The session's context cannot be had: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

async function read(store: Store, key: string): Promise<readonly Turn[]> {
  return turnsOf((await store.get(key))?.value);
}

function turnsOf(value: Uint8Array | undefined): readonly Turn[] {
  if (value === undefined) return [];
  return (objectOf(value)?.turns ?? []) as unknown as readonly Turn[];
}

function encoded(turns: readonly Turn[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ turns }));
}

/** The newest turns within the limits. A turn is whole: a call and its result stay together. */
function kept(
  turns: readonly Turn[],
  { turns: maxTurns, tokens: maxTokens }: Settings["keep"],
): { turns: readonly Turn[]; dropped: number } {
  let from = Math.max(0, turns.length - maxTurns);
  while (from < turns.length && tokensOf(turns.slice(from)) > maxTokens) from++;
  // A turn that answers a call needs the turn that made it.
  while (from < turns.length && turns[from]?.messages[0]?.role === "tool") from++;
  return { turns: turns.slice(from), dropped: from };
}

function tokensOf(turns: readonly Turn[]): number {
  return Math.ceil(
    JSON.stringify(turns.flatMap(({ messages }) => messages)).length / CHARACTERS_PER_TOKEN,
  );
}

/** Whether a client sends the whole history by itself. */
function tells(own: readonly JsonObject[], history: readonly JsonObject[]): boolean {
  return history.length > 0 && own.length > history.length &&
    history.every((message, at) => canonical(plain(message)) === canonical(plain(own[at] ?? {})));
}

/** A message without what is empty: clients leave out what an answer says with null. */
function plain(message: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(message).filter(([, value]) => value !== null));
}

function inject(draft: RequestDraft, turns: readonly Turn[], as: Settings["as"]): void {
  const { json, messages } = draft;
  if (json === undefined || messages === undefined) return;
  if (as === "header") {
    draft.set.set("x-llm-context", headerOf(turns));
    draft.set.set("x-llm-context-turns", String(turns.length));
    return;
  }
  const first = messages.findIndex(({ role }) => role !== "system" && role !== "developer");
  const at = first < 0 ? messages.length : first;
  json.messages = [
    ...messages.slice(0, at),
    ...turns.flatMap((turn) => turn.messages),
    ...messages.slice(at),
  ] as Json[];
  draft.changed = true;
}

/** The turns as base64url; the oldest go first when they are too long. */
function headerOf(turns: readonly Turn[]): string {
  for (let from = 0; from < turns.length; from++) {
    const messages = turns.slice(from).flatMap((turn) => turn.messages);
    const text = Buffer.from(JSON.stringify(messages)).toString("base64url");
    if (text.length <= MAX_HEADER) return text;
  }
  return "";
}

/** Records an answer when it is whole: with a reason to finish, and the end of its body. */
function recorder(record: (answer: JsonObject) => Promise<void>): AnswerHandler {
  const collector = new AnswerCollector();
  const handler: AnswerHandler = {
    async whole(json, { status }) {
      const [choice] = (json.choices ?? []) as JsonObject[];
      const message = choice?.message as JsonObject | undefined;
      if (status === 200 && message !== undefined && choice?.finish_reason) {
        await record(message);
      }
      return undefined;
    },
    async event({ data, json }) {
      if (json !== undefined) collector.add(json);
      if (data !== "[DONE]") return undefined;
      const answer = collector.message();
      if (answer !== undefined) await record(answer);
      return undefined;
    },
    async replayed(bytes, head) {
      if (!head.isStream) return void await handler.whole?.(objectOf(bytes) ?? {}, head);
      for (const { data } of parseSse(bytes).events) {
        await handler.event?.({ fields: [], data, json: objectOf(data) });
      }
    },
  };
  return handler;
}

function badSession(header: string): OwnAnswer {
  return {
    status: 400,
    details: "invalid_session_id",
    body: {
      message:
        `Expected ${header} to be 1 to 128 letters, digits, dots, dashes, colons or underscores`,
      type: "invalid_request_error",
      code: "invalid_session_id",
      param: header,
    },
  };
}
