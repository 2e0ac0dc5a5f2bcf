/**
 * The conformance suite: cases as data, judged against any gateway through what its client, its
 * policy engine, its upstream and Envoy itself have seen.
 *
 * ```ts
 * await using target = modelServerTarget("http://127.0.0.1:8000", {
 *   credentials: { allow: [["authorization", "Bearer sk-local"]] },
 *   model: "gpt-4o-mini",
 * });
 * const report = await runSuite(target, { cases: MODEL_SERVER_CASES, seed: 1 });
 * console.log(renderTerminal(report));
 * Deno.exit(exitCode(report));
 * ```
 *
 * The room knows no other room but the ground floor: what it needs of the thing it judges is
 * `Target`; `targets/` makes one of a gateway.
 * `cases/` holds the requirements, `run/` chooses and runs them, `client/` speaks the protocols,
 * `verdict/` joins what the witnesses saw, `report/` writes it down.
 *
 * @module
 */
export { MalformedResponse, ResponseReader, type ResponseSink } from "./client/response_reader.ts";
export { type Case, groupOf, type KnownIssue, type Level } from "./case.ts";
export { CASES, EDGE_CASES, RESPONSES_CASES, ROUTER_CASES, TRANSFORM_CASES } from "./cases/mod.ts";
export { newTokenKey, signedToken } from "./client/token.ts";
export { type Probe, probeTarget } from "./run/probe.ts";
export { ENGINE_CASES } from "./policy_engine/cases.ts";
export { probeEngine } from "./policy_engine/client.ts";
export { DIALECT_CASES, type DialectPair } from "./dialects/cases.ts";
export { MODEL_SERVER_CASES } from "./model_server/cases.ts";
export { modelServerTarget, policyEngineTarget, probeModelServer } from "./standalone.ts";
export { SSE_VECTORS, type SseVector, writesOf } from "./vectors/mod.ts";
export { NotJudged } from "./verdict/verdict.ts";
export { type KnownFailure, parseKnownFailures } from "./run/known_failures.ts";
export { type Disagreement, disagreements, renderDisagreements } from "./report/compare.ts";
export { type Difference, differenceLine, diffReports, renderDiff } from "./report/diff.ts";
export { renderAnnotations } from "./report/render/annotations.ts";
export { type Renderer, REPORT_FORMATS } from "./report/render/formats.ts";
export { progressLine } from "./report/render/progress.ts";
export { renderTerminal } from "./report/render/terminal.ts";
export {
  CATALOGUE_REVISION,
  exitCode,
  parseReport,
  type Report,
  REPORT_SCHEMA,
  type ReportCase,
  reportJsonSchema,
  reportSchema,
  type Summary,
} from "./report/report.ts";
export { type Progress, type RunOptions, runSuite } from "./run/runner.ts";
export { listCases, type Selection } from "./run/select.ts";
export type {
  BarrierControl,
  CertificatesFeature,
  ContextFeature,
  Control,
  Credentials,
  EnvoyEvidence,
  EnvoyRecord,
  Expectations,
  GuardFeature,
  HeaderList,
  JwtFeature,
  LimitsFeature,
  McpFeature,
  PolicyAnswer,
  PolicyControl,
  PolicyRecord,
  ProcessorAction,
  ProcessorControl,
  ProcessorScript,
  Protocol,
  ProxiedFeature,
  RateLimitFeature,
  RoutedBackend,
  RoutedModel,
  RouterFeature,
  SessionAnswer,
  SessionsFeature,
  Target,
  TokensFeature,
  UpstreamControl,
  UpstreamRecord,
  UpstreamStep,
  WaitOptions,
  WayIn,
  Witness,
} from "./target.ts";
export type {
  ChangeOutcome,
  FallbackFeature,
  KnownUpstream,
  MirrorFeature,
  ReloadFeature,
  TraceFeature,
} from "./traffic_features.ts";
export type { Check, Status } from "./verdict/verdict.ts";
