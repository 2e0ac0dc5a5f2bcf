/** The demos: requests with a promise each, and how an answer is judged by it. */
import { type IncomingMessage, request } from "node:http";
import { chatFields, curlLine, DEMO_KEY } from "../../gateway/mod.ts";
import { DONE, parseSse } from "../../openai/mod.ts";
import { now } from "../../service/mod.ts";
import type { Style } from "../style.ts";

/** Media type of server-sent events (WHATWG HTML, section 9.2). */
const EVENT_STREAM = "text/event-stream";

/** One demo: what is sent, what is promised, and how the answer is judged. */
interface Demo {
  readonly title: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly stream: boolean;
  /** Returns what is wrong with the answer; nothing when it holds. */
  judge(answer: Answer): string[];
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly denyCode: string | null;
  readonly body: string;
  /** How many times bytes arrived; a stream that was buffered arrives once. */
  readonly arrivals: number;
}

/** The three promises of the base profile, as a client sees them. */
const DEMOS: readonly Demo[] = [
  {
    title: "Allow, streaming: events arrive token by token",
    headers: { "x-api-key": DEMO_KEY },
    stream: true,
    judge: (answer) => [
      ...expect("status", 200, answer.status),
      ...expect("content type", EVENT_STREAM, answer.contentType),
      ...expect("last event", DONE, parseSse(answer.body).events.at(-1)?.data ?? "none"),
      ...(answer.arrivals > 2
        ? []
        : [`the stream came in ${answer.arrivals} piece(s), not token by token`]),
    ],
  },
  {
    title: "Allow, JSON: the whole answer at once",
    headers: { authorization: `Bearer ${DEMO_KEY}` },
    stream: false,
    judge: (answer) => [
      ...expect("status", 200, answer.status),
      ...expect("object", "chat.completion", field(answer.body, (json) => json.object)),
    ],
  },
  {
    title: "Deny: no key, no upstream, and an error that SDKs understand",
    headers: {},
    stream: true,
    judge: (answer) => [
      ...expect("status", 401, answer.status),
      ...expect("content type", "application/json", answer.contentType),
      ...expect("x-llm-deny-code", "missing_api_key", answer.denyCode),
      ...expect("error code", "missing_api_key", field(answer.body, (json) => json.error?.code)),
    ],
  },
];

/** Options of `runDemos`. */
export interface DemoOptions {
  /** Base URL of the gateway, without `/v1`. */
  readonly url: string;
  readonly write: (text: string) => void;
  readonly style: Style;
  readonly signal: AbortSignal;
}

/**
 * Shows the demos one after the other, each as its curl line and the answer as it arrives, and
 * returns how many did not hold.
 */
export async function runDemos(options: DemoOptions): Promise<number> {
  const { write, style } = options;
  let broken = 0;
  for (const [index, demo] of DEMOS.entries()) {
    write(
      `${style.bold(`${index + 1}. ${demo.title}`)}\n${
        style.dim(
          `$ ${curlLine(options.url, { path: PATH, headers: demo.headers, body: fieldsOf(demo) })}`,
        )
      }\n`,
    );
    const wrong = demo.judge(await send(demo, options));
    if (wrong.length > 0) broken++;
    write(
      wrong.length === 0
        ? style.good("holds\n\n")
        : style.bad(`does not hold: ${wrong.join("; ")}\n\n`),
    );
  }
  write(`${DEMOS.length - broken} of ${DEMOS.length} demos hold\n`);
  return broken;
}

const PATH = "/v1/chat/completions";

function fieldsOf(demo: Demo): object {
  return { ...chatFields(), ...(demo.stream ? { stream: true } : {}) };
}

async function send(demo: Demo, options: DemoOptions): Promise<Answer> {
  const sentAt = now();
  const response = await post(`${options.url}${PATH}`, demo, options.signal);
  const header = (name: string) => response.headers[name]?.toString() ?? null;
  options.write(`HTTP/${response.httpVersion} ${response.statusCode} ${response.statusMessage}\n`);
  for (const name of ["content-type", "x-request-id", "x-llm-deny-code", "www-authenticate"]) {
    if (header(name) !== null) options.write(`${name}: ${header(name)}\n`);
  }
  options.write("\n");
  const decoder = new TextDecoder();
  let text = "";
  let arrivals = 0;
  for await (const chunk of response) {
    const piece = decoder.decode(chunk, { stream: true });
    arrivals++;
    text += piece;
    options.write(demo.stream ? stamped(piece, now() - sentAt, options.style) : piece);
  }
  if (!text.endsWith("\n")) options.write("\n");
  return {
    status: response.statusCode ?? 0,
    contentType: header("content-type")?.split(";")[0] ?? "none",
    denyCode: header("x-llm-deny-code"),
    body: text,
    arrivals,
  };
}

/** A piece of a stream behind the time of its arrival, so that a buffered one is seen at once. */
function stamped(piece: string, ms: number, style: Style): string {
  const time = style.dim(`${ms.toFixed(0).padStart(5)} ms  `);
  return piece.split("\n").map((line) => line === "" ? line : `${time}${line}`)
    .join("\n");
}

// Not fetch: that would follow HTTP_PROXY away from loopback.
function post(url: string, demo: Demo, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { ...demo.headers, "content-type": "application/json" };
    const call = request(url, { method: "POST", headers, agent: false, signal }, resolve);
    call.on("error", reject);
    call.end(JSON.stringify(fieldsOf(demo)));
  });
}

function expect(what: string, expected: unknown, observed: unknown): string[] {
  return expected === observed ? [] : [`${what}: expected "${expected}", got "${observed}"`];
}

// deno-lint-ignore no-explicit-any -- the body of any gateway; a missing field reads as undefined
function field(text: string, read: (json: any) => unknown): unknown {
  try {
    return read(JSON.parse(text));
  } catch {
    return "no JSON";
  }
}
