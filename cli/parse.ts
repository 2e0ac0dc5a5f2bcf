/** Reads the words of a command line with commander. */
import { Command as Parser, CommanderError, Option as Flag } from "commander";
import { UsageError } from "../service/mod.ts";
import type { Command } from "./command.ts";
import type { Host } from "./host.ts";
import type { AnyOption } from "../options/mod.ts";
import { suggestionIn } from "./help/suggest.ts";

/** A command line, read: the values under the names that the command gave its options and arguments. */
export interface Parsed {
  readonly options: Record<string, unknown>;
  readonly args: Record<string, unknown>;
}

/** Reads the words after the command's name. Throws UsageError, with the nearest flag for a typo. */
export function parseCommandLine(
  command: Command,
  words: readonly string[],
  host: Pick<Host, "env">,
): Parsed {
  const parser = new Parser(`llmgate ${command.name}`).exitOverride().helpOption(false)
    .configureOutput({ writeErr: () => {}, writeOut: () => {} }).allowExcessArguments(false);
  for (const option of Object.values(command.options)) parser.addOption(flagOf(option));
  for (const argument of command.arguments ?? []) {
    const name = argument.variadic ? `${argument.name}...` : argument.name;
    parser.argument(argument.required ? `<${name}>` : `[${name}]`, argument.description);
  }
  try {
    parser.parse([...words], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) throw usageError(error, command, words);
    throw error;
  }
  const given = parser.opts();
  const options = Object.fromEntries(
    Object.entries(command.options).map(([key, option]) => [key, valueOf(option, given, host)]),
  );
  const args = Object.fromEntries(
    (command.arguments ?? []).map((argument, i) => [argument.name, parser.processedArgs[i]]),
  );
  return { options, args };
}

/** The long name of an option as it is typed: `--port`. */
export function longName(option: AnyOption): string {
  return /--[a-z][a-z0-9-]*/.exec(option.flags)?.[0] ?? option.flags;
}

function flagOf(option: AnyOption): Flag {
  const flag = new Flag(option.flags, option.description);
  if (option.repeatable) {
    flag.argParser((value: string, all: unknown[] | undefined) => [
      ...(all ?? []),
      option.parse(value, longName(option)),
    ]);
  } else if (flag.required || flag.optional) {
    flag.argParser((value: string) => option.parse(value, longName(option)));
  }
  return flag;
}

/** Flags beat environment, environment beats the default. */
function valueOf(option: AnyOption, given: Record<string, unknown>, host: Pick<Host, "env">) {
  const flag = new Flag(option.flags);
  const value = given[flag.attributeName()];
  if (value !== undefined) {
    // `--flag[=VALUE]` without its value: what the option's reader makes of the empty text.
    return flag.optional && value === true ? option.parse("", longName(option)) : value;
  }
  const fromEnvironment = option.env === undefined ? undefined : host.env(option.env);
  if (option.env === undefined || !fromEnvironment) return option.fallback;
  const { env, parse } = option;
  if (option.repeatable !== true) return parse(fromEnvironment, env);
  const values = fromEnvironment.split(",").map((value) => value.trim());
  return values.filter((value) => value !== "").map((value) => parse(value, env));
}

function usageError(error: CommanderError, command: Command, words: readonly string[]): UsageError {
  const said = error.message.replace(/^error: /, "").replace(/\s*\(Did you mean[\s\S]*$/, "");
  if (error.code === "commander.unknownOption") {
    const typed = /'([^']*)'/.exec(said)?.[1]?.split("=")[0] ?? "";
    return new UsageError(`Cannot read option "${typed}"${suggestionIn(error.message)}`);
  }
  if (error.code === "commander.excessArguments") {
    const known = (command.arguments ?? []).length;
    return new UsageError(
      `Cannot read the arguments of "${command.name}": expected at most ${known}: "${
        words.join(" ")
      }"`,
    );
  }
  return new UsageError(
    `Cannot read the command line of "${command.name}": ${said.replaceAll("'", '"')}`,
  );
}
