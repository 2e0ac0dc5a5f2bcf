/** State of the page: requests as they come, the filter, the choice, the route. */
import { computed, signal } from "@preact/signals";
import type { ConsoleRequest } from "../request.ts";

export interface State {
  readonly profile: string;
  readonly ingress: string;
  readonly services: Readonly<Record<string, unknown>>;
  readonly envoy: {
    readonly version: string;
    readonly config: string;
    readonly config_sha256: string;
  };
  readonly faults: { readonly policy: boolean };
}

/** Rows that the page keeps. */
const LIMIT = 500;

export const requests = signal<ReadonlyMap<string, ConsoleRequest>>(new Map());
export const chosen = signal<string | undefined>(undefined);
export const link = signal<"connecting" | "live" | "lost">("connecting");
export const paused = signal(false);
export const dropped = signal(0);
export const filter = signal("");
export const state = signal<State | undefined>(undefined);
export const page = signal(location.hash.slice(2) || "requests");
addEventListener("hashchange", () => page.value = location.hash.slice(2) || "requests");

/** Arrivals while the list stood still. */
let held: ConsoleRequest[] = [];

export const shown = computed(() => {
  const all = [...requests.value.values()].reverse();
  const fits = parseFilter(filter.value);
  return all.filter(fits);
});

/**
 * Reads a filter: words that must be somewhere, `tenant:a`, `model:gpt*`, `state:done`, `status:>=400`; all of them hold.
 */
export function parseFilter(text: string): (request: ConsoleRequest) => boolean {
  const tests = text.trim().split(/\s+/).filter((word) => word !== "").map((word) => {
    const [, key = "", value = ""] = /^(\w+):(.+)$/.exec(word) ?? [];
    if (!(key in FIELDS)) return (one: ConsoleRequest) => JSON.stringify(one).includes(word);
    const read = FIELDS[key] ?? (() => "");
    const compare = /^(>=|<=|>|<)(\d+)$/.exec(value);
    if (compare !== null) {
      const [, operator = "", bound = "0"] = compare;
      return (one: ConsoleRequest) =>
        COMPARE[operator]?.(Number(read(one)), Number(bound)) ?? false;
    }
    const begin = value.endsWith("*") ? value.slice(0, -1) : undefined;
    return (one: ConsoleRequest) =>
      begin === undefined ? String(read(one)) === value : String(read(one)).startsWith(begin);
  });
  return (request) => tests.every((test) => test(request));
}

const FIELDS: Readonly<Record<string, (one: ConsoleRequest) => string | number>> = {
  tenant: (one) => one.tenant,
  model: (one) => one.model,
  path: (one) => one.path,
  method: (one) => one.method,
  state: (one) => one.state,
  status: (one) => one.status,
  decision: (one) => one.decision,
  reason: (one) => one.reason,
  events: (one) => one.events,
  total: (one) => one.total_ms ?? 0,
};

const COMPARE: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  ">=": (a, b) => a >= b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  "<": (a, b) => a < b,
};

function take(changed: readonly ConsoleRequest[]): void {
  const next = new Map(requests.value);
  for (const one of changed) next.set(one.id, one);
  while (next.size > LIMIT) {
    const [oldest] = next.keys();
    if (oldest === undefined) break;
    next.delete(oldest);
  }
  requests.value = next;
}

/** Lets the list go on, with what came meanwhile. */
export function resume(): void {
  paused.value = false;
  take(held);
  held = [];
}

/** Follows the changes; a lost connection comes back by itself, from the last cursor. */
export function follow(): void {
  const source = new EventSource("api/v1/events");
  source.addEventListener("open", () => link.value = "live");
  source.addEventListener("error", () => link.value = "lost");
  source.addEventListener("requests", (event) => {
    const changed = JSON.parse(event.data) as ConsoleRequest[];
    if (paused.value) held.push(...changed);
    else take(changed);
  });
  source.addEventListener("dropped", (event) => dropped.value += Number(event.data));
  const read = async () => {
    const answer = await fetch("api/v1/state").catch(() => undefined);
    if (answer?.ok) state.value = await answer.json();
  };
  void read();
  setInterval(read, 2_000);
}

/** Switches the fault of the policy stub. */
export async function setPolicyDown(down: boolean): Promise<void> {
  await fetch("api/v1/faults/policy", {
    method: down ? "PUT" : "DELETE",
    headers: { "content-type": "application/json" },
    ...(down && { body: "{}" }),
  });
  const answer = await fetch("api/v1/state");
  state.value = await answer.json();
}
