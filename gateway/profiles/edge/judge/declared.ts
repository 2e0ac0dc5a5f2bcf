/** Parts of ours that somebody else's gateway uses when it declares limits, tokens or certificates. */
import { DEV_ISSUER, openIssuer, prepareTlsFolder } from "../../../../certs/mod.ts";
import type { Expectations, Target } from "../../../../conformance/mod.ts";
import { startLimits } from "../../../../limits/mod.ts";
import { assertPortFree, UsageError } from "../../../../service/mod.ts";
import type { DeclaredFeatures, DeclaredParts } from "../../judge.ts";
import {
  certificatesFeature,
  limitsFeature,
  QUOTA,
  SMALL_LIMITS,
  watchedKeys,
} from "./features.ts";

type Settings = ReadonlyMap<string, string>;

const LOOPBACK = "127.0.0.1";

/** Both say the same of a gateway, which then asks for a certificate, or insists on one. */
const CERTIFICATES = { certificates: "optional", certificates_required: "required" } as const;

/** The model that other cases ask for must not be dear. */
const PRICE_OF_OTHERS = "gpt-4o-mini: { input: 0.15, output: 0.6 }";

/** The other cases' requests are of these tenants, and must not be in the way of theirs. */
const BESIDE = ["demo", "right", "-"].map((tenant) =>
  `  - match: { tenant: "${tenant}" }
    tokens: { per: month, max: 100000000 }
    cost: { per: month, max: 1000000 }
`
).join("");

/**
 * Starts our limits service for `limits[=port=P]`, and an issuer for `tokens[=port=P]`; for `certificates` and
 * `certificates_required` (`=url=URL,dir=DIR`) the folder is filled that the gateway watches. Without a port the
 * system picks one.
 *
 * @throws {UsageError} for settings that cannot be used
 * @throws {UnavailableError} when a port is taken
 */
export async function startDeclared(features: DeclaredFeatures): Promise<DeclaredParts> {
  await using stack = new AsyncDisposableStack();
  const life = new AbortController();
  stack.defer(() => life.abort());
  const parts = {
    limits: await ifDeclared(features, "limits", (settings) => limitsOf(settings, stack)),
    tokens: await ifDeclared(
      features,
      "tokens",
      (settings) => issuerOf(settings, stack, life.signal),
    ),
    certificates: await certificatesOf(features, life.signal),
  };
  const { limits, tokens, certificates } = parts;
  const owned = stack.move();
  return {
    notes: [
      ...(limits ? [`ask our limits service at ${limits.address} (rate limit, gRPC)`] : []),
      ...(tokens
        ? [
          `take tokens of "${DEV_ISSUER.issuer}" for "${DEV_ISSUER.audience}", whose keys are at ` +
          `http://${LOOPBACK}:${tokens.port}/jwks.json`,
        ]
        : []),
      ...(certificates ? [`watch the certificates in ${certificates.folder}`] : []),
    ],
    ports: {
      ...(limits && { rate_limit: limits.port }),
      ...(tokens && { jwks: tokens.port }),
    },
    describe: (expect: Expectations): Partial<Target> => ({
      expect: {
        ...expect,
        requestHeadersAdded: [
          ...expect.requestHeadersAdded,
          ...(tokens ? ["x-jwt-sub", "x-jwt-tenant"] : []),
          ...(certificates ? ["x-forwarded-client-cert"] : []),
        ],
        ...(limits && {
          responseHeadersAdded: [...expect.responseHeadersAdded, ...QUOTA],
          responseHeadersReplaced: QUOTA,
        }),
      },
      ...(limits && { limits: limitsFeature(limits, life.signal) }),
      ...(tokens && { tokens: tokens.feature }),
      ...(certificates && { certificates: certificates.feature }),
    }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function ifDeclared<T>(
  features: DeclaredFeatures,
  name: string,
  start: (settings: Settings) => Promise<T>,
): Promise<T | undefined> {
  const settings = features.get(name);
  return settings === undefined ? undefined : await start(settings);
}

async function limitsOf(settings: Settings, stack: AsyncDisposableStack) {
  const port = await portOf(settings, "limits", "our limits service");
  const limits = SMALL_LIMITS.replace("prices: {", `prices: { ${PRICE_OF_OTHERS},`) + BESIDE;
  return stack.use(await startLimits({ host: LOOPBACK, port, limits }));
}

async function issuerOf(settings: Settings, stack: AsyncDisposableStack, life: AbortSignal) {
  const port = await portOf(settings, "tokens", "our issuer's keys");
  const folder = await Deno.makeTempDir({ prefix: "llmgate-issuer-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const issuerFile = `${folder}/issuer.json`;
  const { answer, feature } = watchedKeys(await openIssuer(issuerFile), issuerFile, life);
  const server = Deno.serve({ hostname: LOOPBACK, port, onListen() {} }, answer);
  stack.defer(() => server.shutdown());
  return { feature, port: server.addr.port };
}

async function certificatesOf(features: DeclaredFeatures, life: AbortSignal) {
  const [name] = Object.keys(CERTIFICATES).filter((one) => features.has(one));
  if (name === undefined) return undefined;
  const settings = features.get(name);
  const url = need(settings, name, "url");
  const folder = need(settings, name, "dir");
  const clients = CERTIFICATES[name as keyof typeof CERTIFICATES];
  if (!/^https:\/\/[^/?#]+\/?$/.test(url)) {
    throw new UsageError(
      `Cannot declare --feature ${name}: url must be that of the ingress over TLS, such as https://localhost:8443: current value is "${url}"`,
    );
  }
  await prepareTlsFolder(`${folder}/other`);
  const { ca } = await prepareTlsFolder(folder, { clients });
  return { folder, feature: certificatesFeature({ url, folder, ca, clients, life }) };
}

function need(settings: Settings | undefined, feature: string, name: string): string {
  const value = settings?.get(name);
  if (value) return value;
  throw new UsageError(
    `Cannot declare --feature ${feature}: "${name}=" is missing: write --feature ${feature}=url=https://HOST:PORT,dir=DIR`,
  );
}

async function portOf(settings: Settings, feature: string, what: string): Promise<number> {
  const text = settings.get("port") ?? "0";
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) {
    throw new UsageError(
      `Cannot declare --feature ${feature}: port must be a number up to 65535: current value is "${text}"`,
    );
  }
  const remedy = `use --feature ${feature}=port=P with a free one`;
  await assertPortFree({ host: LOOPBACK, port, what, remedy });
  return port;
}
