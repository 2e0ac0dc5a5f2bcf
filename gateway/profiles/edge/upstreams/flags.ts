/** Flags of the traffic to upstreams, and the settings that they describe. */
import {
  badValue,
  flagOption,
  inSection,
  integerOption,
  type OptionValues,
  positiveOption,
  repeated,
  textOption,
} from "../../../../options/mod.ts";
import { UsageError } from "../../../../service/mod.ts";
import type { ForeignUpstream } from "../../../mod.ts";
import {
  FALLBACK_ON,
  type FallbackCondition,
  type Traffic,
  type TrafficUpstream,
  type UpstreamKey,
} from "./traffic.ts";

/** More than one upstream. */
export const TRAFFIC_FLAGS = inSection("Several upstreams (--profile edge)", {
  fallbackOn: textOption("--fallback-on <LIST>", {
    description:
      `when the next upstream is asked: refused, reset, statuses (429) and classes (5xx); ` +
      `${FALLBACK_ON.join(",")} when left out`,
  }),
  firstByteTimeout: positiveOption("--first-byte-timeout <SECONDS>", {
    description: "until an upstream must have sent its first header; never cuts a stream",
  }),
  hedge: flagOption("--hedge", {
    description: "ask the next upstream beside a slow one: the first answer wins, both cost money",
  }),
  attempts: integerOption("--attempts <N>", {
    description: "attempts of a request at most; one for each upstream when left out",
    min: 1,
    max: 20,
  }),
  maxInFlight: integerOption("--max-in-flight <N>", {
    description: "requests that all upstreams together may have in flight; 503 beyond",
    min: 1,
  }),
  healthPath: textOption("--health-path <PATH>", {
    description: "path that a healthy upstream answers with 200, asked every 5 s",
  }),
  affinity: textOption("--affinity <HEADER>", {
    description: "header whose value sticks to one replica: --upstream http://a:8000,http://b:8000",
  }),
  mirror: textOption("--mirror <URL>", {
    description: "send a copy of each request there, without the client's credential",
  }),
  mirrorKeyEnv: textOption("--mirror-key-env <NAME>", {
    description: "environment variable with the mirror's key",
  }),
  canary: textOption("--canary <PERCENT=URL>", {
    description: "send this share of the requests there first: 5=http://127.0.0.1:9100",
  }),
  canaryKeyEnv: textOption("--canary-key-env <NAME>", {
    description: "environment variable with the canary's key",
  }),
  variant: repeated(textOption("--variant <NAME=URL>", {
    description: "send requests with x-llm-variant: NAME there first",
  })),
});

type TrafficValues = Partial<OptionValues<typeof TRAFFIC_FLAGS>>;

/** The rest of the command line that the traffic depends on. */
export interface TrafficSurroundings {
  env(name: string): string | undefined;
  /** Upstreams in their order: each by its replicas. */
  readonly upstreams: readonly (readonly ForeignUpstream[])[];
  /** Names of variables, one for each upstream; `-` for none. */
  readonly keyNames: readonly string[];
  /** Reads a URL into an upstream, with the roots that its certificate must chain to. */
  foreign(url: string): Promise<ForeignUpstream>;
}

/**
 * The traffic that the flags describe.
 *
 * @throws {UsageError} for flags that do not go together, or variables that are not set
 */
