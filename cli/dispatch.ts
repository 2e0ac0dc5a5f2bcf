/** Finds the command of a command line, runs it, and turns its end into an exit code. */
import {
  harmless,
  messageOf,
  openFilesLimit,
  UnavailableError,
  UsageError,
} from "../service/mod.ts";
import { type Command, EXIT, PERMISSION_CLASSES } from "./command.ts";
import { commandHelp, groupHelp } from "./help/help_text.ts";
import type { Host } from "./host.ts";
import { Interruption, SIGNALS } from "./interruption.ts";
import { loadCommand } from "./load.ts";
import { parseCommandLine } from "./parse.ts";
import { styleFor } from "./style.ts";
import { didYouMean } from "./help/suggest.ts";
import { COMMANDS, type Entry } from "./table.ts";

/** Where our own faults are reported. */
const HINT = "This is a fault of llmgate itself: run again with LLMGATE_TRACE=1 for the stack";

/**
 * Finds the command that a line names, loads it and runs it. Resolves with the exit code; never throws for anything a
 * user can cause.
 */
export async function dispatch(args: readonly string[], host: Host): Promise<number> {
  try {
    return await run(args, host);
  } catch (error) {
    return reportError(error, host);
  }
}

async function run(args: readonly string[], host: Host): Promise<number> {
  const found = findCommand(args);
  if (found === undefined) return unknownCommand(args, host);
  const command = await loadCommand(found.entry);
  if (wantsHelp(found.words)) {
    host.stdout.write(commandHelp(command, styleFor(host.stdout, host), host.stdout.columns));
    return EXIT.ok;
  }
  return await runCommand(command, found.words, host);
}

/** The longest name of the table that the line begins with, and the words after it. */
function findCommand(args: readonly string[]): { entry: Entry; words: string[] } | undefined {
  for (const length of [2, 1]) {
    const name = args.slice(0, length).join(" ");
    const entry = COMMANDS.find((candidate) => candidate.name === name);
    if (entry !== undefined) return { entry, words: args.slice(length) };
  }
  return undefined;
}

function wantsHelp(words: readonly string[]): boolean {
  const end = words.indexOf("--");
  return words.slice(0, end < 0 ? undefined : end).some((w) => w === "--help" || w === "-h");
}

function unknownCommand(args: readonly string[], host: Host): number {
  const [word = "", second] = args;
  const below = COMMANDS.filter((entry) => entry.name.startsWith(`${word} `));
  if (below.length > 0 && (second === undefined || wantsHelp(args))) {
    const output = second === undefined ? host.stderr : host.stdout;
    output.write(groupHelp(word, below, styleFor(output, host)));
    return second === undefined ? EXIT.usage : EXIT.ok;
  }
  if (word.startsWith("-")) {
    throw new UsageError(
      `Cannot read option "${word}" before a command${didYouMean(word, ["--help", "--version"])}`,
    );
  }
  const typed = below.length > 0 ? `${word} ${second}` : word;
  const known = below.length > 0 ? below : COMMANDS;
  throw new UsageError(
    `Cannot find command "${typed}"${didYouMean(typed, known.map((entry) => entry.name))}`,
  );
}

/** Reads a command's words, gives up the permissions it does not need, and runs it under the signals. */
export async function runCommand(
  command: Command,
  words: readonly string[],
  host: Host,
): Promise<number> {
  const { options, args } = parseCommandLine(command, words, host);
  const kept = [...command.permissions, ...command.extraPermissions?.(options) ?? []];
  await command.prepare?.({ options, args });
  // The system's word can be read no more afterwards.
  openFilesLimit();
  await host.revoke([
    ...PERMISSION_CLASSES.filter((name) => !kept.includes(name)),
    "ffi",
    "import",
  ]);
  const first = new AbortController();
  const second = new AbortController();
  const interruption = new Interruption();
  using listeners = new DisposableStack();
  for (const signal of SIGNALS) {
    listeners.use(host.onSignal(signal, () => {
      const arrival = interruption.arrive(signal, host.elapsed());
      if (arrival === "first") first.abort(new UnavailableError(`Interrupted by ${signal}`));
      if (arrival !== "second" || second.signal.aborted) return;
      host.stderr.write("Interrupted again: nothing is waited for any longer\n");
      second.abort(new UnavailableError("Interrupted twice"));
    }));
  }
  host.stdout.onClosed(() => first.abort(new UnavailableError("Nobody reads the output")));
  try {
    const code = await command.run({
      options,
      args,
      words,
      host,
      log: (line: string) => host.stderr.write(`${harmless(line)}\n`),
      print: (line: string) => host.stdout.write(`${harmless(line)}\n`),
      style: styleFor(host.stdout, host),
      signal: first.signal,
      forced: second.signal,
    });
    return interruption.code ?? code;
  } catch (error) {
    if (interruption.code !== undefined && isAbort(error, first.signal)) return interruption.code;
    if (host.stdout.closed && isAbort(error, first.signal)) return EXIT.ok;
    throw error;
  }
}

/** Whether the error is only the news that the signal aborted. */
function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && error.name === "AbortError");
}

/** ENOSPC, EDQUOT, EFBIG, EROFS, EMFILE and SQLITE_FULL, as the runtime and SQLite tell them: no fault of ours. */
const SHORTAGE =
  /no space left on device|quota exceeded|file too large|read-only file ?system|too many open files|database or disk is full/i;

/** Says what went wrong on standard error, and returns its exit code. */
export function reportError(error: unknown, host: Host): number {
  const style = styleFor(host.stderr, host);
  const say = (line: string) => host.stderr.write(`${line}\n`);
  say(`${style.bad("error:")} ${messageOf(error)}`);
  if (host.env("LLMGATE_TRACE") && error instanceof Error) say(error.stack ?? "");
  if (error instanceof UsageError) {
    say(style.dim('See "llmgate --help"'));
    return EXIT.usage;
  }
  if (error instanceof UnavailableError) return EXIT.unavailable;
  if (SHORTAGE.test(messageOf(error))) {
    say(style.dim("This machine has too little of something: free it, or name another folder"));
    return EXIT.unavailable;
  }
  say(style.dim(HINT));
  return EXIT.internal;
}
