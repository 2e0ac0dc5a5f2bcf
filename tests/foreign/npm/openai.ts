/** OpenAI's own client, as a module for tests (`service/testing/npm_module.ts`). */
export { default, toFile } from "openai";
