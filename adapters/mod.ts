/**
 * Providers that speak another dialect, as upstreams: OpenAI's Chat in, the provider's own API out. An adapter stands
 * behind Envoy like any model server.
 *
 * ```ts
 * import { startAdapter } from "../adapters/mod.ts";
 *
 * await using adapter = await startAdapter({
 *   provider: "anthropic",
 *   models: { "gpt-5": "claude-sonnet-4-5" },
 *   env: (name) => Deno.env.get(name),
 * });
 * console.log(adapter.url); // for --upstream
 * ```
 *
 * @module
 */
export { type Adapter, type AdapterOptions, startAdapter } from "./adapter.ts";
export { ADAPTER_FILE, type AdapterFile } from "./adapter_file.ts";
export { type ProviderName, PROVIDERS } from "./providers.ts";
