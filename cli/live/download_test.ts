import assert from "node:assert/strict";
import { fakeHost } from "../testing.ts";
import { downloadProgress } from "./download.ts";

for (const [received, end] of [[100, "done"], [40, "broken off"]] as const) {
  Deno.test(`downloadProgress() says that a download of ${received} % is ${end}`, () => {
    const lines: string[] = [];
    const report = downloadProgress(fakeHost().stderr, (line) => lines.push(line));
    const sizes = { source: "Envoy", totalBytes: 100e6, bytesPerSecond: 1e6 };
    report({ ...sizes, receivedBytes: received * 1e6, done: true });
    assert.deepEqual(lines, [`Envoy: ${received}.0 MB of 100.0 MB, 1.0 MB/s, ${end}`]);
  });
}
