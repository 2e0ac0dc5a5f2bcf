/** StateShown of the page: requests as they come, the filter, the choice, the route. */
import { computed, effect, signal } from "@preact/signals";
import type { ConsoleDetail, ConsoleRequest } from "../request.ts";
import { call } from "./api.ts";
import { parseFilter } from "./filter.ts";
import type { StateShown } from "../shown.ts";

/** Rows that the page keeps, and how many of them it draws at first. */
const LIMIT = 2_000;
const DRAWN = 60;
/** The page takes what came at most so often, milliseconds: drawing must not fall behind. */
const TAKE_MS = 60;
/** And so often while more comes than anybody reads: more rows at once than are drawn. */
const FLOOD_MS = 600;

export const requests = signal<ReadonlyMap<string, ConsoleRequest>>(new Map());
export const pinned = signal<ReadonlySet<string>>(new Set());
export const link = signal<"connecting" | "live" | "lost">("connecting");
export const paused = signal(false);
export const held = signal(0);
export const dropped = signal(0);
export const filterText = signal("");
export const drawn = signal(DRAWN);
export const state = signal<StateShown | undefined>(undefined);
export const route = signal(routeOf());
export const detail = signal<ConsoleDetail | undefined>(undefined);
export const helping = signal(false);

/** `#/requests/ID` → its parts. */
function routeOf(): { page: string; id: string } {
  const [page = "", ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  return { page: page || "requests", id: decodeURIComponent(rest.join("/")) };
}

addEventListener("hashchange", () => route.value = routeOf());

export const filter = computed(() => parseFilter(filterText.value));
export const chosen = computed(() => route.value.page === "requests" ? route.value.id : "");

/** Rows that fit, newest first, pinned ones before all others. */
export const shown = computed(() => {
  const { fits } = filter.value;
  const all = [...requests.value.values()].reverse().filter(fits);
  const pins = pinned.value;
  if (pins.size === 0) return all;
  return [
    ...[...requests.value.values()].filter(({ id }) => pins.has(id)),
    ...all.filter(({ id }) => !pins.has(id)),
  ];
});

/** Changes that are not taken yet. */
let waiting: ConsoleRequest[] = [];
let isFlood = false;
let tookAt = -Infinity;
let takes: ReturnType<typeof setTimeout> | undefined;

function take(): void {
  takes = undefined;
  tookAt = performance.now();
  if (paused.value || waiting.length === 0) {
    held.value = new Set(waiting.map(({ id }) => id)).size;
    return;
  }
  isFlood = waiting.length > DRAWN;
  const next = new Map(requests.value);
  for (const one of waiting) next.set(one.id, one);
  waiting = [];
  held.value = 0;
  for (const id of next.keys()) {
    if (next.size <= LIMIT) break;
    if (!pinned.value.has(id)) next.delete(id);
  }
  requests.value = next;
}

function takeSoon(): void {
  // A row after a rest is shown at once.
  const rest = (isFlood ? FLOOD_MS : TAKE_MS) - (performance.now() - tookAt);
  takes ??= setTimeout(take, Math.max(0, rest));
}

/** Holds the list, or lets it go on with what came meanwhile. */
export function pause(on = !paused.value): void {
  paused.value = on;
  take();
}

/** Keeps a request on top of the list, or lets it go. */
export function pin(id: string): void {
  if (id === "") return;
  const next = new Set(pinned.value);
  if (!next.delete(id)) next.add(id);
  pinned.value = next;
}

/** Goes to a page: `#/rules`. */
export function goTo(hash: string): void {
  location.hash = hash;
  // The browser tells of it later: a key that is pressed meanwhile would mean something else.
  route.value = routeOf();
}

/** Opens a request, or closes it with an empty id. */
export function choose(id: string): void {
  goTo(id === "" ? "#/requests" : `#/requests/${encodeURIComponent(id)}`);
}

/** Follows the changes; a lost connection comes back by itself, from the last cursor. */
export function follow(): void {
  const source = new EventSource("api/v1/events");
  source.addEventListener("open", () => {
    link.value = "live";
    void refresh();
  });
  source.addEventListener("error", () => link.value = "lost");
  source.addEventListener("requests", (event) => {
    waiting.push(...JSON.parse(event.data) as ConsoleRequest[]);
    // A list that stands still must not grow without end.
    if (waiting.length > 2 * LIMIT) {
      dropped.value += waiting.length - LIMIT;
      waiting = waiting.slice(-LIMIT);
    }
    takeSoon();
  });
  source.addEventListener("dropped", (event) => dropped.value += Number(event.data));
  // The gateway was started again: what is shown is of the run before.
  source.addEventListener("reset", () => {
    waiting = [];
    requests.value = new Map();
  });
  setInterval(refresh, 2_000);
}

/** Reads the gateway's facts again. */
export async function refresh(): Promise<void> {
  try {
    state.value = await call<StateShown>("GET", "/state");
  } catch {
    link.value = "lost";
  }
}

// The request that is open is read again whenever its row changes.
let reading: string | undefined;
effect(() => {
  const id = chosen.value;
  const row = requests.value.get(id);
  if (id === "") detail.value = undefined;
  else if (reading === undefined) void read(id, row);
});

async function read(id: string, row: ConsoleRequest | undefined): Promise<void> {
  reading = id;
  try {
    detail.value = await call<ConsoleDetail>("GET", `/requests/${encodeURIComponent(id)}`);
  } catch {
    detail.value = undefined;
  }
  reading = undefined;
  const now = requests.peek().get(chosen.peek());
  if (chosen.peek() !== "" && (chosen.peek() !== id || now !== row)) void read(chosen.peek(), now);
}
