import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import fc from "fast-check";
import { frame } from "./frame.ts";
import type { Method } from "./service.ts";
import { StreamCall } from "./server_call.ts";
import {
  encodeHeaders,
  FRAME,
  FrameReader,
  FrameWriter,
  H2Connection,
  PREFACE,
} from "../http2/mod.ts";

/** As much of a socket as a connection touches; keeps what was written. */
class FakeSocket extends EventEmitter {
  readonly written: number[] = [];
  destroyed = false;
  writableNeedDrain = false;
  writableLength = 0;
  setNoDelay(): void {}
  pause(): void {}
  isPaused = () => false;
  resume(): void {}
  write(bytes: Uint8Array): boolean {
    for (const byte of bytes) this.written.push(byte);
    return true;
  }
  end(): void {
    this.#close();
  }
  destroySoon(): void {
    this.#close();
  }
  destroy(): void {
    this.#close();
  }
  #close(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit("close");
  }
}

const METHODS = new Map<string, Method>([
  ["/t.T/Unary", { unary: (request) => request }],
  ["/t.T/Bidi", {
    bidi: async (call) => {
      for await (const message of call.messages) await call.write(message);
    },
  }],
]);

function block(path: string): Uint8Array {
  return encodeHeaders([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    ["content-type", "application/grpc"],
  ]);
}

/** Payloads that get somewhere, beside any bytes. */
const payloads = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom(
    block("/t.T/Unary"),
    block("/t.T/Bidi"),
    block("/t.T/Nowhere"),
    frame(new Uint8Array([1, 2, 3])),
    new Uint8Array([0, 0, 0, 10]),
    new Uint8Array([0, 4, 0, 0, 0, 1]),
    new Uint8Array(8),
  ),
);
const frames = fc.record({
  type: fc.integer({ min: 0, max: 11 }),
  flags: fc.constantFrom(0, 1, 4, 5, 8, 12, 13, 32, 36, 45, 255),
  stream: fc.constantFrom(0, 1, 2, 3, 5, 7, 2 ** 31 - 1),
  payload: payloads,
});

/** Frames that a decent client sends, in any order: most get through to a call. */
const decent = fc.tuple(fc.constantFrom(1, 3), fc.boolean()).chain(([stream, last]) =>
  fc.constantFrom(
    { type: 1, flags: 5, stream: stream + 4, payload: block("/t.T/Bidi") },
    { type: 1, flags: 5, stream, payload: block("/t.T/Unary") },
    { type: 0, flags: last ? 1 : 0, stream, payload: frame(new Uint8Array([1, 2, 3])) },
    { type: 0, flags: last ? 1 : 0, stream, payload: new Uint8Array([0, 0, 0, 0, 2, 9]) },
    { type: 8, flags: 0, stream: last ? 0 : stream, payload: new Uint8Array([0, 0, 0, 9]) },
    { type: 3, flags: 0, stream, payload: new Uint8Array(4) },
  )
);

/** Feeds bytes in pieces; returns what the server wrote. */
async function feed(bytes: Uint8Array, cut: number): Promise<number[]> {
  const socket = new FakeSocket();
  new H2Connection(socket as unknown as Socket, {
    stream: (stream) => {
      new StreamCall(stream, { methods: METHODS, maxReceiveBytes: 1000 });
    },
  });
  for (let at = 0; at < bytes.length && !socket.destroyed; at += cut) {
    socket.emit("data", bytes.slice(at, at + cut));
    await Promise.resolve();
  }
  socket.destroy();
  await Promise.resolve();
  return socket.written;
}

Deno.test("H2Connection survives any sequence of frames, and what it writes are whole frames", async () => {
  const written = new Set<number>();
  const property = fc.asyncProperty(
    fc.array(fc.oneof({ weight: 8, arbitrary: decent }, frames), { maxLength: 16 }),
    fc.integer({ min: 1, max: 200 }),
    async (sequence, cut) => {
      const out = new FrameWriter();
      out.raw(new TextEncoder().encode(PREFACE));
      out.frame({ type: 4, flags: 0, stream: 0 }, new Uint8Array(0));
      // Streams 1 and 3 are open: frames on a stream that never was end the connection at once.
      out.frame({ type: FRAME.HEADERS, flags: 4, stream: 1 }, block("/t.T/Unary"));
      out.frame({ type: FRAME.HEADERS, flags: 4, stream: 3 }, block("/t.T/Bidi"));
      for (const { payload, ...head } of sequence) out.frame(head, payload);
      const reader = new FrameReader();
      const answer = new Uint8Array(await feed(out.take(), cut));
      assert.equal(reader.push(answer, ({ type }) => written.add(type) !== undefined), true);
      assert.equal(reader.pending, 0);
    },
  );
  await fc.assert(property, { numRuns: 2000 });
  // Runs that never reached a call would prove nothing.
  for (const type of [FRAME.DATA, FRAME.HEADERS, FRAME.GOAWAY]) assert.ok(written.has(type));
});

Deno.test("H2Connection survives any bytes", async () => {
  const property = fc.asyncProperty(
    fc.boolean(),
    fc.uint8Array({ maxLength: 200 }),
    fc.integer({ min: 1, max: 50 }),
    async (greeted, bytes, cut) => {
      const preface = greeted ? new TextEncoder().encode(PREFACE) : new Uint8Array(0);
      await feed(new Uint8Array([...preface, ...bytes]), cut);
    },
  );
  await fc.assert(property, { numRuns: 1000 });
});
