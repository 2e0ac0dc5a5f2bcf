/** Costs of the console and the call log to a gateway under a constant load. */
import { eachCall, lossesOf, openForReading } from "../../call_log/mod.ts";
import { type Browser, NO_BROWSER, startBrowser } from "../../tests/testing/browser.ts";
import type { Effort } from "./gateway_rows.ts";
import { MissingToolError } from "./load.ts";
import { cpuMs } from "./machine.ts";
import { compare, type Row } from "./row.ts";
import { programCommand, startDev } from "./stack.ts";
import { ID_PREFIX, steadyLoad } from "./steady_client.ts";

/** The load: requests per second, and for how long a page and the call log bear it. */
const RATE = 1_000;
const PAGE_SECONDS = 10;
const LOG_SECONDS = 30;

/** Notes the longest task of the page from now on (W3C Long Tasks: only those over 50 ms are told). */
const WATCH_TASKS = `globalThis.longest = 0; new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
}).observe({ type: "longtask" })`;

/** The gateway's p99 with a page open and without, the page's longest task, and the call log counted again. */
export async function consoleRows(effort: Effort): Promise<Row[]> {
  return [...await pageRows(effort), ...await callLogRows()];
}

async function pageRows({ runs }: Effort): Promise<Row[]> {
  if (NO_BROWSER !== "") {
    throw new MissingToolError("no Chromium: apt-get install chromium, or CHROMIUM_PATH");
  }
  await using dev = await startDev(programCommand());
  const { ingress, control } = dev.ready;
  const tasks: number[] = [];
  const p99 = async () => {
    const load = { rate: RATE, seconds: PAGE_SECONDS };
    const { errors, p99_ms } = await steadyLoad(`${ingress}/v1/models`, load);
    if (errors > 0) throw new Error(`Cannot measure: ${errors} requests failed under load`);
    return p99_ms;
  };
  await p99();
  const p99Row = await compare(
    { name: `p99 at ${RATE} requests/s, page open`, unit: "ms", runs },
    async () => {
      await using browser: Browser = startBrowser();
      await browser.open(`${control}/`);
      await browser.until(`document.querySelector("#link.live")`);
      await browser.evaluate(WATCH_TASKS);
      const value = await p99();
      tasks.push(await browser.evaluate<number>("longest"));
      return value;
    },
    { name: "no page", measure: p99 },
  );
  // A page's own work is its browser's; what the program does for it is told by any machine, however busy.
  const cpu = async () => {
    const before = await cpuMs(dev.pid);
    await p99();
    return (await cpuMs(dev.pid) - before) * 1_000 / (RATE * PAGE_SECONDS);
  };
  const cpuRow = await compare(
    { name: "CPU of the program per request, events read", unit: "us", runs },
    async () => {
      await using _ = readEvents(control);
      return await cpu();
    },
    { name: "nobody reads", measure: cpu },
  );
  const longest = Math.max(...tasks);
  return [p99Row, cpuRow, {
    name: `longest task of the page at ${RATE} requests/s`,
    unit: "ms",
    value: longest,
    runs: tasks.length,
    samples: tasks,
  }];
}

/** Reads the changes as a page does whose browser costs this machine nothing. */
function readEvents(control: string): AsyncDisposable {
  const child = new Deno.Command("curl", {
    args: ["-sN", `${control}/api/v1/events`],
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.status;
    },
  };
}

async function callLogRows(): Promise<Row[]> {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-bench-" });
  try {
    const path = `${folder}/calls.db`;
    const runDir = `${folder}/run`;
    {
      await using dev = await startDev(programCommand(), [
        ...["--call-log", path, "--run-dir", runDir, "--quiet"],
      ]);
      const load = { rate: RATE, seconds: LOG_SECONDS };
      const { errors } = await steadyLoad(`${dev.ready.ingress}/v1/models`, load);
      if (errors > 0) throw new Error(`Cannot measure: ${errors} requests failed under load`);
    }
    using database = openForReading(path);
    const ids = new Set(eachCall(database, {}).map(({ request_id }) => String(request_id)));
    const lines = (await Deno.readTextFile(`${runDir}/access.log`)).split("\n")
      .map((line) => /"request_id":"([^"]+)"/.exec(line)?.[1] ?? "")
      .filter((id) => id.startsWith(ID_PREFIX));
    const one = (name: string, value: number): Row => ({
      name: `call log, ${RATE} requests/s for ${LOG_SECONDS} s: ${name}`,
      unit: "calls",
      value,
      runs: 1,
      samples: [value],
    });
    return [
      one("lines of the access log", lines.length),
      one("of them in the call log", lines.filter((id) => ids.has(id)).length),
      one("lost", lossesOf(database)),
    ];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
