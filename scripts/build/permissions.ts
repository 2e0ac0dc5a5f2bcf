/** The permissions of a binary. */
import { PERMISSION_CLASSES } from "../../cli/mod.ts";

/**
 * Permissions of a binary: every class that some command needs, which main() cuts down to those of the
 * command it runs. `ffi` and `import` are in no list.
 */
export const PERMISSION_FLAGS: readonly string[] = PERMISSION_CLASSES.map((name) =>
  `--allow-${name}`
);

/**
 * How the heap may grow, in MiB. V8 sizes its heap by the machine's memory, and would take 240 MiB for what fits into
 * 140; a young generation of 8 and a ceiling of 1,024 cost no speed (RATIONALE.md). The tasks in deno.json say the same.
 */
export const HEAP_FLAG = "--v8-flags=--max-semi-space-size=8,--max-old-space-size=1024";

/**
 * Unstable features of Deno that are used; deno.json says the same for runs from source. A request's signal means that the
 * client has left, and nothing else: Deno's default aborts it after success too, and warns about that. `net` is QUIC,
 * with which the suite speaks HTTP/3; `--allow-net` is what it needs.
 */
export const UNSTABLE_FLAGS: readonly string[] = [
  "--unstable-no-legacy-abort",
  "--unstable-net",
];
