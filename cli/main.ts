/** The whole program as a function: arguments to exit code. */
import { EXIT } from "./command.ts";
import { overview } from "./help/help_text.ts";
import type { Host } from "./host.ts";
import { styleFor } from "./style.ts";
import { VERSION } from "./version.ts";

/**
 * Runs one command line and resolves with the exit code of the table in README.md. Never throws for anything a user
 * can cause; blocks as long as the command runs.
 */
export async function main(args: readonly string[], host: Host): Promise<number> {
  const [first] = args;
  if (first === "--version" || first === "-V") {
    host.stdout.write(`llmgate ${VERSION}\n`);
    return EXIT.ok;
  }
  if (first === undefined || first === "--help" || first === "-h") {
    const output = first === undefined ? host.stderr : host.stdout;
    output.write(overview(styleFor(output, host)));
    return first === undefined ? EXIT.usage : EXIT.ok;
  }
  // Loaded here: what is above needs no room, and none of Deno's node: modules.
  const { dispatch } = await import("./dispatch.ts");
  return await dispatch(args, host);
}
