// deno-lint-ignore-file no-explicit-any -- it comes without its types
/**
 * OpenAI's own JavaScript client, for the tests.
 *
 * ```ts
 * const client = new OpenAI({ baseURL: `${upstream.url}/v1`, apiKey: "k" });
 * ```
 *
 * @module
 */
import { npmModule } from "../../service/testing/npm_module.ts";

const sdk = await npmModule("openai.ts");

/** Events of a server, as the client hands them on. */
export type Wire = any;

export type OpenAI = any;
export const OpenAI = sdk.default;
export const toFile = sdk.toFile;
