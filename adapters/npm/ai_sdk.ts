/** Providers of the AI SDK that go into the bundle. */
export { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
export { createAnthropic } from "@ai-sdk/anthropic";
export { createGoogleGenerativeAI } from "@ai-sdk/google";
