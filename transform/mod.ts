/**
 * Opt-in steps on requests and answers, as one ext_proc filter behind policy: prompts, prompt APIs,
 * redaction, guards, a cache and a session's context. What no step changes passes byte for byte.
 *
 * ```ts
 * import { startTransform } from "../transform/mod.ts";
 *
 * await using transform = await startTransform({ file: "transform.yaml" });
 * transform.address; // for the cluster of Envoy's ext_proc filter
 * ```
 *
 * @module
 */
export type { AnswerHandler, JsonObject, RequestDraft, Step, StreamedEvent } from "./exchange.ts";
export { StepFailure } from "./exchange.ts";
export type { Passage } from "./passages.ts";
export { transformProcessor } from "./processor.ts";
export { sessionKey } from "./steps/context.ts";
export { openStore } from "./store/sqlite.ts";
export {
  EngineClients,
  startTransform,
  stepsOf,
  type StepSurroundings,
  type Transform,
  type TransformOptions,
} from "./transform.ts";
export { TRANSFORM_FILE, type TransformFile, transformSchema } from "./transform_schema.ts";
