import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { now, UsageError } from "../../service/mod.ts";
import type { Case } from "../case.ts";
import { CASES } from "../cases/mod.ts";
import { exitCode, parseReport, type Report, reportJsonSchema } from "../report/report.ts";
import { diffReports } from "../report/diff.ts";
import { parseKnownFailures } from "./known_failures.ts";
import { REPORT_FORMATS } from "../report/render/formats.ts";
import { renderTerminal } from "../report/render/terminal.ts";
import { renderAnnotations } from "../report/render/annotations.ts";
import { runSuite } from "./runner.ts";
import { fakeTarget, policyRecord, upstreamRecord } from "../testing/fake_target.ts";
import { Awaited } from "../verdict/verdict.ts";

function made(id: string, run: Case["run"], change: Partial<Case> = {}): Case {
  return { id, level: "must", control: "none", requirement: "r", source: "s", run, ...change };
}

const PASS = made("t.pass", (t) => Promise.resolve(void t.equal("one", 1, 1)));
const FAIL = made("t.fail", (t) => Promise.resolve(void t.equal("one & only", 1, "<2>")));
const WARN = made("t.warn", (t) => Promise.resolve(void t.equal("one", 1, 2)), { level: "should" });

function run(
  cases: Case[],
  options: Partial<Parameters<typeof runSuite>[1]> = {},
): Promise<Report> {
  return runSuite(fakeTarget().target, { cases, seed: 7, ...options });
}

function statuses(report: Report): Record<string, string> {
  return Object.fromEntries(report.cases.map(({ id, status }) => [id, status]));
}

Deno.test("CASES have unique ids, a requirement and a source", () => {
  assert.equal(new Set(CASES.map(({ id }) => id)).size, CASES.length);
  for (const { id, requirement, source } of CASES) {
    assert.match(id, /^[a-z]+\.[a-z0-9-]+$/);
    assert.ok(requirement.length > 10 && source.length > 3, id);
  }
});

Deno.test("runSuite() judges by level, and exitCode() by what failed", async () => {
  const report = await run([PASS, FAIL, WARN]);
  assert.deepEqual(statuses(report), { "t.pass": "pass", "t.fail": "fail", "t.warn": "warn" });
  assert.equal(exitCode(report), 1);
  assert.equal(exitCode(await run([PASS, WARN])), 0);
  assert.equal(exitCode(await run([PASS, WARN]), { strict: true }), 1);
});

Deno.test("runSuite() never passes what it cannot measure", async () => {
  const report = await runSuite(fakeTarget({ control: "none" }).target, {
    cases: [
      { ...PASS, id: "t.control", control: "upstream" },
      { ...PASS, id: "t.feature", feature: "jwt" },
      { ...PASS, id: "t.admin", admin: true },
      { ...PASS, id: "t.slow", slow: true },
      { ...PASS, id: "t.axis", axes: ["h2c"] },
      made("t.empty", () => Promise.resolve()),
    ],
  });
  assert.deepEqual(statuses(report), {
    "t.control": "not-measured",
    "t.feature": "unsupported",
    "t.admin": "not-measured",
    "t.slow": "skip",
    "t.axis": "unsupported",
    "t.empty": "not-measured",
  });
  assert.equal(report.summary.passed, 0);
  assert.equal(exitCode(report), 4, "a case without a check is a fault of the harness");
  const none = { ...report, harness_faults: 0 };
  assert.equal(exitCode(none), 4, "a MUST could have been measured, and was not");
  const chosen = none.cases.filter(({ id }) => id !== "t.empty");
  assert.equal(exitCode({ ...none, cases: chosen }), 2, "no MUST case could be measured");
});

Deno.test("runSuite() asks again where it was too late itself, and never passes what it held too long", async () => {
  const { target, policy } = fakeTarget();
  const nonces: string[] = [];
  /** Holds a Check call; the first `late` ones until the gateway, which waits 2 s, gives up. */
  const holds = (id: string, late: number): Case =>
    made(id, (t) => {
      t.policy.script({ allow: {}, barrier: "hold" });
      nonces.push(t.nonce);
      const gone = late-- > 0;
      policy.append(policyRecord({
        nonce: t.nonce,
        receivedAt: 100,
        ...(gone ? { answeredAt: undefined, decision: undefined, cancelledAt: 2_100 } : {
          answeredAt: 150,
        }),
      }));
      t.equal("one", 1, 1);
      return Promise.resolve();
    }, { control: "policy" });
  const report = await runSuite(target, { cases: [holds("t.once", 1), holds("t.always", 9)] });
  assert.deepEqual(statuses(report), { "t.once": "pass", "t.always": "not-measured" });
  assert.equal(new Set(nonces).size, 2 + 5, "every attempt has a nonce of its own");
  assert.match(
    report.cases[1]?.reason ?? "",
    /^The machine was too busy to judge this: a Check call was held for 2000 ms/,
  );
  assert.equal(exitCode(report), 4, "a MUST was not judged");
});

