/** Decides what answers a request: a script, a scenario, a tape or an endpoint. */
import { type Refusal, refusalOf, type Surface } from "../local_http/mod.ts";
import { loadPatterns } from "../patterns/mod.ts";
import { type Barriers, type Log, messageOf, UsageError } from "../service/mod.ts";
import { AnswerCache } from "./load/answer_cache.ts";
import { writeAnswer, writeError } from "./answers/answer_writer.ts";
import { answerRequest, readAsk } from "./answers/routes.ts";
import type { UpstreamCounters } from "./metrics.ts";
import { type Pace, Pacer, parsePace } from "./answers/pace.ts";
import { Random } from "./answers/random.ts";
import { faultAnswer, type UpstreamFault } from "./fault.ts";
import { matchInput } from "./scripts/match_input.ts";
import { readScenario, type Scenario, type ScenarioAnswer } from "./scripts/scenario_schema.ts";
import type { ScenarioBook } from "./scripts/scenario_book.ts";
import { runScript } from "./scripts/runner.ts";
import { checkScript, scriptOfHeader } from "./scripts/schema.ts";
import type { TimerWheel } from "./scripts/timer_wheel.ts";
import type { NamedReply, UpstreamScript } from "./types.ts";
import type { Wire } from "./wire/wire.ts";

/** Something that may answer in place of the endpoints: a recorder or a replayer. */
export interface Tape {
  /** Returns false when it leaves the request to the endpoints. */
  answer(wire: Wire, body: Uint8Array): Promise<boolean>;
}

/** Options of the dispatcher. */
export interface DispatcherParts {
  readonly scripts: ReadonlyMap<string, UpstreamScript | NamedReply>;
  readonly scenarios: ScenarioBook;
  readonly tape: Tape | undefined;
  /** A request that no scenario answers is an error. */
  readonly strict: boolean;
  /** How the data port may be asked. */
  readonly surface: Pick<Surface, "host" | "names">;
  readonly models: readonly string[] | undefined;
  /** The fault that is on. */
  readonly fault: () => UpstreamFault | undefined;
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

  /** A fault goes before everything. A script chosen by the head runs at once; otherwise the whole body decides. */
  async #answer(wire: Wire): Promise<void> {
    const fault = faultAnswer(this.#parts.fault(), (name) => wire.header(name));
    const chosen = fault === undefined ? this.#chosenByHead(wire) : undefined;
    if (chosen?.script) return await this.#run(wire, chosen.script, chosen.id);
    wire.sendContinue();
    await wire.body.wait();
    if (wire.gone) return;
    const bytes = wire.body.bytes();
    if (!bytes) {
      return writeError(wire, 413, { message: "The request body is longer than the mock takes" });
    }
    if (fault !== undefined) {
      wire.choose("fault");
      return await this.#say(wire, bytes, undefined, { answer: fault, id: "fault" });
    }
    const carried = wire.exchange.nonce === undefined ? nonceOfBody(bytes) : undefined;
    if (carried !== undefined) {
      wire.exchange.nonce = carried;
      const script = this.#parts.scripts.get(carried);
      if (script) {
        wire.choose("body");
        const named = answerOf(script);
        return await this.#say(wire, bytes, undefined, { answer: named, id: carried });
      }
    }
    if (mayHoldPattern(bytes)) await loadPatterns();
    const mock = mockOfBody(bytes);
    if (chosen?.answer) return await this.#say(wire, bytes, mock, chosen);
    if (mock?.steps) {
      wire.choose("body");
      return await this.#run(
        wire,
        checkScript(mock, '"metadata.mock"'),
        wire.exchange.nonce ?? "body",
      );
    }
    if (mock?.reply !== undefined || mock?.error !== undefined) {
      wire.choose("body");
      const { name, answers: [answer] } = readScenario(pick(mock), '"metadata.mock"');
      return await this.#say(wire, bytes, mock, { answer, id: name });
    }
    if (await this.#scenario(wire, bytes, mock)) return;
    await this.#endpoint(wire, bytes, mock);
  }

