/** The checks of a guard: each says why a text may not pass, or nothing. */
import { resolve } from "node:path";
import { compilePattern, loadPatterns } from "../../patterns/mod.ts";
import { boundedText, messageOf, readTextFile, UsageError } from "../../service/mod.ts";
import { StepFailure } from "../exchange.ts";
import type { StepFile } from "../transform_schema.ts";

type Guard = NonNullable<StepFile["guard"]>;
type Settings = NonNullable<Guard["input"]>;

/** Facts for a guard beside the texts. */
export interface About {
  readonly requestId: string;
  readonly tenant: string;
  readonly model: string;
}

/** Texts as they may pass, changed or not; or why they may not. */
export type Verdict = { readonly refused: string } | { readonly texts: readonly string[] };

/** Looks at texts. */
export type Check = (texts: readonly string[], about: About) => Promise<Verdict>;

/** Environment that a guard's files name. */
export interface GuardSurroundings {
  env(name: string): string | undefined;
  /** Folder that paths in the file begin at. */
  readonly folder?: string | undefined;
}

/**
 * Returns all checks of a phase as one; the first that refuses decides.
 *
 * @throws {UsageError} for a pattern that cannot be read, or a key that is not set
 */
export async function checksOf(
  settings: Settings,
  phase: "input" | "output",
  surroundings: GuardSurroundings,
): Promise<Check> {
  const checks: Check[] = [];
  if (settings.words) checks.push(await wordCheck(settings.words, surroundings));
  if (settings.webhook) checks.push(webhookCheck(settings.webhook, phase));
  if (settings.moderation) checks.push(moderationCheck(settings.moderation, surroundings));
  return async (texts, about) => {
    let now = texts;
    for (const check of checks) {
      const verdict = await check(now, about);
      if ("refused" in verdict) return verdict;
      now = verdict.texts;
    }
    return { texts: now };
  };
}

/** Characters that nobody sees: soft hyphens, joiners, marks of direction (Unicode, Default_Ignorable_Code_Point). */
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/gu;

/** A text as a reader takes it: without case, forms of the same letter (Unicode, NFKC), signs that nobody sees, and kinds of blanks. */
function asRead(text: string): string {
  return text.normalize("NFKC").replace(INVISIBLE, "").replace(/\s+/g, " ").toLowerCase();
}

/** Words are found whatever their case and blanks; patterns are matched in linear time, whatever they are. */
async function wordCheck(
  { list = [], patterns = [], file }: NonNullable<Settings["words"]>,
  { folder }: GuardSurroundings,
): Promise<Check> {
  await loadPatterns();
  const compiled = patterns.map((pattern) => {
    try {
      return compilePattern(pattern, { flags: "i" });
    } catch (error) {
      throw new UsageError(`Cannot use the pattern "${pattern}" of a guard: ${messageOf(error)}`);
    }
  });
  const words = [...list, ...file === undefined ? [] : await wordsOf(file, folder)]
    .map(asRead);
  return (texts) => {
    for (const text of texts) {
      const read = asRead(text);
      const word = words.find((one) => read.includes(one));
      if (word !== undefined) {
        return Promise.resolve({ refused: "it holds a word that is not allowed" });
      }
      if (compiled.some((pattern) => pattern.test(text) || pattern.test(read))) {
        return Promise.resolve({ refused: "it matches a pattern that is not allowed" });
      }
    }
    return Promise.resolve({ texts });
  };
}

/** The words of a file, one a line; empty lines and those that begin with # are none. */
async function wordsOf(file: string, folder: string | undefined): Promise<string[]> {
  const path = folder === undefined ? file : resolve(folder, file);
  try {
    const lines = (await readTextFile(path)).split("\n").map((line) => line.trim());
    return lines.filter((line) => line !== "" && !line.startsWith("#"));
  } catch (error) {
    throw new UsageError(`Cannot read the words of a guard, "${path}": ${messageOf(error)}`);
  }
}

