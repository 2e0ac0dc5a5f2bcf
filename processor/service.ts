import { type BidiCall, GRPC_STATUS, GrpcError, type GrpcService } from "../grpc/mod.ts";
import { decodePhase, encodeAnswer } from "./codec.ts";
import type { Answer, PhaseMessage } from "./phase.ts";
import { OrderError, PhaseOrder } from "./phase_order.ts";

/** The service's full name, for health and reflection. */
export const EXTERNAL_PROCESSOR = "envoy.service.ext_proc.v3.ExternalProcessor";

/**
 * How a stream ended: Envoy closed it, or reset it; `failed` when it broke the contract or the
 * processor threw, and Envoy is told so.
 */
export type StreamEnd = "closed" | "cancelled" | "failed";

/** What handles the phases of one request. */
export interface Processor {
  /** Answers a phase. What it throws fails the stream, and Envoy then fails closed. */
  answer(message: PhaseMessage): Answer | Promise<Answer>;
  /** Called once, when the stream is over, however it ended. `error` is there when it failed. */
  end(how: StreamEnd, error?: unknown): void;
}

/** Returns the ext_proc service; `open` makes the processor of each request. */
export function processorService(open: () => Processor): GrpcService {
  return {
    name: EXTERNAL_PROCESSOR,
    methods: { Process: { bidi: (call) => serve(call, open()) } },
  };
}

async function serve(call: BidiCall, processor: Processor): Promise<void> {
  const order = new PhaseOrder();
  let end: StreamEnd = "closed";
  let cause: unknown;
  try {
    for await (const bytes of call.messages) {
      const message = decodePhase(bytes);
      order.receive(message);
      const answer = await processor.answer(message);
      const encoded = encodeAnswer(message.phase, answer);
      order.answer(message.phase, answer);
      await call.write(encoded);
    }
  } catch (error) {
    end = isCancel(error) ? "cancelled" : "failed";
    cause = error;
    throw statusFor(error);
  } finally {
    order.close();
    processor.end(end, ...(end === "failed" ? [cause] : []));
  }
}

function isCancel(error: unknown): boolean {
  return error instanceof GrpcError && error.code === GRPC_STATUS.CANCELLED;
}

/** What Envoy is told; the text of an unknown exception stays inside. */
function statusFor(error: unknown): unknown {
  if (error instanceof OrderError) {
    return new GrpcError(GRPC_STATUS.FAILED_PRECONDITION, error.message);
  }
  if (error instanceof TypeError && error.message.startsWith("Cannot ")) {
    return new GrpcError(GRPC_STATUS.INVALID_ARGUMENT, error.message);
  }
  return error;
}
