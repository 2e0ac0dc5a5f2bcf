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
import type { Summarise } from "./summary.ts";
import { asSaid, freshOf } from "./told.ts";

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

/** A session as it is kept. */
interface Session {
  readonly turns: readonly Turn[];
  /** Messages of the turns before, and how many turns they were. */
  readonly summary?: string;
  readonly summarised?: number;
}

/** Parts that a context needs beside its settings. */
export interface ContextSurroundings {
  readonly store: Store;
  /** Makes summaries; without it the oldest turns are dropped. */
  readonly summarise?: Summarise | undefined;
  /** Does what nobody waits for. */
  background(work: (signal: AbortSignal) => Promise<void>): void;
}

/** Returns the step. A session belongs to its tenant: another's id is another session. */
export function contextStep(
  settings: Settings,
  { store, summarise, background }: ContextSurroundings,
): Step {
  const { turns: max, for: ttl } = settings.keep;
  // Until their summary is there, turns are kept beyond what is sent.
  const most = summarise === undefined ? max : 2 * max;

  const shorten = async (key: string, signal: AbortSignal) => {
    if (summarise === undefined) return;
    const session = await read(store, key);
    const { dropped } = kept(session, settings.keep);
    if (dropped === 0) return;
    const old = session.turns.slice(0, dropped);
    const messages = old.flatMap((turn) => turn.messages);
    const summary = await summarise(session.summary, messages, signal);
    await store.update(key, (value) => {
      const now = sessionOf(value);
      // Erased, or summarised by another process meanwhile.
      if (canonical(now.turns.slice(0, dropped)) !== canonical(old)) return encoded(now);
      const summarised = (now.summarised ?? 0) + dropped;
      return encoded({ turns: now.turns.slice(dropped), summary, summarised });
    }, ttl);
  };

  return {
    async request(draft) {
      const { messages } = draft;
      const id = draft.header(settings.session.header);
      if (id === undefined || messages === undefined) return undefined;
      if (!SESSION_ID.test(id)) return { answer: badSession(settings.session.header) };
      const key = sessionKey(draft.tenant, id);
      const session = await attempt(settings, () => read(store, key));
      if (session === undefined) return undefined;
      const { turns, dropped } = kept(session, settings.keep);
      const own = messages.filter(({ role }) => role !== "system" && role !== "developer");
      const told = freshOf(own, session.turns.flatMap((turn) => turn.messages));
      const summary = summaryOf(session);
      const all = told === undefined ? [...summary, ...turns] : [];
      const put = settings.as === "header" ? fitting(all) : all;
      if (put.length > 0) inject(draft, put, settings.as);
      const left = all.length - put.length;
      draft.answerHeaders.set(
        "x-llm-context",
        [
          `turns=${told === undefined ? Math.min(turns.length, put.length) : 0}`,
          `tokens=${put.length === 0 ? 0 : tokensOf(put)}`,
          ...(summarise === undefined || left > 0 && summary.length > 0
            ? []
            : [`summarised=${session.summarised ?? 0}`]),
          `dropped=${dropped + left}`,
        ].join(" "),
      );
      return {
        handler: recorder(async (answer) => {
          const turn = { messages: [...told ?? own, asSaid(answer)] };
          // As one step: another request of the session may end at the same time.
          const added = (value: Uint8Array | undefined) => {
            const now = sessionOf(value);
            return encoded({ ...now, turns: [...now.turns, turn].slice(-most) });
          };
          await attempt(settings, () => store.update(key, added, ttl));
          if (summarise !== undefined) background((signal) => shorten(key, signal));
        }),
      };
    },
  };
}

/** A summary as a turn of its own. */
function summaryOf({ summary }: Session): Turn[] {
  if (summary === undefined) return [];
  const content = `Summary of the conversation before: ${summary}`;
  return [{ messages: [{ role: "system", content }] }];
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

async function read(store: Store, key: string): Promise<Session> {
  return sessionOf((await store.get(key))?.value);
}

function sessionOf(value: Uint8Array | undefined): Session {
  const found = value && objectOf(value);
  return found === undefined ? { turns: [] } : { turns: [], ...found } as unknown as Session;
}

function encoded(session: Session): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(session));
}

/** The newest turns within the limits. A turn is whole: a call and its result stay together. */
function kept(
  { turns }: Session,
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

/** The newest turns that a header can carry. A call and its result stay together. */
function fitting(turns: readonly Turn[]): readonly Turn[] {
  const from = turns.findIndex((_, at) => headerOf(turns.slice(at)).length <= MAX_HEADER);
  const fits = from < 0 ? [] : turns.slice(from);
  const whole = from <= 0 ? 0 : fits.findIndex(({ messages }) => messages[0]?.role !== "tool");
  return whole < 0 ? [] : fits.slice(whole);
}

/** The messages of turns as base64url of their JSON. */
function headerOf(turns: readonly Turn[]): string {
  const messages = turns.flatMap((turn) => turn.messages);
  return Buffer.from(JSON.stringify(messages)).toString("base64url");
}

/** Records an answer when it is whole: with a reason to finish, and the end of its body. */
function recorder(record: (answer: JsonObject) => Promise<void>): AnswerHandler {
  const collector = new AnswerCollector();
  let isOver = false;
  const streamed = async () => {
    const answer = isOver ? undefined : collector.message();
    isOver = true;
    if (answer !== undefined) await record(answer);
  };
  const handler: AnswerHandler = {
    async whole(json, { status }) {
      const choices = (json.choices ?? []) as JsonObject[];
      const choice = choices.find(({ index = 0 }) => index === 0);
      const message = choice?.message as JsonObject | undefined;
      if (status === 200 && message !== undefined && choice?.finish_reason) {
        await record(message);
      }
      return undefined;
    },
    async event({ data, json }) {
      if (json !== undefined) collector.add(json);
      if (data === "[DONE]") await streamed();
      return undefined;
    },
    // Some servers end with the last event.
    async end() {
      await streamed();
      return [];
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
