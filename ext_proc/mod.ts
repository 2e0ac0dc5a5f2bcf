/**
 * Envoy's ext_proc contract as plain values: what a processor is told in each phase of a request,
 * what it may answer, and a state machine per stream in which every illegal order is an error. It
 * knows no model API.
 *
 * ```ts
 * import { startGrpcServer } from "../grpc/mod.ts";
 * import { processorService } from "./mod.ts";
 *
 * const service = processorService(() => ({
 *   answer: ({ phase }) =>
 *     phase === "request_body" ? { kind: "immediate", status: 204 } : { kind: "continue" },
 *   end: () => {},
 * }));
 * await using server = await startGrpcServer({ services: [service] });
 * ```
 *
 * @module
 */
export { decodePhase, encodeAnswer } from "./codec.ts";
export {
  type Answer,
  type BodyMode,
  type BodyMutation,
  type ContinueAnswer,
  type HeaderList,
  type HeaderMutation,
  type ImmediateAnswer,
  type ModeOverride,
  type Phase,
  type PhaseMessage,
  PHASES,
  type StreamedAnswer,
  type StreamPart,
  type WaitAnswer,
} from "./phase.ts";
export {
  EXTERNAL_PROCESSOR,
  type Processor,
  processorService,
  type ProcessorStream,
  type StreamEnd,
} from "./service.ts";
export { OrderError, PhaseOrder } from "./phase_order.ts";
