/** Costs of floods to the policy stub and its other clients, beside grpc-js. */
import { fileURLToPath } from "node:url";
import { checkClient } from "../../ext_authz/mod.ts";
import { FLOODS } from "../../http2/testing/floods.ts";
import { delay } from "../../service/mod.ts";
import { type Program, startProgram } from "../../tests/testing/program.ts";
import { compare, type Row } from "./row.ts";

const CLIENT = fileURLToPath(import.meta.resolve("./flood_client.ts"));
const POLICY = ["policy", "--port", "0", "--json", "--quiet"];
const ATTRIBUTES = { request: { http: { method: "GET", path: "/v1/models" } } };

/** Milliseconds between two Checks of the honest client. */
const PACE_MS = 5;
/** How long it waits for one: as good as never. */
const NEVER_MS = 20_000;

/** One flood: what it cost. A program that ended with it has cost everything. */
interface Cost {
  readonly slowestMs: number;
  readonly growthMiB: number;
}

/** For each flood the slowest Check of another client, and the memory that it added. Linux only. */
export async function attackRows(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { name } of FLOODS) {
    const own = await cost(name, []);
    const reference = await cost(name, ["--grpc-server", "grpc-js"]);
    const row = (what: string, unit: string, value: (one: Cost) => number) =>
      compare({ name: `${name}: ${what}`, unit, runs: 1 }, () => Promise.resolve(value(own)), {
        name: "grpc-js",
        measure: () => Promise.resolve(value(reference)),
      });
    rows.push(await row("slowest Check of another client", "ms", (one) => one.slowestMs));
    rows.push(await row("memory added", "MiB", (one) => one.growthMiB));
  }
  return rows;
}

async function cost(name: string, words: readonly string[]): Promise<Cost> {
  await using program = startProgram([...POLICY, ...words]);
  const { policy: address } = JSON.parse(await program.line());
  using client = checkClient({ address });
  const ask = () => client.verdict({ attributes: ATTRIBUTES }, { deadlineMs: NEVER_MS });
  await ask();
  const before = memory(program, "VmRSS");
  let over = false;
  let slowestMs = 0;
  const honest = async () => {
    while (!over) {
      const started = performance.now();
      const answered = await ask().then(() => true, () => false);
      slowestMs = answered ? Math.max(slowestMs, performance.now() - started) : Infinity;
      if (!answered) return;
      await delay(PACE_MS);
    }
  };
  const asking = honest();
  await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-prompt", "--quiet", CLIENT, name, address.split(":").at(-1)],
    stdout: "null",
    stderr: "null",
  }).output();
  over = true;
  await asking;
  return { slowestMs, growthMiB: memory(program, "VmHWM") - before };
}

/** A line of `/proc/PID/status` in MiB; infinite for a process that has ended. */
function memory({ pid }: Program, line: "VmRSS" | "VmHWM"): number {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    const kib = new RegExp(`^${line}:\\s+(\\d+) kB`, "m").exec(status)?.[1];
    return kib === undefined ? Infinity : Number(kib) / 1024;
  } catch {
    return Infinity;
  }
}
