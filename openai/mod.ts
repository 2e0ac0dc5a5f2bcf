/**
 * The wire vocabulary of OpenAI-compatible APIs: the event stream parser and its byte-exact
 * writer, error bodies, request and response types. A leaf: it imports nothing of the project.
 *
 * ```ts
 * const parser = new SseParser();
 * for (const item of parser.push(new TextEncoder().encode("data: [DONE]\n\n"))) {
 *   if (item.kind === "event" && item.data === DONE) break;
 * }
 * ```
 *
 * @module
 */
export { isTooDeep, MAX_JSON_DEPTH } from "./json_depth.ts";
export { errorBody, errorOf, type OpenAiErrorBody, type OpenAiErrorInit } from "./errors.ts";
export {
  DONE,
  DONE_EVENT,
  formatSseComment,
  formatSseEvent,
  parseSse,
  type SseComment,
  type SseEvent,
  type SseEventInit,
  type SseItem,
  SseParser,
} from "./sse.ts";
export {
  type ChatChoice,
  type ChatChunk,
  type ChatCompletion,
  type ChatCustomTool,
  type ChatDelta,
  type ChatMessage,
  type ChatRequest,
  type ChatTool,
  type ChatToolName,
  type ContentPart,
  type CustomToolCall,
  type FinishReason,
  type Json,
  type Model,
  textOf,
  type TokenLogprob,
  type ToolCall,
  type Usage,
} from "./types.ts";
