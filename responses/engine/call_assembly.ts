/** Tells the calls of one answer apart, whatever of index, id and name a server sends or leaves out. Pure. */
import type { ToolCallDelta } from "../backend/chat.ts";

/** A call as far as it has come. */
export interface AssembledCall {
  /** The server's, where it is one of a kind in this answer; made here otherwise. */
  readonly id: string;
  name: string;
  arguments: string;
  /** Not yet handed on: what came before the name did. */
  pending: string;
  /** Value that the server wants back with it. */
  extra?: Readonly<Record<string, unknown>>;
}

interface Known extends AssembledCall {
  readonly index: number | undefined;
  /** As the server said it, which may be late. */
  sentId: string | undefined;
}

/** Which names a call may have, to tell a piece of a name from another call. */
export type IsOffered = (name: string) => boolean;

/** The calls of one answer, in the order in which they began. */
export class CallAssembly {
  readonly calls: AssembledCall[] = [];
  readonly #known: Known[] = [];
  readonly #isOffered: IsOffered;

  constructor(isOffered: IsOffered) {
    this.#isOffered = isOffered;
  }

  /** Adds a piece, and returns the call that it belongs to. */
  take(delta: ToolCallDelta): AssembledCall {
    const call = this.#continued(delta) ?? this.#begun(delta);
    call.sentId ??= delta.id;
    if (delta.name !== undefined && call.name !== delta.name) call.name += delta.name;
    call.arguments += delta.arguments;
    call.pending += delta.arguments;
    if (delta.extra !== undefined) call.extra = { ...call.extra, ...delta.extra };
    return call;
  }

  #begun({ index, id }: ToolCallDelta): Known {
    // Some servers give every call the same id.
    const taken = id === undefined || this.#known.some((one) => one.id === id);
    const call: Known = {
      index,
      sentId: undefined,
      id: taken ? `call_${crypto.randomUUID().replaceAll("-", "")}` : id,
      name: "",
      arguments: "",
      pending: "",
    };
    this.#known.push(call);
    this.calls.push(call);
    return call;
  }

  /** The call that a piece goes on with; undefined when it begins one. */
  #continued(delta: ToolCallDelta): Known | undefined {
    const call = this.#candidate(delta);
    if (call === undefined) return undefined;
    const { id, name } = delta;
    const hasOtherId = id !== undefined && call.sentId !== undefined && id !== call.sentId;
    if (name === undefined && !hasOtherId) return call;
    // Whole arguments that are followed by more: those are another call's.
    const isFull = delta.arguments.trim() !== "" && isJson(call.arguments);
    // A new id in passing: with a piece that says nothing else, or that goes on in the middle of the arguments.
    if (hasOtherId) {
      const goesOn = name === undefined ||
        (delta.index !== undefined && name === call.name && isBegun(call.arguments));
      return goesOn && !isFull ? call : undefined;
    }
    if (call.name === "" || name === call.name) return isFull ? undefined : call;
    // Another name: the next piece of this one, or another call.
    const isPiece = call.arguments === "" && !this.#isOffered(delta.name ?? "") &&
      !this.#isOffered(call.name);
    return isPiece ? call : undefined;
  }

  /** The call that a piece would go on with, by what it says of its identity. */
  #candidate({ index, id, name, place }: ToolCallDelta): Known | undefined {
    const same = id === undefined ? undefined : this.#known.findLast((one) => one.sentId === id);
    if (same !== undefined && (index === undefined || name === undefined)) return same;
    if (index !== undefined) return this.#known.findLast((one) => one.index === index);
    if (id !== undefined) {
      // A whole call with an id of its own, or the late id of the last one.
      const last = this.#known.at(-1);
      return name === undefined && last?.sentId === undefined ? last : undefined;
    }
    if (place.of === 1) return this.#known.at(-1);
    // Several pieces in one chunk that say nothing of themselves: one for each of the last calls.
    return name === undefined ? this.#known.at(place.at - place.of) : undefined;
  }
}

/** Whether arguments have begun and are not complete. */
function isBegun(text: string): boolean {
  return text.trim() !== "" && !isJson(text);
}

/** Whether arguments are complete: nothing can follow a whole object. */
function isJson(text: string): boolean {
  if (!text.trimEnd().endsWith("}")) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
