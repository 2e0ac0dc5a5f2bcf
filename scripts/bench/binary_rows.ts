/** Figures of the compiled binaries. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Effort } from "./gateway_rows.ts";
import { peakMiB } from "./machine.ts";
import { median, type Row } from "./row.ts";
import { namedPorts, programCommand, startDev } from "./stack.ts";

/** Requests before the peak is read, so that it is not that of an idle program. */
const REQUESTS = 200;

interface Kind {
  readonly name: string;
  readonly command: readonly string[];
  /** Bytes of the file; undefined for the source. */
  readonly bytes?: number;
}

/**
 * Start to ready, `--help`, peak memory and size, from source and of both kinds of binary. The compiled kind is made
 * where LLMGATE_COMPILER names a program to call in place of `deno compile`, as in tests/binary/binary_test.ts.
 */
export async function binaryRows(effort: Effort): Promise<Row[]> {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-bench-" });
  try {
    const compiler = Deno.env.get("LLMGATE_COMPILER");
    const kinds: Kind[] = [
      { name: "from source", command: programCommand() },
      await compile(folder, "self-extracting", ["--self-extracting"]),
      ...(compiler ? [await compile(folder, "compiled", ["--compiler", compiler])] : []),
    ];
    const rows: Row[] = [];
    for (const kind of kinds) rows.push(...await rowsOf(kind, effort));
    return rows;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function rowsOf({ name, command, bytes }: Kind, effort: Effort): Promise<Row[]> {
  const ready: number[] = [];
  const freePorts: number[] = [];
  const peak: number[] = [];
  const help: number[] = [];
  // The first start unpacks and fills the caches of runtime and kernel; it is nobody's measure.
  await (await startDev(command))[Symbol.asyncDispose]();
  for (let run = 0; run < effort.runs; run++) {
    freePorts.push(await startTime(command));
    const flags = await namedPorts();
    const started = performance.now();
    await using dev = await startDev(command, flags);
    ready.push(performance.now() - started);
    for (let n = 0; n < REQUESTS; n++) {
      const response = await fetch(`${dev.ready.ingress}/v1/models`, {
        headers: { "x-api-key": "demo-key" },
      });
      await response.body?.cancel();
    }
    peak.push(await peakMiB(dev.pid));
    help.push(await timeOf([...command, "--help"]));
  }
  const row = (what: string, unit: string, samples: number[]): Row => ({
    name: `${what}, ${name}`,
    unit,
    value: median(samples),
    runs: samples.length,
    samples,
  });
  return [
    row("start to ready", "ms", ready),
    row("start to ready, ports 0 (Envoy waits for the stubs')", "ms", freePorts),
    row("--help", "ms", help),
    row("peak memory after 200 requests", "MiB", peak),
    ...(bytes === undefined ? [] : [row("size", "MB", [bytes / 1e6])]),
  ];
}

async function startTime(command: readonly string[]): Promise<number> {
  const started = performance.now();
  await using _ = await startDev(command);
  return performance.now() - started;
}

async function timeOf([program = "", ...args]: readonly string[]): Promise<number> {
  const started = performance.now();
  const { success } = await new Deno.Command(program, { args, stdout: "null" }).output();
  if (!success) throw new Error(`Cannot measure "${program}": it failed`);
  return performance.now() - started;
}

async function compile(folder: string, name: string, flags: readonly string[]): Promise<Kind> {
  const output = join(folder, name);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "scripts/compile.ts", "--output", output, ...flags],
    cwd: fileURLToPath(import.meta.resolve("../../")),
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`Cannot compile: ${new TextDecoder().decode(stderr)}`);
  return { name, command: [output], bytes: (await Deno.stat(output)).size };
}
