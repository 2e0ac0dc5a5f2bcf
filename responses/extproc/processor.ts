/** The gateway as an external processor: collects a request whole, then answers it in Envoy's place. */
import type { Answer, PhaseMessage, Processor, ProcessorStream } from "../../ext_proc/mod.ts";
import { DEFAULT_TENANT, type Tenant, TENANT_HEADER } from "../api/tenant.ts";
import type { Engine } from "../engine/engine.ts";
import { joined, MAX_BODY_BYTES } from "../api/body.ts";
import { answerCreate, type Reply, tooLargeReply } from "../resources/create.ts";

/** Options of the processor. */
export interface ProcessorOptions {
  readonly engine: Engine;
  readonly defaultTenant?: Tenant;
  readonly onFault: (error: unknown) => void;
  readonly onCreate?: (
    reply: Reply,
    request: { readonly requestId: string; readonly tenant: string },
  ) => void;
}

/** Attributes that `request_attributes` of envoy/configs/responses.yaml asks for. */
const MAJOR = "xds.node.user_agent_build_version.version.major_number";
const MINOR = "xds.node.user_agent_build_version.version.minor_number";

/** The first Envoy that takes a streamed answer from a processor. */
const STREAMING_SINCE = { major: 1, minor: 37 } as const;

/** Namespace of what the access log is told. */
const LOG_NAMESPACE = "llmgate.responses";

/** Returns the processor of one request. */
export function responsesProcessor(options: ProcessorOptions): Processor {
  const pieces: Uint8Array[] = [];
  let length = 0;
  let head = NO_HEAD;
  const finish = async ({ signal }: ProcessorStream): Promise<Answer> => {
    const { tenant, requestId, noStream, header } = head;
    const body = joined(pieces, length);
    pieces.length = 0;
    const call = { tenant, body, signal, noStream, header };
    return tell(await answerCreate(options.engine, call, options.onFault), { tenant, requestId });
  };
  const tell = (reply: Reply, request: { tenant: Tenant; requestId: string }): Answer => {
    options.onCreate?.(reply, request);
    return answerOf(reply);
  };
  return {
    answer(message, stream) {
      switch (message.phase) {
        case "request_headers":
          head = headOf(message, options.defaultTenant ?? DEFAULT_TENANT);
          if (head.contentLength > MAX_BODY_BYTES) return tell(tooLargeReply(), head);
          return message.endOfStream ? finish(stream) : WAIT;
        case "request_body":
          length += message.body.length;
          if (length > MAX_BODY_BYTES) return tell(tooLargeReply(), head);
          pieces.push(message.body);
          return message.endOfStream ? finish(stream) : WAIT;
        case "request_trailers":
          return finish(stream);
        default:
          // There is no upstream that could have answered.
          throw new TypeError(`Cannot process "${message.phase}": responses.yaml does not send it`);
      }
    },
    end(how, error) {
      if (how === "failed") options.onFault(error);
    },
  };
}

interface Head {
  readonly tenant: Tenant;
  readonly requestId: string;
  /** NaN when the client did not say. */
  readonly contentLength: number;
  readonly noStream: string | undefined;
  header(name: string): string | undefined;
}

const NO_HEAD: Head = {
  tenant: DEFAULT_TENANT,
  requestId: "",
  contentLength: NaN,
  noStream: undefined,
  header: () => undefined,
};
const WAIT: Answer = { kind: "wait" };

function headOf(
  message: Extract<PhaseMessage, { phase: "request_headers" | "response_headers" }>,
  defaultTenant: Tenant,
): Head {
  const value = (name: string) => message.headers.find(([key]) => key === name)?.[1];
  return {
    tenant: value(TENANT_HEADER) || defaultTenant,
    requestId: value("x-request-id") ?? "",
    contentLength: Number(value("content-length") ?? NaN),
    noStream: noStreamOf(message.attributes ?? {}),
    header: value,
  };
}

/** Why this Envoy cannot stream an answer; an Envoy that does not say its version is taken as new. */
function noStreamOf(attributes: Readonly<Record<string, unknown>>): string | undefined {
  const major = Number(attributes[MAJOR] ?? NaN);
  const minor = Number(attributes[MINOR] ?? NaN);
  const { major: since, minor: sinceMinor } = STREAMING_SINCE;
  if (!(major < since || (major === since && minor < sinceMinor))) return undefined;
  return `Cannot stream through Envoy ${major}.${minor}: streaming needs Envoy ${since}.${sinceMinor} ` +
    "or newer. Leave 'stream' out, or send the request to the gateway's HTTP port";
}

function answerOf({ status, headers, body, model, responseId }: Reply): Answer {
  const metadata = {
    [LOG_NAMESPACE]: {
      ...(model === undefined ? {} : { model }),
      ...(responseId === undefined ? {} : { id: responseId }),
    },
  };
  if (body instanceof Uint8Array) {
    const details = status === 200 ? "responses_answered" : `responses_${status}`;
    return { kind: "immediate", status, headers: { set: headers }, body, details, metadata };
  }
  return { kind: "stream", status, headers, body, metadata };
}
