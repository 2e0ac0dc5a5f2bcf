import { type Refusal, refusalOf, type Surface } from "../local_http/mod.ts";
import { textOf } from "../openai/mod.ts";
import { type Barriers, type Log, messageOf, UsageError } from "../service/mod.ts";
import { AnswerCache } from "./load/answer_cache.ts";
import { writeAnswer, writeError } from "./answers/answer_writer.ts";
import { answerRequest } from "./answers/routes.ts";
import type { UpstreamCounters } from "./metrics.ts";
import { type Pace, Pacer, parsePace } from "./answers/pace.ts";
import { Random } from "./answers/random.ts";
import type { MatchInput, ScenarioFolder } from "./scripts/scenarios.ts";
import { runScript } from "./scripts/runner.ts";
import { checkScript, scriptOfHeader } from "./scripts/schema.ts";
import type { TimerWheel } from "./scripts/timer_wheel.ts";
import type { UpstreamScript } from "./types.ts";
import type { Wire } from "./wire/wire.ts";

/** Something that may answer in place of the endpoints: a recorder or a replayer. */
export interface Tape {
  /** Returns false when it leaves the request to the endpoints. */
  answer(wire: Wire, body: Uint8Array): Promise<boolean>;
}

/** What the dispatcher works with. */
export interface DispatcherParts {
  readonly scripts: ReadonlyMap<string, UpstreamScript>;
  readonly scenarios: ScenarioFolder | undefined;
  readonly tape: Tape | undefined;
  /** How the data port may be asked. */
  readonly surface: Pick<Surface, "host" | "names">;
  readonly models: readonly string[] | undefined;
  readonly pace: Pace;
  readonly barriers: Barriers;
  readonly wheel: TimerWheel;
  readonly counters: UpstreamCounters;
  readonly log: Log;
}

/**
 * Decides who answers a request: a script named in `x-mock-script`, the script of its nonce,
 * `metadata.mock` in the body, a scenario that matches, a tape, or the endpoint; in this order.
 */
export class Dispatcher {
  readonly #parts: DispatcherParts;
  readonly #cache = new AnswerCache();

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
  }

  /** Answers one request; never rejects. */
  async serve(wire: Wire): Promise<void> {
    try {
      const refusal = this.#refusal(wire);
      if (refusal !== undefined) return writeError(wire, refusal.status, refusal);
      await this.#answer(wire);
    } catch (error) {
      this.#fail(wire, error);
    } finally {
      wire.body.release();
    }
  }

  /** The guard's word: only what was recorded is worth a page's while, so only a tape minds the name. */
  #refusal(wire: Wire): Refusal | undefined {
    const { method } = wire.exchange;
    const host = wire.header("host") ?? wire.header(":authority");
    return refusalOf(
      {
        method,
        authorities: host === undefined ? [] : [host],
        header: (name) => wire.header(name),
      },
      { ...this.#parts.surface, pages: "preflighted", anyName: this.#parts.tape === undefined },
    );
  }

  /** A script chosen by the head runs at once; otherwise the whole body decides. */
  async #answer(wire: Wire): Promise<void> {
    const chosen = this.#scriptByHead(wire);
    if (chosen) return await this.#run(wire, chosen.script, chosen.id);
    wire.sendContinue();
    await wire.body.wait();
    if (wire.gone) return;
    const bytes = wire.body.bytes();
    if (!bytes) {
      return writeError(wire, 413, { message: "The request body is longer than the mock takes" });
    }
    const carried = wire.exchange.nonce === undefined ? nonceOfBody(bytes) : undefined;
    if (carried !== undefined) {
      wire.exchange.nonce = carried;
      const script = this.#parts.scripts.get(carried);
      if (script) {
        wire.choose("body");
        return await this.#run(wire, script, carried);
      }
    }
    const mock = mockOfBody(bytes);
    if (mock?.steps) {
      wire.choose("body");
      return await this.#run(
        wire,
        checkScript(mock, '"metadata.mock"'),
        wire.exchange.nonce ?? "body",
      );
    }
    const scenario = this.#parts.scenarios?.match(matchInput(wire, bytes));
    if (scenario) {
      wire.choose(scenario.name);
      return await this.#run(wire, scenario, wire.exchange.nonce ?? scenario.name);
    }
    if (await this.#parts.tape?.answer(wire, bytes)) return;
    await this.#endpoint(wire, bytes, mock);
  }

  #scriptByHead(wire: Wire): { script: UpstreamScript; id: string } | undefined {
    const named = wire.header("x-mock-script");
    const nonce = wire.exchange.nonce;
    if (named !== undefined) {
      wire.choose("header");
      const script = this.#parts.scripts.get(named) ?? this.#parts.scenarios?.named(named);
      return { script: script ?? scriptOfHeader(named), id: nonce ?? (script ? named : "inline") };
    }
    const script = nonce === undefined ? undefined : this.#parts.scripts.get(nonce);
    if (!script || nonce === undefined) return undefined;
    wire.choose("nonce");
    return { script, id: nonce };
  }

  #run(wire: Wire, script: UpstreamScript, prefix: string): Promise<void> {
    return runScript(wire, script, {
      barriers: this.#parts.barriers,
      wheel: this.#parts.wheel,
      prefix,
    });
  }

  async #endpoint(wire: Wire, bytes: Uint8Array, mock: MockFields | undefined): Promise<void> {
    const { exchange } = wire;
    const asked = Number(wire.header("x-mock-tokens") ?? mock?.tokens ?? NaN);
    const tokens = Number.isInteger(asked) && asked >= 0 ? asked : undefined;
    const contentType = wire.header("content-type") ?? "";
    const { method, bodySha256: sha256 = "" } = exchange;
    const override = wire.header("x-mock-pace") ?? mock?.pace;
    const pacer = new Pacer(
      override === undefined ? this.#parts.pace : { ...this.#parts.pace, ...parsePace(override) },
      {
        random: () => new Random(mixSeed(sha256, "pace")),
        wheel: this.#parts.wheel,
        running: () => this.#parts.counters.running,
      },
    );
    const variant = VARYING.map((name) => wire.header(name));
    const key = [method, exchange.target, sha256, tokens, contentType, ...variant].join(" ");
    const answer = this.#cache.get(key) ??
      this.#cache.keep(
        key,
        await answerRequest(method, {
          bytes,
          path: wire.path,
          query: new URLSearchParams(exchange.target.slice(wire.path.length)),
          header: (name) => wire.header(name),
          contentType,
          random: new Random(mixSeed(sha256, wire.path)),
          models: this.#parts.models,
          tokens,
        }),
        { streams: !pacer.waits },
      );
    await writeAnswer(wire, answer, pacer);
  }

  /** What a client wrote wrongly is a 400; what we did wrong is a 500 and a line in the log. */
  #fail(wire: Wire, error: unknown): void {
    const theirs = error instanceof UsageError || error instanceof SyntaxError;
    wire.exchange.problem = messageOf(error);
    this.#parts.log(`Mock upstream: ${messageOf(error)}`);
    if (wire.gone || wire.answered) return;
    if (wire.headSent) return wire.abort("fin");
    writeError(wire, theirs ? 400 : 500, { message: messageOf(error) });
  }
}

