/** `--upstream anthropic`: a provider's name in place of an address starts the adapter for it. */
import type { ProviderName } from "../../adapters/mod.ts";
import { loadModule } from "../../service/mod.ts";
import type { Context } from "../command.ts";

/** The names; written here too, so that a start without them loads no adapter. */
const NAMES: Readonly<Record<ProviderName, true>> = {
  anthropic: true,
  gemini: true,
  bedrock: true,
};

/** Whether an upstream is named, and not addressed. */
export function isProvider(upstream: string): upstream is ProviderName {
  return Object.hasOwn(NAMES, upstream);
}

/** Upstreams that can be dialled, and the adapters that had to be started for it. */
export interface Adapted extends AsyncDisposable {
  readonly upstream: readonly string[];
}

/**
 * Starts an adapter, on a free port, for every upstream that is a provider's name.
 *
 * @throws {UsageError} when an adapter cannot be had
 */
export async function startAdapters(
  upstreams: readonly string[],
  { host, log }: Pick<Context<unknown, unknown>, "host" | "log">,
): Promise<Adapted> {
  await using undo = new AsyncDisposableStack();
  const upstream: string[] = [];
  for (const one of upstreams) {
    if (!isProvider(one)) {
      upstream.push(one);
      continue;
    }
    const { startAdapter } = await loadModule<typeof import("../../adapters/mod.ts")>(
      "adapters/mod.ts",
    );
    const env = (name: string) => host.env(name);
    const adapter = undo.use(await startAdapter({ provider: one, env, log }));
    upstream.push(adapter.url);
  }
  const stack = undo.move();
  return { upstream, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
