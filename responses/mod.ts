/**
 * The OpenAI Responses gateway: `POST /v1/responses` behind Envoy's ext_proc, and files, vector stores, prompts,
 * conversations and connectors over HTTP, in one process with one state.
 *
 * ```ts
 * await using gateway = await startResponses({ dataDir: "/tmp/responses" });
 * await fetch(`${gateway.http.url}/v1/responses`, {
 *   method: "POST",
 *   body: JSON.stringify({ model: "llama3.2:3b", input: "What is 2+2?" }),
 * });
 * ```
 *
 * @module
 */
export { type Blobs } from "./blobs/blobs.ts";
export { openDisk } from "./blobs/disk.ts";
export { openS3, type S3Options } from "./blobs/s3.ts";
export {
  allowConnectors,
  defaultConfig,
  parseConfig,
  readConfig,
  RESPONSES_FILE,
  type ResponsesConfig,
} from "./config.ts";
export { type Secrets, secretsOf } from "./secrets.ts";
export { httpApp, type HttpOptions } from "./http/app.ts";
export {
  type Responses,
  type ResponsesLine,
  type ResponsesOptions,
  startResponses,
} from "./responses.ts";
export { hashedEmbedding, toFixedPoint } from "./search/mod.ts";
