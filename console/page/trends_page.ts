/** The page of trends: requests, first byte, errors and tokens over time, of the call log. */
import { signal } from "@preact/signals";
import { Component, createRef } from "preact";
import UPlot from "uplot";
import { html } from "./html.ts";
import { call, messageOf } from "./api.ts";
import { Block, Single } from "./ui.ts";
import type { TrendPoint } from "../shown.ts";

const points = signal<readonly TrendPoint[] | undefined>(undefined);
const failure = signal("");
const since = signal("1h");
const by = signal("");

const PERIODS = [["15m", "15 minutes"], ["1h", "an hour"], ["24h", "a day"], [
  "30d",
  "30 days",
]] as const;
const GROUPS = [["", "all together"], ["tenant", "by tenant"], ["model", "by model"]] as const;

async function load(): Promise<void> {
  try {
    const query = new URLSearchParams({ since: since.value, by: by.value });
    points.value = await call<TrendPoint[]>("GET", `/trends?${query}`);
    failure.value = "";
  } catch (error) {
    points.value = [];
    failure.value = messageOf(error);
  }
}

let watching = false;

async function watch(): Promise<void> {
  if (watching) return;
  watching = true;
  while (location.hash.startsWith("#/trends")) {
    await load();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
  watching = false;
}

/** Colours of the series, by the names of the style's own. */
const COLOURS = ["--client", "--upstream", "--policy", "--envoy", "--other", "--pass", "--none"];

/** A value of the style, as it is now: light or dark. */
function colour(name: string, within: Element): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  within.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/** The time that a chart shows, in seconds since the epoch: all of it, however few calls there were. */
function shownTime(period: string): [from: number, to: number] {
  const unit = { m: 60, h: 3_600, d: 86_400 }[period.slice(-1)] ?? 60;
  const now = Date.now() / 1_000;
  return [now - Number(period.slice(0, -1)) * unit, now];
}

interface ChartProps {
  readonly title: string;
  readonly unit: string;
  readonly all: readonly TrendPoint[];
  readonly read: (point: TrendPoint) => number | null;
}

/** One measure over time, a line for each series. */
class Chart extends Component<ChartProps> {
  readonly #place = createRef<HTMLDivElement>();
  #plot: UPlot | undefined;
  #observer: ResizeObserver | undefined;

  override componentDidMount(): void {
    this.#draw();
    this.#observer = new ResizeObserver(() => {
      const width = this.#place.current?.clientWidth ?? 0;
      if (width > 0) this.#plot?.setSize({ width, height: 180 });
    });
    if (this.#place.current) this.#observer.observe(this.#place.current);
  }

  override componentDidUpdate(): void {
    this.#draw();
  }

  override componentWillUnmount(): void {
    this.#observer?.disconnect();
    this.#plot?.destroy();
  }

  #draw(): void {
    const place = this.#place.current;
    if (place === null) return;
    const { all, read } = this.props;
    const names = [...new Set(all.map(({ series }) => series))];
    const times = [...new Set(all.map(({ at }) => at))].sort((one, two) => one - two);
    const lines = names.map((name) => {
      const values = new Map(
        all.filter(({ series }) => series === name).map((one) => [one.at, read(one)]),
      );
      return times.map((at) => values.get(at) ?? null);
    });
    this.#plot?.destroy();
    const soft = colour("--soft", place);
    const grid = { stroke: colour("--line", place), width: 1 };
    this.#plot = new UPlot(
      {
        width: place.clientWidth,
        height: 180,
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { range: () => shownTime(since.value) },
          y: { range: (_plot, _low, high) => [0, Math.max(1, high ?? 1) * 1.1] },
        },
        axes: [
          { stroke: soft, grid, ticks: { show: false } },
          { stroke: soft, grid, ticks: { show: false }, size: 56 },
        ],
        series: [
          {},
          ...names.map((label, at) => ({
            label,
            stroke: colour(COLOURS[at % COLOURS.length] ?? "--client", place),
            width: 2,
            spanGaps: true,
            points: { show: times.length < 20, size: 5 },
          })),
        ],
      },
      [times, ...lines],
      place,
    );
  }

  override render({ title, unit, all, read }: ChartProps) {
    const last = all.at(-1);
    const label = `${title} over time; at the end ${
      last === undefined ? "nothing" : `${read(last) ?? 0} ${unit}`
    }`;
    return html`
      <${Block} title=${title} aside=${html`<span class="soft">${unit}</span>`}>
        <div class="chart" role="img" aria-label=${label} ref=${this.#place}></div>
        <//>
    `;
  }
}

const MEASURES: readonly (readonly [string, string, (point: TrendPoint) => number | null])[] = [
  ["Requests", "per stretch", ({ requests }) => requests],
  ["First byte, 95 %", "ms", ({ p95_ms }) => p95_ms],
  ["Errors", "per stretch", ({ errors }) => errors],
  ["Tokens", "per stretch", ({ tokens }) => tokens],
];

export function TrendsPage() {
  void watch();
  const all = points.value ?? [];
  const choice = (
    label: string,
    target: { value: string },
    options: readonly (readonly [string, string])[],
  ) =>
    html`<label class="inline">${label} <select onChange=${(event: Event) => {
      target.value = (event.target as HTMLSelectElement).value;
      void load();
    }}>${
      options.map(([value, says]) =>
        html`<option value=${value} selected=${target.value === value}>${says}</option>`
      )
    }</select></label>`;
  const names = [...new Set(all.map(({ series }) => series))];
  return html`
    <${Single} title="Trends">
      <div class="row lead">${choice("The last", since, PERIODS)} ${choice(
        "shown",
        by,
        GROUPS,
      )}</div>
      ${failure.value !== "" && html`<p class="empty">${failure.value}</p>`}
      ${failure.value === "" && all.length === 0 &&
        html`<p class="empty">No call in this time.</p>`}
      ${by.value !== "" &&
        html`<ul class="legend">${
          names.map((name, at) => html`<li class=${`series-${at % COLOURS.length}`}>${name}</li>`)
        }</ul>`}
      ${all.length > 0 && html`
        <div class="columns charts">${MEASURES.map(([title, unit, read]) =>
          html`<${Chart} key=${title} title=${title} unit=${unit} all=${all} read=${read} />`
        )}</div>
        <${Sums} all=${all} />
      `}
    <//>
  `;
}

/** The same in numbers, for who does not see the charts. */
function Sums({ all }: { all: readonly TrendPoint[] }) {
  const names = [...new Set(all.map(({ series }) => series))];
  return html`
    <${Block} title="In numbers">
      <div class="scroll" tabindex="0" role="region" aria-label="Sums">
        <table>
          <thead>
            <tr>
              <th scope="col">series</th>
              <th scope="col" class="n">requests</th>
              <th scope="col" class="n">errors</th>
              <th scope="col" class="n">tokens</th>
            </tr>
          </thead>
          <tbody>${names.map((name) => {
            const own = all.filter(({ series }) => series === name);
            const sum = (read: (point: TrendPoint) => number) =>
              own.reduce((total, one) => total + read(one), 0);
            return html`
              <tr>
                <th scope="row">${name}</th>
                <td class="n">${sum((one) => one.requests)}</td>
                <td class="n">${sum((one) => one.errors)}</td>
                <td class="n">${sum((one) => one.tokens)}</td>
              </tr>
            `;
          })}</tbody>
        </table>
      </div>
      <//>
  `;
}
