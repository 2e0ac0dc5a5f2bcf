/** Requests that a simulation plays: the same ones for every strategy. */

/** One request, as it arrives. */
export interface SimulatedRequest {
  /** Milliseconds from the beginning. */
  readonly at: number;
  readonly conversation: string;
  /** Texts of the prompt, one for each message; the first is the application's own. */
  readonly messages: readonly string[];
  /** Milliseconds of work to write the answer, on a host of speed 1. */
  readonly writeMs: number;
}

/** How requests come. */
export interface Traffic {
  readonly requests: number;
  /** Requests per second, on average; they come independently of each other. */
  readonly rate: number;
  /** Median of `writeMs`. */
  readonly writeMs: number;
  /** How far the work of requests differs: 0 not at all, 1.5 like real prompts (log-normal). */
  readonly skew: number;
  /** Conversations that run at once; each goes on with any of its next requests. */
  readonly conversations: number;
  /** Applications, each with a system prompt of its own. */
  readonly applications: number;
  /** Characters of a system prompt, and of each message. */
  readonly systemChars: number;
  readonly messageChars: number;
}

/** Messages after which a conversation ends and another begins. */
const TURNS = 12;

/** Returns numbers in 0..1, always the same for one seed (Mulberry32 by Tommy Ettinger, public domain). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ state >>> 15, state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}

/** Returns the requests of some traffic, in the order in which they arrive. */
export function traceOf(traffic: Traffic, seed: number): SimulatedRequest[] {
  const random = seeded(seed);
  const running: { name: string; messages: string[] }[] = [];
  let begun = 0;
  let at = 0;
  return Array.from({ length: traffic.requests }, () => {
    // Poisson arrivals; 1 - x is never zero.
    at += -Math.log(1 - random()) * 1_000 / traffic.rate;
    const slot = Math.floor(random() * traffic.conversations);
    let conversation = running[slot];
    if (conversation === undefined || conversation.messages.length >= TURNS) {
      const application = Math.floor(random() * traffic.applications);
      conversation = {
        name: `conversation-${begun++}`,
        messages: [filler(`application-${application}`, traffic.systemChars)],
      };
      running[slot] = conversation;
    }
    const { name, messages } = conversation;
    messages.push(filler(`${name}/${messages.length}`, traffic.messageChars));
    return {
      at,
      conversation: name,
      messages: [...messages],
      writeMs: traffic.writeMs * Math.exp(traffic.skew * normal(random)),
    };
  });
}

/** A text of so many characters that no other name has. */
function filler(name: string, chars: number): string {
  return `${name} `.repeat(Math.ceil(chars / (name.length + 1))).slice(0, chars);
}

/** A draw from the standard normal distribution (Box and Muller, 1958). */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
