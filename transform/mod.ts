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
export { sessionKey } from "./steps/context.ts";
export { startTransform, type Transform, type TransformOptions } from "./transform.ts";
export { TRANSFORM_FILE, type TransformFile } from "./transform_schema.ts";
