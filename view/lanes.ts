/** Draws who did what when: a lane for each part, and a mark for each event. */

/**
 * Makes an element. Preact's `h` and Hono's `jsx` are both of this shape, so that a live page and a file draw the same.
 */
export type Create<Node> = (
  tag: string,
  props: Record<string, unknown>,
  ...children: (Node | string)[]
) => Node;

/** A part's time, in milliseconds. */
export interface LaneDrawn {
  readonly name: string;
  /** The part by which it is coloured; its name's when left out. */
  readonly part?: string | undefined;
  readonly from: number;
  /** Absent while it runs. */
  readonly to?: number | undefined;
  readonly marks?: readonly number[] | undefined;
  readonly says?: string | undefined;
}

/** The stretch of time that is drawn. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** Width of a track in its own units; the page stretches it. */
const WIDTH = 1_000;
const HEIGHT = 24;
/** A span that took no time is seen all the same. */
const LEAST = 5;
/** Marks drawn of one lane: more cannot be told apart. */
const MAX_MARKS = 1_000;

const COLOURS: Readonly<Record<string, string>> = {
  client: "client",
  received: "client",
  Envoy: "envoy",
  policy: "policy",
  upstream: "upstream",
  sent: "upstream",
};

/** Returns the class that colours a part. */
export function colourOf(name: string): string {
  return `c-${COLOURS[name.replace(/ \d+$/, "")] ?? "other"}`;
}

/** Returns the time that lanes take together, at least one millisecond. */
export function spanOf(lanes: readonly LaneDrawn[]): number {
  let last = 1;
  for (const { from, to = from, marks = [] } of lanes) {
    last = Math.max(last, from, to);
    for (const mark of marks) last = Math.max(last, mark);
  }
  return last;
}

/** Draws lanes under each other, on one axis of time. */
export function drawLanes<Node>(
  h: Create<Node>,
  lanes: readonly LaneDrawn[],
  window: Window = { from: 0, to: spanOf(lanes) },
): Node {
  const { from, to } = window;
  const label = lanes.map(sayLane).join("; ");
  return h(
    "div",
    { class: "lanes", role: "img", "aria-label": label },
    ...lanes.flatMap((lane) => [
      h("span", { class: "lane-name" }, lane.name),
      track(h, lane, window),
      h("span", { class: "lane-time" }, timeOf(lane)),
    ]),
    h(
      "div",
      { class: "axis" },
      ...[0, 1 / 4, 1 / 2, 3 / 4, 1].map((part) => h("span", {}, sayMs(from + part * (to - from)))),
    ),
  );
}

/** Returns milliseconds as people read them: `0.42 ms`, `17 ms`, `2.5 s`. */
export function sayMs(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(2)} s`;
  if (ms >= 20 || Number.isInteger(ms)) return `${Math.round(ms)} ms`;
  return `${ms.toFixed(ms >= 2 ? 1 : 2)} ms`;
}

function timeOf({ from, to, marks = [] }: LaneDrawn): string {
  if (to !== undefined) return sayMs(to - from);
  return marks.length > 1 ? `${marks.length} events` : "";
}

function sayLane(lane: LaneDrawn): string {
  const { name, from, to, marks = [] } = lane;
  const events = marks.length > 1 ? `, ${marks.length} events` : "";
  return `${name} ${to === undefined ? "" : `from ${sayMs(from)} to ${sayMs(to)}`}${events}`;
}

function track<Node>(h: Create<Node>, lane: LaneDrawn, { from, to }: Window): Node {
  const scale = WIDTH / Math.max(to - from, 0.001);
  const x = (time: number) => Math.round((time - from) * scale * 10) / 10;
  const inside = (time: number) => time >= from && time <= to;
  const colour = colourOf(lane.part ?? lane.name);
  const left = Math.max(0, x(lane.from));
  const right = Math.min(WIDTH, x(lane.to ?? to));
  const parts: Node[] = [];
  if (right >= 0 && left <= WIDTH && (lane.to !== undefined || lane.marks === undefined)) {
    parts.push(h("rect", {
      class: `span ${colour}`,
      x: String(left),
      y: "5",
      width: String(Math.max(LEAST, right - left)),
      height: String(HEIGHT - 10),
      rx: "2",
    }));
  }
  for (const mark of (lane.marks ?? []).filter(inside).slice(0, MAX_MARKS)) {
    const at = String(x(mark));
    parts.push(h(
      "line",
      { class: `mark ${colour}`, x1: at, x2: at, y1: "3", y2: String(HEIGHT - 3) },
      h("title", {}, sayMs(mark)),
    ));
  }
  return h(
    "svg",
    {
      class: "track",
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    },
    ...parts,
  );
}
