/** Cases on streams under load. */
import { delay } from "../../service/mod.ts";
import { BOTH, type Case } from "../case.ts";
import type { CaseContext } from "../context.ts";
import type { UpstreamStep } from "../target.ts";
import { PAUSE_IS_LOSSLESS } from "../client/h1.ts";
import { filler, STREAM_HEAD } from "./shapes.ts";
import { lockstep } from "./stream.ts";

/** Streams under pressure: a client that does not read, and many clients at once. */
export const STREAM_LOAD_CASES: readonly Case[] = [
  {
    id: "sse.slow-reader",
    level: "should",
    control: "upstream",
    requirement:
      "A client that stops reading stalls the upstream; memory stays bounded; nothing is lost",
    source: "Envoy best practices edge: per_connection_buffer_limit_bytes",
    axes: BOTH,
    // So many bytes would hold up our own policy engine for the cases beside it.
    exclusive: true,
    deadlineMs: 60_000,
    async run(t) {
      if (t.protocol === "h1" && !PAUSE_IS_LOSSLESS) {
        t.notMeasured(`Deno ${Deno.version.deno} loses bytes of a socket that was paused`);
      }
      const block = `data: ${filler((64 << 10) - 8, t.random)}\n\n`;
      // Kernels keep some 30 MiB for each connection that is not read (net.ipv4.tcp_rmem of Linux 6.18): when they have
      // taken a round, another one follows, until nothing moves any more.
      const [rounds, perRound] = [4, 640];
      const steps = Array.from({ length: rounds }, (_, n): UpstreamStep[] => [
        { barrier: `round ${n}` },
        { repeat: { times: perRound, steps: [{ write: block }] } },
      ]);
      t.upstream.script(STREAM_HEAD, { write: block }, ...steps.flat(), { end: true });
      const before = t.target.envoy?.memory ? await t.envoy.memory() : undefined;
      const exchange = await t.send(t.chat({ stream: true }));
      await exchange.event(0);
      exchange.pause();
      const written = () => t.upstream.requests()[0]?.bytesWritten ?? 0;
      let [blocks, isStalled] = [1, false];
      for (let n = 0; n < rounds && !isStalled; n++) {
        t.upstream.release(`round ${n}`);
        blocks += perRound;
        isStalled = await untilSteady(t, written) < blocks * block.length;
      }
      const total = blocks * block.length;
      t.that("the upstream is stopped", isStalled, `before ${total} bytes`, written());
      if (before !== undefined) {
        const grown = Math.round(((await t.envoy.memory()) - before) / 1024);
        // The bound is loose, a buffered stream is 40 MiB.
        t.that("Envoy's memory growth", grown < 36_000, "< 36,000 KiB", `${grown} KiB`);
      }
      exchange.resume();
      await exchange.bytes(total, { deadlineMs: t.ms(25_000) });
      const { bodyBytes, events } = exchange.transcript;
      t.equal("bytes at last", total, bodyBytes);
      t.equal("events at last", blocks, events.length);
      exchange.abort();
    },
  },
  {
    id: "sse.concurrent-100",
    level: "should",
    control: "upstream",
    requirement: "100 streams at once all keep in lock-step",
    source: "Project: streams do not starve each other",
    axes: BOTH,
    // So many Check calls at once would make those of its neighbours late.
    exclusive: true,
    deadlineMs: 60_000,
    async run(t) {
      const shared = t.protocol === "h2c" ? await t.connect() : undefined;
      const wait = { deadlineMs: t.ms(20_000) };
      const ends = await Promise.all(Array.from({ length: 100 }, async (_, n) => {
        const part = t.fork(n);
        part.upstream.script(...lockstep(4));
        const exchange = await part.send(part.chat({ stream: true }), shared);
        for (let i = 0; i < 4; i++) {
          await exchange.event(i, wait);
          part.upstream.release(i < 3 ? String(i + 1) : "done");
        }
        return (await exchange.ended(wait)).kind;
      }));
      t.equal("streams that ended well", 100, ends.filter((kind) => kind === "complete").length);
    },
  },
];

/**
 * Returns a value once it has grown and then stood still for 25 looks, half a second apart in all. Looks are counted, not
 * time: between any two of them the upstream could write, too.
 */
async function untilSteady(t: CaseContext, read: () => number): Promise<number> {
  let last = -1;
  for (let same = 0; same < 25; same++) {
    await delay(20, t.signal);
    const value = read();
    if (value !== last) [last, same] = [value, 0];
  }
  return last;
}
