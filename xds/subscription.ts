/**
 * Wishes and possessions of one client, of one type: requests in, responses out, without any input or output. The rules are
 * those of Envoy's "xDS REST and gRPC protocol", https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol
 */
import { isWhole, NOTHING, type TypeResources } from "./resources.ts";
import type { Answer, Asked, DeltaAsked, Held } from "./wire.ts";

/** Meaning of a request: a wish alone, the answer to a response, or one that comes too late to be either. */
export type Word = "wish" | "ack" | "nack" | "stale";

/** A request, understood. */
export interface Heard {
  readonly word: Word;
  /** Version of the response that was accepted or refused. */
  readonly version?: string;
  readonly answer?: Answer;
}

/** One type on one stream. */
export interface Subscription<Request> {
  /** Nothing is on the way that the client has not answered. */
  readonly isSettled: boolean;
  /** Whether the client has asked for this name. */
  wants(name: string): boolean;
  heard(request: Request): Heard;
  /** Serves these from now on; returns what the client does not have of them. */
  offer(resources: TypeResources): Answer | undefined;
  /** Forgets that the client has these: they are sent with the next offer though nothing has changed. */
  forget(names: Iterable<string>): void;
}

const WILDCARD = "*";
/** Names of one type that a client may ask for: a cluster each, and no Envoy has as many. */
const MAX_NAMES = 100_000;

/** State that both variants keep. */
abstract class Kept {
  readonly #typeUrl: string;
  protected readonly isWhole: boolean;
  protected offered: TypeResources = NOTHING;
  protected readonly names = new Set<string>();
  protected isWildcard = false;
  /** Versions that were sent, by name; empty for the word that there is no such resource. */
  protected readonly sent = new Map<string, string>();
  protected hasAsked = false;
  #count = 0;

  constructor(typeUrl: string, offered: TypeResources) {
    this.#typeUrl = typeUrl;
    this.isWhole = isWhole(typeUrl);
    this.offered = offered;
  }

  wants(name: string): boolean {
    return this.isWildcard || this.names.has(name);
  }

  forget(names: Iterable<string>): void {
    for (const name of names) this.sent.delete(name);
  }

  /** @throws {RangeError} when the client asks for too many names */
  protected assertFew(): void {
    if (this.names.size > MAX_NAMES) {
      throw new RangeError(`a client asks for ${MAX_NAMES} names of a type at most`);
    }
  }

  protected get wanted(): Held[] {
    const { byName } = this.offered;
    if (this.isWildcard) return [...byName.values()];
    return [...this.names].flatMap((name) => byName.get(name) ?? []);
  }

  /** A response with a nonce of its own. */
  protected answer(resources: readonly Held[], removed: readonly string[]): Answer {
    for (const { name, version } of resources) this.sent.set(name, version);
    const { version } = this.offered;
    return { typeUrl: this.#typeUrl, version, nonce: String(++this.#count), resources, removed };
  }
}

/** The state-of-the-world variant: a request says every name, and a response of a whole type every resource. */
export class SotwSubscription extends Kept implements Subscription<Asked> {
  /** Nonce of the last response; empty before the first. */
  #nonce = "";
  #version = "";
  isSettled = true;
  #hadNames = false;

  heard(request: Asked): Heard {
    const isFirst = !this.hasAsked;
    // The next request, which answers the last response, says every name again.
    if (!isFirst && request.nonce !== this.#nonce) return { word: "stale" };
    const isAnswer = !isFirst && !this.isSettled;
    const isRefusal = isAnswer && request.refusal !== undefined;
    this.hasAsked = true;
    this.isSettled = true;
    const { hasMore, hasLess } = this.#wish(request.names);
    const version = this.#version;
    // One that neither answers nor wants anything else asks again: Envoy does, for the endpoints of a cluster anew.
    const isSame = !isFirst && !isAnswer && !hasMore && !hasLess;
    if (isSame && request.refusal === undefined) this.sent.clear();
    const answer = isRefusal && !hasMore ? undefined : this.#missing(isFirst || hasMore);
    return {
      word: isRefusal ? "nack" : isAnswer ? "ack" : "wish",
      ...(isAnswer && { version }),
      ...(answer && { answer }),
    };
  }

  offer(resources: TypeResources): Answer | undefined {
    this.offered = resources;
    return this.hasAsked ? this.#missing(false) : undefined;
  }

  /** Reads the names of a request; returns whether it wants something new, or something no longer. */
  #wish(names: readonly string[]): { hasMore: boolean; hasLess: boolean } {
    const before = new Set(this.names);
    const wasWildcard = this.isWildcard;
    this.names.clear();
    for (const name of names) if (name !== WILDCARD) this.names.add(name);
    this.assertFew();
    this.#hadNames ||= names.length > 0;
    // No name means all of them for a whole type, until the client has named one.
    this.isWildcard = names.includes(WILDCARD) || this.isWhole && !this.#hadNames;
    const gone = [...before].filter((name) => !this.wants(name));
    this.forget(gone);
    const isNew = (name: string) => !before.has(name);
    return {
      hasMore: this.isWildcard && !wasWildcard || [...this.names].some(isNew),
      hasLess: gone.length > 0 || wasWildcard && !this.isWildcard,
    };
  }

