/**
 * One stream of one Envoy: its subscriptions, and the order in which a change of several types reaches it. What is
 * referred to comes before what refers to it, and leaves after ("make before break").
 */
import {
  NOTHING,
  type Service,
  shortName,
  type Snapshot,
  TYPE,
  type TypeResources,
  union,
} from "./resources.ts";
import {
  DeltaSubscription,
  SotwSubscription,
  type Subscription,
  type Word,
} from "./subscription.ts";
import type { Answer, Asked, DeltaAsked } from "./wire.ts";

/** The two variants of the protocol. */
export type Variant = "sotw" | "delta";

/** Something that was said on a stream. */
export interface Said {
  readonly word: Word | "sent" | "taken" | "held";
  /** Short name of the type; absent where it is about all of them. */
  readonly type?: string;
  readonly version?: string;
  readonly nonce?: string;
  readonly reason?: string;
  /** Names that were sent, or that are wanted. */
  readonly names?: readonly string[];
  readonly removed?: readonly string[];
}

/** Outcome of a request or of a change. */
export interface Step {
  readonly answers: readonly Answer[];
  readonly said: readonly Said[];
}

/** A step while it is put together. */
interface Writing {
  readonly answers: Answer[];
  readonly said: Said[];
}

/** Types of one stream: Envoy knows about ten. */
const MAX_TYPES = 64;

/**
 * The order of Envoy's "Eventual consistency considerations"; each group waits until Envoy has accepted the one before
 * it. It accepts clusters when they are warm, for which it needs their endpoints and secrets.
 */
const ORDER: readonly (readonly Service[])[] = [["cds", "eds", "sds"], ["lds"], ["rds", "ecds"]];

/** Resources that are served in one step of a change. */
interface Phase {
  readonly resources: ReadonlyMap<string, TypeResources>;
  /** Whether it waits until the endpoints of new clusters have been asked for. */
  readonly isPastEndpoints: boolean;
}

/** The stream; methods return what is to be written. */
export class XdsStream {
  readonly #variant: Variant;
  readonly #subscriptions = new Map<string, Subscription<Asked & DeltaAsked>>();
  #serving = new Map<string, TypeResources>();
  #target: Snapshot;
  /** Steps of a change that are still to be made. */
  #plan: Phase[] = [];
  #isChanging = false;
  /** Resources that were served before the step that is being made. */
  #before: ReadonlyMap<string, TypeResources> = new Map();
  /** Endpoints that Envoy will ask for, since it has their clusters. */
  #awaited: readonly string[] = [];

  constructor(variant: Variant, snapshot: Snapshot) {
    this.#variant = variant;
    this.#target = snapshot;
    this.#serving = new Map(snapshot.types);
  }

  /** Whether the stream has taken in all that is served, or refused it. */
  get isSettled(): boolean {
    return !this.#isChanging;
  }

  /**
   * Answers a request.
   *
   * @throws {RangeError} when the client asks for too many types
   */
  heard(request: Asked | DeltaAsked): Step {
    const { typeUrl } = request;
    const subscription = this.#subscriptionOf(typeUrl);
    const heard = subscription.heard(request as Asked & DeltaAsked);
    const { word, version, answer } = heard;
    const said: Said[] = [{
      word,
      type: shortName(typeUrl),
      ...(version !== undefined && { version }),
      ...(request.nonce !== "" && { nonce: request.nonce }),
      ...(word === "nack" && { reason: request.refusal ?? "" }),
      ...(word === "wish" && { names: "names" in request ? request.names : request.subscribe }),
    }];
    const answers = answer === undefined ? [] : [answer];
    if (answer !== undefined) said.push(sentOf(answer));
    const before = word === "nack" && this.#isChanging ? this.#before.get(typeUrl) : undefined;
    if (before !== undefined) {
      // The rest of the change would refer to what was refused, whose place the old takes again.
      this.#plan = [];
      this.#isChanging = false;
      this.#awaited = [];
      said.push({ word: "held" });
      this.#offer(typeUrl, before, { answers, said });
    }
    return this.#advance({ answers, said });
  }

