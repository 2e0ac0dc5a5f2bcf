// deno-lint-ignore-file no-console -- a program of its own
/**
 * Proves two rules about comments: a file opens by saying what it is for, and a doc comment begins with a noun or a
 * verb of the field. Prints each breach as FILE:LINE and exits 1 when there is one.
 */
import { join } from "node:path";
import { sourceFiles } from "./check_imports.ts";

/** First words that put the reader off: a clause in place of a name, or a verb that says nothing. */
const VAGUE = /^\s*\/\*\*\s*(?:\n\s*\*\s*)?(What|Who|Whom|Whose|Takes|Gives)\b/gm;

/** Returns the breaches of one file, each with its line. */
export function breachesOf(file: string, text: string): { line: number; what: string }[] {
  const found = [...text.matchAll(VAGUE)].map(({ index, 1: word, 0: match }) => ({
    line: text.slice(0, index + match.length).split("\n").length,
    what: `a doc comment begins with "${word}": begin with a noun or a verb`,
  }));
  const isTest = /_test\.ts$|\/testdata\//.test(file);
  const opening = text.replace(/^(#!.*|\/\/ deno-lint-.*)\n/gm, "");
  if (isTest || /^\s*\/(\/|\*\*)/.test(opening)) return found;
  return [{ line: 1, what: "a file opens with one line that says what it is for" }, ...found];
}

/** Returns the breaches of the whole project, one line each. */
async function allBreaches(): Promise<string[]> {
  const root = join(import.meta.dirname ?? ".", "..");
  const lines: string[] = [];
  for await (const file of sourceFiles(root)) {
    const found = breachesOf(file, await Deno.readTextFile(join(root, file)));
    lines.push(...found.map(({ line, what }) => `${file}:${line}: ${what}`));
  }
  return lines;
}

if (import.meta.main) {
  const lines = await allBreaches();
  for (const line of lines) console.error(line);
  Deno.exit(lines.length === 0 ? 0 : 1);
}
