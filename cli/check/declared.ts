/** Flags by which a user declares what a gateway has: the cases for it then run, and requests get in. */
import {
  type Case,
  type HeaderList,
  type JwtFeature,
  type RateLimitFeature,
} from "../../conformance/mod.ts";
import type { DeclaredParts, Judge } from "../../gateway/profiles/mod.ts";
import {
  fileOption,
  flagOption,
  inSection,
  type OptionValues,
  positiveOption,
  repeated,
  textOption,
} from "../../options/mod.ts";
import { messageOf, readTextFile, UsageError } from "../../service/mod.ts";
import type { Declared } from "../../targets/mod.ts";
import { headerOf } from "./header.ts";

/** For `--gateway` and `--envoy-config`. */
export const DECLARED_OPTIONS = inSection("What the gateway has", {
  hostName: textOption("--host-name <NAME>", {
    description: "host that requests name, denied ones included",
  }),
  basePath: textOption("--base-path <PATH>", {
    description: "path before /v1/, such as /llm",
  }),
  header: repeated(textOption("--header <HEADER>", {
    description: "'name: value' of every request, denied ones included",
  })),
  ca: fileOption("--ca <FILE>", {
    description: "root that the gateway's certificate chains to, PEM",
  }),
  http2Only: flagOption("--http2-only", { description: "HTTP/1.1 is not spoken" }),
  proxyProtocol: flagOption("--proxy-protocol", {
    description: "connections begin with a PROXY protocol header",
  }),
  trusted: repeated(textOption("--trusted <NAME>", {
    description: "header that only policy may set, in place of x-tenant and the others",
  })),
  policyTimeout: positiveOption("--policy-timeout <SECONDS>", {
    description: "how long the gateway waits for policy",
  }),
  feature: repeated(textOption("--feature <NAME[=...]>", {
    description:
      "what it has beyond the core: tls, trailers, jwt=key=FILE,issuer=I,audience=A[,header=H], rate_limit=header=H,burst=N, redact, guard=word=W, cache, context=turns=N",
  })),
});

/** The values of the flags above. */
export type DeclaredOptions = OptionValues<typeof DECLARED_OPTIONS>;

/** A feature and its settings: `NAME=SETTING=VALUE,…`. */
interface Feature {
  readonly name: string;
  readonly settings: ReadonlyMap<string, string>;
}

/** Reads `--feature`. */
export function featuresOf({ feature }: Pick<DeclaredOptions, "feature">): readonly Feature[] {
  return feature.map((text) => {
    const [name = ""] = text.split("=", 1);
    return { name, settings: settingsOf(text.slice(name.length + 1)) };
  });
}

/** The default header of a token (RFC 6750 section 2.1). */
const TOKEN_HEADER = "authorization";

/**
 * Reads what the flags declare.
 *
 * @param cases those that the gateway is asked: they say which features there are
 * @throws {UsageError} for a feature that no case asks for, one without what it needs, or a file that cannot be read
 */
