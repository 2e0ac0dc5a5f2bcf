/** HTTP/2 as https://github.com/summerwind/h2spec reads it, on every port that speaks it. */
import assert from "node:assert/strict";
import { startPolicy } from "../../policy/mod.ts";
import { defaultConfig, startResponses } from "../../responses/mod.ts";
import { parseHosts, startRouter } from "../../router/mod.ts";
import { startUpstream } from "../../upstream/mod.ts";
import { goProgram, hasGo } from "../testing/go_program.ts";

/** Rows that RFC 7540 had and RFC 9113 has not, with the section that dropped them. */
const DROPPED = [
  // Section 5.3: the priority scheme of RFC 7540 is deprecated, and its fields are ignored.
  "http2/5.3.1: Sends HEADERS frame that depend on itself",
  "http2/5.3.1: Sends PRIORITY frame that depend on itself",
];

/** The mock speaks HTTP/1.1 on the same port: what is no preface is answered as a bad request of that. */
const TWO_PROTOCOLS = ["http2/3.5: Sends invalid connection preface"];

interface Port extends AsyncDisposable {
  readonly port: number;
}

const PORTS: Readonly<
  Record<string, { start: () => Promise<Port>; args?: string[]; failing?: string[] }>
> = {
  "the policy stub": { start: () => startPolicy({ port: 0 }) },
  "the mock": {
    start: () => startUpstream({ pace: "none" }),
    args: ["-P", "/v1/models"],
    failing: TWO_PROTOCOLS,
  },
  "the router": {
    start: () => startRouter({ port: 0, hosts: parseHosts("127.0.0.1:9"), logic: "round_robin" }),
  },
  "the Responses gateway": { start: startResponsesPort },
};

async function startResponsesPort(): Promise<Port> {
  const dataDir = await Deno.makeTempDir({ prefix: "llmgate-h2spec-" });
  const config = defaultConfig();
  const gateway = await startResponses({
    dataDir,
    config: {
      ...config,
      http: { ...config.http, port: 0 },
      extproc: { ...config.extproc, port: 0 },
    },
  });
  return {
    port: gateway.extproc.port,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await Deno.remove(dataDir, { recursive: true });
    },
  };
}

/** Runs every row; returns how many there were, and those that failed. */
async function h2spec(port: number, args: readonly string[]) {
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  try {
    // Four seconds for an answer: only the dropped rows wait for one in vain.
    await new Deno.Command(await goProgram("h2spec"), {
      args: ["-h", "127.0.0.1", "-p", String(port), "-o", "4", "-j", report, ...args],
      stdout: "null",
    }).output();
    const xml = await Deno.readTextFile(report);
    const rows = [...xml.matchAll(
      /<testcase package="([^"]*)" classname="([^"]*)"[^>]*?(?:\/>|>(.*?)<\/testcase>)/gs,
    )];
    const failed = rows.filter(([, , , inner = ""]) => /<(failure|error|skipped)/.test(inner));
    return { rows: rows.length, failed: failed.map(([, section, row]) => `${section}: ${row}`) };
  } finally {
    await Deno.remove(report);
  }
}

for (const [name, { start, args = [], failing = [] }] of Object.entries(PORTS)) {
  Deno.test({
    name: `h2spec finds nothing wrong with ${name} but what RFC 9113 dropped${
      hasGo ? "" : " (skipped: no Go)"
    }`,
    ignore: !hasGo,
    async fn() {
      await using server = await start();
      const { rows, failed } = await h2spec(server.port, args);
      assert.equal(rows, 145);
      assert.deepEqual(failed.toSorted(), [...DROPPED, ...failing].toSorted());
    },
  });
}
