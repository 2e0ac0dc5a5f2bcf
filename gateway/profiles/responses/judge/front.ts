/** A front before a Responses gateway that does one thing wrong: what a careless implementation would. */

/** JSON whose shape is the API's. */
// deno-lint-ignore no-explicit-any -- see above
export type Json = any;

/** A request as the front may change it. */
export interface FrontRequest {
  readonly method: string;
  readonly path: string;
  /** The body as JSON; undefined when there is none, or it is no JSON. Edited in place. */
  readonly body: Json;
}

/** The defect of a front; messages that it does not name pass unchanged. */
export interface FrontTampering {
  readonly request?: (request: FrontRequest) => void;
  /** Answers in the gateway's place; undefined lets the request pass. */
  readonly answer?: (request: FrontRequest) => Json;
  readonly status?: (status: number, request: FrontRequest) => number;
  /** Edits a JSON answer in place. */
  readonly json?: (body: Json, request: FrontRequest) => void;
  /** Edits the events of a stream: each becomes those that are returned. */
  readonly event?: (event: Json) => readonly Json[];
  /** Sends a stream only when it is whole. */
  readonly holdsBack?: true;
  /** Goes on reading when the client has left. */
  readonly staysOn?: true;
  /** Ends a stream as Chat Completions does. */
  readonly doneAtEnd?: true;
}

/** Headers that belong to one connection, or to a body that may change. */
const NOT_PASSED = ["host", "connection", "content-length", "transfer-encoding"];

const encoder = new TextEncoder();

/** Starts a front on a free port of loopback. Disposing it closes its connections. */
export function startFront(
  gateway: string,
  tampering: FrontTampering,
): AsyncDisposable & { readonly url: string } {
  const over = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {}, signal: over.signal },
    (request) => pass(gateway, request, tampering),
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    async [Symbol.asyncDispose]() {
      over.abort();
      await server.finished;
    },
  };
}

async function pass(
  gateway: string,
  incoming: Request,
  tampering: FrontTampering,
): Promise<Response> {
  const { pathname, search } = new URL(incoming.url);
  const text = await incoming.text();
  const parsed = parse(text);
  const request = { method: incoming.method, path: pathname, body: parsed };
  tampering.request?.(request);
  const own = tampering.answer?.(request);
  if (own !== undefined) return Response.json(own);
  const headers = new Headers(incoming.headers);
  for (const name of NOT_PASSED) headers.delete(name);
  const answer = await fetch(`${gateway}${pathname}${search}`, {
    method: incoming.method,
    headers,
    ...(text === "" ? {} : { body: parsed === undefined ? text : JSON.stringify(parsed) }),
  });
  return await changed(answer, request, tampering);
}

async function changed(
  answer: Response,
  request: FrontRequest,
  tampering: FrontTampering,
): Promise<Response> {
  const headers = new Headers(answer.headers);
  for (const name of NOT_PASSED) headers.delete(name);
  const head = { status: tampering.status?.(answer.status, request) ?? answer.status, headers };
  if (answer.headers.get("content-type")?.startsWith("text/event-stream") && answer.body) {
    return new Response(streamed(answer.body, tampering), head);
  }
  const text = await answer.text();
  const body = parse(text);
  if (body === undefined) return new Response(text, head);
  tampering.json?.(body, request);
  return new Response(JSON.stringify(body), head);
}

function streamed(
  body: ReadableStream<Uint8Array>,
  { event = (one) => [one], holdsBack, staysOn, doneAtEnd }: FrontTampering,
): ReadableStream<Uint8Array> {
  const decoder = new TextDecoder();
  let rest = "";
  let held = "";
  const changing = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, out) {
      const blocks = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
      rest = blocks.pop() ?? "";
      const text = blocks.flatMap((block) => {
        const data = parse(block.replace(/^[^]*?^data: /m, ""));
        return data === undefined ? [`${block}\n\n`] : event(data).map(blockOf);
      }).join("");
      if (holdsBack) held += text;
      else if (text !== "") out.enqueue(encoder.encode(text));
    },
    flush(out) {
      if (doneAtEnd) held += "data: [DONE]\n\n";
      if (held !== "") out.enqueue(encoder.encode(held));
    },
  });
  const source = body.pipeThrough(changing);
  if (!staysOn) return source;
  const reader = source.getReader();
  return new ReadableStream({
    async pull(out) {
      const { done, value } = await reader.read();
      if (done) out.close();
      else out.enqueue(value);
    },
    cancel: () => {},
  });
}

function blockOf(event: Json): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

function parse(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
