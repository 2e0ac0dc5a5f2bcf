/**
 * The shape of a command.
 *
 * A command is one file in `commands/` that exports `command`, made by {@linkcode defineCommand}: its words (summary,
 * options, examples), from which help, completions and the manual page are made, and its `run`, which returns the exit
 * code. It has one line in `table.ts`; the file is loaded only when the command is called, so it may import rooms.
 *
 * ```ts
 * export const command = defineCommand({
 *   name: "policy",
 *   summary: "run the policy stub alone (ext_authz over gRPC)",
 *   options: {
 *     port: portOption("--port <PORT>", { default: 9002, description: "port of the gRPC listener" }),
 *     json: flagOption("--json", { description: "print one JSON line when ready" }),
 *   },
 *   examples: [{ command: "llmgate policy --port 0 --json", explains: "on any free port" }],
 *   permissions: ["net", "read", "env", "sys"],
 *   async run({ options, host, log, signal }) {
 *     await using policy = await startPolicy({ port: options.port, log }); // options.port: number
 *     host.stdout.write(`policy ${policy.address}\n`);
 *     await aborted(signal);
 *     return EXIT.ok;
 *   },
 * });
 * ```
 *
 * `run` throws `UsageError` (exit 2) and `UnavailableError` (exit 3) of service/; anything else is reported as our own
 * fault (exit 4). It never calls `Deno.exit` and never listens to signals: `signal` aborts on the first SIGINT, SIGTERM
 * or SIGHUP (and when nobody reads our output any more), `forced` on the second, which ends a running grace. After a
 * signal main returns 130, 143 or 129, whatever `run` returns.
 */
import type { Host } from "./host.ts";
import type { OptionRecord, OptionValues } from "../options/mod.ts";
import type { Style } from "./style.ts";

/** Exit codes (see the table in README.md); signals are 128 plus their number. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unavailable: 3, internal: 4 } as const;

/** Arguments of a running command. */
export interface Context<Options, Arguments> {
  readonly options: Options;
  readonly args: Arguments;
  /** The words after the command's name, as they were typed. */
  readonly words: readonly string[];
  readonly host: Host;
  /** A line on standard error, for people; never part of a machine-readable output. */
  readonly log: (line: string) => void;
  /** A line on standard output: the command's result. */
  readonly print: (line: string) => void;
  /** Colours for standard output, or plain text where it is no terminal or NO_COLOR is set. */
  readonly style: Style;
  readonly signal: AbortSignal;
  readonly forced: AbortSignal;
}

/** A positional argument. */
export interface Argument {
  readonly name: string;
  readonly description: string;
  readonly required?: boolean;
  /** Whether it holds the rest of the line; `args[name]` is then an array. */
  readonly variadic?: boolean;
}

/** A line for the help's examples. */
export interface Example {
  readonly command: string;
  readonly explains: string;
}

/**
 * Permission classes a command keeps; main revokes the others once the command line is read. `ffi` and `import` are
 * never granted.
 */
export type PermissionClass = "read" | "write" | "net" | "env" | "run" | "sys";
export const PERMISSION_CLASSES: readonly PermissionClass[] = [
  "read",
  "write",
  "net",
  "env",
  "run",
  "sys",
];

type ArgumentValue<A extends Argument> = A extends { variadic: true } ? readonly string[]
  : A extends { required: true } ? string
  : string | undefined;
type ArgumentValues<A extends readonly Argument[]> = {
  readonly [E in A[number] as E["name"]]: ArgumentValue<E>;
};

/** A command with its types: what {@linkcode defineCommand} takes. */
export interface CommandSpec<O extends OptionRecord, A extends readonly Argument[]> {
  /** The words after `llmgate`, for example `policy` or `envoy fetch`. */
  readonly name: string;
  /** One line, lower-case, no period. */
  readonly summary: string;
  /** Paragraphs for the help and the manual page. */
  readonly description?: string;
  readonly arguments?: A;
  readonly options: O;
  readonly examples: readonly Example[];
  readonly permissions: readonly PermissionClass[];
  /** Classes that only some options need, on top of `permissions`; none when left out. */
  extraPermissions?(options: OptionValues<O>): readonly PermissionClass[];
  /** Loads what `run` needs of the program itself: for a command that has no `read` any more when it runs. */
  prepare?(given: Pick<Context<OptionValues<O>, ArgumentValues<A>>, "options" | "args">): Promise<
    unknown
  >;
  run(context: Context<OptionValues<O>, ArgumentValues<A>>): Promise<number>;
}

/** A command as the table sees it, its option types forgotten. */
export type Command =
  & Omit<CommandSpec<OptionRecord, readonly Argument[]>, "run" | "prepare" | "extraPermissions">
  & {
    // deno-lint-ignore no-explicit-any -- the values were parsed by the options of this very command
    extraPermissions?(options: any): readonly PermissionClass[];
    // deno-lint-ignore no-explicit-any -- as above
    prepare?(given: any): Promise<unknown>;
    // deno-lint-ignore no-explicit-any -- as above
    run(context: Context<any, any>): Promise<number>;
  };

/** Ties the types of options and arguments to `run`; returns its argument. */
export function defineCommand<
  const O extends OptionRecord,
  const A extends readonly Argument[] = readonly [],
>(spec: CommandSpec<O, A>): Command {
  return spec;
}

/** Resolves when the signal aborts; for commands that run until they are told to stop. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}