function webhookCheck(
  { url, on_failure, timeout_ms }: NonNullable<Settings["webhook"]>,
  phase: "input" | "output",
): Check {
  return async (texts, { requestId, tenant, model }) => {
    const body = { phase, request_id: requestId, tenant, model, texts };
    const answer = await asked({ url, body, on_failure, timeout_ms });
    if (answer === undefined || answer.action === "pass") return { texts };
    if (answer.action === "block") {
      const { reason } = answer;
      return {
        refused: typeof reason === "string" ? reason.slice(0, 200) : "a webhook refused it",
      };
    }
    if (answer.action === "mask" && isListOf(answer.texts, texts.length)) {
      return { texts: answer.texts };
    }
    if (answer.action === "mask") {
      fail(on_failure, "the webhook did not mask as many texts as it got");
      return { texts };
    }
    fail(on_failure, `the webhook answered with the action "${String(answer.action)}"`);
    return { texts };
  };
}

function isListOf(value: unknown, length: number): value is string[] {
  return Array.isArray(value) && value.length === length &&
    value.every((one) => typeof one === "string");
}

/** Finds names and places by the service of Presidio's analyzer (`POST /analyze`), and puts tags in their place. */
export function presidioCheck(
  { url, language, entities, score, on_failure, timeout_ms }: Presidio,
): Check {
  const maskedOf = async (text: string): Promise<string> => {
    if (text.trim() === "") return text;
    const body = { text, language, entities, score_threshold: score };
    const found = await asked({ url, body, on_failure, timeout_ms });
    if (found === undefined) return text;
    const hits = (Array.isArray(found) ? found : []) as Found[];
    // Its places are characters, and not the units of UTF-16.
    const characters = [...text];
    let at = 0;
    let out = "";
    for (const { start, end, entity_type } of hits.toSorted((a, b) => a.start - b.start)) {
      if (start < at) continue;
      out += characters.slice(at, start).join("") + `[${entity_type}]`;
      at = end;
    }
    return out + characters.slice(at).join("");
  };
  return async (texts) => ({ texts: await Promise.all(texts.map(maskedOf)) });
}

type Presidio = NonNullable<NonNullable<StepFile["redact"]>["presidio"]>;

interface Found {
  readonly start: number;
  readonly end: number;
  readonly entity_type: string;
}

function moderationCheck(
  { url, model, key_env, on_failure, timeout_ms }: NonNullable<Settings["moderation"]>,
  { env }: GuardSurroundings,
): Check {
  const key = key_env === undefined ? undefined : env(key_env);
  if (key_env !== undefined && !key) {
    throw new UsageError(`Cannot use the moderation of a guard: "${key_env}" is not set`);
  }
  return async (texts) => {
    const headers: Record<string, string> = key === undefined
      ? {}
      : { authorization: `Bearer ${key}` };
    const body = { model, input: texts };
    const answer = await asked({ url, body, headers, on_failure, timeout_ms });
    if (answer === undefined) return { texts };
    const results = answer.results as { flagged?: boolean; categories?: Record<string, boolean> }[];
    if (!Array.isArray(results)) {
      fail(on_failure, "the moderation service gave no results");
      return { texts };
    }
    const flagged = results.find((result) => result.flagged);
    if (flagged === undefined) return { texts };
    const names = Object.entries(flagged.categories ?? {}).flatMap(([name, is]) =>
      is ? [name] : []
    );
    return { refused: `moderation: ${names.join(", ") || "flagged"}` };
  };
}

interface Call {
  readonly url: string;
  readonly body: object;
  readonly headers?: Record<string, string>;
  readonly on_failure: "refuse" | "pass";
  readonly timeout_ms: number;
}

/** Longest answer of a service, bytes: masked texts are as long as a body. */
const MAX_ANSWER = 16 * 1024 * 1024;

/** Asks a service; undefined when it cannot be asked and that passes. */
async function asked(
  { url, body, headers = {}, on_failure, timeout_ms }: Call,
): Promise<Record<string, unknown> | undefined> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
      redirect: "error",
      signal: AbortSignal.timeout(timeout_ms),
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`it answered ${response.status}`);
    }
    const answer = JSON.parse(await boundedText(response, MAX_ANSWER));
    if (typeof answer !== "object" || answer === null) throw new Error("it gave no JSON object");
    return answer;
  } catch (error) {
    return fail(on_failure, messageOf(error));
  }
}

function fail(onFailure: "refuse" | "pass", what: string): undefined {
  if (onFailure === "pass") return undefined;
  throw new StepFailure("guard_unavailable", `A guard could not be asked: ${what}`);
}
