/** Replays recorded Checks against rules or against an engine, and says which decisions changed. */
import { z } from "zod";
import type { GrpcClientOptions, JsonObject } from "../grpc/mod.ts";
import { messageCodec } from "../grpc/messages/mod.ts";
import { checkClient, decodeCheckRequest, type Verdict } from "../ext_authz/mod.ts";
import { messageOf, UsageError } from "../service/mod.ts";
import { compileRules } from "./engine.ts";
import type { RecordedCheck } from "./record.ts";
import { readRules } from "./read_rules.ts";
import type { RulesFile } from "./rules_schema.ts";

const recordSchema = z.object({
  request: z.record(z.string(), z.unknown()),
  decision: z.enum(["allow", "deny", "error"]),
  rule: z.string(),
  code: z.string(),
  status: z.number(),
  tenant: z.string(),
});

/** One line of a recording, and where it stands. */
export interface RecordingLine {
  readonly line: number;
  readonly check: RecordedCheck;
}

/** Reads a recording. Throws `UsageError` naming file and line. */
export function readRecording(text: string, file: string): RecordingLine[] {
  return text.split("\n").flatMap((content, index) => {
    if (content.trim() === "") return [];
    const line = index + 1;
    try {
      const check = recordSchema.parse(JSON.parse(content));
      // Encoding proves that the request is a CheckRequest.
      messageCodec("envoy.service.auth.v3.CheckRequest").encode(check.request);
      return [{ line, check }];
    } catch (error) {
      const why = error instanceof z.ZodError
        ? error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ")
        : messageOf(error);
      throw new UsageError(`Cannot read the recording: ${file}:${line}: ${why}`);
    }
  });
}

/** The new decider: rules, or an engine somewhere. Keys come from `rules` in both cases. */
export interface ReplayTarget {
  /** Rules as YAML; they decide unless `engine` is given, and say what `[key:NAME]` stands for. */
  readonly rules: string;
  /** Name of the rules in errors. */
  readonly rulesFile: string;
  /** The engine to ask instead. */
  readonly engine?: GrpcClientOptions;
  readonly signal?: AbortSignal;
}

/** One decision that is not what it was. */
export interface Change {
  /** Line of the recording. */
  readonly line: number;
  readonly method: string;
  readonly path: string;
  readonly before: Verdict;
  readonly after: Verdict;
  /** Rules that decided; empty for an engine that does not say. */
  readonly rules: readonly [before: string, after: string];
}

/** Findings of a replay. */
export interface ReplayReport {
  /** Checks that were asked again. */
  readonly replayed: number;
  readonly changed: readonly Change[];
  /** Checks that could not be asked again, and why. */
  readonly skipped: readonly { readonly line: number; readonly reason: string }[];
}

/** Asks every recorded Check again, in order. Rejects with `GrpcError` when the engine cannot be reached. */
export async function replay(
  recording: readonly RecordingLine[],
  target: ReplayTarget,
): Promise<ReplayReport> {
  const rules = await readRules(target.rules, target.rulesFile);
  using decider = target.engine === undefined
    ? rulesDecider(rules)
    : engineDecider(target.engine, target.signal);
  const changed: Change[] = [];
  const skipped: { line: number; reason: string }[] = [];
  let replayed = 0;
  for (const { line, check } of recording) {
    target.signal?.throwIfAborted();
    const missing = unknownKey(check.request, rules);
    if (missing !== undefined || check.decision === "error") {
      const reason = missing === undefined
        ? "its answer was an error, not a decision"
        : `the rules hold no text of key "${missing}"`;
      skipped.push({ line, reason });
      continue;
    }
    const { verdict: after, rule } = await decider.decide(withKeys(check.request, rules));
    replayed++;
    const before = { decision: check.decision, status: check.status, code: check.code };
    if (same(before, after)) continue;
    const { method = "", path = "" } = httpOf(check.request);
    changed.push({ line, method, path, before, after, rules: [check.rule, rule] });
  }
  return { replayed, changed, skipped };
}

/** A report for people: one line per change, then the count. */
export function formatReplay({ replayed, changed, skipped }: ReplayReport): string {
  const say = ({ decision, status, code }: Verdict) =>
    decision === "allow" ? "allow" : `${decision} ${status} ${code}`.trimEnd();
  return [
    ...changed.map(({ line, method, path, before, after, rules }) =>
      `line ${line}  ${method} ${path}  ${say(before)} (${rules[0]}) -> ${say(after)}` +
      (rules[1] === "" ? "" : ` (${rules[1]})`)
    ),
    ...skipped.map(({ line, reason }) => `line ${line}  not replayed: ${reason}`),
    `${replayed} replayed, ${changed.length} changed, ${skipped.length} not replayed`,
  ].join("\n");
}

interface Decider extends Disposable {
  decide(request: JsonObject): Promise<{ verdict: Verdict; rule: string }>;
}

function rulesDecider(rules: RulesFile): Decider {
  const engine = compileRules(rules);
  const codec = messageCodec("envoy.service.auth.v3.CheckRequest");
  return {
    decide(request) {
      const { decision, status, code, rule } = engine.decide(
        decodeCheckRequest(codec.encode(request)),
      );
      return Promise.resolve({ verdict: { decision, status, code }, rule });
    },
    [Symbol.dispose]() {},
  };
}

function engineDecider(options: GrpcClientOptions, signal?: AbortSignal): Decider {
  const client = checkClient(options);
  return {
    async decide(request) {
      const verdict = await client.verdict(request, signal === undefined ? {} : { signal });
      return { verdict, rule: "" };
    },
    [Symbol.dispose]: () => client[Symbol.dispose](),
  };
}

/** A foreign engine has no deny codes of ours: they are compared only when both sides have one. */
function same(before: Verdict, after: Verdict): boolean {
  return before.decision === after.decision && before.status === after.status &&
    (before.code === after.code || after.code === "");
}

const MARK = /\[key:([^\]]+)\]/g;

interface Http {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  header_map?: { headers?: { key: string; value?: string }[] };
}

function httpOf(request: JsonObject): Http {
  const attributes = request["attributes"] as { request?: { http?: Http } } | undefined;
  return attributes?.request?.http ?? {};
}

function unknownKey(request: JsonObject, rules: RulesFile): string | undefined {
  const known = new Set(rules.keys.filter(({ key }) => key !== undefined).map(({ name }) => name));
  const { headers = {}, header_map } = httpOf(request);
  const values = [
    ...Object.values(headers),
    ...(header_map?.headers ?? []).map((h) => h.value ?? ""),
  ];
  return values.flatMap((value) => [...value.matchAll(MARK)].map((match) => match[1] ?? ""))
    .find((name) => !known.has(name));
}

/** The request with each `[key:NAME]` replaced by that key. */
function withKeys(request: JsonObject, rules: RulesFile): JsonObject {
  const keys = new Map(rules.keys.map(({ name, key }) => [name, key ?? ""]));
  const reveal = (value: string) =>
    value.replace(MARK, (_all, name: string) => keys.get(name) ?? "");
  const copy = structuredClone(request);
  const http = httpOf(copy);
  for (const [name, value] of Object.entries(http.headers ?? {})) {
    if (http.headers !== undefined) http.headers[name] = reveal(value);
  }
  for (const header of http.header_map?.headers ?? []) header.value = reveal(header.value ?? "");
  return copy;
}
