/** `--upstream`: one server or several, their replicas, and providers by name, for which an adapter is started. */
import type { ProviderName } from "../../adapters/mod.ts";
import { type AnyProfileKind, PROFILES } from "../../gateway/profiles/mod.ts";
import { repeated, textOption, urlOption } from "../../options/mod.ts";
import { loadModule, UsageError } from "../../service/mod.ts";
import type { Context } from "../command.ts";

/** One upstream, and its key. */
export const ONE_UPSTREAM_OPTIONS = {
  upstream: urlOption("--upstream <URL>", {
    description: "OpenAI-compatible server to use in place of the mock",
  }),
  upstreamKeyEnv: textOption("--upstream-key-env <NAME>", {
    description: "environment variable with the provider's key; the policy stub sets it",
  }),
};

/** Upstreams where a profile may take several, for a gateway that runs. */
export const UPSTREAM_OPTIONS = {
  upstream: repeated(upstreamsOption()),
  upstreamKeyEnv: repeated(ONE_UPSTREAM_OPTIONS.upstreamKeyEnv),
};

/** One upstream, or replicas of it. */
function upstreamsOption(): typeof ONE_UPSTREAM_OPTIONS.upstream {
  const { upstream } = ONE_UPSTREAM_OPTIONS;
  return {
    ...upstream,
    description:
      `${upstream.description}; replicas of one joined by commas; anthropic, gemini or bedrock by name`,
    parse: (value, name) =>
      isProvider(value)
        ? value
        : replicasOf(value).map((one) => String(upstream.parse(one, name))).join(","),
  };
}

/** Replicas of one upstream, which are joined by commas. */
export function replicasOf(text: string): string[] {
  return text.split(/,(?=https?:\/\/)/);
}

/** The values of a flag that some commands take once, and others several times. */
export function listOf(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === "string" ? [value] : value;
}

/** Throws where a profile takes one upstream, and got more. */
export function assertOneUpstream(
  kind: AnyProfileKind,
  { upstreams, keyNames }: {
    upstreams: readonly (readonly unknown[])[];
    keyNames: readonly string[];
  },
): void {
  const several = upstreams.length > 1 || upstreams.some(({ length }) => length > 1);
  if (kind.takesUpstreams || !several && keyNames.length < 2) return;
  const able = PROFILES.find(({ takesUpstreams }) => takesUpstreams)?.name;
  throw new UsageError(
    `Cannot use more than one ${
      several ? "--upstream" : "--upstream-key-env"
    } with the profile "${kind.name}": it needs --profile ${able}`,
  );
}

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
