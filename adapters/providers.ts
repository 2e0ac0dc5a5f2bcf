/** The providers that an adapter can speak to, as data: how each is reached, and by which credential. */
import { loadModule, UsageError } from "../service/mod.ts";
import { AdapterError } from "./errors.ts";
import type { LanguageModel } from "./language_model.ts";

/** Names of the providers. */
export const PROVIDERS = ["anthropic", "gemini", "bedrock"] as const;
export type ProviderName = typeof PROVIDERS[number];

/** Where a provider is, and by which credentials. */
export interface ProviderSettings {
  /** With the API's version, as in the table below; the provider's own when left out. */
  readonly baseUrl?: string;
  /** AWS region, for Bedrock. */
  readonly region?: string;
  /** Environment variable that holds the key, in place of the provider's usual one. */
  readonly keyEnv?: string;
  /** Returns what the environment says; nothing for whoever must bring a key with the request. */
  readonly env: (name: string) => string | undefined;
}

/** Returns the model of a name for one request; `key`, which the request brought, counts where the adapter has none. */
export type ModelOf = (model: string, key: string | undefined) => LanguageModel;

type AiSdk = typeof import("./ai_sdk.ts");

/** A provider's settings, with the key that counts. */
type Made = ProviderSettings & { readonly key: string | undefined };

interface Provider {
  /** Environment variables of the provider's own tools that hold the key. */
  readonly keyEnvs: readonly string[];
  make(sdk: AiSdk, settings: Made): (model: string) => LanguageModel;
}

const TABLE: Readonly<Record<ProviderName, Provider>> = {
  anthropic: {
    keyEnvs: ["ANTHROPIC_API_KEY"],
    make: (sdk, { baseUrl = "https://api.anthropic.com/v1", key }) =>
      sdk.createAnthropic({ baseURL: baseUrl, apiKey: required(key) }),
  },
  gemini: {
    keyEnvs: ["GEMINI_API_KEY", "GOOGLE_API_KEY"],
    make: (sdk, { baseUrl = "https://generativelanguage.googleapis.com/v1beta", key }) =>
      sdk.createGoogleGenerativeAI({ baseURL: baseUrl, apiKey: required(key) }),
  },
  bedrock: { keyEnvs: ["AWS_BEARER_TOKEN_BEDROCK"], make: makeBedrock },
};

/** A key of Bedrock's own is sent as it is; AWS credentials sign each request (Signature Version 4). */
function makeBedrock(sdk: AiSdk, settings: Made) {
  const { baseUrl, key, env } = settings;
  const region = settings.region ?? env("AWS_REGION") ?? env("AWS_DEFAULT_REGION");
  if (region === undefined) {
    throw new AdapterError(500, "No region: give region in the adapter's file, or AWS_REGION");
  }
  const place = { region, ...(baseUrl === undefined ? {} : { baseURL: baseUrl }) };
  if (key !== undefined) return sdk.createAmazonBedrock({ ...place, apiKey: key });
  const sessionToken = env("AWS_SESSION_TOKEN");
  return sdk.createAmazonBedrock({
    ...place,
    accessKeyId: required(env("AWS_ACCESS_KEY_ID")),
    secretAccessKey: required(env("AWS_SECRET_ACCESS_KEY")),
    ...(sessionToken === undefined ? {} : { sessionToken }),
  });
}

/**
 * Loads the SDK's providers, which nobody else needs, and returns the models of one.
 *
 * @throws {UsageError} when the variable that is to hold the key is not set
 */
export async function modelsOf(name: ProviderName, settings: ProviderSettings): Promise<ModelOf> {
  const { env, keyEnv } = settings;
  const { keyEnvs, make } = TABLE[name];
  if (keyEnv !== undefined && !env(keyEnv)) {
    throw new UsageError(`Cannot find the key of ${name}: the variable ${keyEnv} is not set`);
  }
  const own = (keyEnv === undefined ? keyEnvs : [keyEnv]).map(env).find((key) => key);
  const sdk = await loadModule<typeof import("./ai_sdk.ts")>("adapters/ai_sdk.ts");
  return (model, key) => make(sdk, { ...settings, key: own ?? key })(model);
}

function required(key: string | undefined): string {
  if (key !== undefined && key !== "") return key;
  const message = "No credential for the provider: neither the request nor the adapter has one";
  throw new AdapterError(401, message, { code: "missing_credentials" });
}
