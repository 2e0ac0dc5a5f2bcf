/** Canaries of the group `redact`: how one is made, and how a case sees that it is gone. */
import type { Case, Level } from "../case.ts";
import type { Transcript } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import type { Control, UpstreamStep } from "../target.ts";
import { cutsOf, wordsOf } from "./chat_answers.ts";

/** Words around a canary: they must arrive. */
export const BEFORE = "Write to ";
export const AFTER = " soon please.";

/** A mail address that nobody else says: its name, and the whole. */
export function canaryOf(t: CaseContext): { name: string; mail: string } {
  const letters = Array.from(
    { length: 9 },
    () => String.fromCharCode(97 + Math.floor(t.random() * 26)),
  ).join("");
  return { name: letters, mail: `${letters}@example.com` };
}

/** Checks that a canary is gone, and the words around it are there. */
export function masked(
  t: CaseContext,
  what: string,
  transcript: Transcript,
  { name, said }: { name: string; said: string },
): void {
  t.equal(`${what}: status`, 200, transcript.head?.status);
  t.that(`${what}: canary`, !wordsOf(transcript).includes(name), "nowhere", said);
  const isWhole = said.startsWith(BEFORE) && said.endsWith(AFTER) &&
    said.length > BEFORE.length + AFTER.length;
  t.that(`${what}: words around it`, isWhole, `${BEFORE}…${AFTER}`, said);
}

/** Fields of a case that are not the group's. */
export interface Described {
  readonly id: string;
  readonly level?: Level;
  readonly control?: Control;
  readonly admin?: true;
  readonly feature?: string;
  readonly requirement: string;
  run(t: CaseContext): Promise<void>;
}

/** Returns a case of the group. */
export function redactCase({ feature = "redact", level = "must", ...one }: Described): Case {
  return {
    control: "upstream",
    source: "Project: what is redacted is redacted wherever it stands, and nothing else changes",
    ...one,
    id: `redact.${one.id}`,
    feature,
    level,
  };
}

/** Asks for one stream per cut, side by side, and reads what was said. */
export async function everyCut(
  t: CaseContext,
  text: string,
  steps: (pieces: [string, string]) => UpstreamStep[],
  check: (transcript: Transcript, what: string) => void,
): Promise<void> {
  await Promise.all(
    cutsOf(text).map(async (pieces, at) => {
      const part = t.fork(at);
      part.upstream.script(...steps(pieces));
      check(await part.ask({ stream: true }), `cut ${at + 1}`);
    }),
  );
}

/** The value of a JSON text; undefined for another. */
// deno-lint-ignore no-explicit-any -- the shape is what the case checks
export function parsed(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
