/** Anthropic's own client, as a module for tests (`service/testing/npm_module.ts`). */
export { default } from "@anthropic-ai/sdk";
