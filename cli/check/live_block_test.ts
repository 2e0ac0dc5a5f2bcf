import assert from "node:assert/strict";
import type { Progress, ReportCase } from "../../conformance/mod.ts";
import { styleFor } from "../style.ts";
import { liveBlock } from "./live_block.ts";

function output(columns: number) {
  let text = "";
  const stream = {
    write: (more: string) => void (text += more),
    closed: false,
    isTerminal: true,
    columns,
    onClosed: () => {},
  };
  return { stream, said: () => text };
}

const ended = (id: string, status: ReportCase["status"], done: number): Progress => ({
  kind: "case",
  done,
  total: 3,
  result: {
    id,
    status,
    level: "must",
    reason: "why",
    duration_ms: 1,
    axes: [],
  } as unknown as ReportCase,
});

Deno.test("a terminal has one line that is drawn again, and a line for each failure as it comes", () => {
  const { stream, said } = output(60);
  const tell = liveBlock(stream, styleFor(stream, { env: () => "1" }));
  tell({ kind: "running", id: "a.one" });
  tell({ kind: "running", id: "b.two" });
  assert.match(said(), /0 of 0 {2}0 passed {2}running 2: a\.one, b\.two$/);
  tell(ended("a.one", "pass", 1));
  tell(ended("b.two", "fail", 2));
  tell({ kind: "waiting", ids: ["c.three", "c.four-with-a-name-that-is-much-too-long-for-it"] });
  const lines = said().split("\n");
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? "", /1 of 3 {2}1 passed {2}running 1: b\.two.*FAILED +b\.two.*why$/s);
  const now = said().split("\r\x1b[2K").at(-1) ?? "";
  assert.match(now, /^2 of 3 {2}1 passed {2}1 failed {2}waiting for c\.three/);
  assert.ok(now.length < 60);
});
