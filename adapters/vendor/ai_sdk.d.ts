/** The types of the AI SDK's providers that are used here: https://ai-sdk.dev/providers/ai-sdk-providers */
import type { LanguageModel } from "../language_model.ts";

/** Settings that every provider has. */
interface Settings {
  readonly baseURL?: string;
  readonly apiKey?: string;
  readonly fetch?: typeof fetch;
}

/** Returns models by their names. */
type Provider = (model: string) => LanguageModel;

export function createAnthropic(settings: Settings): Provider;
export function createGoogleGenerativeAI(settings: Settings): Provider;
export function createAmazonBedrock(
  settings: Settings & {
    readonly region?: string;
    readonly accessKeyId?: string;
    readonly secretAccessKey?: string;
    readonly sessionToken?: string;
  },
): Provider;
