/** Flags of the profile `edge`, and the options that they describe. */
import { join, resolve } from "node:path";
import { dataHome } from "../../../envoy/mod.ts";
import {
  addressOption,
  directoryOption,
  fileOption,
  inSection,
  type OptionValues,
  portOption,
  textOption,
} from "../../../options/mod.ts";
import { UsageError } from "../../../service/mod.ts";
import { COLLECTOR_FLAGS } from "./observe/part.ts";
import { TRAFFIC_FLAGS } from "./upstreams/flags.ts";
import { type EdgePartOptions, LIMITS_PORT, TLS_PORT, type TokenKeys } from "./profile.ts";

/** Limits, tokens and certificates. */
const IDENTITY_FLAGS = inSection("Identity and limits (--profile edge)", {
  limits: fileOption("--limits <FILE>", {
    description: "limits, reloaded on change; built-in ones when left out",
  }),
  limitsService: addressOption("--limits-service <HOST:PORT>", {
    description: "rate-limit service to use in place of ours, such as envoyproxy/ratelimit",
  }),
  limitsPort: portOption("--limits-port <PORT>", {
    description: `${LIMITS_PORT.what}, gRPC`,
    default: LIMITS_PORT.default,
  }),
  jwks: textOption("--jwks <URL|FILE>", {
    description: "keys of another issuer of tokens; those of llmgate token when left out",
  }),
  issuer: textOption("--issuer <NAME>", { description: "claim iss of its tokens, with --jwks" }),
  audience: textOption("--audience <NAME>", {
    description: "claim aud of its tokens, with --jwks",
  }),
  tlsDir: directoryOption("--tls-dir <DIR>", {
    description: "certificates; made when missing; one folder per user when left out",
  }),
  tlsPort: portOption("--tls-port <PORT>", {
    description: `${TLS_PORT.what}: HTTP/1.1, h2, HTTP/3; 0 picks a free one`,
    default: TLS_PORT.default,
  }),
});

/** All flags of the profile. */
export const EDGE_FLAGS = { ...IDENTITY_FLAGS, ...TRAFFIC_FLAGS, ...COLLECTOR_FLAGS };

type EdgeValues = Partial<OptionValues<typeof EDGE_FLAGS>>;
type Env = (name: string) => string | undefined;

/** Returns where the development issuer of this user has its keys. */
export function issuerKeysPath(env: Env): string {
  return join(dataHome(env), "issuer.json");
}

/**
 * The options that the flags describe.
 *
 * @throws {UsageError} for flags that do not go together
 */
export function edgeOptionsOf(values: EdgeValues, env: Env): EdgePartOptions {
  const { limits, limitsService, tlsDir } = values;
  if (limits !== undefined && limitsService !== undefined) {
    throw new UsageError(
      "Cannot use --limits with --limits-service: the limits are then that service's",
    );
  }
  return {
    // Envoy is told the folder by its whole path.
    tlsFolder: tlsDir === undefined ? join(dataHome(env), "tls") : resolve(tlsDir),
    tokens: tokensOf(values, env),
    limitsFile: limits,
    limitsService: limitsService === undefined ? undefined : addressOf(limitsService),
    env,
  };
}

function tokensOf({ jwks, issuer, audience }: EdgeValues, env: Env): TokenKeys {
  if (jwks === undefined) {
    if (issuer === undefined && audience === undefined) return { issuerFile: issuerKeysPath(env) };
    throw new UsageError("Cannot use --issuer or --audience without --jwks: they say whose it is");
  }
  if (issuer === undefined || audience === undefined) {
    throw new UsageError(
      "Cannot use --jwks without --issuer and --audience: a token must be from somebody, for us",
    );
  }
  return { jwks, issuer, audience };
}

/** HOST:PORT in two, an IPv6 host without its brackets. */
export function addressOf(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(":");
  return {
    host: text.slice(0, colon).replace(/^\[|\]$/g, ""),
    port: Number(text.slice(colon + 1)),
  };
}
