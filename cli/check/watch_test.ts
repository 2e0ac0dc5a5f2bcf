import assert from "node:assert/strict";
import type { Report } from "../../conformance/mod.ts";
import { UnavailableError, UsageError } from "../../service/mod.ts";
import { ChangeQueue, renderChanges, watchFiles, watchRuns } from "./watch.ts";

/** A report with one case, as far as a watch looks at it. */
function reportOf(status: "pass" | "fail"): Report {
  const failed = status === "fail" ? 1 : 0;
  return {
    cases: [{ id: "t.a", level: "must", status, reason: failed ? "why" : "" }],
    summary: { cases: 1, passed: 1 - failed, failed, warned: 0 },
  } as unknown as Report;
}

Deno.test("watchRuns() runs again after a change, and tells the run before", async () => {
  await using changes = new ChangeQueue();
  const stop = new AbortController();
  const statuses = ["pass", "fail"] as const;
  const seen: unknown[] = [];
  let runs = 0;
  await watchRuns({
    changes,
    signal: stop.signal,
    run: () => Promise.resolve(reportOf(statuses[runs++] ?? "pass")),
    onReport(report, before) {
      seen.push([before?.cases[0]?.status, report.cases[0]?.status]);
      if (seen.length === 1) changes.tell("rules.yaml");
      else stop.abort();
    },
    onProblem: assert.fail,
    onChange: (paths) => seen.push(paths),
  });
  assert.deepEqual(seen, [[undefined, "pass"], ["rules.yaml"], ["pass", "fail"]]);
});

Deno.test("watchRuns() ends a run whose files changed meanwhile, and reports the next one alone", async () => {
  await using changes = new ChangeQueue();
  const stop = new AbortController();
  const reports: Report[] = [];
  let runs = 0;
  await watchRuns({
    changes,
    signal: stop.signal,
    run(signal) {
      if (runs++ > 0) return Promise.resolve(reportOf("pass"));
      changes.tell("rules.yaml");
      assert.ok(signal.aborted);
      return Promise.resolve(reportOf("fail"));
    },
    onReport(report) {
      reports.push(report);
      stop.abort();
    },
    onProblem: assert.fail,
    onChange: () => {},
  });
  assert.deepEqual(reports, [reportOf("pass")]);
  assert.equal(runs, 2);
});

Deno.test("watchRuns() says what is wrong with a file and waits for the next change", async () => {
  await using changes = new ChangeQueue();
  const stop = new AbortController();
  const problems: string[] = [];
  const errors = [new UsageError("rules.yaml:2:1: no"), new UnavailableError("no port")];
  await watchRuns({
    changes,
    signal: stop.signal,
    run() {
      const error = errors.shift();
      return error ? Promise.reject(error) : Promise.resolve(reportOf("pass"));
    },
    onReport: () => stop.abort(),
    onProblem(message) {
      problems.push(message);
      changes.tell("rules.yaml");
    },
    onChange: () => {},
  });
  assert.deepEqual(problems, ["rules.yaml:2:1: no", "no port"]);
});

Deno.test("watchRuns() does not hide a fault of its own, and ends with its signal", async () => {
  await using changes = new ChangeQueue();
  const stop = new AbortController();
  const quiet = { changes, onReport: () => {}, onProblem: assert.fail, onChange: () => {} };
  const broken = { ...quiet, run: () => Promise.reject(new TypeError("bug")) };
  await assert.rejects(watchRuns({ ...broken, signal: stop.signal }), TypeError);
  const waiting = watchRuns({
    ...quiet,
    run: () => Promise.resolve(reportOf("pass")),
    onReport: () => void queueMicrotask(() => stop.abort()),
    signal: stop.signal,
  });
  await waiting;
});

Deno.test("watchFiles() needs a file that could change", () => {
  assert.throws(() => watchFiles({}), UsageError);
});

Deno.test("renderChanges() lists the verdicts that changed, and says when none did", () => {
  assert.match(
    renderChanges(reportOf("fail"), reportOf("pass")),
    /^worse {2}t\.a +must +pass -> fail {2}why\n1 cases: 0 passed, 1 failed, 0 warned$/,
  );
  assert.match(renderChanges(reportOf("pass"), reportOf("pass")), /^no verdict changed\n/);
});
