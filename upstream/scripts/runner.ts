/** Runs scripts. */
import { Buffer } from "node:buffer";
import { constants, createGzip, type Gzip } from "node:zlib";
import { formatSseComment, formatSseEvent } from "../../openai/mod.ts";
import { type Barriers, now } from "../../service/mod.ts";
import { countEvents, cutBytes } from "./sse_cut.ts";
import { StreamEvent } from "../load/stream_event.ts";
import type { TimerWheel } from "./timer_wheel.ts";
import { FairYield } from "../load/fair_yield.ts";
import type { Cut, ScriptEvent, UpstreamScript, UpstreamStep } from "../types.ts";
import type { HeaderList, Wire } from "../wire/wire.ts";

const encoder = new TextEncoder();
const EOL = { lf: "\n", crlf: "\r\n", cr: "\r" } as const;
/** Head of an answer whose script has no `headers` step. */
const DEFAULT_HEADERS: HeaderList = [["content-type", "text/event-stream"]];
/** A throttled write goes out in pieces this many milliseconds apart. */
const THROTTLE_TICK_MS = 10;

/** Options of a running script. */
export interface ScriptContext {
  readonly barriers: Barriers;
  readonly wheel: TimerWheel;
  /** Put before barrier names, so that cases do not meet at each other's. */
  readonly prefix: string;
}

/**
 * Runs a script on one exchange; resolves when the answer is over. A peer that leaves ends it
 * early without an error.
 */
export async function runScript(
  wire: Wire,
  script: UpstreamScript,
  context: ScriptContext,
): Promise<void> {
  const run = new ScriptRun(wire, script, context);
  try {
    await run.steps(script.steps);
    if (!wire.gone && !wire.answered) await run.end();
  } finally {
    run.dispose();
  }
}

class ScriptRun {
  readonly #wire: Wire;
  readonly #script: UpstreamScript;
  readonly #context: ScriptContext;
  readonly #hasTrailers: boolean;
  #trailers: HeaderList = [];
  #throttle = 0;
  #stamp = false;
  readonly #fair = new FairYield();
  #gzip: Gzip | undefined;

  constructor(wire: Wire, script: UpstreamScript, context: ScriptContext) {
    this.#wire = wire;
    this.#script = script;
    this.#context = context;
    this.#hasTrailers = hasTrailers(script.steps);
  }

  async steps(steps: readonly UpstreamStep[], times = 1): Promise<void> {
    // By index, since a step that is repeated a thousand times is no reason for a thousand iterators.
    for (let i = 0; i < times; i++) {
      for (let at = 0; at < steps.length; at++) {
        const step = steps[at] as UpstreamStep;
        if (this.#wire.gone || this.#wire.answered) return;
        const pending = this.#step(step) ?? this.#fair.step();
        if (pending) await pending;
      }
    }
  }

  async end(): Promise<void> {
    await this.#ready();
    if (this.#gzip) await this.#write(await flushed(this.#gzip, true), 0);
    this.#wire.end(this.#trailers);
  }

  dispose(): void {
    this.#gzip?.destroy();
  }

  #step(step: UpstreamStep): Promise<void> | undefined {
    const wire = this.#wire;
    // First, because long streams are made of it.
    if ("event" in step) return this.#event(step.event, step.cut);
    if ("headers" in step) return this.#headers(step.headers);
    if ("write" in step) return this.#bytes(encoder.encode(step.write), step.cut);
    if ("write_base64" in step) {
      return this.#bytes(new Uint8Array(Buffer.from(step.write_base64, "base64")), step.cut);
    }
    if ("comment" in step) {
      return this.#bytes(encoder.encode(formatSseComment(step.comment)), step.cut);
    }
    if ("sleep" in step) return this.#context.wheel.sleep(step.sleep, wire.signal);
    if ("barrier" in step) return this.#barrier(step.barrier);
    if ("trailers" in step) {
      this.#trailers = [...this.#trailers, ...Object.entries(step.trailers)];
      return undefined;
    }
    if ("end" in step) return this.end();
    if ("abort" in step) return this.#abort(step.abort);
    if ("hang" in step) return this.#hang();
    if ("slow_read" in step) {
      wire.slowRead(step.slow_read);
      return undefined;
    }
    if ("throttle" in step) {
      this.#throttle = step.throttle;
      return undefined;
    }
    if ("stamp" in step) {
      this.#stamp = step.stamp;
      return undefined;
    }
    if ("repeat" in step) return this.steps(step.repeat.steps, step.repeat.times);
    return undefined; // flush: every write is flushed already
  }

  #event(script: ScriptEvent, cut: Cut | undefined): Promise<void> | undefined {
    const known = eventOf(script);
    const event = this.#stamp ? new StreamEvent(stamp() + known.text) : known;
    if (cut === undefined && this.#plain) return this.#wire.writeEvent(event);
    return this.#bytes(encoder.encode(event.text), cut);
  }

  async #headers(
    init: { status?: number; headers?: Readonly<Record<string, string | readonly string[]>> },
  ) {
    await this.#body();
    const list: [string, string][] = [];
    for (const [name, value] of Object.entries(init.headers ?? {})) {
      for (const one of typeof value === "string" ? [value] : value) list.push([name, one]);
    }
    await this.#sendHead(init.status ?? 200, init.headers ? list : DEFAULT_HEADERS);
  }