  #missing(isAsked: boolean): Answer | undefined {
    const { wanted } = this;
    const news = wanted.filter(({ name, version }) => this.sent.get(name) !== version);
    if (!this.isWhole) return news.length === 0 ? undefined : this.#send(news);
    const there = new Set(wanted.map(({ name }) => name));
    const gone = [...this.sent.keys()].filter((name) => !there.has(name));
    // A client that waits for a whole type has to hear that it is empty.
    const isEmpty = isAsked && (this.isWildcard || this.names.size > 0);
    if (news.length === 0 && gone.length === 0 && !isEmpty) return undefined;
    this.forget(gone);
    return this.#send(wanted);
  }

  #send(resources: readonly Held[]): Answer {
    const answer = this.answer(resources, []);
    this.#nonce = answer.nonce;
    this.#version = answer.version;
    this.isSettled = false;
    return answer;
  }
}

/** The incremental variant: requests add and remove names, responses say what is new and what is gone. */
export class DeltaSubscription extends Kept implements Subscription<DeltaAsked> {
  /** Versions of the responses that were not answered yet, by nonce. */
  readonly #open = new Map<string, string>();

  get isSettled(): boolean {
    return this.#open.size === 0;
  }

  heard(request: DeltaAsked): Heard {
    const isFirst = !this.hasAsked;
    this.hasAsked = true;
    const version = this.#open.get(request.nonce);
    this.#open.delete(request.nonce);
    this.#wish(request, isFirst);
    const answer = this.#missing(isFirst && this.isWildcard);
    const word = version !== undefined
      ? request.refusal === undefined ? "ack" : "nack"
      : isFirst || request.nonce === ""
      ? "wish"
      : "stale";
    return { word, ...(version !== undefined && { version }), ...(answer && { answer }) };
  }

  offer(resources: TypeResources): Answer | undefined {
    this.offered = resources;
    return this.hasAsked ? this.#missing(false) : undefined;
  }

  #wish({ subscribe, unsubscribe, known }: DeltaAsked, isFirst: boolean): void {
    if (subscribe.includes(WILDCARD) || isFirst && this.isWhole && subscribe.length === 0) {
      this.isWildcard = true;
    }
    for (const name of subscribe) {
      if (name === WILDCARD) continue;
      this.names.add(name);
      // Asked for again, it is sent again: the client has forgotten it.
      this.sent.delete(name);
    }
    this.assertFew();
    for (const name of unsubscribe) this.names.delete(name);
    if (unsubscribe.includes(WILDCARD)) this.isWildcard = false;
    if (isFirst) {
      for (const [name, version] of known) if (this.wants(name)) this.sent.set(name, version);
    }
    for (const name of this.sent.keys()) if (!this.wants(name)) this.sent.delete(name);
  }

  #missing(isAsked: boolean): Answer | undefined {
    const { byName } = this.offered;
    const news = this.wanted.filter(({ name, version }) => this.sent.get(name) !== version);
    const asked = [...this.names].filter((name) => !byName.has(name) && this.sent.get(name) !== "");
    const had = [...this.sent].flatMap(([name, version]) =>
      version !== "" && !byName.has(name) ? [name] : []
    );
    const removed = [...new Set([...asked, ...had])];
    if (news.length === 0 && removed.length === 0 && !isAsked) return undefined;
    for (const name of removed) {
      // Said once to who has asked for the name.
      if (this.names.has(name)) this.sent.set(name, "");
      else this.sent.delete(name);
    }
    const answer = this.answer(news, removed);
    this.#open.set(answer.nonce, answer.version);
    return answer;
  }
}