/** Request headers that an endpoint looks at, beside the content type. */
const VARYING = ["anthropic-version", "anthropic-beta", "x-goog-api-key"];

/** What `metadata.mock` may hold: a script, or settings of the normal endpoint. */
interface MockFields {
  readonly steps?: unknown;
  readonly tokens?: unknown;
  readonly pace?: string;
}

/** What a scenario's match may look at. */
function matchInput(wire: Wire, bytes: Uint8Array): MatchInput {
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    body = undefined;
  }
  const { model, messages, input, prompt } = (body ?? {}) as Record<string, unknown>;
  const list = Array.isArray(messages) ? messages : Array.isArray(input) ? input : undefined;
  const last = list ? list.at(-1)?.content ?? list.at(-1) : input ?? prompt;
  return {
    method: wire.exchange.method,
    path: wire.path,
    model: typeof model === "string" ? model : undefined,
    lastMessage: typeof last === "string" || Array.isArray(last) ? textOf(last) : undefined,
    header: (name) => wire.header(name),
  };
}

/** A signed nonce where a gateway passes no unknown headers on: in the body's `user`. */
const CARRIED = /"user" *: *"([a-z0-9-]{8,64})\.[0-9a-f]{64}"/;

/** Finds a nonce in a body; only the start of a large one is looked at. */
function nonceOfBody(bytes: Uint8Array): string | undefined {
  const start = new TextDecoder().decode(bytes.subarray(0, 64 * 1024));
  return CARRIED.exec(start)?.[1];
}

const MARK = new TextEncoder().encode('"mock"');

/** Finds `metadata.mock` in a JSON body; only a body that holds the word is parsed. */
function mockOfBody(bytes: Uint8Array): MockFields | undefined {
  if (!includes(bytes, MARK)) return undefined;
  try {
    const body = JSON.parse(new TextDecoder().decode(bytes));
    const mock = body?.metadata?.mock;
    // OpenAI's metadata holds strings only, so clients that check send the JSON as text.
    return typeof mock === "string" ? JSON.parse(mock) : mock ?? undefined;
  } catch {
    return undefined;
  }
}

function includes(bytes: Uint8Array, part: Uint8Array): boolean {
  const first = part[0] ?? 0;
  for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
    let i = 1;
    while (i < part.length && bytes[at + i] === part[i]) i++;
    if (i === part.length) return true;
  }
  return false;
}

/** A seed from the body's hash and the path: the same request, the same bytes. */
function mixSeed(sha256: string, path: string): string {
  let mix = 0x811c9dc5;
  for (let i = 0; i < path.length; i++) mix = Math.imul(mix ^ path.charCodeAt(i), 0x01000193);
  const head = (parseInt(sha256.slice(0, 8), 16) ^ mix) >>> 0;
  return head.toString(16).padStart(8, "0") + sha256.slice(8);
}
