/** The checks of a guard: each says why a text may not pass, or nothing. */
import { compilePattern, loadPatterns } from "../../patterns/mod.ts";
import { messageOf, UsageError } from "../../service/mod.ts";
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

/** Returns the reason of a refusal, or undefined when the texts may pass. */
export type Check = (texts: readonly string[], about: About) => Promise<string | undefined>;

/** Environment that a guard's files name. */
export interface GuardSurroundings {
  env(name: string): string | undefined;
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
  if (settings.words) checks.push(await wordCheck(settings.words));
  if (settings.webhook) checks.push(webhookCheck(settings.webhook, phase));
  if (settings.moderation) checks.push(moderationCheck(settings.moderation, surroundings));
  return async (texts, about) => {
    for (const check of checks) {
      const reason = await check(texts, about);
      if (reason !== undefined) return reason;
    }
    return undefined;
  };
}

/** Words are found whatever their case; patterns are matched in linear time, whatever they are. */
async function wordCheck(
  { list = [], patterns = [] }: NonNullable<Settings["words"]>,
): Promise<Check> {
  await loadPatterns();
  const compiled = patterns.map((pattern) => {
    try {
      return compilePattern(pattern, { flags: "i" });
    } catch (error) {
      throw new UsageError(`Cannot use the pattern "${pattern}" of a guard: ${messageOf(error)}`);
    }
  });
  const words = list.map((word) => word.toLowerCase());
  return (texts) => {
    for (const text of texts) {
      const lower = text.toLowerCase();
      const word = words.find((one) => lower.includes(one));
      if (word !== undefined) return Promise.resolve("it holds a word that is not allowed");
      if (compiled.some((pattern) => pattern.test(text))) {
        return Promise.resolve("it matches a pattern that is not allowed");
      }
    }
    return Promise.resolve(undefined);
  };
}

function webhookCheck(
  { url, on_failure, timeout_ms }: NonNullable<Settings["webhook"]>,
  phase: "input" | "output",
): Check {
  return async (texts, { requestId, tenant, model }) => {
    const body = { phase, request_id: requestId, tenant, model, texts };
    const answer = await asked({ url, body, on_failure, timeout_ms });
    if (answer === undefined || answer.action === "pass") return undefined;
    if (answer.action === "block") {
      return typeof answer.reason === "string"
        ? answer.reason.slice(0, 200)
        : "a webhook refused it";
    }
    return fail(on_failure, `the webhook answered with the action "${String(answer.action)}"`);
  };
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
    if (answer === undefined) return undefined;
    const results = answer.results as { flagged?: boolean; categories?: Record<string, boolean> }[];
    if (!Array.isArray(results)) return fail(on_failure, "the moderation service gave no results");
    const flagged = results.find((result) => result.flagged);
    if (flagged === undefined) return undefined;
    const names = Object.entries(flagged.categories ?? {}).flatMap(([name, is]) =>
      is ? [name] : []
    );
    return `moderation: ${names.join(", ") || "flagged"}`;
  };
}

interface Call {
  readonly url: string;
  readonly body: object;
  readonly headers?: Record<string, string>;
  readonly on_failure: "refuse" | "pass";
  readonly timeout_ms: number;
}

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
    const answer = await response.json();
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
