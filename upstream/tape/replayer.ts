/** Answers from recordings. */
import { delay, messageOf, now, readTextFile, UsageError } from "../../service/mod.ts";
import { writeError } from "../answers/answer_writer.ts";
import { countEvents } from "../scripts/sse_cut.ts";
import type { Tape } from "../dispatcher.ts";
import { bytesOf, canonical, parseRecording, type Recording, requestKey } from "./recording.ts";
import type { Wire } from "../wire/wire.ts";

/** How to answer from recordings. */
export interface ReplayOptions {
  readonly folder: string;
  /** 1 is the original timing (default), 0.5 twice as fast; 0 uses no timer. */
  readonly scale?: number;
  /** A request without a recording is an error (default), or goes to the endpoints. */
  readonly strict?: boolean;
}

interface Entry {
  readonly file: string;
  readonly recording: Recording;
  readonly leaves: ReadonlyMap<string, string>;
}

/** Answers from a folder of recordings, byte for byte; it never dials out. */
export class Replayer implements Tape {
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #scale: number;
  readonly #strict: boolean;

  private constructor(entries: ReadonlyMap<string, Entry>, options: ReplayOptions) {
    this.#entries = entries;
    this.#scale = options.scale ?? 1;
    this.#strict = options.strict ?? true;
  }

  /**
   * Reads every recording of the folder.
   *
   * @throws {UsageError} when the folder or one of its files cannot be read
   */
  static async open(options: ReplayOptions): Promise<Replayer> {
    const entries = new Map<string, Entry>();
    try {
      for await (const { name, isFile } of Deno.readDir(options.folder)) {
        if (!isFile || !name.endsWith(".jsonl")) continue;
        const file = `${options.folder}/${name}`;
        const recording = parseRecording(await readTextFile(file), file);
        const { method, target, body } = recording.request;
        const bytes = bytesOf(body);
        const leaves = leavesOf(method, target, bytes);
        entries.set(requestKey(method, target, bytes), { file, recording, leaves });
      }
    } catch (error) {
      if (error instanceof UsageError) throw error;
      throw new UsageError(`Cannot replay from "${options.folder}": ${messageOf(error)}`);
    }
    return new Replayer(entries, options);
  }

  async answer(wire: Wire, body: Uint8Array): Promise<boolean> {
    if (wire.path === "/healthz") return false;
    const { method, target } = wire.exchange;
    const entry = this.#entries.get(requestKey(method, target, body));
    if (entry) {
      await this.#play(wire, entry.recording);
      return true;
    }
    if (!this.#strict) return false;
    writeError(wire, 404, {
      message: `No recording of ${method} ${target}: ${this.#nearest(method, target, body)}`,
      code: "recording_not_found",
    });
    return true;
  }

  async #play(wire: Wire, recording: Recording): Promise<void> {
    const start = now();
    const { status, headers, t } = recording.response;
    await this.#until(wire, start, t);
    if (wire.gone) return;
    await wire.head(status, headers);
    for (const chunk of recording.chunks) {
      await this.#until(wire, start, chunk.t);
      if (wire.gone) return;
      const bytes = bytesOf(chunk);
      const stalled = wire.write(bytes, countEvents(bytes));
      if (stalled) await stalled;
    }
    wire.end();
  }

  /** Waits for a recorded time; counted from the start, so that lateness does not add up. */
  async #until(wire: Wire, start: number, t: number): Promise<void> {
    const wait = t * this.#scale - (now() - start);
    if (this.#scale === 0 || wait < 1) return;
    try {
      await delay(wait, wire.signal);
    } catch (error) {
      if (!wire.gone) throw error;
    }
  }

  /** Names the recording that shares the most, and the first place where it differs. */
  #nearest(method: string, target: string, body: Uint8Array): string {
    const asked = leavesOf(method, target, body);
    let best: { entry: Entry; score: number } | undefined;
    for (const entry of this.#entries.values()) {
      let same = 0;
      for (const [path, value] of asked) if (entry.leaves.get(path) === value) same++;
      const score = same / Math.max(asked.size, entry.leaves.size);
      if (!best || score > best.score) best = { entry, score };
    }
    if (!best) return "the folder holds no recordings";
    const { file, leaves } = best.entry;
    const paths = new Set([...asked.keys(), ...leaves.keys()]);
    for (const path of paths) {
      const [a, b] = [asked.get(path), leaves.get(path)];
      if (a !== b) return `nearest is "${file}", which has ${path} = ${short(b)}, not ${short(a)}`;
    }
    return `nearest is "${file}"`;
  }
}

/** Every value of a request by its path, for comparing. */
function leavesOf(method: string, target: string, body: Uint8Array): Map<string, string> {
  const leaves = new Map([["method", method], ["target", target]]);
  const text = canonical(body);
  const walk = (value: unknown, path: string) => {
    if (typeof value !== "object" || value === null) {
      leaves.set(path, JSON.stringify(value));
      return;
    }
    const list = Array.isArray(value);
    for (const [key, inner] of Object.entries(value)) {
      walk(inner, list ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`);
    }
  };
  if (typeof text === "string") walk(JSON.parse(text), "");
  else leaves.set("body", `${body.length} bytes`);
  return leaves;
}

/** Longest value shown of a difference. */
const SHOWN = 60;

function short(value: string | undefined): string {
  if (value === undefined) return "nothing";
  return value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value;
}
