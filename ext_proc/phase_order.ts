/** Enforces the order of phases that the ext_proc contract allows. */
import type { Answer, Phase, PhaseMessage, StreamPart } from "./phase.ts";

/** A message or an answer that the contract does not allow at this moment. */
export class OrderError extends Error {
  override name = "OrderError";
}

type Side = "request" | "response";
const STEPS: Readonly<Record<Phase, { side: Side; step: number }>> = {
  request_headers: { side: "request", step: 1 },
  request_body: { side: "request", step: 2 },
  request_trailers: { side: "request", step: 3 },
  response_headers: { side: "response", step: 1 },
  response_body: { side: "response", step: 2 },
  response_trailers: { side: "response", step: 3 },
};

/**
 * The order of one ext_proc stream. Within the request, and within the response, headers come
 * before body before trailers, each may be left out (Envoy's processing mode says which), only a
 * body may come in pieces, and nothing follows an end of stream. The two sides may interleave: an
 * upstream may answer while the request's body still comes. Every message gets one answer of its
 * phase, in order; nothing follows an immediate answer.
 *
 * Bodies that Envoy sends as `FULL_DUPLEX_STREAMED` allow more: a message may be left waiting, an
 * answer to a body's piece stands for the pieces before it as well, and, while nothing at all has
 * been answered, the processor may stream an answer of its own: a head, pieces, an end. A request
 * that is complete is not left waiting: nothing more would come.
 */
export class PhaseOrder {
  readonly #reached: Record<Side, number> = { request: 0, response: 0 };
  readonly #ended: Record<Side, boolean> = { request: false, response: false };
  #waiting: Phase[] = [];
  #answered = false;
  #streaming: "head" | "body" | undefined;
  #over: "immediate answer" | "streamed answer" | "end of the stream" | undefined;

  /** Phases that wait for their answer, oldest first. */
  get waiting(): readonly Phase[] {
    return this.#waiting;
  }

  /** Records a message of Envoy. Throws {@linkcode OrderError} when it must not come now. */
  receive(message: PhaseMessage): void {
    const { phase } = message;
    const { side, step } = STEPS[phase];
    const reached = this.#reached[side];
    if (this.#over !== undefined) throw wrong(phase, `came after the ${this.#over}`);
    if (this.#ended[side]) throw wrong(phase, `came after the end of the ${side}`);
    if (step < reached) throw wrong(phase, `came after the ${side}'s ${name(reached)}`);
    if (step === reached && step !== 2) throw wrong(phase, "came twice");
    this.#reached[side] = step;
    this.#ended[side] = step === 3 || ("endOfStream" in message && message.endOfStream);
    this.#waiting.push(phase);
  }

  /** Records an answer to a phase. Throws {@linkcode OrderError} when nobody waits for it. */
  answer(phase: Phase, { kind }: Pick<Answer, "kind">): void {
    if (this.#over !== undefined) throw wrong(phase, `was answered after the ${this.#over}`);
    if (this.#streaming !== undefined) throw wrong(phase, "was answered within a streamed answer");
    if (!this.#waiting.includes(phase)) throw wrong(phase, "was answered without being asked");
    switch (kind) {
      case "wait":
        if (this.#ended[STEPS[phase].side]) {
          throw wrong(
            phase,
            `was left waiting, and nothing of the ${STEPS[phase].side} is to come`,
          );
        }
        return;
      case "stream":
        if (this.#answered) throw wrong(phase, "got a streamed answer after another answer");
        this.#streaming = "head";
        return;
      case "immediate":
        return this.#end("immediate answer");
      case "continue":
        this.#goOn(phase);
    }
  }

  /** Records a part of a streamed answer. Throws {@linkcode OrderError} when it must not come now. */
  stream({ part, ...rest }: Pick<StreamPart, "part"> & { readonly endOfStream?: boolean }): void {
    const what = `Illegal order in a streamed answer: its ${part} came`;
    if (this.#over !== undefined) throw new OrderError(`${what} after the ${this.#over}`);
    if (this.#streaming === undefined) throw new OrderError(`${what} without a beginning`);
    if ((part === "head") !== (this.#streaming === "head")) {
      throw new OrderError(`${what} ${part === "head" ? "twice" : "before its head"}`);
    }
    this.#streaming = "body";
    if (part === "trailers" || rest.endOfStream) this.#end("streamed answer");
  }

  #goOn(phase: Phase): void {
    const [next] = this.#waiting;
    if (next !== phase) throw wrong(phase, `was answered while "${next}" waits`);
    this.#answered = true;
    // One answer for the piece itself and for those that were left waiting before it.
    while (this.#waiting[0] === phase) this.#waiting.shift();
  }

  /** Nothing comes any more: the stream was closed or cancelled. */
  close(): void {
    this.#end("end of the stream");
  }

  #end(reason: "immediate answer" | "streamed answer" | "end of the stream"): void {
    this.#over ??= reason;
    this.#waiting = [];
  }
}

function wrong(phase: Phase, what: string): OrderError {
  return new OrderError(`Illegal order in an ext_proc stream: "${phase}" ${what}`);
}

function name(step: number): string {
  return ["", "headers", "body", "trailers"][step] ?? "";
}