export async function declaredOf(
  options: DeclaredOptions,
  cases: readonly Case[],
): Promise<Declared> {
  const { basePath, hostName, ca, policyTimeout } = options;
  if (basePath !== undefined && !/^\/[^?#]*[^/?#]$/.test(basePath)) {
    throw new UsageError(
      `Cannot use --base-path "${basePath}": it must begin with "/" and not end with it`,
    );
  }
  const features = featuresOf(options);
  assertKnown(features.map(({ name }) => name), cases);
  const jwt = features.find(({ name }) => name === "jwt");
  const limit = features.find(({ name }) => name === "rate_limit");
  const guard = features.find(({ name }) => name === "guard");
  const context = features.find(({ name }) => name === "context");
  return {
    ...(hostName !== undefined && { host: hostName }),
    ...(basePath !== undefined && { basePath }),
    headers: options.header.map((text): HeaderList[number] => headerOf(text, "--header")),
    proxyProtocol: options.proxyProtocol,
    http2Only: options.http2Only,
    ...(ca !== undefined && { ca: await readText(ca, "--ca") }),
    trustedHeaders: options.trusted.map((name) => name.toLowerCase()),
    ...(policyTimeout !== undefined && { policyTimeoutMs: policyTimeout * 1_000 }),
    features: features.map(({ name }) => name),
    ...(jwt && { jwt: await jwtOf(jwt.settings) }),
    ...(limit && { rateLimit: rateLimitOf(limit.settings) }),
    ...(guard && { guard: { word: need(guard.settings, "word", "guard") } }),
    ...(context && { context: { turns: countOf(context.settings, "turns", "context") } }),
  };
}

function assertKnown(names: readonly string[], cases: readonly Case[]): void {
  const known = [...new Set(cases.flatMap(({ feature }) => feature ?? []))].toSorted();
  for (const name of names) {
    if (known.includes(name)) continue;
    throw new UsageError(
      `Cannot declare --feature "${name}": no case asks for it: known are ${known.join(", ")}`,
    );
  }
}

/** `a=1,b=2` as names and values. */
function settingsOf(text: string): ReadonlyMap<string, string> {
  const pairs = text === "" ? [] : text.split(",");
  return new Map(pairs.map((pair) => {
    const [name = ""] = pair.split("=", 1);
    return [name, pair.slice(name.length + 1)];
  }));
}

function need(settings: ReadonlyMap<string, string>, name: string, feature: string): string {
  const value = settings.get(name);
  if (value) return value;
  throw new UsageError(`Cannot declare --feature ${feature}: "${name}=" is missing`);
}

async function jwtOf(settings: ReadonlyMap<string, string>): Promise<JwtFeature> {
  const file = need(settings, "key", "jwt");
  const text = await readText(file, "--feature jwt=key=");
  let key: unknown;
  try {
    key = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`Cannot read the key "${file}": ${messageOf(error)}`);
  }
  const { kty, crv, d } = (key ?? {}) as Record<string, unknown>;
  if (kty !== "EC" || crv !== "P-256" || typeof d !== "string") {
    throw new UsageError(
      `Cannot use the key "${file}": it must be a private JSON Web Key for ES256 (kty EC, crv P-256, d)`,
    );
  }
  const header = settings.get("header") ?? TOKEN_HEADER;
  return {
    key: key as Record<string, string>,
    issuer: need(settings, "issuer", "jwt"),
    audience: need(settings, "audience", "jwt"),
    header,
    // RFC 6750 section 2.1; elsewhere a token stands by itself.
    ...(header.toLowerCase() === TOKEN_HEADER && { prefix: "Bearer " }),
  };
}

function rateLimitOf(settings: ReadonlyMap<string, string>): RateLimitFeature {
  const burst = countOf(settings, "burst", "rate_limit");
  return { header: need(settings, "header", "rate_limit"), burst };
}

function countOf(settings: ReadonlyMap<string, string>, name: string, feature: string): number {
  const count = Number(need(settings, name, feature));
  if (Number.isInteger(count) && count >= 1) return count;
  throw new UsageError(
    `Cannot declare --feature ${feature}: ${name} must be an integer of at least 1`,
  );
}

async function readText(file: string, flag: string): Promise<string> {
  try {
    return await readTextFile(file);
  } catch (error) {
    throw new UsageError(`Cannot read "${file}" of ${flag}: ${messageOf(error)}`);
  }
}

/** Starts the parts of ours that the declared features ask for; the stack owns them. */
export async function startDeclaredParts(
  judge: Judge,
  options: Pick<DeclaredOptions, "feature">,
  stack: AsyncDisposableStack,
): Promise<DeclaredParts | undefined> {
  const features = new Map(featuresOf(options).map(({ name, settings }) => [name, settings]));
  if (judge.declare === undefined || features.size === 0) return undefined;
  return stack.use(await judge.declare(features));
}
