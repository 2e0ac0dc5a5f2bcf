/** The step `cache`: an answer that was given once is given again, byte for byte, to the same tenant. */
import { createHash } from "node:crypto";
import { parseSse } from "../../openai/mod.ts";
import { now as elapsed } from "../../service/mod.ts";
import {
  type AnswerHandler,
  type AnswerHead,
  type JsonObject,
  objectOf,
  type OwnAnswer,
  type RequestDraft,
  type Step,
} from "../exchange.ts";
import { joined } from "../event_rewriter.ts";
import { questionOf, type Semantic } from "./semantic.ts";
import type { Store } from "../store/store.ts";
import type { StepFile } from "../transform_schema.ts";

type Settings = NonNullable<StepFile["cache"]>;

/** Longer answers are not kept, bytes. */
const MAX_ANSWER = 1_048_576;

/** Fields that say who asks and what becomes of it, and nothing about the answer. */
const NO_PART = new Set(["user", "metadata", "store", "safety_identifier", "prompt_cache_key"]);

/** Headers by which a client asks for another answer: versions and betas of the APIs, and on whose account. */
const HEADERS = [
  ...["anthropic-version", "anthropic-beta", "openai-beta", "openai-organization"],
  ...["openai-project", "accept-language"],
];

const PREFIX = "cache:";

/** How often the answer of another process is looked for, milliseconds. */
const LOOK_MS = 20;

/** Endings of a chat answer that is complete. */
const COMPLETE = new Set(["stop", "tool_calls"]);

/** How long an answer may be, and where the time comes from. */
export interface CacheSurroundings {
  readonly store: Store;
  /** Says which steps an answer went through: others make other answers. */
  readonly version?: string;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Finds answers to questions in other words; without it only equal ones have one. */
  readonly semantic?: Semantic | undefined;
  /** Does what nobody waits for. */
  background?(work: () => Promise<void>): void;
}

interface Kept {
  readonly type: string;
  readonly body: Uint8Array;
  readonly age: number;
}

/** Returns the step. Of equal requests at once, one asks the upstream and the others wait for its answer. */
export function cacheStep(
  settings: Settings,
  { store, version = "", now = Date.now, semantic, background }: CacheSurroundings,
): Step {
  const leaders = new Map<string, Promise<void>>();

  const find = async (key: string, maxAge: number): Promise<Kept | undefined> => {
    try {
      const found = await store.get(key);
      if (found === undefined) return undefined;
      // Fresh is what is younger than the client allows (RFC 9111, section 4.2).
      const ageMs = now() - found.writtenAt;
      if (ageMs >= maxAge * 1_000) return undefined;
      const age = Math.floor(ageMs / 1_000);
      const cut = found.value.indexOf(10);
      const type = new TextDecoder().decode(found.value.subarray(0, cut));
      return { type, body: found.value.slice(cut + 1), age };
    } catch {
      // A cache is no gate: without its store everything is asked of the upstream.
      return undefined;
    }
  };

  return {
    async request(draft) {
      const control = controlOf(draft.header("cache-control"));
      if (!isCacheable(draft, settings) || control.noStore) {
        draft.answerHeaders.set("x-llm-cache", "bypass");
        return undefined;
      }
      const key = keyOf(draft, version);
      const question = semantic && questionOf(draft, keyOf(draft, version, ["messages"]));
      const until = elapsed() + settings.wait;
      const { promise, resolve } = Promise.withResolvers<void>();
      let unlock: Awaited<ReturnType<Store["lock"]>>;
      const release = () => {
        if (leaders.get(key) === promise) leaders.delete(key);
        resolve();
        // A lock that cannot be given back ends by itself.
        Promise.resolve(unlock?.()).catch(() => {});
        unlock = undefined;
      };
      while (!control.noCache) {
        const leader = leaders.get(key) ?? promise;
        leaders.set(key, leader);
        const kept = await find(key, control.maxAge);
        if (kept !== undefined) {
          release();
          return { answer: hit(kept) };
        }
        const near = question && leader === promise && unlock === undefined
          ? await semantic?.find(question)
          : undefined;
        const other = near && await find(near.key, control.maxAge);
        if (near !== undefined && other !== undefined) {
          release();
          const said = `semantic similarity=${near.similarity.toFixed(3)}`;
          return { answer: hit(other, said) };
        }
        // A leader that fails lets the next one go; who has waited long enough goes by itself.
        if (unlock !== undefined || elapsed() >= until) break;
        if (leader !== promise) {
          await waitFor(leader, until - elapsed());
          continue;
        }
        // Another process may be the leader: its answer is looked for. With the lock, once more.
        unlock = await locked(store, key, settings.wait);
        if (unlock === undefined) await waitFor(undefined, LOOK_MS);
      }
      draft.answerHeaders.set("x-llm-cache", "miss");
      return {
        handler: recording({
          keep: async (type, body) => {
            try {
              await store.put(
                key,
                joined([new TextEncoder().encode(`${type}\n`), body]),
                settings.for,
              );
              await store.trim(PREFIX, settings.max_mib * 1_048_576);
              // An answer waits for no model of meaning.
              if (question && semantic) {
                background?.(() => semantic.remember(question, key, settings.for));
              }
            } catch {
              // As above.
            }
          },
          release,
        }),
      };
    },
  };
}