export async function trafficOf(
  values: TrafficValues,
  around: TrafficSurroundings,
): Promise<Traffic> {
  const { attempts, maxInFlight, healthPath, affinity, hedge, firstByteTimeout } = values;
  const upstreams = withKeys(around);
  if (hedge && firstByteTimeout === undefined) {
    throw new UsageError("Cannot use --hedge without --first-byte-timeout: it says when");
  }
  const others = upstreams.length > 1 || values.canary !== undefined ||
    (values.variant?.length ?? 0) > 0 || upstreams.some(({ replicas }) => replicas.length > 1) ||
    (attempts ?? 1) > 1;
  for (
    const [flag, given] of [["--fallback-on", values.fallbackOn], ["--hedge", hedge || undefined]]
  ) {
    if (given === undefined || others) continue;
    throw new UsageError(
      `Cannot use ${flag} with one upstream: name a second one (--upstream URL), or --attempts 2`,
    );
  }
  if (healthPath !== undefined && !healthPath.startsWith("/")) {
    throw badValue("--health-path", "must begin with a slash", healthPath);
  }
  const mirror = await extra("--mirror", values.mirror, values.mirrorKeyEnv, around);
  const canary = await canaryOf(values, around);
  return {
    upstreams,
    fallbackOn: values.fallbackOn === undefined ? FALLBACK_ON : conditionsOf(values.fallbackOn),
    attempts,
    firstByteMs: firstByteTimeout === undefined ? undefined : Math.round(firstByteTimeout * 1_000),
    hedge: hedge ?? false,
    maxInFlight,
    healthPath,
    affinity: affinity?.toLowerCase(),
    mirror,
    canary,
    variants: await Promise.all((values.variant ?? []).map(async (text) => {
      const { name, url } = pair("--variant", text);
      if (!/^[A-Za-z0-9_-]+$/.test(name)) {
        throw badValue("--variant", "must be NAME=URL, the name of letters, digits, - and _", text);
      }
      return { name, upstream: { replicas: [await foreignUrl("--variant", url, around)] } };
    })),
  };
}

function withKeys({ upstreams, keyNames, env }: TrafficSurroundings): TrafficUpstream[] {
  const all = upstreams.length === 0 ? [[]] : upstreams;
  if (keyNames.length > 0 && keyNames.length !== all.length) {
    throw new UsageError(
      `Cannot use --upstream-key-env ${keyNames.length} times with ${all.length} upstreams: ` +
        `give one for each, in their order, and "-" for one without a key`,
    );
  }
  return all.map((replicas, index) => ({
    replicas,
    key: keyOf("--upstream-key-env", keyNames[index], env),
  }));
}

function keyOf(
  flag: string,
  name: string | undefined,
  env: TrafficSurroundings["env"],
): UpstreamKey | undefined {
  if (name === undefined || name === "-") return undefined;
  const value = env(name);
  if (value === undefined || value === "") {
    throw new UsageError(
      `Cannot use ${flag}: the environment variable "${name}" is not set: it must hold the provider's key`,
    );
  }
  return { env: name, value };
}

async function extra(
  flag: string,
  url: string | undefined,
  keyName: string | undefined,
  around: TrafficSurroundings,
): Promise<TrafficUpstream | undefined> {
  if (url === undefined) {
    if (keyName === undefined) return undefined;
    throw new UsageError(`Cannot use ${flag}-key-env without ${flag}`);
  }
  return {
    replicas: [await foreignUrl(flag, url, around)],
    key: keyOf(`${flag}-key-env`, keyName, around.env),
  };
}

async function canaryOf(
  { canary, canaryKeyEnv }: TrafficValues,
  around: TrafficSurroundings,
): Promise<Traffic["canary"]> {
  const given = canary === undefined ? undefined : pair("--canary", canary);
  const upstream = await extra("--canary", given?.url, canaryKeyEnv, around);
  if (given === undefined || upstream === undefined) return undefined;
  const percent = Number(given.name);
  if (!/^\d{1,3}$/.test(given.name) || percent < 1 || percent > 99) {
    throw badValue("--canary", "must be PERCENT=URL, a whole number from 1 to 99", canary ?? "");
  }
  return { percent, upstream };
}

function pair(flag: string, text: string): { name: string; url: string } {
  const at = text.indexOf("=");
  if (at < 1) throw badValue(flag, "must hold a = before the URL", text);
  return { name: text.slice(0, at), url: text.slice(at + 1) };
}

async function foreignUrl(
  flag: string,
  url: string,
  { foreign }: TrafficSurroundings,
): Promise<ForeignUpstream> {
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol) || parsed.username || parsed.search) {
    throw badValue(flag, "must be an http:// or https:// URL without user and query", url);
  }
  return await foreign(url);
}

function conditionsOf(text: string): FallbackCondition[] {
  return text.split(",").map((word) => word.trim()).map((word) => {
    if (/^(refused|reset|[45]\d\d|[45]xx)$/.test(word)) return word as FallbackCondition;
    throw badValue(
      "--fallback-on",
      "must be a list of refused, reset, statuses such as 429, and 4xx or 5xx",
      word,
    );
  });
}