  /** Whether a scenario or a tape answered, or refused to let the endpoint do it. */
  async #scenario(wire: Wire, bytes: Uint8Array, mock: MockFields | undefined): Promise<boolean> {
    const { scenarios, tape, strict } = this.#parts;
    if (scenarios.isEmpty && !strict) return await tape?.answer(wire, bytes) ?? false;
    const input = matchInput(wire, bytes);
    const scenario = scenarios.match(input);
    if (scenario) {
      wire.choose(scenario.name);
      const next = scenarios.next(scenario);
      const answer: ScenarioAnswer = next.kind === "script" && next.streamed && input.ask?.stream
        ? { kind: "reply", reply: next.streamed }
        : next;
      await this.#say(wire, bytes, mock, { answer, id: wire.exchange.nonce ?? scenario.name });
      return true;
    }
    if (await tape?.answer(wire, bytes)) return true;
    if (!strict || wire.exchange.method === "GET" || wire.exchange.method === "HEAD") return false;
    writeError(wire, 404, {
      message: `No scenario answers ${input.method} ${input.path}: ${scenarios.explain(input)}`,
      code: "scenario_not_found",
    });
    return true;
  }

  /** Writes one answer of a scenario. */
  async #say(
    wire: Wire,
    bytes: Uint8Array,
    mock: MockFields | undefined,
    { answer, id }: Chosen,
  ): Promise<void> {
    if (answer?.kind !== "script") {
      const header = (name: string) => wire.header(name);
      const { ask } = readAsk(wire.exchange.method, { path: wire.path, bytes, header });
      if (ask) wire.exchange.ask = ask;
    }
    switch (answer?.kind) {
      case "script":
        return await this.#run(wire, answer.script, id);
      case "error":
        return writeError(wire, answer.status, answer.init);
      default:
        return await this.#endpoint(wire, bytes, mock, answer);
    }
  }

  /** Finds what the request's head names: a script, or a scenario, whose script runs at once as well. */
  #chosenByHead(wire: Wire): Chosen & { readonly script?: UpstreamScript } | undefined {
    const named = wire.header("x-mock-script");
    const nonce = wire.exchange.nonce;
    if (named !== undefined) {
      wire.choose("header");
      const script = this.#parts.scripts.get(named);
      if (script) return chosenOf(script, nonce ?? named);
      const scenario = this.#parts.scenarios.named(named);
      if (scenario) return this.#chosen(scenario, nonce);
      return { script: scriptOfHeader(named), id: nonce ?? "inline" };
    }
    const script = nonce === undefined ? undefined : this.#parts.scripts.get(nonce);
    if (!script || nonce === undefined) return undefined;
    wire.choose("nonce");
    return chosenOf(script, nonce);
  }

  #chosen(
    scenario: Scenario,
    nonce: string | undefined,
  ): Chosen & { readonly script?: UpstreamScript } {
    const answer = this.#parts.scenarios.next(scenario);
    const id = nonce ?? scenario.name;
    return answer?.kind === "script" ? { script: answer.script, id } : { answer, id };
  }

  #run(wire: Wire, script: UpstreamScript, prefix: string): Promise<void> {
    return runScript(wire, script, {
      barriers: this.#parts.barriers,
      wheel: this.#parts.wheel,
      prefix,
    });
  }

  async #endpoint(
    wire: Wire,
    bytes: Uint8Array,
    mock: MockFields | undefined,
    said?: ScenarioAnswer,
  ): Promise<void> {
    const { pace, breakOff } = said?.kind === "reply" || said?.kind === "made"
      ? said
      : NOTHING_SAID;
    const reply = said?.kind === "reply" ? said.reply : undefined;
    const { exchange } = wire;
    const asked = Number(wire.header("x-mock-tokens") ?? mock?.tokens ?? NaN);
    const tokens = Number.isInteger(asked) && asked >= 0 ? asked : undefined;
    const contentType = wire.header("content-type") ?? "";
    const { method, bodySha256: sha256 = "" } = exchange;
    const override = wire.header("x-mock-pace") ?? mock?.pace;
    const pacer = new Pacer(
      {
        ...this.#parts.pace,
        ...pace,
        ...(override === undefined ? {} : parsePace(override)),
      },
      {
        random: () => new Random(mixSeed(sha256, "pace")),
        wheel: this.#parts.wheel,
        running: () => this.#parts.counters.running,
      },
    );
    const make = () =>
      answerRequest(method, {
        bytes,
        path: wire.path,
        query: new URLSearchParams(exchange.target.slice(wire.path.length)),
        header: (name) => wire.header(name),
        contentType,
        random: new Random(mixSeed(sha256, wire.path)),
        models: this.#parts.models,
        tokens,
        reply,
      });
    // A scenario's words are not kept: its file may change.
    if (said) return await writeAnswer(wire, await make(), pacer, breakOff);
    const variant = VARYING.map((name) => wire.header(name));
    const key = [method, exchange.target, sha256, tokens, contentType, ...variant].join(" ");
    const answer = this.#cache.get(key) ??
      this.#cache.keep(key, await make(), { streams: !pacer.waits });
    await writeAnswer(wire, answer, pacer);
  }

  /** Answers a client's mistake with 400; one of ours with 500 and a line in the log. */
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

/** Nothing that a scenario would say. */
const NOTHING_SAID: Partial<Extract<ScenarioAnswer, { kind: "reply" }>> = {};

/** An answer that was chosen, and the prefix of its barriers. */
interface Chosen {
  readonly answer?: ScenarioAnswer | undefined;
  readonly id: string;
}

/** Returns what a named script answers. */
function answerOf(script: UpstreamScript | NamedReply): ScenarioAnswer {
  if ("steps" in script) return { kind: "script", script };
  return readScenario(script, "the reply").answers[0] as ScenarioAnswer;
}

function chosenOf(
  script: UpstreamScript | NamedReply,
  id: string,
): Chosen & { readonly script?: UpstreamScript } {
  return "steps" in script ? { script, id } : { answer: answerOf(script), id };
}

/** Values of `metadata.mock`: a script, a reply or an error, or settings of the normal endpoint. */
interface MockFields {
  readonly steps?: unknown;
  readonly reply?: unknown;
  readonly error?: unknown;
  readonly tokens?: unknown;
  readonly pace?: string;
}

/** A signed nonce where a gateway passes no unknown headers on: in the body's `user`, or in what the user says. */
const CARRIED = /(?:"user" *: *"|harness-case )([a-z0-9-]{8,64})\.[0-9a-f]{64}\b/;

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

/** The part of `metadata.mock` that is a scenario. */
function pick({ reply, error }: MockFields): object {
  return { ...(reply === undefined ? {} : { reply }), ...(error === undefined ? {} : { error }) };
}

const PATTERN_KEYS = ["pattern", "regex"].map((key) => new TextEncoder().encode(key));

/** Whether a schema or a grammar in a body may hold an expression, which wants an engine that is loaded late. */
function mayHoldPattern(bytes: Uint8Array): boolean {
  return PATTERN_KEYS.some((key) => includes(bytes, key));
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
