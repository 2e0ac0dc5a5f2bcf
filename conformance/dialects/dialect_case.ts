/** Parts of every case of the group `dialect`: how it asks, what it reads, and the things that it asks about. */
import { type Dialect, readSaid, type Said } from "../../dialects/mod.ts";
import type { Case, Level } from "../case.ts";
import { textOf, type Transcript, valueOf } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import { type Question, writeQuestion } from "./request.ts";

/** The dialects that a gateway stands between. */
export interface DialectPair {
  readonly client: Dialect;
  readonly upstream: Dialect;
}

/** Where the API says what is asked here. */
const SOURCES =
  "OpenAI API reference, Chat; Anthropic API reference, Messages; Gemini API reference, GenerateContent";

const CITY = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city"],
};
/** A tool with arguments, and one without. */
export const WEATHER = { name: "get_weather", parameters: CITY };
export const CLOCK = { name: "get_time", parameters: { type: "object", properties: {} } };
/** Calls that a conversation may hold. */
export const CALL = { id: "call_1", name: "get_weather", input: { city: "Oslo", days: 2 } };
export const SECOND = { id: "call_2", name: "get_time", input: {} };
/** A PNG of one grey pixel. */
export const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==";

/** Returns the pair that the target stands between. */
export function pairOf(t: CaseContext): DialectPair {
  return t.target.dialect ?? t.undeclared("The dialects are not known: --dialect");
}

/** Asks in the client's dialect; the upstream knows the case by what the user says, whatever becomes of headers. */
export async function ask(t: CaseContext, question: Question): Promise<Transcript> {
  const { client } = pairOf(t);
  const mark = t.target.sign ? `harness-case ${t.target.sign(t.nonce)}` : "";
  const [first, ...rest] = question.turns;
  const turns = [{ ...first, text: `${mark} ${first?.text ?? ""}`.trim() }, ...rest];
  const written = writeQuestion(client, t.target.model, {
    ...question,
    turns: turns as Question["turns"],
  });
  const headers: [string, string][] = client === "anthropic"
    ? [["anthropic-version", "2023-06-01"]]
    : [];
  return await t.ask({ path: written.path, body: JSON.stringify(written.body), headers });
}

/** The plainest question. */
export const HELLO: Question = { turns: [{ role: "user", text: "Hello" }] };

/** The content type of an answer, or nothing. */
export function contentType({ head }: Transcript): string {
  return valueOf(head?.headers ?? [], "content-type") ?? "";
}

/** Returns what the answer says; a failed check and `undefined` when it is none of the dialect. */
export function saidIn(t: CaseContext, transcript: Transcript): Said | undefined {
  t.equal("status", 200, transcript.head?.status);
  const said = readSaid(contentType(transcript), textOf(transcript));
  t.that("answer", said !== undefined, "an answer in the client's dialect", said ?? "none");
  return said;
}

/** Fields of a case that are not the group's. */
export interface Described {
  readonly id: string;
  readonly level?: Level;
  readonly requirement: string;
  run(t: CaseContext): Promise<void>;
}

/** Returns a case of the group. */
export function dialectCase({ id, level = "must", requirement, run }: Described): Case {
  return {
    id: `dialect.${id}`,
    level,
    control: "upstream",
    feature: "dialect",
    requirement,
    source: SOURCES,
    axes: ["h1"],
    run,
  };
}
