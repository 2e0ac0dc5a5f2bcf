/** Scripted answers, as data: what a test makes the stub say to its own requests. */
import { z } from "zod";
import { WIRE_FAULTS } from "../grpc/mod.ts";
import { messageCodec } from "../grpc/messages/mod.ts";
import { UsageError } from "../service/mod.ts";
import { FAULT_ANSWERS } from "./faults.ts";
import { allowSchema, denySchema } from "./rules_schema.ts";

/** Every fault by name: of the wire, and of the message. */
export const FAULT_NAMES: readonly string[] = [...WIRE_FAULTS, ...Object.keys(FAULT_ANSWERS)];

/** Longest reply that a script may ask for, bytes. */
const MAX_REPLY_BYTES = 64 * 1024 * 1024;

const response = z.record(z.string(), z.unknown()).superRefine((value, context) => {
  try {
    messageCodec("envoy.service.auth.v3.CheckResponse").encode(value);
  } catch (error) {
    context.addIssue({ code: "custom", message: (error as Error).message });
  }
});

const CHOICES = ["allow", "deny", "grpc", "response", "fault", "rules", "hang"] as const;

const answerSchema = z.strictObject({
  allow: allowSchema.optional(),
  deny: denySchema.extend({
    /** 0 leaves the status out; Envoy then says 403. */
    status: z.number().int().min(0).max(599).default(403),
    body: z.string().optional(),
  }).optional(),
  grpc: z.strictObject({
    code: z.number().int().min(1).max(255),
    message: z.string().default(""),
  }).optional(),
  response: response.optional(),
  fault: z.enum(FAULT_NAMES as [string, ...string[]]).optional(),
  bytes: z.number().int().min(8).max(MAX_REPLY_BYTES).optional(),
  rules: z.literal(true).optional(),
  hang: z.literal(true).optional(),
  delay: z.number().min(0).max(3_600_000).optional(),
  barrier: z.string().min(1).optional(),
}).refine((answer) => CHOICES.filter((choice) => answer[choice] !== undefined).length === 1, {
  error: `Expected exactly one of ${CHOICES.join(", ")}`,
}).refine(({ bytes, fault }) => bytes === undefined || fault === "oversized", {
  path: ["bytes"],
  error: 'Expected only with "fault: oversized", whose length it is',
});

/** A script: one answer per request with its nonce; the last one repeats. */
export const scriptSchema = z.array(answerSchema).min(1);

/**
 * One scripted answer, as written: exactly one of `allow`, `deny`, `grpc`, `response` (a
 * CheckResponse as proto3 JSON, verbatim), `fault`, `rules` (decide as usual) and `hang` (never
 * answer), after an optional `delay` in milliseconds and an optional `barrier`.
 */
export type PolicyAnswer = z.input<typeof answerSchema>;

/** A scripted answer, checked. */
export type CheckedAnswer = z.output<typeof answerSchema>;

/** Returns a script as it is obeyed. Throws `UsageError` for what is none. */
export function checkAnswers(answers: readonly PolicyAnswer[]): CheckedAnswer[] {
  const result = scriptSchema.safeParse(answers);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) =>
    `answers.${issue.path.join(".")}: ${issue.message}`
  );
  throw new UsageError(`Cannot set the script:\n  ${lines.join("\n  ")}`);
}

interface Running {
  readonly answers: readonly CheckedAnswer[];
  next: number;
}

/** The scripts of a stub, by nonce. */
export class Scripts {
  readonly #scripts = new Map<string, Running>();

  /** Sets the answers for a nonce, from the first. Throws `UsageError` for what is no script. */
  set(nonce: string, answers: readonly PolicyAnswer[]): void {
    this.#scripts.set(nonce, { answers: checkAnswers(answers), next: 0 });
  }

  /** Forgets a nonce: its requests are decided by the rules again. False when it had no script. */
  delete(nonce: string): boolean {
    return this.#scripts.delete(nonce);
  }

  /** The next answer for a nonce; undefined when it has no script. */
  take(nonce: string): CheckedAnswer | undefined {
    const script = this.#scripts.get(nonce);
    if (script === undefined) return undefined;
    const answer = script.answers[Math.min(script.next, script.answers.length - 1)];
    script.next++;
    return answer;
  }
}