Deno.test("runSuite() asks again what was refused while the suite could not run, unless it went upstream", async () => {
  let asked = 0;
  const server = http.createServer((_request, response) => {
    asked++;
    // A second in which nobody here could have answered the gateway.
    const until = now() + 1_000;
    while (now() < until);
    response.writeHead(503, { "x-request-id": "id-1", "content-length": 0 }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const { target, upstream } = fakeTarget({ url: `http://127.0.0.1:${port}` });
    const refused = made("t.refused", async (t) => {
      t.equal("status", 200, (await t.ask()).head?.status);
    }, { control: "both" });
    const report = await runSuite(target, { cases: [refused] });
    assert.deepEqual(statuses(report), { "t.refused": "not-measured" });
    assert.match(report.cases[0]?.reason ?? "", /the gateway answered 503 by itself/);
    assert.equal(asked, 5);
    const forwards = made("t.forwards", async (t) => {
      upstream.append(upstreamRecord({ nonce: t.nonce, requestId: "id-1" }));
      t.equal("status", 200, (await t.ask()).head?.status);
    }, { control: "both" });
    assert.deepEqual(statuses(await runSuite(target, { cases: [forwards] })), {
      "t.forwards": "fail",
    });
    assert.equal(asked, 6);
  } finally {
    server.close();
  }
});

Deno.test("runSuite() takes a wait in vain for a finding, a bug of the suite for its own", async () => {
  const report = await run([
    made("t.awaited", () => Promise.reject(new Awaited("event 2", "not within 5 ms"))),
    made("t.bug", () => Promise.reject(new TypeError("x is not a function"))),
  ]);
  assert.deepEqual(statuses(report), { "t.awaited": "fail", "t.bug": "not-measured" });
  assert.equal(report.harness_faults, 1);
});

Deno.test("runSuite() fails a case that does not end in its time", async () => {
  const report = await run([
    made("t.hangs", () => new Promise(() => {}), { deadlineMs: 20 }),
  ]);
  assert.equal(report.cases[0]?.checks[0]?.name, "in time");
  assert.equal(report.cases[0]?.status, "fail");
});

Deno.test("runSuite() leaves what is not finished unmeasured when it is interrupted", async () => {
  const control = new AbortController();
  const report = await run([made("t.hangs", () => {
    control.abort();
    return new Promise(() => {});
  })], { signal: control.signal });
  assert.deepEqual(statuses(report), { "t.hangs": "not-measured" });
});

Deno.test("runSuite() runs exclusive cases alone, once waiting ones are settled", async () => {
  const order: string[] = [];
  const gate = Promise.withResolvers<void>();
  const report = await run([
    made("t.alone", (t) => {
      order.push("alone");
      gate.resolve();
      t.equal("one", 1, 1);
      return Promise.resolve();
    }, { exclusive: true }),
    made("t.waits", async (t) => {
      order.push("waiting");
      t.settled();
      await gate.promise;
      t.equal("one", 1, 1);
    }, { waits: true }),
    made("t.plain", (t) => {
      order.push("plain");
      t.equal("one", 1, 1);
      return Promise.resolve();
    }),
  ]);
  assert.deepEqual(order, ["waiting", "plain", "alone"]);
  assert.equal(report.summary.passed, 3);
});

Deno.test("runSuite() fails a case when one of its repetitions fails, and says how many", async () => {
  let runs = 0;
  const report = await run([
    made("t.flaky", (t) => Promise.resolve(void t.equal("one", 1, runs++ === 1 ? 2 : 1))),
  ], { repeat: 3 });
  assert.equal(report.cases[0]?.status, "fail");
  assert.match(report.cases[0]?.reason ?? "", /1 of 3 runs/);
});

Deno.test("runSuite() gives a case the same random numbers for the same seed", async () => {
  const seen: number[] = [];
  const one = made("t.random", (t) => {
    seen.push(t.random());
    t.equal("one", 1, 1);
    return Promise.resolve();
  });
  await run([one]);
  await run([one]);
  await run([one], { seed: 8 });
  assert.equal(seen[0], seen[1]);
  assert.notEqual(seen[0], seen[2]);
});

Deno.test("runSuite() keeps credentials out of a report, and the catalogue's words in it", async () => {
  const leaks = made("t.wrong", (t) => Promise.resolve(void t.equal("key", "", "is wrong-key")), {
    requirement: "A wrong credential is refused",
  });
  const credentials = { allow: [["x-api-key", "wrong"]] as [string, string][] };
  const report = await runSuite(fakeTarget({ credentials }).target, { cases: [leaks], seed: 1 });
  const [one] = report.cases;
  assert.equal(one?.checks[0]?.observed, "is [redacted]-key");
  assert.deepEqual([one?.id, one?.requirement], ["t.wrong", "A wrong credential is refused"]);
  assert.match(one?.reproduce ?? "", /--case t\.wrong /);
});

Deno.test("runSuite() refuses a glob that matches nothing, and names what is near", async () => {
  await assert.rejects(run([PASS], { case: ["t.pas"] }), (error) => {
    assert.ok(error instanceof UsageError);
    assert.match(error.message, /did you mean "t\.pass"/);
    return true;
  });
});

Deno.test("known failures excuse a failure, and are stale when the case passes or is gone", async () => {
  const knownFailures = parseKnownFailures("# list\nt.fail  # bug 17\n");
  assert.equal(exitCode(await run([PASS, FAIL], { knownFailures })), 0);
  const stale = await run([PASS], {
    knownFailures: parseKnownFailures("t.pass # old\nt.x # typo"),
  });
  assert.equal(stale.problems.length, 2);
  assert.equal(exitCode(stale), 1);
  assert.throws(() => parseKnownFailures("t.fail"), /line 1/);
});

Deno.test("a case hears its witnesses on a real connection, and no credential is in the report", async () => {
  const server = http.createServer((_request, response) => {
    response.setHeader("x-request-id", "id-1");
    response.end('{"echo":"sesame-opens"}');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const { target } = fakeTarget({ url: `http://127.0.0.1:${port}` });
    const report = await runSuite(target, {
      cases: [made("t.asks", async (t) => {
        const { head, chunks } = await t.ask();
        t.equal("status", 500, head?.status);
        t.equal("body", "", new TextDecoder().decode(chunks[0]?.bytes));
      })],
    });
    const [one] = report.cases;
    assert.deepEqual(one?.witnesses, ["client", "policy", "upstream"]);
    // The server answered although the upstream journal is empty: the witnesses disagree.
    assert.ok(one?.checks.some(({ name, ok }) => name === "agree.answer-has-a-source" && !ok));
    assert.ok(one?.trace?.some(({ witness }) => witness === "client"));
    assert.ok(one?.curl?.includes("$ALLOW"));
    assert.ok(!JSON.stringify(report).includes("sesame-opens"));
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

Deno.test("every format renders a run; JSON reads back, XML and HTML are well-formed", async () => {
  const report = await run([PASS, FAIL, WARN, { ...PASS, id: "t.none", feature: "x" }]);
  for (const [ending, render] of Object.entries(REPORT_FORMATS)) {
    const text = render([report]);
    assert.ok(text.includes("t.fail"), ending);
    assert.ok(!text.includes("undefined"), `${ending} holds "undefined"`);
    assert.equal(text, render([report]), `${ending} is not deterministic`);
  }
  assert.deepEqual(parseReport(REPORT_FORMATS[".json"]?.([report]) ?? ""), report);
  const xml = REPORT_FORMATS[".xml"]?.([report]) ?? "";
  assert.match(xml, /tests="4" failures="1" errors="0" skipped="1"/);
  assert.match(xml, /one &amp; only: expected 1, got &quot;&lt;2&gt;&quot;/);
  const tap = REPORT_FORMATS[".tap"]?.([report]) ?? "";
  assert.match(tap, /^TAP version 14\n1\.\.4\nok 1 - t\.pass\nnot ok 2 - t\.fail\n {2}---\n/);
  assert.match(tap, /ok 4 - t\.none # SKIP unsupported/);
  const html = REPORT_FORMATS[".html"]?.([report, report]) ?? "";
  assert.ok(!/https?:\/\/(?!127\.0\.0\.1)/.test(html), "the page loads nothing");
  assert.ok(html.includes("&lt;2&gt;") && !html.includes("<2>"));
  assert.match(renderTerminal(report), /4 cases: 1 passed, 1 failed, 1 warned/);
  assert.deepEqual(renderAnnotations(report).map((line) => line.split(" ")[0]), [
    "::error",
    "::warning",
  ]);
});

Deno.test("diffReports() tells what got worse", async () => {
  const before = await run([PASS, { ...FAIL, id: "t.other" }]);
  const after = await run([{ ...FAIL, id: "t.pass" }, { ...PASS, id: "t.other" }]);
  assert.deepEqual(
    diffReports(before, after).map(({ id, before, after, worse }) => [id, before, after, worse]),
    [["t.pass", "pass", "fail", true], ["t.other", "fail", "pass", false]],
  );
});

Deno.test("the published JSON Schema is the one of this version", async () => {
  const file = new URL("../report/report.schema.json", import.meta.url);
  assert.deepEqual(JSON.parse(await Deno.readTextFile(file)), reportJsonSchema());
});

Deno.test("parseReport() names the field that is wrong", () => {
  assert.throws(() => parseReport('{"schema":"llmgate.report/v2"}'), /field "schema"/);
});
