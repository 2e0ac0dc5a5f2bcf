/** What of the AI SDK goes into the bundle. */
export { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
export { createAnthropic } from "@ai-sdk/anthropic";
export { createGoogleGenerativeAI } from "@ai-sdk/google";
