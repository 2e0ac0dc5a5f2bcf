/** A Chat Completions server that answers what a test has put in its queue, and keeps what it was asked. */

/** One answer. Pieces of text and arguments are sent one by one. */
export interface FakeAnswer {
  readonly text?: readonly string[];
  readonly reasoning?: string | readonly string[];
  readonly refusal?: string;
  readonly calls?: readonly { readonly name: string; readonly arguments: unknown }[];
  readonly finish?: string;
  /** `null` counts nothing, as some servers do. */
  readonly usage?: Record<string, unknown> | null;
  /** Refuses with this status and body. */
  readonly refuse?: {
    readonly status: number;
    readonly body: unknown;
    readonly headers?: HeadersInit;
  };
  /** Waits for this before the first byte. */
  readonly before?: Promise<void>;
  /** Waits for this after the first piece. */
  readonly amid?: Promise<void>;
  /** Ends the stream after this many pieces, without a word. */
  readonly breakAfter?: number;
}

/** A request's body, as it came. */
// deno-lint-ignore no-explicit-any -- tests look into bodies of every shape
export type AskedBody = any;

export interface FakeModel extends AsyncDisposable {
  /** `http://127.0.0.1:PORT/v1` */
  readonly endpoint: string;
  readonly asked: { readonly body: AskedBody; readonly headers: Headers }[];
  /** Answers the next requests, in this order; when the queue is empty, "Hello world". */
  queue(...answers: FakeAnswer[]): void;
  /** Resolves when the client has given up a request. */
  readonly left: Promise<void>;
}

const HELLO: FakeAnswer = { text: ["Hello", " world"] };
const USAGE = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };

/** Starts it on a free port. */
export function startFakeModel(): FakeModel {
  const asked: { body: AskedBody; headers: Headers }[] = [];
  const answers: FakeAnswer[] = [];
  const left = Promise.withResolvers<void>();
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (request) => {
      if (request.url.endsWith("/v1/models")) {
        return Response.json({ object: "list", data: [{ id: "fake", object: "model" }] });
      }
      const body = await request.json();
      asked.push({ body, headers: request.headers });
      const answer = answers.shift() ?? HELLO;
      const { refuse } = answer;
      if (refuse !== undefined) {
        return Response.json(refuse.body, {
          status: refuse.status,
          ...(refuse.headers === undefined ? {} : { headers: refuse.headers }),
        });
      }
      if (!body.stream) {
        await answer.before;
        return Response.json(whole(answer));
      }
      const events = streamed(answer);
      const stream = new ReadableStream<Uint8Array>({
        async pull(controller) {
          const next = await events.next();
          if (next.done) controller.close();
          else controller.enqueue(new TextEncoder().encode(next.value));
        },
        cancel: () => left.resolve(),
      });
      return new Response(stream, { headers: { "content-type": "text/event-stream" } });
    },
  );
  return {
    endpoint: `http://127.0.0.1:${server.addr.port}/v1`,
    asked,
    queue: (...more) => void answers.push(...more),
    left: left.promise,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function whole(answer: FakeAnswer): unknown {
  const tool_calls = answer.calls?.map(({ name, arguments: args }, i) => ({
    id: `call_${i}`,
    type: "function",
    function: { name, arguments: JSON.stringify(args) },
  }));
  return {
    choices: [{
      index: 0,
      message: {
        role: "assistant",
        content: answer.text?.join("") ?? null,
        reasoning_content: [answer.reasoning ?? []].flat().join("") || undefined,
        refusal: answer.refusal,
        tool_calls,
      },
      finish_reason: finishOf(answer),
    }],
    usage: answer.usage === null ? undefined : answer.usage ?? USAGE,
  };
}

async function* streamed(answer: FakeAnswer): AsyncGenerator<string> {
  await answer.before;
  let sent = 0;
  for (const delta of deltas(answer)) {
    if (sent++ === answer.breakAfter) return;
    yield event({ choices: [{ index: 0, delta, finish_reason: null }] });
    if (sent === 1) await answer.amid;
  }
  yield event({ choices: [{ index: 0, delta: {}, finish_reason: finishOf(answer) }] });
  if (answer.usage !== null) yield event({ choices: [], usage: answer.usage ?? USAGE });
  yield "data: [DONE]\n\n";
}

function* deltas({ reasoning, text, refusal, calls }: FakeAnswer): Generator<unknown> {
  for (const reasoning_content of [reasoning ?? []].flat()) yield { reasoning_content };
  for (const content of text ?? []) yield { content };
  if (refusal !== undefined) yield { refusal };
  for (const [index, { name, arguments: args }] of (calls ?? []).entries()) {
    const json = JSON.stringify(args);
    const half = Math.ceil(json.length / 2);
    yield { tool_calls: [{ index, id: `call_${index}`, function: { name, arguments: "" } }] };
    yield { tool_calls: [{ index, function: { arguments: json.slice(0, half) } }] };
    yield { tool_calls: [{ index, function: { arguments: json.slice(half) } }] };
  }
}

function finishOf({ finish, calls }: FakeAnswer): string {
  return finish ?? (calls === undefined ? "stop" : "tool_calls");
}

function event(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}
