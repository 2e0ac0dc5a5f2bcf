/** Width of the drawing in its own units; the page scales it. */
const WIDTH = 1000;
const LEFT = 70;
const RIGHT = 20;

/** Returns an SVG with when each event was sent and received, joined by a line per event. */
export function drawTimeline(timeline: { sent: number[]; received: number[] }): string {
  const { sent, received } = timeline;
  const last = Math.max(1, ...sent, ...received);
  const x = (ms: number) => (LEFT + (ms / last) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const dots = (times: number[], y: number, kind: string) =>
    times.map((ms) =>
      `<circle class="${kind}" cx="${x(ms)}" cy="${y}" r="3"><title>${ms} ms</title></circle>`
    )
      .join("");
  const joins = received.slice(0, sent.length).map((ms, n) => `M${x(sent[n] ?? ms)} 16L${x(ms)} 40`)
    .join("");
  const label = `${received.length} events over ${Math.round(last)} ms`;
  return `<svg class="timeline" viewBox="0 0 ${WIDTH} 62" role="img" ` +
    `aria-label="${label}"><line class="axis" x1="${LEFT}" y1="16" x2="${
      WIDTH - RIGHT
    }" y2="16"/>` +
    `<line class="axis" x1="${LEFT}" y1="40" x2="${WIDTH - RIGHT}" y2="40"/><path d="${joins}"/>` +
    `${dots(sent, 16, "sent")}${dots(received, 40, "received")}` +
    `<text x="0" y="20">sent</text><text x="0" y="44">received</text>` +
    `<text x="${LEFT}" y="58">0 ms</text>` +
    `<text x="${WIDTH - RIGHT}" y="58" text-anchor="end">${Math.round(last)} ms</text></svg>`;
}