  #offer(url: string, resources: TypeResources, { answers, said }: Writing): void {
    this.#serving.set(url, resources);
    const answer = this.#subscriptions.get(url)?.offer(resources);
    if (answer === undefined) return;
    answers.push(answer);
    said.push(sentOf(answer));
  }

  /** Brings the stream to another snapshot; later changes take the place of what is left of earlier ones. */
  change(next: Snapshot): Step {
    const before = this.#target;
    this.#target = next;
    const serving = (url: string) => this.#serving.get(url) ?? NOTHING;
    const wanted = (url: string) => next.types.get(url) ?? NOTHING;
    // Clusters and endpoints that leave go last: running requests, and routes until they have changed, need them.
    const kept = (service: Service) =>
      ["cds", "eds", "sds"].includes(service)
        ? union(serving(TYPE[service]), wanted(TYPE[service]))
        : wanted(TYPE[service]);
    if (this.#subscriptions.size === 0) {
      this.#serving = new Map(next.types);
      return { answers: [], said: [] };
    }
    const phase = (group: readonly Service[], of: (one: Service) => TypeResources) =>
      new Map(group.map((one) => [TYPE[one], of(one)]));
    const final = (one: Service) => wanted(TYPE[one]);
    this.#plan = [
      ...ORDER.map((group, index) => ({
        resources: phase(group, kept),
        isPastEndpoints: index > 0,
      })),
      { resources: phase(["cds"], final), isPastEndpoints: true },
      { resources: phase(["eds", "sds"], final), isPastEndpoints: true },
    ];
    this.#awaited = anew(before, next, serving(TYPE.cds));
    this.#isChanging = true;
    return this.#advance({ answers: [], said: [] });
  }

  #advance(step: Writing): Step {
    while (this.#isChanging && this.#isQuiet()) {
      const phase = this.#plan.shift();
      if (phase === undefined) {
        this.#isChanging = false;
        step.said.push({ word: "taken" });
        break;
      }
      this.#before = new Map(
        [...phase.resources.keys()].map((url) => [url, this.#serving.get(url) ?? NOTHING]),
      );
      for (const [url, resources] of phase.resources) {
        // A cluster that has changed warms until it is told its endpoints, though they have not.
        if (url === TYPE.eds && !phase.isPastEndpoints) {
          this.#subscriptions.get(url)?.forget(this.#awaited);
        }
        this.#offer(url, resources, step);
      }
    }
    return step;
  }

  /** Whether every response has been answered, and the endpoints of new clusters have been asked for. */
  #isQuiet(): boolean {
    const isSettled = [...this.#subscriptions.values()].every((one) => one.isSettled);
    if (!isSettled) return false;
    const next = this.#plan[0];
    if (!next?.isPastEndpoints || !this.#subscriptions.has(TYPE.cds)) return true;
    const endpoints = this.#subscriptions.get(TYPE.eds);
    return this.#awaited.every((name) => endpoints?.wants(name));
  }

  #subscriptionOf(typeUrl: string): Subscription<Asked & DeltaAsked> {
    let subscription = this.#subscriptions.get(typeUrl);
    if (subscription === undefined) {
      if (this.#subscriptions.size >= MAX_TYPES) {
        throw new RangeError(`a stream asks for ${MAX_TYPES} types at most`);
      }
      const Variant = this.#variant === "sotw" ? SotwSubscription : DeltaSubscription;
      subscription = new Variant(typeUrl, this.#serving.get(typeUrl) ?? NOTHING);
      this.#subscriptions.set(typeUrl, subscription);
    }
    return subscription;
  }
}

function sentOf({ typeUrl, version, nonce, resources, removed }: Answer): Said {
  return {
    word: "sent",
    type: shortName(typeUrl),
    version,
    nonce,
    names: resources.map(({ name }) => name),
    ...(removed.length > 0 && { removed }),
  };
}

/** Endpoints of the clusters that are new, or that have changed. */
function anew(before: Snapshot, next: Snapshot, serving: TypeResources): string[] {
  const clusters = next.types.get(TYPE.cds) ?? NOTHING;
  const endpoints = next.types.get(TYPE.eds) ?? NOTHING;
  return [...clusters.byName.values()].flatMap(({ name, version }) => {
    if (serving.byName.get(name)?.version === version) return [];
    const asked = next.endpointsOf.get(name) ?? before.endpointsOf.get(name);
    return asked !== undefined && endpoints.byName.has(asked) ? [asked] : [];
  });
}
