/** Many paced event streams at once, seen from their clients: refused, lost and late ones. */
import { type ClientHttp2Session, connect } from "node:http2";

/** Connections that carry the streams: h2c, because HTTP/1.1 would need a descriptor for each. */
const SESSIONS = 50;

/** Request of each stream, and how its answer is read. */
export interface PacedRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body: string;
  /** Text that every paced event has once, and nothing else in the stream. */
  readonly mark: string;
  /** Text of the event that ends a whole answer; what counts otherwise is only the protocol's end. */
  readonly last?: string;
}

/** How one stream went. */
export interface StreamResult {
  /** 0 when there was none. */
  status: number;
  /** When each paced event came, in milliseconds of `performance.now()`. */
  readonly arrivals: number[];
  /** Whether it came to its end, and the end was the right one. */
  complete: boolean;
}

/** Opens all streams over a few connections, and resolves when the last has ended, with how long the opening took. */
export async function runPacedStreams(
  url: string,
  streams: number,
  request: PacedRequest,
): Promise<{ readonly openingMs: number; readonly results: readonly StreamResult[] }> {
  const sessions = await Promise.all(Array.from({ length: SESSIONS }, () => openSession(url)));
  try {
    const started = performance.now();
    const running = Array.from(
      { length: streams },
      (_, index) => openStream(sessions[index % SESSIONS] as ClientHttp2Session, request),
    );
    const openingMs = performance.now() - started;
    return { openingMs, results: await Promise.all(running) };
  } finally {
    for (const session of sessions) session.destroy();
  }
}

/** Returns the results of streams that should have had so many events, each so many milliseconds after the one before. */
export function tallyOf(
  results: readonly StreamResult[],
  { events, paceMs, lateMs }: { events: number; paceMs: number; lateMs: number },
): {
  /** Streams that got no 200. */
  readonly refused: number;
  /** Streams that began and did not come to their end. */
  readonly broken: number;
  /** Events that never came. */
  readonly lost: number;
  /** How much later than its pace each event came after the one before, in milliseconds. */
  readonly lateness: readonly number[];
  /** Events that were later than `lateMs`. */
  readonly late: number;
} {
  const lateness = results.flatMap(({ arrivals }) =>
    arrivals.slice(1).map((at, index) => at - (arrivals[index] ?? at) - paceMs)
  );
  return {
    refused: results.filter(({ status }) => status !== 200).length,
    broken: results.filter(({ status, complete }) => status === 200 && !complete).length,
    lost: results.reduce((sum, { arrivals }) => sum + events - arrivals.length, 0),
    lateness,
    late: lateness.filter((ms) => ms > lateMs).length,
  };
}

/** Counts a text in a stream, however the stream is cut. */
export class MarkCounter {
  readonly #mark: string;
  readonly #decoder = new TextDecoder();
  #rest = "";

  constructor(mark: string) {
    this.#mark = mark;
  }

  /** Returns how many more there are with these bytes. */
  push(bytes: Uint8Array): number {
    const parts = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split(this.#mark);
    // What may be the beginning of the next one; never a whole one.
    this.#rest = this.#mark.length === 1 ? "" : (parts.at(-1) ?? "").slice(1 - this.#mark.length);
    return parts.length - 1;
  }
}

function openSession(url: string): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connect(url);
    session.once("connect", () => resolve(session)).once("error", reject);
  });
}

function openStream(session: ClientHttp2Session, request: PacedRequest): Promise<StreamResult> {
  const { path, headers, body, mark, last } = request;
  const result: StreamResult = { status: 0, arrivals: [], complete: false };
  const marks = new MarkCounter(mark);
  const ends = last === undefined ? undefined : new MarkCounter(last);
  let ended = last === undefined;
  return new Promise((resolve) => {
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/json",
      ...headers,
    });
    stream.on("response", (head) => void (result.status = head[":status"] ?? 0));
    stream.on("data", (bytes: Uint8Array) => {
      const at = performance.now();
      for (let event = marks.push(bytes); event > 0; event--) result.arrivals.push(at);
      if (ends !== undefined && ends.push(bytes) > 0) ended = true;
    });
    stream.on("end", () => void (result.complete = ended));
    stream.on("error", () => {});
    stream.on("close", () => resolve(result));
    stream.end(body);
  });
}
