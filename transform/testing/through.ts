/** A request and its answer through steps, phase by phase, without an Envoy. */
import type { Answer, ProcessorStream } from "../../ext_proc/mod.ts";
import { EngineClients, openStore, stepsOf, transformProcessor, transformSchema } from "../mod.ts";

const STREAM = {} as ProcessorStream;
export const bytes = (text: string) => new TextEncoder().encode(text);
export const MAIL = "jane.doe@example.com";

interface Through {
  readonly steps: readonly unknown[];
  readonly request?: unknown;
  readonly path?: string;
  readonly type?: string;
  /** The upstream's answer, in these pieces. */
  readonly answer: readonly string[];
  readonly status?: number;
}

/** Answer as a client gets it: each piece that leaves, and the request as the upstream gets it. */
export async function through(
  {
    steps,
    request = {},
    path = "/v1/chat/completions",
    type = "text/event-stream",
    answer,
    status,
  }: Through,
): Promise<{ pieces: string[]; text: string; asked: string; own?: number }> {
  await using stack = new AsyncDisposableStack();
  const store = stack.use(openStore(":memory:"));
  const engines = stack.use(new EngineClients());
  const made = await stepsOf(transformSchema.parse({ version: 1, steps }), {
    store,
    now: Date.now,
    env: () => undefined,
    engine: engines.at,
    background: () => {},
  });
  const processor = transformProcessor(made);
  const head: [string, string][] = [
    [":method", "POST"],
    [":path", path],
    ["content-type", "application/json"],
    ["x-tenant", "demo"],
  ];
  const body = typeof request === "string" ? request : JSON.stringify(request);
  const ask = (phase: "request" | "response", piece: Uint8Array, endOfStream: boolean) =>
    processor.answer({ phase: `${phase}_body`, body: piece, endOfStream } as never, STREAM);
  await processor.answer(
    { phase: "request_headers", headers: head, endOfStream: false } as never,
    STREAM,
  );
  const sent = await ask("request", bytes(body), true);
  if (sent.kind === "immediate") {
    return { pieces: [], text: "", asked: "", own: sent.status };
  }
  const asked = bodyOf(sent, bytes(body));
  const answered = await processor.answer({
    phase: "response_headers",
    headers: [[":status", String(status ?? 200)], ["content-type", type]],
    endOfStream: false,
  } as never, STREAM);
  if (answered.kind === "immediate") return { pieces: [], text: "", asked, own: answered.status };
  const isStream = type === "text/event-stream";
  const parts = isStream ? answer.map(bytes) : [bytes(answer.join(""))];
  const pieces: string[] = [];
  for (const [at, part] of parts.entries()) {
    const last = !isStream && at === parts.length - 1;
    pieces.push(bodyOf(await ask("response", part, last), part));
  }
  if (isStream) pieces.push(bodyOf(await ask("response", bytes(""), true), bytes("")));
  processor.end({ kind: "closed" } as never);
  return { pieces, text: pieces.join(""), asked };
}

function bodyOf(answer: Answer, original: Uint8Array): string {
  const { body } = answer as { body?: { replace?: Uint8Array; clear?: boolean } };
  if (body?.clear) return "";
  return new TextDecoder().decode(body?.replace ?? original);
}

export const data = (json: unknown) => `data: ${JSON.stringify(json)}\n\n`;
export const chunk = (delta: unknown, more: object = {}) =>
  data({ id: "c", choices: [{ index: 0, delta, finish_reason: null, ...more }] });
export const FINISH = data({ id: "c", choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
export const DONE = "data: [DONE]\n\n";
export const REDACT = [{ redact: { detect: ["email"] } }];
export const GUARD = [{ guard: { output: { words: { list: ["secret plan"] } } } }];
