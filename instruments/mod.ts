/**
 * Parts that a gateway under test asks with a deadline, on a thread of their own: the policy stub, an external processor
 * and a service of sessions, all obeying the scripts of cases. They answer in time however busy the thread of the suite is.
 *
 * ```ts
 * await using policy = await startPolicyThread({ scriptSecret: "of this run" });
 * policy.scripts.set("case-0001", [{ allow: {} }]);
 * ```
 *
 * @module
 */
export { type HttpEngine, startHttpEngine } from "./http_engine.ts";
export { type KeyServer, startKeyServer } from "./key_server.ts";
export { startPolicyThread } from "./policy_thread.ts";
export { startProcessorThread } from "./processor_thread.ts";
export type { ScriptedProcessor } from "./scripted_processor.ts";
export { type SessionThread, startSessionThread } from "./session_thread.ts";