/** Keeps the bytes that leave for the client, when they turn out to be a complete answer. */
function recording(
  { keep, release }: {
    keep: (type: string, body: Uint8Array) => Promise<void>;
    release: () => void;
  },
): AnswerHandler {
  const parts: Uint8Array[] = [];
  let length = 0;
  return {
    async sent(bytes, last, head) {
      length += bytes.length;
      if (head.status !== 200 || length > MAX_ANSWER) return;
      parts.push(bytes.slice());
      if (!last) return;
      const body = joined(parts);
      if (isComplete(new TextDecoder().decode(body), head)) await keep(head.contentType, body);
      release();
    },
    over: release,
  };
}

/** Whether an upstream says that its answer must not be kept (RFC 9111, section 5.2.2.5). */
function isNotToKeep(cacheControl = ""): boolean {
  return /(^|[\s,])no-store([\s,]|$)/i.test(cacheControl);
}

function isComplete(text: string, head: AnswerHead): boolean {
  if (isNotToKeep(head.cacheControl)) return false;
  if (head.isStream) {
    const { events } = parseSse(new TextEncoder().encode(text));
    if (events.at(-1)?.data !== "[DONE]") return false;
    const said = events.slice(0, -1).map(({ data }) => objectOf(data) ?? {});
    const reasons = said.flatMap(({ choices }) =>
      Array.isArray(choices)
        ? (choices as JsonObject[]).flatMap(({ finish_reason }) => finish_reason || [])
        : []
    );
    return said.every(({ error }) => !error) && reasons.length > 0 &&
      reasons.every((reason) => COMPLETE.has(String(reason)));
  }
  try {
    const { choices, status = "completed", stop_reason = null, error } = JSON.parse(text);
    if (error || status !== "completed" || stop_reason === "max_tokens") return false;
    return !Array.isArray(choices) ||
      choices.every((choice) =>
        choice?.finish_reason === undefined || COMPLETE.has(choice.finish_reason)
      );
  } catch {
    return false;
  }
}

/** Requests whose answers are kept by the server, or hang on what it has kept (OpenAI API reference, Responses). */
function isStateful({ pathname, json = {} }: RequestDraft): boolean {
  const isResponse = pathname.endsWith("/responses");
  return isResponse && json.store !== false || json.background === true ||
    json.previous_response_id !== undefined || json.conversation !== undefined;
}

function isCacheable(draft: RequestDraft, { when }: Settings): boolean {
  const { json } = draft;
  if (draft.method !== "POST" || json === undefined || draft.isPrivate) return false;
  if (draft.ambiguity !== undefined || isStateful(draft)) return false;
  if (draft.messages === undefined && json.prompt === undefined && json.input === undefined) {
    return false;
  }
  return when === "always" || json.temperature === 0 || typeof json.seed === "number";
}

/** One key for what makes an answer: tenant, path, policy, steps, headers and body; the order of keys is none of it. */
function keyOf(draft: RequestDraft, version: string, without: readonly string[] = []): string {
  const { tenant, model, policyVersion, asked, json = {} } = draft;
  const body = Object.entries(json).filter(([key]) => !NO_PART.has(key) && !without.includes(key));
  const headers = [
    ...HEADERS.map((name) => [name, draft.header(name) ?? ""]),
    // What the steps before this one say by header, such as a session's context.
    ...draft.set,
  ];
  const parts = [
    ...[tenant, asked, policyVersion, version, canonical(headers)],
    canonical(Object.fromEntries(body)),
  ];
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:${part}`);
  return `${cachePrefix(tenant, model)}${hash.digest("hex")}`;
}

/** Returns the beginning of the keys of a tenant, or of one model of it; of all answers without either. */
export function cachePrefix(tenant?: string, model?: string): string {
  const parts = [tenant, model].filter((part) => part !== undefined);
  return PREFIX + parts.map((part) => `${encodeURIComponent(part)}:`).join("");
}

/** JSON with sorted keys (RFC 8785's order of members). */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const members = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
  return `{${members.map(([key, one]) => `${JSON.stringify(key)}:${canonical(one)}`).join(",")}}`;
}

function hit({ type, body, age }: Kept, said = "hit"): OwnAnswer {
  return {
    status: 200,
    details: "cache_hit",
    headers: [["content-type", type], ["x-llm-cache", said], ["age", String(age)]],
    body,
  };
}

/** The directives of a request that this cache obeys (RFC 9111, section 5.2.1). */
function controlOf(value = ""): { noCache: boolean; noStore: boolean; maxAge: number } {
  const words = value.toLowerCase().split(",").map((word) => word.trim());
  const age = words.find((word) => word.startsWith("max-age="))?.slice("max-age=".length);
  return {
    noCache: words.includes("no-cache"),
    noStore: words.includes("no-store"),
    maxAge: age !== undefined && /^\d+$/.test(age) ? Number(age) : Infinity,
  };
}

/** Acquires the lock of a key among processes; where the store fails there is nothing to wait for. */
async function locked(
  store: Store,
  key: string,
  ttlMs: number,
): Promise<Awaited<ReturnType<Store["lock"]>>> {
  try {
    return await store.lock(key, ttlMs);
  } catch {
    return () => {};
  }
}

/** Resolves when the leader has its answer, or the wait is over. */
async function waitFor(leader: Promise<void> | undefined, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([
    ...(leader === undefined ? [] : [leader]),
    new Promise<void>((resolve) => timer = setTimeout(resolve, ms)),
  ]);
  clearTimeout(timer);
}
