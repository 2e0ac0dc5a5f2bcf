/** Breaches of HTTP/2 by a client of the mock: they are reset, and the journal says what they were. */
import assert from "node:assert/strict";
import {
  encodeHeaders,
  FLAG,
  FRAME,
  FrameWriter,
  type HeaderList,
  PREFACE,
} from "../../http2/mod.ts";
import { startUpstream } from "../upstream.ts";

const HEAD: HeaderList = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/v1/chat/completions"],
  [":authority", "mock"],
];

Deno.test.each<{ why: string; write: (out: FrameWriter) => void; problem: RegExp; method: string }>(
  [
    {
      why: "upper case in a name",
      write: (out) => head(out, [...HEAD, ["X-Key", "1"]], FLAG.END_HEADERS | FLAG.END_STREAM),
      problem: /field name "X-Key"/,
      method: "POST",
    },
    {
      why: "a body that is not as long as content-length",
      write: (out) => {
        head(out, [...HEAD, ["content-length", "5"]], FLAG.END_HEADERS);
        out.frame({ type: FRAME.DATA, flags: FLAG.END_STREAM, stream: 1 }, new Uint8Array(2));
      },
      problem: /content-length is not the length/,
      method: "POST",
    },
    {
      why: "a frame on a stream that never was",
      write: (out) => out.frame({ type: FRAME.DATA, flags: 0, stream: 7 }, new Uint8Array(1)),
      problem: /stream that never was/,
      method: "",
    },
  ],
)("the mock's journal tells $why", async ({ write, problem, method }) => {
  await using upstream = await startUpstream({ pace: "none" });
  using connection = await Deno.connect({ hostname: upstream.host, port: upstream.port });
  const out = new FrameWriter();
  out.raw(new TextEncoder().encode(PREFACE));
  out.frame({ type: FRAME.SETTINGS, flags: 0, stream: 0 }, new Uint8Array(0));
  write(out);
  await connection.write(out.take());
  const entry = await upstream.journal.waitFor(({ end }) => end !== undefined);
  assert.match(entry.problem ?? "", problem);
  assert.equal(entry.end, "aborted");
  assert.equal(entry.method, method);
});

function head(out: FrameWriter, list: HeaderList, flags: number): void {
  out.frame({ type: FRAME.HEADERS, flags, stream: 1 }, encodeHeaders(list));
}
