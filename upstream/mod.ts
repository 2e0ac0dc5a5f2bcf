/**
 * A mock model server: the endpoints of OpenAI, Anthropic and Gemini in full shape, scenarios that
 * say what to answer to what, scripts that make it do anything on command (lock-step events, cut bytes, broken framing, resets), and a journal that witnesses what
 * came and how it ended. HTTP/1.1 and HTTP/2 (prior knowledge) on one port.
 *
 * ```ts
 * await using upstream = await startUpstream({ port: 0 });
 * upstream.scripts.set("case-0001", { steps: [{ event: { data: "1" } }, { barrier: "go" }] });
 * ```
 *
 * @module
 */
export {
  CONTROL_PREFIX,
  controlHandler,
  type ControlledUpstream,
  exchangeLine,
} from "./control.ts";
export { type RecordOptions } from "./tape/recorder.ts";
export { type ReplayOptions } from "./tape/replayer.ts";
export { NO_PACE, type Pace, parsePace, REALISTIC_PACE } from "./answers/pace.ts";
export { readScenarios } from "./scripts/scenarios.ts";
export { type ScenarioMatch } from "./scripts/scenario_match.ts";
export {
  type Scenario,
  SCENARIO_DOCUMENT,
  SCENARIO_FILE,
  type ScenarioAnswer,
  type WrittenScenario,
} from "./scripts/scenario_schema.ts";
export { UPSTREAM_FAULTS, type UpstreamFault, type UpstreamFaultName } from "./fault.ts";
export { checkScript, STEP_NAMES } from "./scripts/schema.ts";
export {
  type AbortKind,
  type Cut,
  type ExchangeEnd,
  type NamedReply,
  type ScriptEvent,
  type UpstreamExchange,
  type UpstreamScript,
  type UpstreamStep,
} from "./types.ts";
export {
  startUpstreamThreads,
  type UpstreamThreads,
  type UpstreamThreadsOptions,
} from "./load/threads.ts";
export { startUpstream, type Upstream, type UpstreamOptions } from "./upstream.ts";
