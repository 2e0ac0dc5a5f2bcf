/** Makes the answer that a script asks for, and notes in the journal what it was. */
import { GrpcError, WIRE_FAULTS, type WireFault, type WireFaultName } from "../grpc/mod.ts";
import { messageCodec } from "../grpc/messages/mod.ts";
import { type CheckRequest } from "../ext_authz/mod.ts";
import { compileAllow, compileDeny } from "./answer.ts";
import type { PolicyCheck } from "./check_log.ts";
import { type RulesEngine, templateInput } from "./engine.ts";
import { FAULT_ANSWERS } from "./faults.ts";
import type { CheckedAnswer } from "./script.ts";

export { checkAnswers, FAULT_NAMES, Scripts } from "./script.ts";

/** Answers with `allow`, `deny`, `grpc`, `response` or `fault`; throws `GrpcError` for `grpc`. */
export function answerScript(
  answer: CheckedAnswer,
  { request, entry, engine }: { request: CheckRequest; entry: PolicyCheck; engine: RulesEngine },
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
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
