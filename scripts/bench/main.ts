// deno-lint-ignore-file no-console -- a program of its own
/**
 * Measures this machine: each figure beside its peer, in turn within one session. Prints a table;
 * `--json FILE` keeps everything, `--only NAME` measures one group, `--quick` takes fewer runs. `--soak MINUTES` keeps a
 * constant load on a gateway instead (`--rate` requests per second) and says what grew; exit 1 when an answer was wrong.
 */
import { adapterRows } from "./adapter_rows.ts";
import { parseArgs } from "node:util";
import { messageOf } from "../../service/mod.ts";
import { attackRows } from "./attack_rows.ts";
import { binaryRows } from "./binary_rows.ts";
import { type Effort, gatewayRows, startRows } from "./gateway_rows.ts";
import { consoleRows } from "./console_rows.ts";
import { MissingToolError } from "./load.ts";
import { describeMachine } from "./machine.ts";
import { checkRows, policyRows, upstreamRows } from "./part_rows.ts";
import { profileRows } from "./profile_rows.ts";
import { responsesRows } from "./responses_rows.ts";
import { routerRows } from "./router_rows.ts";
import { renderRows, type Row } from "./row.ts";
import { searchRows } from "./search_rows.ts";
import { renderSoak, soak } from "./soak.ts";
import { storeRows } from "./store_rows.ts";
import { streamRows } from "./stream_rows.ts";

const GROUPS: Readonly<Record<string, (effort: Effort) => Promise<Row[]>>> = {
  start: startRows,
  binary: binaryRows,
  gateway: gatewayRows,
  policy: policyRows,
  checks: checkRows,
  upstream: upstreamRows,
  streams: streamRows,
  profiles: profileRows,
  adapters: adapterRows,
  router: routerRows,
  responses: responsesRows,
  search: searchRows,
  store: storeRows,
  attacks: attackRows,
  console: consoleRows,
};

const HELP =
  `deno task bench: figures of this machine, each beside its peer, in turn within one session

  --only NAME      measure one group; repeatable: ${Object.keys(GROUPS).join(", ")}
  --quick          3 runs of 2 s in place of 5 of 5 s
  --json FILE      keep everything
  --soak MINUTES   a constant load in place of the figures; says what grew
  --rate N         requests per second of the soak; 100 unless told otherwise`;

function parsedArgs() {
  try {
    return parseArgs({
      args: Deno.args,
      options: {
        help: { type: "boolean", short: "h", default: false },
        json: { type: "string" },
        only: { type: "string", multiple: true },
        quick: { type: "boolean", default: false },
        soak: { type: "string" },
        rate: { type: "string", default: "100" },
      },
    });
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${HELP}`);
    Deno.exit(2);
  }
}

const { values } = parsedArgs();
if (values.help) {
  console.log(HELP);
  Deno.exit(0);
}

const unknown = values.only?.find((name) => !Object.hasOwn(GROUPS, name));
if (unknown !== undefined) {
  console.error(`Cannot measure "${unknown}": there are ${Object.keys(GROUPS).join(", ")}`);
  Deno.exit(2);
}
const machine = describeMachine();
if (values.soak !== undefined) {
  const minutes = Number(values.soak);
  const rate = Number(values.rate);
  if (!(minutes > 0) || !(rate > 0)) {
    console.error(`Cannot soak for "${values.soak}" minutes at "${values.rate}" requests/s`);
    Deno.exit(2);
  }
  const result = await soak({
    minutes,
    rate,
    onSample: ({ at, program, envoy }) =>
      console.error(
        `${at} s: program ${Math.round(program.resident_mib)} MiB, ${program.files} files; ` +
          `Envoy ${Math.round(envoy.resident_mib)} MiB, ${envoy.files} files`,
      ),
  });
  console.log(renderSoak(result));
  if (values.json !== undefined) {
    await Deno.writeTextFile(
      values.json,
      `${JSON.stringify({ machine, soak: result }, null, 2)}\n`,
    );
  }
  Deno.exit(Object.keys(result.errors).length > 0 ? 1 : 0);
}
const effort: Effort = values.quick ? { runs: 3, seconds: 2 } : { runs: 5, seconds: 5 };
const rows: Row[] = [];
const missing: string[] = [];
for (const [name, measure] of Object.entries(GROUPS)) {
  if (values.only && !values.only.includes(name)) continue;
  console.error(`measuring ${name} …`);
  try {
    rows.push(...await measure(effort));
  } catch (error) {
    if (!(error instanceof MissingToolError)) throw error;
    missing.push(`${name}: not measured: ${error.message}`);
  }
}
const { cpu, cores, memory_gib, kernel, deno } = machine;
console.log(`${cpu}, ${cores} cores, ${memory_gib} GiB, ${kernel}, Deno ${deno}\n`);
console.log(renderRows(rows));
for (const line of missing) console.log(line);
if (values.json !== undefined) {
  await Deno.writeTextFile(values.json, `${JSON.stringify({ machine, rows, missing }, null, 2)}\n`);
}
Deno.exit(missing.length > 0 ? 1 : 0);
