/** Records the answers of a real server. */
import {
  isCredentialParameter,
  loadModule,
  type Log,
  makePrivateFolder,
  messageOf,
  now,
  redactedTarget,
  replaceFile,
  UsageError,
} from "../../service/mod.ts";
import { type Dialect, dialectOf } from "../../dialects/mod.ts";
import { writeError } from "../answers/answer_writer.ts";
import { countEvents } from "../scripts/sse_cut.ts";
import type { Tape } from "../dispatcher.ts";
import {
  contentOf,
  fileName,
  formatRecording,
  keptRequestHeaders,
  keptResponseHeaders,
  type RecordedChunk,
  type Recording,
} from "./recording.ts";
import { matchInput } from "../scripts/match_input.ts";
import type { MatchInput } from "../scripts/scenario_match.ts";
import type { Wire } from "../wire/wire.ts";

/** Where to record from and to. */
export interface RecordOptions {
  /** Folder for the recordings; made when it is missing. */
  readonly folder: string;
  /** The real upstream, e.g. `https://api.openai.com`; a path prefix is kept. */
  readonly upstream: string;
  /** Sent in the dialect's own header in place of the client's; never stored. */
  readonly key?: string;
}

/** Headers of one hop, and those that fetch sets itself (RFC 9110 section 7.6.1). */
const NOT_FORWARDED =
  /^(host|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-length|expect|accept-encoding|x-mock-.*|x-harness-.*|:.*)$/i;

/**
 * Returns a tape that forwards requests and stores the answers, chunk by chunk.
 *
 * @throws {UsageError} when the upstream is no URL or the folder cannot be made
 */
export async function openRecorder(options: RecordOptions, log: Log): Promise<Tape> {
  let base: URL;
  try {
    base = new URL(options.upstream);
  } catch {
    throw new UsageError(
      `Cannot record: the upstream must be a URL such as "https://api.openai.com": ` +
        `current value is "${options.upstream}"`,
    );
  }
  try {
    await makePrivateFolder(options.folder);
  } catch (error) {
    throw new UsageError(`Cannot record to "${options.folder}": ${messageOf(error)}`);
  }
  return new Recorder(options, base, log);
}

class Recorder implements Tape {
  readonly #options: RecordOptions;
  readonly #base: URL;
  readonly #log: Log;

  constructor(options: RecordOptions, base: URL, log: Log) {
    this.#options = options;
    this.#base = base;
    this.#log = log;
  }

  async answer(wire: Wire, body: Uint8Array): Promise<boolean> {
    // Health is our own; a probe must not cost the real upstream anything.
    if (wire.path === "/healthz") return false;
    const start = now();
    let response: Response;
    try {
      response = await this.#send(wire, body);
    } catch (error) {
      if (!wire.gone) {
        const message = `Cannot reach the recorded upstream: ${messageOf(error)}`;
        this.#log(`Mock upstream: ${message}`);
        writeError(wire, 502, { message, type: "upstream_error", code: "upstream_unavailable" });
      }
      return true;
    }
    const headers = keptResponseHeaders(response.headers);
    const head = { status: response.status, headers, t: elapsed(start) };
    await wire.head(response.status, headers);
    const chunks: RecordedChunk[] = [];
    try {
      for await (const chunk of response.body ?? []) {
        chunks.push({ t: elapsed(start), ...contentOf(chunk) });
        const stalled = wire.write(chunk, countEvents(chunk));
        if (stalled) await stalled;
      }
    } catch (error) {
      // An answer that broke off is passed on as such, and is no recording.
      this.#log(`Mock upstream: not recorded: ${messageOf(error)}`);
      wire.abort("fin");
      return true;
    }
    if (wire.gone) return true;
    const { method, target } = wire.exchange;
    const recording: Recording = {
      request: {
        method,
        target: redactedTarget(target),
        headers: keptRequestHeaders(wire.exchange.headers),
        body: contentOf(body),
      },
      response: head,
      chunks,
    };
    await this.#store(recording);
    await this.#storeScenario(recording, matchInput(wire, body));
    // Ended last: who has the whole answer finds the recording on disk.
    wire.end();
    return true;
  }

  #send(wire: Wire, body: Uint8Array): Promise<Response> {
    const headers = new Headers();
    for (const [name, value] of wire.exchange.headers) {
      if (!NOT_FORWARDED.test(name)) headers.append(name, value);
    }
    // Recordings are to be read by people, so nothing compressed.
    headers.set("accept-encoding", "identity");
    if (this.#options.key !== undefined) {
      const [name, value] = credential(dialectOf(wire.path), this.#options.key);
      for (const other of ["authorization", "x-api-key", "x-goog-api-key"]) headers.delete(other);
      headers.set(name, value);
    }
    // People give base URLs with and without the /v1 that every target has.
    const prefix = this.#base.pathname.replace(/\/$/, "").replace(/\/v1$/, "");
    const bodiless = ["GET", "HEAD"].includes(wire.exchange.method);
    const { target } = wire.exchange;
    const path = this.#options.key === undefined ? target : withoutCredentials(target);
    return fetch(`${this.#base.origin}${prefix}${path}`, {
      method: wire.exchange.method,
      headers,
      signal: wire.signal,
      redirect: "manual",
      ...(bodiless ? {} : { body: body as Uint8Array<ArrayBuffer> }),
    });
  }

  async #store(recording: Recording): Promise<void> {
    await this.#write(fileName(recording), formatRecording(recording));
  }

  /** Beside each recording, what a person would write to get that answer: in whatever dialect, streamed or not. */
  async #storeScenario(recording: Recording, input: MatchInput): Promise<void> {
    const { recordedScenario } = await loadModule<
      typeof import("./recorded_scenario.ts")
    >("upstream/tape/recorded_scenario.ts");
    const text = recordedScenario(recording, input);
    if (text === undefined) return;
    await makePrivateFolder(`${this.#options.folder}/scenarios`);
    await this.#write(`scenarios/${fileName(recording).replace(/jsonl$/, "yaml")}`, text);
  }

  /** Writes a file that is there as a whole or not at all. */
  async #write(name: string, text: string): Promise<void> {
    await replaceFile(`${this.#options.folder}/${name}`, text);
  }
}

/** Returns a target without the credentials in its query, such as Gemini's `key`. */
function withoutCredentials(target: string): string {
  const [path, query] = target.split("?", 2);
  if (query === undefined) return target;
  const kept = query.split("&").filter((pair) => !isCredentialParameter(pair.split("=")[0] ?? ""));
  return kept.length === 0 ? path ?? "" : `${path}?${kept.join("&")}`;
}

/** The header that carries a provider's key. */
function credential(dialect: Dialect, key: string): [name: string, value: string] {
  switch (dialect) {
    case "anthropic":
      return ["x-api-key", key];
    case "gemini":
      return ["x-goog-api-key", key];
    default:
      return ["authorization", `Bearer ${key}`];
  }
}

/** Milliseconds with three digits: enough for pacing, short to read. */
function elapsed(start: number): number {
  return Math.round((now() - start) * 1000) / 1000;
}
