/** Whether anything passes a gateway at all: a refusal proves nothing where everything is refused. */
import { delay, messageOf, startDeadline } from "../../service/mod.ts";
import { askOnce } from "./probe.ts";
import type { Target } from "../target.ts";

/** How long a gateway may take to find a policy engine again that was away, and how often it is asked, milliseconds. */
const PATIENCE_MS = 15_000;
const AGAIN_MS = 250;

/** Asks a target with the allowed credential, once for all cases that need to know. */
export class Passage {
  readonly #target: Target;
  #asked: Promise<string | undefined> | undefined;

  constructor(target: Target) {
    this.#target = target;
  }

  /** Resolves with what an allowed request got, when that was no 2xx; `undefined`: it passed. */
  async blocked(): Promise<string | undefined> {
    const blocked = await (this.#asked ??= this.#ask());
    // A blocked request may pass later: the next case asks again.
    if (blocked !== undefined) this.#asked = undefined;
    return blocked;
  }

  /** Resolves once an allowed request passes, or after 15 s: gRPC clients wait seconds before they dial again. */
  async untilOpen(signal: AbortSignal): Promise<void> {
    if (this.#target.policy === undefined) return;
    let isOver = false;
    using _ = startDeadline(PATIENCE_MS, () => isOver = true);
    this.#asked = undefined;
    while (!isOver && !signal.aborted && await this.blocked() !== undefined) {
      await delay(AGAIN_MS, signal).catch(() => {});
    }
  }

  async #ask(): Promise<string | undefined> {
    if (this.#target.budget) this.#target.budget.left--;
    try {
      const { status } = await askOnce(this.#target);
      return status !== undefined && status < 300 ? undefined : `status ${status ?? "none"}`;
    } catch (error) {
      return messageOf(error);
    }
  }
}
