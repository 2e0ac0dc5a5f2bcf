/** Answers in place of the rules: a script's or a fault's, and what the journal notes of each. */
import { GrpcError, WIRE_FAULTS, type WireFault, type WireFaultName } from "../grpc/mod.ts";
import { messageCodec } from "../grpc/messages/mod.ts";
import { type CheckRequest } from "../ext_authz/mod.ts";
import { type Barriers, delay, markOf, NONCE_HEADER, openNonce } from "../service/mod.ts";
import { compileAllow, compileDeny } from "./answer.ts";
import type { PolicyCheck } from "./check_log.ts";
import { type RulesEngine, templateInput } from "./engine.ts";
import { FAULT_ANSWERS } from "./faults.ts";
import { checkAnswers, type CheckedAnswer, type PolicyAnswer, Scripts } from "./script.ts";

export { checkAnswers, FAULT_NAMES } from "./script.ts";

/** A fault, as it is asked for: of everybody, or of one tenant. */
export interface Fault {
  readonly answer: PolicyAnswer;
  readonly tenant?: string;
}

/** A request that is to be answered, with its place in the journal. */
interface Asked {
  readonly request: CheckRequest;
  readonly entry: PolicyCheck;
  readonly engine: RulesEngine;
}

/** An answer in place of the rules. */
export class PlannedAnswer {
  readonly #answer: CheckedAnswer;
  readonly #nonce: string;

  constructor(answer: CheckedAnswer, nonce: string) {
    this.#answer = answer;
    this.#nonce = nonce;
  }

  /** Whether the rules decide after all, once the wait is over. */
  get isOfRules(): boolean {
    return this.#answer.rules === true;
  }

  /** Waits as long as the answer says: its delay, its barrier, or until the caller gives up. */
  async wait(barriers: Barriers, signal: AbortSignal): Promise<void> {
    const { delay: ms, barrier, hang } = this.#answer;
    if (ms !== undefined) await delay(ms, signal);
    if (barrier !== undefined) await barriers.arrive(`${this.#nonce}/${barrier}`, signal);
    if (hang) await aborted(signal);
  }

  /** Makes the reply, and notes in the journal what it was. Throws `GrpcError` for `grpc`. */
  reply(asked: Asked): Uint8Array | WireFault {
    return answerScript(this.#answer, asked);
  }
}

/** Everything that answers in place of the rules: scripts of nonces first, then one fault. */
export class PlannedAnswers {
  readonly scripts = new Scripts();
  readonly #secret: string | undefined;
  #fault: { readonly answer: PlannedAnswer; readonly tenant: string | undefined } | undefined;

  /** @param secret signs the nonces; without it no request has a script */
  constructor(secret: string | undefined) {
    this.#secret = secret;
  }

  /** Sets the fault, or ends it. Throws `UsageError` for what is no answer. */
  setFault(fault: Fault | undefined): void {
    const [answer] = fault === undefined ? [] : checkAnswers([fault.answer]);
    this.#fault = answer && {
      answer: new PlannedAnswer(answer, "fault"),
      tenant: fault?.tenant,
    };
  }

  /** Returns the answer to a request; undefined when the rules have it. */
  take(request: CheckRequest, engine: RulesEngine): PlannedAnswer | undefined {
    const scripted = this.#scripted(request);
    if (scripted !== undefined || this.#fault === undefined) return scripted;
    const { answer, tenant } = this.#fault;
    const isFor = tenant === undefined || engine.keys.identify(request.headers).tenant === tenant;
    return isFor ? answer : undefined;
  }

  #scripted(request: CheckRequest): PlannedAnswer | undefined {
    const signed = request.headers[NONCE_HEADER] ?? markOf(request.path);
    if (signed === undefined || this.#secret === undefined) return undefined;
    const nonce = openNonce(signed, this.#secret);
    const answer = nonce === undefined ? undefined : this.scripts.take(nonce);
    return answer && nonce !== undefined ? new PlannedAnswer(answer, nonce) : undefined;
  }
}

/** Answers with `allow`, `deny`, `grpc`, `response` or `fault`; throws `GrpcError` for `grpc`. */
function answerScript(
  answer: CheckedAnswer,
  { request, entry, engine }: Asked,
): Uint8Array | WireFault {
  const identity = engine.keys.identify(request.headers);
  const input = templateInput(request, { identity, version: engine.version, rule: "script" });
  entry.tenant = identity.tenant;
  entry.decision = "error";
  if (answer.allow !== undefined) {
    entry.decision = "allow";
    entry.status = 200;
    entry.decisionId = input.decision_id;
    return compileAllow(answer.allow)(input);
  }
  if (answer.deny !== undefined) {
    entry.decision = "deny";
    entry.status = answer.deny.status;
    entry.code = answer.deny.code;
    return compileDeny(answer.deny)(input);
  }
  if (answer.grpc !== undefined) {
    entry.code = `grpc_${answer.grpc.code}`;
    throw new GrpcError(answer.grpc.code, answer.grpc.message);
  }
  if (answer.response !== undefined) {
    const status = answer.response["status"] as { code?: number } | undefined;
    entry.decision = (status?.code ?? 0) === 0 ? "allow" : "deny";
    return messageCodec("envoy.service.auth.v3.CheckResponse").encode(answer.response);
  }
  entry.code = answer.fault ?? "";
  return faultOf(entry.code, answer.bytes, compileAllow({})(input));
}

/** A fault of the message, or else of the wire: there, `allowing` is the message that gets broken. */
function faultOf(
  name: string,
  bytes: number | undefined,
  allowing: Uint8Array,
): Uint8Array | WireFault {
  const make = FAULT_ANSWERS[name];
  if (make !== undefined) return make(bytes);
  const fault: WireFaultName | undefined = WIRE_FAULTS.find((one) => one === name);
  if (fault === undefined) throw new RangeError(`Cannot answer with fault "${name}": unknown`);
  return { fault, message: allowing };
}

/** Settles only when the caller gives up. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
