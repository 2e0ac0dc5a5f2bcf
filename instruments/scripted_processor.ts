/** An external processor under the control of a case. */
import { Buffer } from "node:buffer";
import type { ProcessorControl, ProcessorScript } from "../conformance/mod.ts";
import { type BidiCall, GrpcError, startGrpcServer } from "../grpc/mod.ts";
import { messageCodec } from "../grpc/messages/mod.ts";
import { nonceOf } from "../service/mod.ts";

/** An external processor that does what a case says, and otherwise lets everything pass. */
export interface ScriptedProcessor extends ProcessorControl, AsyncDisposable {
  readonly port: number;
}

const REQUEST = messageCodec("envoy.service.ext_proc.v3.ProcessingRequest");
const RESPONSE = messageCodec("envoy.service.ext_proc.v3.ProcessingResponse");

/** The phases of ProcessingRequest, each answered by the response of the same name. */
const PHASES = [
  "request_headers",
  "response_headers",
  "request_body",
  "response_body",
  "request_trailers",
  "response_trailers",
] as const;

/**
 * Starts the processor on a free port; `check/ext_proc.yaml` asks it. `beforeRequest` is called when a request has come,
 * before its script is looked for.
 */
export async function startScriptedProcessor(
  { beforeRequest }: { readonly beforeRequest: () => void },
): Promise<ScriptedProcessor> {
  const scripts = new Map<string, ProcessorScript>();
  const server = await startGrpcServer({
    services: [{
      name: "envoy.service.ext_proc.v3.ExternalProcessor",
      methods: {
        Process: {
          bidi(call) {
            return process(call, (nonce) => {
              beforeRequest();
              return scripts.get(nonce);
            });
          },
        },
      },
    }],
  });
  return {
    port: Number(server.address.split(":").at(-1)),
    scripts: {
      set: (nonce, script) => void scripts.set(nonce, script),
      delete: (nonce) => void scripts.delete(nonce),
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function process(
  call: BidiCall,
  scriptOf: (nonce: string) => ProcessorScript | undefined,
): Promise<void> {
  let script: ProcessorScript = {};
  let modes: BodyModes = {};
  for await (const bytes of call.messages) {
    const message = REQUEST.decode(bytes) as Record<string, unknown>;
    const phase = PHASES.find((name) => name in message);
    if (phase === undefined) continue;
    if (phase === "request_headers") script = scriptOf(nonceIn(message[phase])) ?? {};
    const action = script[phase];
    modes = (message.protocol_config as BodyModes | undefined) ?? modes;
    if (action === undefined) await call.write(RESPONSE.encode(passed(phase, message, modes)));
    else if ("response" in action) await call.write(RESPONSE.encode(action.response));
    else if ("swallow" in action) {
      if (isLast(message[phase])) await call.write(RESPONSE.encode(nothingOf(phase)));
    } else if ("close" in action) return;
    else if ("grpc" in action) throw new GrpcError(action.grpc, "planned");
    else await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
  }
}

/** How the gateway sends bodies (ProtocolConfiguration), by phase. */
interface BodyModes {
  readonly request_body_mode?: string;
  readonly response_body_mode?: string;
}

/** An answer that changes nothing. In full duplex a body is not kept by who asks: it must be given back. */
function passed(
  phase: typeof PHASES[number],
  message: Record<string, unknown>,
  modes: BodyModes,
): Record<string, unknown> {
  const mode = phase === "request_body"
    ? modes.request_body_mode
    : phase === "response_body"
    ? modes.response_body_mode
    : undefined;
  if (mode !== "FULL_DUPLEX_STREAMED") return { [phase]: {} };
  const { body, end_of_stream } = message[phase] as { body?: unknown; end_of_stream?: boolean };
  const streamed_response = {
    ...(body === undefined ? {} : { body }),
    ...(end_of_stream === true && { end_of_stream }),
  };
  return { [phase]: { response: { body_mutation: { streamed_response } } } };
}

/** Whether this is the last piece of a body. */
function isLast(body: unknown): boolean {
  return (body as { end_of_stream?: boolean }).end_of_stream === true;
}

/** The end of a duplex body without a byte of it. */
function nothingOf(phase: string): Record<string, unknown> {
  const body_mutation = { streamed_response: { end_of_stream: true } };
  return { [phase]: { response: { body_mutation } } };
}

/** The nonce of a request, from its headers; values are bytes in base64 in proto3 JSON. */
function nonceIn(headers: unknown): string {
  const list = (headers as { headers?: { headers?: Field[] } }).headers?.headers ?? [];
  const field = list.find(({ key }) => key === "x-harness-case");
  const value = field?.value || Buffer.from(field?.raw_value ?? "", "base64").toString();
  return nonceOf(value) ?? "";
}

interface Field {
  key?: string;
  value?: string;
  raw_value?: string;
}
