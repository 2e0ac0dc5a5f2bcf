/** Stands between Envoy and the router and edits their messages: how a broken router is made. */
import { type BidiCall, connectGrpc, startGrpcServer } from "../../../../grpc/mod.ts";
import { messageCodec } from "../../../../grpc/messages/mod.ts";

/** A ProcessingRequest or ProcessingResponse, decoded. */
// deno-lint-ignore no-explicit-any -- a message is edited at known places; the codec checks the rest
export type Message = any;

/** The defect of a relay. Both edits change the message in place. */
export interface Tampering {
  /** Edits what Envoy sends to the router. */
  readonly request?: (message: Message) => void;
  /** Edits what the router sends to Envoy; `about` is the message that it answers. */
  readonly response?: (message: Message, about: Message) => void;
  /** The router never hears that a stream has ended. */
  readonly endsNever?: true;
  /** The router is told that a stream has ended as soon as it has chosen. */
  readonly endsEarly?: true;
}

/** A running relay. */
export interface Relay extends AsyncDisposable {
  readonly port: number;
}

const REQUEST = messageCodec("envoy.service.ext_proc.v3.ProcessingRequest");
const RESPONSE = messageCodec("envoy.service.ext_proc.v3.ProcessingResponse");
const SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor";
/** The router serves Envoy's endpoints on the same port. */
const ENDPOINTS = "envoy.service.endpoint.v3.EndpointDiscoveryService";

/**
 * Starts a relay between Envoy and a correct router, which makes a broken router of it: the router
 * itself needs no switch for its faults then. Resolves when it listens.
 */
export async function startRelay(router: string, tampering: Tampering): Promise<Relay> {
  await using stack = new AsyncDisposableStack();
  const client = stack.use(connectGrpc({ address: router }));
  const server = stack.use(
    await startGrpcServer({
      services: [{
        name: SERVICE,
        methods: { Process: { bidi: (call) => relay(call, client, tampering) } },
      }, {
        name: ENDPOINTS,
        methods: { StreamEndpoints: { bidi: (call) => pass(call, client) } },
      }],
    }),
  );
  const owned = stack.move();
  return { port: server.port, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function relay(
  call: BidiCall,
  client: ReturnType<typeof connectGrpc>,
  { request, response, endsNever, endsEarly }: Tampering,
): Promise<void> {
  const stream = client.bidi(`/${SERVICE}/Process`);
  const answers = stream.messages[Symbol.asyncIterator]();
  let cancelled = true;
  try {
    // Each message has one answer, in order: the contract of this router's processing mode.
    for await (const bytes of call.messages) {
      const message: Message = REQUEST.decode(bytes);
      request?.(message);
      stream.write(REQUEST.encode(message));
      const { value, done } = await answers.next();
      if (done) return;
      const answer: Message = RESPONSE.decode(value);
      response?.(answer, message);
      await call.write(RESPONSE.encode(answer));
      if (endsEarly && message.request_body) stream.end();
    }
    cancelled = false;
  } finally {
    if (!endsNever) {
      if (cancelled) stream.cancel();
      else stream.end();
    }
  }
}

/** Passes both sides of a stream on as they are. */
async function pass(call: BidiCall, client: ReturnType<typeof connectGrpc>): Promise<void> {
  const stream = client.bidi(call.path);
  const back = (async () => {
    for await (const message of stream.messages) await call.write(message);
  })();
  const there = (async () => {
    for await (const message of call.messages) stream.write(message);
  })();
  try {
    await Promise.race([back, there]);
  } finally {
    stream.cancel();
    await Promise.allSettled([back, there]);
  }
}
