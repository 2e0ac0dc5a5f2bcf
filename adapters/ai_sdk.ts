/** The AI SDK's providers, as they are bundled; loaded late, since they are large. */
// @ts-types="./vendor/ai_sdk.d.ts"
export * from "./vendor/ai_sdk.mjs";