  /** Whether bytes can go out as they are: the head is sent, nothing throttles or packs. */
  get #plain(): boolean {
    return this.#wire.headSent && this.#throttle === 0 && !this.#gzip;
  }

  /** Writes bytes, cut as asked: one write per piece. */
  #bytes(bytes: Uint8Array, cut: Cut | undefined): Promise<void> | undefined {
    if (cut === undefined && this.#plain) {
      return this.#wire.write(bytes, countEvents(bytes));
    }
    return this.#slowBytes(bytes, cut);
  }

  async #slowBytes(bytes: Uint8Array, cut: Cut | undefined): Promise<void> {
    await this.#ready();
    const pieces = cut === undefined ? [bytes] : cutBytes(bytes, cut);
    for (const [i, piece] of pieces.entries()) {
      if (this.#wire.gone) return;
      const events = i === pieces.length - 1 ? countEvents(bytes) : 0;
      if (this.#gzip) {
        this.#gzip.write(piece);
        await this.#write(await flushed(this.#gzip, false), events);
      } else {
        await this.#write(piece, events);
      }
    }
  }

  async #write(bytes: Uint8Array, events: number): Promise<void> {
    const wire = this.#wire;
    if (this.#throttle === 0) return await wire.write(bytes, events);
    const size = Math.max(1, Math.floor(this.#throttle * THROTTLE_TICK_MS / 1000));
    for (let at = 0; at < bytes.length && !wire.gone; at += size) {
      const last = at + size >= bytes.length;
      await wire.write(bytes.subarray(at, at + size), last ? events : 0);
      await this.#context.wheel.sleep(size / this.#throttle * 1000, wire.signal);
    }
  }

  async #barrier(name: string): Promise<void> {
    const { signal } = this.#wire;
    try {
      await this.#context.barriers.arrive(`${this.#context.prefix}/${name}`, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #abort(kind: Extract<UpstreamStep, { abort: unknown }>["abort"]): Promise<void> {
    await this.#body();
    this.#wire.abort(kind);
  }

  async #hang(): Promise<void> {
    const { signal } = this.#wire;
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** Waits for the whole request body, unless the script answers early. */
  async #body(): Promise<void> {
    if (this.#script.early || this.#wire.headSent) return;
    this.#wire.sendContinue();
    await this.#wire.body.wait();
  }

  /** Makes sure that the head is out. */
  async #ready(): Promise<void> {
    if (this.#wire.headSent) return;
    await this.#body();
    await this.#sendHead(200, DEFAULT_HEADERS);
  }

  async #sendHead(status: number, headers: HeaderList): Promise<void> {
    let list = headers;
    if (this.#script.encoding === "gzip") {
      this.#gzip = createGzip();
      list = [...headers, ["content-encoding", "gzip"]];
    }
    await this.#wire.head(status, list, { trailers: this.#hasTrailers });
  }
}

/** A comment with the time of sending, in microseconds of the journal's clock. */
function stamp(): string {
  return `: t=${Math.round(now() * 1000)}\n`;
}

/** Events of scripts that ran before, or that repeat a step: written out once. */
const written = new WeakMap<ScriptEvent, StreamEvent>();

function eventOf(script: ScriptEvent): StreamEvent {
  const known = written.get(script);
  if (known) return known;
  const { eol = "lf", ...fields } = script;
  const event = new StreamEvent(formatSseEvent(fields, EOL[eol]));
  written.set(script, event);
  return event;
}

function hasTrailers(steps: readonly UpstreamStep[]): boolean {
  return steps.some((step) =>
    "trailers" in step || ("repeat" in step && hasTrailers(step.repeat.steps))
  );
}

/** Flushes a gzip stream, so that everything written so far can be unpacked by the reader. */
function flushed(gzip: Gzip, end: boolean): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    const onData = (part: Uint8Array) => parts.push(part);
    const done = () => {
      gzip.off("data", onData);
      gzip.off("error", reject);
      resolve(new Uint8Array(Buffer.concat(parts)));
    };
    gzip.on("data", onData);
    gzip.on("error", reject);
    if (end) {
      gzip.once("end", done);
      gzip.end();
    } else {
      gzip.flush(constants.Z_SYNC_FLUSH, done);
    }
  });
}
