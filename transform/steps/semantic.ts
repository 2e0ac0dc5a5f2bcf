/** Answers to questions that were asked in other words: an opt-in of the cache, by a model of meaning and a gate of words. */
import { createHash } from "node:crypto";
import { boundedText, UsageError } from "../../service/mod.ts";
import { type JsonObject, objectOf, type RequestDraft } from "../exchange.ts";
import type { Store } from "../store/store.ts";
import type { StepFile } from "../transform_schema.ts";
import { asksTheSame, contentOf } from "./semantic_gate.ts";

type Settings = NonNullable<NonNullable<StepFile["cache"]>["semantic"]>;

/** Longest answer of the model of meaning, bytes. */
const MAX_ANSWER = 4 * 1024 * 1024;

/** Questions of one kind that are remembered. */
const REMEMBERED = 100;

/** A question that was answered. */
interface Known {
  readonly text: string;
  readonly vector: readonly number[];
  /** The key of its answer in the cache. */
  readonly key: string;
}

/** A question that may be answered by another's answer. */
export interface Question {
  /** Key of the questions that differ from it in their words alone. */
  readonly kind: string;
  readonly text: string;
}

/**
 * Returns a request as a question and its kind, undefined for one that is more than that: turns before, pictures, tools'
 * results. Everything but the words makes the kind: tenant, model, system prompt, tools, parameters.
 *
 * @param rest a key of the request without its messages
 */
export function questionOf(draft: RequestDraft, rest: string): Question | undefined {
  const messages = draft.messages ?? [];
  const said = messages.filter(({ role }) => role !== "system" && role !== "developer");
  const [only] = said;
  if (said.length !== 1 || only?.role !== "user" || typeof only.content !== "string") {
    return undefined;
  }
  if (contentOf(only.content).length === 0) return undefined;
  const others = JSON.stringify(messages.filter((one) => one !== only));
  const hash = createHash("sha256").update(`${rest}\0${others}`).digest("hex");
  return { kind: `semantic:${encodeURIComponent(draft.tenant)}:${hash}`, text: only.content };
}

/** Finds and remembers questions. What it cannot ask or keep is no hit, and no error. */
export class Semantic {
  readonly #settings: Settings;
  readonly #store: Store;
  readonly #key: string | undefined;

  /** @throws {UsageError} for a key that is not set */
  constructor(settings: Settings, store: Store, env: (name: string) => string | undefined) {
    this.#settings = settings;
    this.#store = store;
    this.#key = settings.key_env === undefined ? undefined : env(settings.key_env);
    if (settings.key_env !== undefined && !this.#key) {
      throw new UsageError(`Cannot compare questions: "${settings.key_env}" is not set`);
    }
  }

  /** Returns the key of an answer to the same question in other words, and how near it is. */
  async find({ kind, text }: Question): Promise<{ key: string; similarity: number } | undefined> {
    try {
      const near = (await this.#known(kind)).filter((one) => asksTheSame(one.text, text));
      if (near.length === 0) return undefined;
      const vector = await this.#embedded(text);
      const best = near.map((one) => ({ key: one.key, similarity: cosine(vector, one.vector) }))
        .toSorted((a, b) => b.similarity - a.similarity)[0];
      return best !== undefined && best.similarity >= this.#settings.similarity ? best : undefined;
    } catch {
      return undefined;
    }
  }

  /** Remembers a question and the key of its answer. */
  async remember({ kind, text }: Question, key: string, ttlMs: number): Promise<void> {
    try {
      const known: Known = { text, vector: await this.#embedded(text), key };
      await this.#store.update(kind, (value) => {
        const others = knownIn(value).filter((one) => one.text !== text);
        const kept = [...others, known].slice(-REMEMBERED);
        return new TextEncoder().encode(JSON.stringify({ kept }));
      }, ttlMs);
    } catch {
      // As above.
    }
  }

  async #known(kind: string): Promise<readonly Known[]> {
    return knownIn((await this.#store.get(kind))?.value);
  }

  async #embedded(text: string): Promise<readonly number[]> {
    const { url, model, timeout_ms } = this.#settings;
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(this.#key !== undefined && { authorization: `Bearer ${this.#key}` }),
      },
      body: JSON.stringify({ model, input: text }),
      redirect: "error",
      signal: AbortSignal.timeout(timeout_ms),
    });
    const answer = objectOf(await boundedText(response, MAX_ANSWER));
    const [first] = (answer?.data ?? []) as JsonObject[];
    const vector = first?.embedding;
    if (!response.ok || !Array.isArray(vector)) throw new Error("no embedding");
    return vector as number[];
  }
}

function knownIn(value: Uint8Array | undefined): readonly Known[] {
  const found = value && objectOf(value);
  return (found?.kept ?? []) as unknown as readonly Known[];
}

function cosine(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length || a.length === 0) return 0;
  let [dot, one, other] = [0, 0, 0];
  for (const [at, value] of a.entries()) {
    dot += value * (b[at] ?? 0);
    one += value * value;
    other += (b[at] ?? 0) ** 2;
  }
  return one === 0 || other === 0 ? 0 : dot / Math.sqrt(one * other);
}
