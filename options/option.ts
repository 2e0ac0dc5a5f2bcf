/** Flags as data, and how each kind of value is read. */
import { UsageError } from "../service/mod.ts";

/** One flag: how it is written, read and described. Made by the functions below, never by hand. */
export interface Option<T> {
  /** As commander and the help write it: `--port <PORT>`, `-q, --quiet`. */
  readonly flags: string;
  readonly description: string;
  /** Reads one value; throws UsageError. Not called for flags without a value. */
  readonly parse: (value: string, name: string) => unknown;
  /** Value when neither the flag nor `env` is given. */
  readonly fallback: T;
  /** Text of the default in the help; none when undefined. */
  readonly defaultText?: string | undefined;
  /** Environment variable that stands in for the flag. */
  readonly env?: string | undefined;
  /** Values collect into an array. */
  readonly repeatable?: boolean;
  /** Words that completion offers; `file` and `directory` let the shell look. */
  readonly completes?: readonly string[] | "file" | "directory";
  /** Left out of the help; for our own tests and scripts. */
  readonly hidden?: boolean;
  /** Heading of the help under which it stands; "Options" when left out. */
  readonly section?: string;
}

// deno-lint-ignore no-explicit-any -- Option<T> is invariant in T; a record of options mixes them
export type AnyOption = Option<any>;

/** Options by the name under which their values are found. */
export type OptionRecord = Record<string, AnyOption>;

/** The values of a record of options. */
export type OptionValues<O extends OptionRecord> = {
  readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never;
};

/** Returns the same options, under a heading of their own in the help. */
export function inSection<const O extends OptionRecord>(section: string, options: O): O {
  return Object.fromEntries(
    Object.entries(options).map(([key, option]) => [key, { ...option, section }]),
  ) as O;
}

/** Settings of every option beside its flags. */
export interface OptionSettings<T> {
  readonly description: string;
  readonly default?: T;
  readonly env?: string;
  readonly hidden?: boolean;
}

/** Ports are 16 bits wide; 0 asks the system for a free one. */
const MAX_PORT = 65_535;

/** `--json`: present or not. */
export function flagOption(
  flags: string,
  settings: { description: string; hidden?: boolean },
): Option<boolean> {
  return { ...settings, flags, parse: () => true, fallback: false };
}

/** Any text, not empty. */
export function textOption<const T extends OptionSettings<string>>(
  flags: string,
  settings: T,
): Option<Defaulted<T, string>> {
  return option(flags, settings, (value, name) => {
    if (value === "") throw badValue(name, "must not be empty", value);
    return value;
  });
}

/** A path; `~` is the shell's business, and relative paths are the working directory's. */
export function fileOption<const T extends OptionSettings<string>>(
  flags: string,
  settings: T,
): Option<Defaulted<T, string>> {
  return { ...textOption(flags, settings), completes: "file" };
}

/** A directory. */
export function directoryOption<const T extends OptionSettings<string>>(
  flags: string,
  settings: T,
): Option<Defaulted<T, string>> {
  return { ...textOption(flags, settings), completes: "directory" };
}

/** A TCP port; 0 picks a free one. */
export function portOption<const T extends OptionSettings<number>>(
  flags: string,
  settings: T,
): Option<Defaulted<T, number>> {
  return option(flags, settings, (value, name) => {
    if (!/^\d+$/.test(value) || Number(value) > MAX_PORT) {
      throw badValue(name, `must be 0..${MAX_PORT}`, value);
    }
    return Number(value);
  });
}

/** A whole number within bounds, both included. */
export function integerOption<
  const T extends OptionSettings<number> & { min: number; max?: number },
>(flags: string, settings: T): Option<Defaulted<T, number>> {
  const { min, max = Number.MAX_SAFE_INTEGER } = settings;
  const range = settings.max === undefined
    ? `must be a whole number of at least ${min}`
    : `must be a whole number, ${min}..${max}`;
  return option(flags, settings, (value, name) => {
    const number = Number(value);
    if (!/^-?\d+$/.test(value) || number < min || number > max) throw badValue(name, range, value);
    return number;
  });
}

/** A number greater than zero. */
export function positiveOption<const T extends OptionSettings<number>>(
  flags: string,
  settings: T,
): Option<Defaulted<T, number>> {
  return option(flags, settings, (value, name) => {
    const number = Number(value);
    if (value.trim() === "" || !Number.isFinite(number) || number <= 0) {
      throw badValue(name, "must be a number above 0", value);
    }
    return number;
  });
}

/** One of a fixed set of words. */
export function choiceOption<
  const T extends OptionSettings<string> & { choices: readonly string[] },
>(flags: string, settings: T): Option<Defaulted<T, T["choices"][number]>> {
  const made = option<T, T["choices"][number]>(flags, settings, (value, name) => {
    if (!settings.choices.includes(value)) {
      throw badValue(name, `must be one of ${settings.choices.join(", ")}`, value);
    }
    return value;
  });
  return { ...made, completes: settings.choices };
}

/** An http or https URL; given back as written, without a trailing slash. */
export function urlOption<const T extends OptionSettings<string>>(
  flags: string,
  settings: T,
): Option<Defaulted<T, string>> {
  return option(flags, settings, (value, name) => {
    const url = URL.canParse(value) ? new URL(value) : undefined;
    if (url?.protocol !== "http:" && url?.protocol !== "https:") {
      throw badValue(name, "must be an http:// or https:// URL", value);
    }
    if (url.username !== "" || url.search !== "" || url.hash !== "") {
      throw badValue(name, "must hold no user, query or fragment", redactUrl(url));
    }
    return value.replace(/\/+$/, "");
  });
}

/** HOST:PORT, an IPv6 host in brackets. */
export function addressOption<const T extends OptionSettings<string>>(
  flags: string,
  settings: T,
): Option<Defaulted<T, string>> {
  return option(flags, settings, (value, name) => {
    const match = /^(\[[0-9a-fA-F:.]+\]|[^\s:/@[\]]+):(\d{1,5})$/.exec(value);
    const port = Number(match?.[2]);
    if (match === null || port < 1 || port > MAX_PORT) {
      throw badValue(name, "must be HOST:PORT", value);
    }
    return value;
  });
}

/** The same option, given any number of times, in the environment by commas; the values in order. */
export function repeated<T>(one: Option<T>): Option<readonly NonNullable<T>[]> {
  return {
    ...one,
    fallback: [],
    defaultText: undefined,
    repeatable: true,
    description: `${one.description}; may be given more than once`,
  };
}

/** The error of a value that cannot be used. */
export function badValue(name: string, demand: string, value: string): UsageError {
  return new UsageError(`Cannot use ${name}: it ${demand}: current value is "${value}"`);
}

/** The value's type: without a default it may be undefined. */
type Defaulted<S, T> = S extends { default: T } ? T : T | undefined;

function option<S extends OptionSettings<T>, T>(
  flags: string,
  settings: S,
  parse: (value: string, name: string) => T,
): Option<Defaulted<S, T>> {
  return {
    flags,
    description: settings.description,
    env: settings.env,
    ...(settings.hidden === undefined ? {} : { hidden: settings.hidden }),
    parse,
    fallback: settings.default as Defaulted<S, T>,
    defaultText: settings.default === undefined ? undefined : String(settings.default),
  };
}

function redactUrl(url: URL): string {
  return `${url.protocol}//${url.username === "" ? "" : "***@"}${url.host}${url.pathname}`;
}
