/** `llmgate router top`: shows what a running router's hosts do, live. */
import { readRouterSamples, routerLoad, type RouterSamples } from "../../router/mod.ts";
import { DEFAULT_PORTS, delay, messageOf, now, UnavailableError } from "../../service/mod.ts";
import { defineCommand, EXIT } from "../command.ts";
import { routerTable } from "../live/router_table.ts";
import { flagOption, positiveOption, urlOption } from "../../options/mod.ts";

/** Home, and clear to the end of the screen (ECMA-48, sections 8.3.21 and 8.3.39). */
const CLEAR = "\x1b[H\x1b[J";

/** A control listener on loopback answers at once, or not at all. */
const ANSWER_MS = 5_000;

export const command = defineCommand({
  name: "router top",
  summary: "show what a running router's hosts do, live",
  description:
    `Reads the metrics of a running router again and again, and shows each model on each host: state, requests in flight,
    answers and errors per second, times of whole requests and to the first token, output tokens per second; all of the
    time between two readings. On a terminal the table is drawn anew; elsewhere one follows the other.`,
  options: {
    control: urlOption("--control <URL>", {
      description: "control listener of the router",
      default: `http://127.0.0.1:${DEFAULT_PORTS.control}`,
    }),
    interval: positiveOption("--interval <SECONDS>", {
      description: "time between two readings",
      default: 2,
    }),
    once: flagOption("--once", { description: "one table, then stop" }),
    json: flagOption("--json", { description: "print one JSON line per reading" }),
  },
  examples: [
    { command: "llmgate router top", explains: "beside `llmgate dev --profile router`" },
    {
      command: "llmgate router top --once --json --interval 10",
      explains: "one line, of ten seconds",
    },
  ],
  permissions: ["net"],
  async run({ options, host, print, style, signal }) {
    const url = `${options.control.replace(/\/+$/, "")}/metrics`;
    const redraws = host.stdout.isTerminal && !options.once && !options.json;
    let before = await scrape(url, signal);
    let since = now();
    while (true) {
      await delay(options.interval * 1000, signal);
      const after = await scrape(url, signal);
      const seconds = (now() - since) / 1000;
      const rows = routerLoad(before, after, seconds);
      const time = host.now().toISOString();
      if (options.json) print(JSON.stringify({ time, seconds, rows }));
      else {
        const title = style.dim(`${time}  ${options.control}  last ${seconds.toFixed(1)} s`);
        if (redraws) host.stdout.write(CLEAR);
        print(`${title}\n${routerTable(rows, style)}`);
        if (!redraws && !options.once) print("");
      }
      if (options.once) return EXIT.ok;
      [before, since] = [after, since + seconds * 1000];
    }
  },
});

/**
 * Reads the metrics.
 *
 * @throws {UnavailableError} when nobody answers there, or it is no router
 */
async function scrape(url: string, signal: AbortSignal): Promise<RouterSamples> {
  let text: string;
  try {
    const response = await fetch(url, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    text = await response.text();
    if (!response.ok) throw new Error(`status ${response.status}`);
  } catch (error) {
    signal.throwIfAborted();
    throw new UnavailableError(
      `Cannot read the metrics at "${url}": ${
        messageOf(error)
      }: --control must name the control listener of a running router (llmgate dev --profile router, or llmgate router --control-port)`,
    );
  }
  const samples = readRouterSamples(text);
  if (samples === undefined) {
    throw new UnavailableError(
      `Cannot show a router: the metrics at "${url}" have none of llmgate_router_*: --control must name the control listener of a running router`,
    );
  }
  return samples;
}
