/** Whether anything passes a gateway at all: a refusal proves nothing where everything is refused. */
import { messageOf } from "../../service/mod.ts";
import { askOnce } from "./probe.ts";
import type { Target } from "../target.ts";

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
    // What is blocked now may pass later: the next case asks again.
    if (blocked !== undefined) this.#asked = undefined;
    return blocked;
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
