/** The gRPC service of an external processor. */
import { type BidiCall, GRPC_STATUS, GrpcError, type GrpcService } from "../grpc/mod.ts";
import { decodePhase, encodeAnswer } from "./codec.ts";
import type { Answer, Phase, PhaseMessage, StreamedAnswer, StreamPart } from "./phase.ts";
import { OrderError, PhaseOrder } from "./phase_order.ts";

const NOTHING = new Uint8Array();

/** The service's full name, for health and reflection. */
export const EXTERNAL_PROCESSOR = "envoy.service.ext_proc.v3.ExternalProcessor";

/**
 * How a stream ended: Envoy closed it, or reset it; `failed` when it broke the contract or the
 * processor threw, and Envoy is told so.
 */
export type StreamEnd = "closed" | "cancelled" | "failed";

/** Facts about the stream that a processor answers. */
export interface ProcessorStream {
  /** Aborts when Envoy gives the request up: the client left, a timeout passed, or Envoy ended. */
  readonly signal: AbortSignal;
}

/** Handler of the phases of one request. */
export interface Processor {
  /**
   * Answers a phase; the next message is shown when this one is answered. What it throws fails the
   * stream, and Envoy then fails closed.
   */
  answer(message: PhaseMessage, stream: ProcessorStream): Answer | Promise<Answer>;
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
  let done = false;
  try {
    for await (const bytes of call.messages) {
      // What crossed our last word on the way is not looked at any more.
      if (done) continue;
      const message = decodePhase(bytes);
      order.receive(message);
      const answer = await processor.answer(message, call);
      order.answer(message.phase, answer);
      if (answer.kind === "stream") await sendStream(call, order, { phase: message.phase, answer });
      else if (answer.kind !== "wait") await call.write(encodeAnswer(message.phase, answer));
      done = answer.kind === "stream" || answer.kind === "immediate";
    }
  } catch (error) {
    // Envoy resets a stream that has got its answer, as it does one whose client has left.
    end = !isCancel(error) ? "failed" : done ? "closed" : "cancelled";
    cause = error;
    throw statusFor(error);
  } finally {
    order.close();
    processor.end(end, ...(end === "failed" ? [cause] : []));
  }
}

/** Sends each piece when Envoy has room for it; a client that leaves ends the body's iteration. */
async function sendStream(
  call: BidiCall,
  order: PhaseOrder,
  { phase, answer }: { phase: Phase; answer: StreamedAnswer },
): Promise<void> {
  const send = (part: StreamPart) => {
    order.stream(part);
    return call.write(encodeAnswer(phase, part));
  };
  const { status, headers = [], body, trailers, metadata } = answer;
  const gone = Promise.withResolvers<never>();
  // Nobody may be waiting for it when it comes.
  gone.promise.catch(() => {});
  const leave = () => gone.reject(call.signal.reason);
  call.signal.addEventListener("abort", leave, { once: true });
  const pieces = body[Symbol.asyncIterator]();
  try {
    await send({ part: "head", status, headers, metadata });
    while (true) {
      const next = await Promise.race([pieces.next(), gone.promise]);
      if (next.done) break;
      await send({ part: "body", body: next.value, endOfStream: false });
    }
    await send(
      trailers === undefined
        ? { part: "body", body: NOTHING, endOfStream: true }
        : { part: "trailers", trailers },
    );
  } finally {
    call.signal.removeEventListener("abort", leave);
    // Not awaited: a generator that waits for its model would answer only when that does.
    void Promise.resolve(pieces.return?.()).catch(() => {});
  }
}

function isCancel(error: unknown): boolean {
  return error instanceof GrpcError && error.code === GRPC_STATUS.CANCELLED;
}

/** Returns the status for Envoy; the text of an unknown exception stays inside. */
function statusFor(error: unknown): unknown {
  if (error instanceof OrderError) {
    return new GrpcError(GRPC_STATUS.FAILED_PRECONDITION, error.message);
  }
  if (error instanceof TypeError && error.message.startsWith("Cannot ")) {
    return new GrpcError(GRPC_STATUS.INVALID_ARGUMENT, error.message);
  }
  return error;
}
