/** The pace of streamed answers. */
import { z } from "zod";
import { now } from "../../service/mod.ts";
import type { Random } from "./random.ts";
import type { TimerWheel } from "../scripts/timer_wheel.ts";

/** How fast the mock "thinks". All times in milliseconds. */
export interface Pace {
  /** Time to first token. */
  readonly ttft: number;
  /** Inter-token latency. */
  readonly itl: number;
  /** Standard deviation as a share of each wait, 0 to 0.3; a wait stays within 30 to 170 %. */
  readonly jitter: number;
  /** How many times slower the mock is when `loadAt` requests run; 1 turns it off. */
  readonly load: number;
  readonly loadAt: number;
  /** Events that share a write when nothing is waited for at all; 1 gives each its own. */
  readonly burst: number;
}

/** Largest write: enough that the system call no longer counts, and a client sees it at once. */
const BURST = 64;

/** The pace of a small hosted model: about 50 tokens per second after a short wait. */
export const REALISTIC_PACE: Pace = {
  ttft: 50,
  itl: 20,
  jitter: 0,
  load: 1,
  loadAt: 64,
  burst: BURST,
};

/** As fast as the machine allows, without a timer. */
export const NO_PACE: Pace = { ttft: 0, itl: 0, jitter: 0, load: 1, loadAt: 64, burst: BURST };

/** The fields that a request, a file or a flag may set. */
export const PACE_SCHEMA: z.ZodType<Partial<Pace>> = z.strictObject({
  ttft: z.number().min(0).max(600_000).optional(),
  itl: z.number().min(0).max(600_000).optional(),
  jitter: z.number().min(0).max(0.3).optional(),
  load: z.number().min(1).max(1000).optional(),
  loadAt: z.number().int().min(1).optional(),
  burst: z.number().int().min(1).max(1000).optional(),
}) as z.ZodType<Partial<Pace>>;

/**
 * Reads `ttft=5,itl=1` (any fields, any order), or `0` for no pace at all.
 *
 * @throws {SyntaxError} saying what was expected
 */
export function parsePace(text: string): Partial<Pace> {
  if (text.trim() === "0") return NO_PACE;
  const fields: Record<string, number> = {};
  for (const part of text.split(",")) {
    const [name = "", value = ""] = part.split("=", 2);
    fields[name.trim()] = value.trim() === "" ? NaN : Number(value);
  }
  const parsed = PACE_SCHEMA.safeParse(fields);
  if (parsed.success) return parsed.data;
  throw new SyntaxError(
    `Cannot read the pace "${text}": expected "0" or fields of ttft, itl, jitter, load, loadAt, burst ` +
      `with numbers, such as "ttft=50,itl=20"`,
  );
}

/** The waits of one answer: pace, jitter and load together. */
export class Pacer {
  readonly #pace: Pace;
  readonly #random: () => Random;
  readonly #wheel: TimerWheel;
  readonly #running: () => number;
  /** When the last wait was due: waits count from there, so that lateness does not add up. */
  #due: number;
  readonly #clock: () => number;

  constructor(pace: Pace, options: {
    /** Called for the first jitter. */
    random: () => Random;
    wheel: TimerWheel;
    running: () => number;
    /** Milliseconds; `now()` of service/ without it. */
    clock?: () => number;
  }) {
    this.#clock = options.clock ?? now;
    this.#due = this.#clock();
    this.#pace = pace;
    let random: Random | undefined;
    this.#random = () => random ??= options.random();
    this.#wheel = options.wheel;
    this.#running = options.running;
  }

  /** Whether this pace waits for anything at all. */
  get waits(): boolean {
    return this.#pace.ttft > 0 || this.#pace.itl > 0;
  }

  /** How many events may go out in one write: more than one only when this pace waits for nothing. */
  get burst(): number {
    return this.waits ? 1 : this.#pace.burst;
  }

  /** Waits before the first token; `undefined` when there is nothing to wait for. */
  first(signal: AbortSignal): Promise<void> | undefined {
    return this.#wait(this.#pace.ttft, signal);
  }

  /** Waits before a further token. */
  next(signal: AbortSignal): Promise<void> | undefined {
    return this.#wait(this.#pace.itl, signal);
  }

  /** Waits outside of the pace. */
  pause(ms: number, signal: AbortSignal): Promise<void> | undefined {
    return this.#wheel.sleep(ms, signal);
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> | undefined {
    if (ms <= 0) return undefined;
    const { jitter, load, loadAt } = this.#pace;
    let wait = ms;
    if (jitter > 0) wait *= Math.min(1.7, Math.max(0.3, 1 + jitter * this.#random().normal()));
    if (load > 1) wait *= 1 + (load - 1) * Math.min(1, (this.#running() - 1) / loadAt);
    // After a stall nothing is caught up: the next token comes at once, the pace goes on from there.
    this.#due = Math.max(this.#due + wait, this.#clock());
    return this.#wheel.sleep(this.#due - this.#clock(), signal);
  }
}
