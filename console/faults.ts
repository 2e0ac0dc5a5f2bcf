/** Faults that a person switches on: each ends by itself, and says so on every page. */
import type { Policy, PolicyAnswer } from "../policy/mod.ts";
import { UsageError } from "../service/mod.ts";
import type { Upstream, UpstreamFaultName } from "../upstream/mod.ts";
import type { FaultState, FaultSwitch } from "./shown.ts";

/** A fault that somebody forgot ends by itself, milliseconds. */
const FAULT_MS = 5 * 60_000;

type PlannedFault =
  & FaultSwitch
  & (
    | { readonly answer: PolicyAnswer }
    | { readonly upstream: UpstreamFaultName }
    | { readonly closes: true }
  );

/** Every switch. */
const FAULTS: readonly PlannedFault[] = [
  {
    name: "policy-down",
    plane: "policy",
    title: "Policy down",
    effect: "the listener is closed: every request is refused with 503 policy_unavailable",
    closes: true,
  },
  {
    name: "policy-slow",
    plane: "policy",
    title: "Policy slow",
    effect: "each decision takes a second longer",
    answer: { delay: 1_000, rules: true },
  },
  {
    name: "policy-hangs",
    plane: "policy",
    title: "Policy hangs",
    effect: "no decision comes: Envoy refuses with 503 when its time-out is over",
    answer: { hang: true },
  },
  {
    name: "policy-error",
    plane: "policy",
    title: "Policy fails",
    effect: "each call ends with gRPC status INTERNAL: Envoy refuses with 503",
    answer: { grpc: { code: 13, message: "a fault is on" } },
  },
  {
    name: "upstream-down",
    plane: "upstream",
    title: "Upstream down",
    effect: "the model server's listener is closed: 503",
    closes: true,
  },
  {
    name: "upstream-slow",
    plane: "upstream",
    title: "Slow first token",
    effect: "each answer begins five seconds late",
    upstream: "slow-first-token",
  },
  {
    name: "upstream-stall",
    plane: "upstream",
    title: "Stall",
    effect: "each answer stops in the middle, and the connection stays open",
    upstream: "stall",
  },
  {
    name: "upstream-cut",
    plane: "upstream",
    title: "Cut",
    effect: "each answer's connection is reset in the middle",
    upstream: "cut",
  },
  {
    name: "upstream-no-done",
    plane: "upstream",
    title: "No last event",
    effect: "each stream ends properly, but without its last event ([DONE])",
    upstream: "no-done",
  },
  {
    name: "upstream-429",
    plane: "upstream",
    title: "429",
    effect: "each answer is 429, with an error as the provider's",
    upstream: "rate-limited",
  },
  {
    name: "upstream-500",
    plane: "upstream",
    title: "500",
    effect: "each answer is 500, with an error as the provider's",
    upstream: "server-error",
  },
];

interface Active {
  readonly fault: PlannedFault;
  readonly tenant: string;
  readonly until: string;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** The switches of a gateway: one at a time on each plane, since one answer can have one fault. */
export class Faults implements AsyncDisposable {
  readonly #policy: Policy | undefined;
  readonly #mocks: readonly Upstream[];
  readonly #active = new Map<FaultSwitch["plane"], Active>();

  constructor(parts: { readonly policy: Policy | undefined; readonly mocks: readonly Upstream[] }) {
    this.#policy = parts.policy;
    this.#mocks = parts.mocks;
  }

  /** Every switch that this gateway has. */
  list(): FaultState[] {
    return FAULTS.filter((fault) => this.#isThere(fault)).map((fault) => {
      const { name, plane, title, effect } = fault;
      const active = this.#active.get(plane);
      const on = active?.fault.name === name;
      return {
        ...{ name, plane, title, effect, on },
        scoped: !("closes" in fault),
        tenant: on ? active.tenant : "",
        until: on ? active.until : "",
      };
    });
  }

  /**
   * Switches a fault on, in place of another one of its plane.
   *
   * @throws {UsageError} for a name that is none, and for a tenant where the fault is everybody's
   */
  async on(
    name: string,
    { tenant = "", ms = FAULT_MS }: { tenant?: string; ms?: number } = {},
  ): Promise<void> {
    const fault = this.#named(name);
    if (tenant !== "" && "closes" in fault) {
      throw new UsageError(`Cannot use the fault "${name}" for one tenant: it is everybody's`);
    }
    await this.#end(fault.plane);
    const lasts = Math.min(Math.max(1_000, ms), FAULT_MS);
    const timer = setTimeout(() => {
      // A part's port may be taken meanwhile; whoever switches the fault off himself is told.
      this.#end(fault.plane).catch(() => {});
    }, lasts);
    const until = new Date(Date.now() + lasts).toISOString();
    this.#active.set(fault.plane, { fault, tenant, until, timer });
    const scope = tenant === "" ? {} : { tenant };
    if ("answer" in fault) await this.#policy?.setFault?.({ answer: fault.answer, ...scope });
    else if ("upstream" in fault) {
      for (const mock of this.#mocks) mock.setFault({ name: fault.upstream, ...scope });
    } else await Promise.all(this.#parts(fault.plane).map((part) => part.close()));
  }

  /** Switches a fault off; one that is not on stays so. Throws as `on` does. */
  async off(name: string): Promise<void> {
    const { plane } = this.#named(name);
    if (this.#active.get(plane)?.fault.name === name) await this.#end(plane);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { timer } of this.#active.values()) clearTimeout(timer);
    this.#active.clear();
    return await Promise.resolve();
  }

  async #end(plane: FaultSwitch["plane"]): Promise<void> {
    const active = this.#active.get(plane);
    if (active === undefined) return;
    clearTimeout(active.timer);
    this.#active.delete(plane);
    if ("closes" in active.fault) {
      await Promise.all(this.#parts(plane).map((part) => part.reopen()));
    } else if (plane === "policy") await this.#policy?.setFault?.(undefined);
    else for (const mock of this.#mocks) mock.setFault(undefined);
  }

  #named(name: string): PlannedFault {
    const fault = FAULTS.find((one) => one.name === name && this.#isThere(one));
    if (fault !== undefined) return fault;
    const known = this.list().map((one) => one.name);
    throw new UsageError(`Unknown fault "${name}": this gateway has ${known.join(", ") || "none"}`);
  }

  #isThere(fault: PlannedFault): boolean {
    if (fault.plane === "upstream") return this.#mocks.length > 0;
    return this.#policy !== undefined &&
      ("closes" in fault || this.#policy.setFault !== undefined);
  }

  #parts(plane: FaultSwitch["plane"]): readonly (Policy | Upstream)[] {
    if (plane === "upstream") return this.#mocks;
    return this.#policy === undefined ? [] : [this.#policy];
  }
}
