/** Options of a console: the parts that it watches, and the actions that it may take. */
import type { StartCheck } from "./check_runs.ts";
import type { Watched } from "./feed.ts";
import type { ConfigShown, ConsoleFacts, HostShown } from "./shown.ts";
import type { ConsoleSources } from "./sources.ts";

/** Options of `createConsole`. */
export interface ConsoleOptions extends Watched, ConsoleSources {
  facts(): ConsoleFacts;
  /** Lets the page save rules. */
  readonly isWritable?: boolean;
  readonly startCheck?: StartCheck | undefined;
  hosts?(): Promise<readonly HostShown[]>;
  config?(): Promise<ConfigShown>;
}
