/** The command lines that repeat a run, and one of its cases. */

/** Flags that say how the result is shown, or which run of several it was: a repetition has its own. */
const LEFT_OUT_VALUES = ["--seed", "--report"];
const LEFT_OUT_FLAGS = ["--json", "--watch", "--list", "--keep"];

/** Flags that select cases; the repetition of one case selects that case. */
const SELECTING_VALUES = ["--case", "--skip", "--level"];

/** Credentials, and the variable that stands for each: a report holds none. */
const SECRETS: Readonly<Record<string, string>> = {
  "--allow-header": "$ALLOW",
  "--deny-header": "$DENY",
};

/** How to repeat a run, and any one case of it. */
export interface Repetition {
  readonly command: string;
  readonly caseCommand: string;
}

/**
 * Returns the command lines for the words that followed `llmgate check`, as a shell reads them. Values of credentials
 * are replaced by `$ALLOW` and `$DENY`.
 */
export function repetitionOf(words: readonly string[]): Repetition {
  const whole = leaveOut(words, LEFT_OUT_VALUES, LEFT_OUT_FLAGS);
  const one = leaveOut(whole, SELECTING_VALUES, []);
  return { command: line(whole), caseCommand: line(one) };
}

/** Removes options with their values: `--name value` and `--name=value`. */
function leaveOut(
  words: readonly string[],
  withValue: readonly string[],
  alone: readonly string[],
): string[] {
  const kept: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    const [name = ""] = word.split("=", 1);
    if (withValue.includes(name)) i += word.includes("=") ? 0 : 1;
    else if (!alone.includes(name)) kept.push(word);
  }
  return kept;
}

function line(words: readonly string[]): string {
  const said: string[] = ["llmgate", "check"];
  let secret: string | undefined;
  for (const word of words) {
    const [name = "", ...rest] = word.split("=");
    const variable = secret ?? SECRETS[name];
    if (secret !== undefined) said.push(named(word, secret));
    else if (variable !== undefined && rest.length > 0) {
      said.push(`${name}=${named(rest.join("="), variable)}`);
    } else said.push(quoted(word));
    secret = secret === undefined && rest.length === 0 ? SECRETS[name] : undefined;
  }
  return said.join(" ");
}

/** A header's name with a variable for its value. */
function named(header: string, variable: string): string {
  return `"${header.split(":", 1)[0]?.replace(/[^\w-]/g, "")}: ${variable}"`;
}

/** A word as a POSIX shell takes it back. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
