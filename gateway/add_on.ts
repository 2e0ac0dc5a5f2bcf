/** Add-ons: optional parts that any profile can have beside its own. */
import type { EnvoyConfigFile } from "../envoy/mod.ts";
import type { Part, PartNames, PartOverlay, Place, Ports, PortSpec, Profile } from "./profile.ts";
import { startTogether } from "./start_together.ts";

/** A running add-on: fields of a part, each of which is joined with that of the profile's own. */
export type AddOnPart =
  & AsyncDisposable
  & Partial<
    Pick<
      Part,
      | "ports"
      | "metrics"
      | "control"
      | "services"
      | "shows"
      | "welcome"
      | "suggestions"
      | "onRequest"
    >
  >;

/** An optional part, bound to its settings. */
export interface AddOn {
  readonly ports: readonly PortSpec[];
  /**
   * Returns the configuration that Envoy runs on when the add-on is there.
   *
   * @param file the profile's, or what the add-on before this one made of it
   * @throws {UsageError} when it does not go with that configuration
   */
  config?(file: EnvoyConfigFile): EnvoyConfigFile;
  /** Returns the place of the add-on, which listens on `ports`. */
  overlay?(ports: Ports, names: PartNames): PartOverlay;
  /** Starts it; resolves when it is ready. */
  start(place: Place): Promise<AddOnPart>;
}

/** Returns the profile with add-ons: all of them start side by side with its own parts, and end with them. */
export function withAddOns<P extends Part>(
  profile: Profile<P>,
  addOns: readonly AddOn[],
): Profile<P> {
  if (addOns.length === 0) return profile;
  return {
    ...profile,
    ports: [...profile.ports, ...addOns.flatMap(({ ports }) => ports)],
    config: (own) =>
      addOns.reduce((file, addOn) => addOn.config?.(file) ?? file, profile.config(own)),
    overlay: (ports, names) =>
      merged([
        profile.overlay(ports, names),
        ...addOns.map((addOn) => addOn.overlay?.(ports, names) ?? {}),
      ]),
    async start(place) {
      await using stack = new AsyncDisposableStack();
      const [own, ...added] = await startTogether<[P, ...AddOnPart[]]>(stack, [
        profile.start(place),
        ...addOns.map((addOn) => addOn.start(place)),
      ]);
      const owned = stack.move();
      return { ...own, ...joined(own, added), [Symbol.asyncDispose]: () => owned.disposeAsync() };
    },
  };
}

function joined(
  own: Part,
  added: readonly AddOnPart[],
): Omit<Part, "upstreamUrl" | "mocks" | "upstream" | typeof Symbol.asyncDispose> {
  const all: AddOnPart[] = [own, ...added];
  const heard = all.some(({ onRequest }) => onRequest !== undefined);
  return {
    ports: Object.assign({}, ...all.map(({ ports }) => ports)),
    metrics: all.flatMap(({ metrics = [] }) => metrics),
    control: Object.assign({}, ...all.map(({ control }) => control)),
    services: Object.assign({}, ...all.map(({ services }) => services)),
    shows: Object.assign({}, ...all.map(({ shows }) => shows)),
    welcome: () => all.flatMap((part) => part.welcome?.() ?? []),
    suggestions: (...urls) => all.flatMap((part) => part.suggestions?.(...urls) ?? []),
    // A feed that nobody reads costs nothing.
    ...(heard && { onRequest: (record) => all.forEach((part) => part.onRequest?.(record)) }),
  };
}

/** Joins places: those of one kind lie in records, and an add-on's are beside the profile's. */
function merged(overlays: readonly PartOverlay[]): PartOverlay {
  const result: Record<string, unknown> = {};
  for (const [key, value] of overlays.flatMap((one) => Object.entries(one))) {
    const before = result[key];
    result[key] = typeof before === "object" && typeof value === "object"
      ? { ...before, ...value }
      : value;
  }
  return result;
}
