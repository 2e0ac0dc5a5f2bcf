import assert from "node:assert/strict";
import { hashedEmbedding } from "../hashed_embedding.ts";
import { toFixedPoint } from "../index/vectors.ts";
import { AUTO_CHUNKING } from "./chunking.ts";
import { DocumentReader, type DocumentThread, startThread } from "./reader.ts";
import { pdfOf } from "./testing.ts";

const question = (bytes: Uint8Array<ArrayBuffer>, filename: string, hashedDimensions = 0) => ({
  bytes,
  filename,
  chunking: AUTO_CHUNKING,
  hashedDimensions,
});
const text = (words: string) => new TextEncoder().encode(words);

/** Far above what any of these files takes; nothing here waits for it. */
const PATIENT = { timeoutMs: 600_000 };

Deno.test("a document is read on another thread: chunks, where they start, and their vectors", async () => {
  using reader = new DocumentReader(PATIENT);
  const words = Array.from({ length: 2_000 }, (_, at) => `word${at % 7}`).join(" ");
  const read = await reader.read(question(text(words), "a.txt", 64));
  assert.ok(read.texts.length > 2);
  assert.deepEqual(
    read.starts.map((start, at) => words.indexOf(read.texts[at] ?? "?", start)),
    read.starts,
  );
  const last = toFixedPoint(hashedEmbedding(read.texts.at(-1) ?? "", 64));
  assert.deepEqual(read.vectors.slice(-64), last);
  assert.deepEqual((await reader.read(question(pdfOf(["A page"]), "a.pdf"))).texts, ["A page"]);
});

Deno.test("a broken file names its fault, and the next one is read", async () => {
  using reader = new DocumentReader(PATIENT);
  const [broken, unknown, fine] = await Promise.allSettled([
    reader.read(question(text("{"), "a.json")),
    reader.read(question(new Uint8Array([0, 1, 2]), "a.bin")),
    reader.read(question(text("fine"), "a.txt")),
  ]);
  assert.ok(broken?.status === "rejected" && broken.reason.name === "InvalidFileError");
  assert.ok(unknown?.status === "rejected" && unknown.reason.name === "UnsupportedFileError");
  assert.ok(fine?.status === "fulfilled");
});

/** A thread that gets stuck; `called` resolves when it has a file. */
function stuckThread() {
  const called = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<never>();
  const thread = {
    call() {
      called.resolve();
      return ended.promise;
    },
    [Symbol.dispose]: () => ended.reject(new Error("the thread was ended")),
  } as unknown as DocumentThread;
  return { thread, called: called.promise };
}

/** Returns these threads, one after the other, and then real ones. */
function threads(...fakes: DocumentThread[]) {
  return () => {
    const fake = fakes.shift();
    return fake === undefined ? startThread() : Promise.resolve(fake);
  };
}

Deno.test("a file that takes too long is given up with its thread, and the next one gets another", async () => {
  using reader = new DocumentReader({
    timeoutMs: 1,
    start: threads(stuckThread().thread, stuckThread().thread),
  });
  for (const name of ["a.txt", "b.txt"]) {
    await assert.rejects(reader.read(question(text("words"), name)), {
      name: "InvalidFileError",
      message: "The file could not be read within 0.001 s",
    });
  }
});

Deno.test("an abort gives up the file that is read, and one that waits; the next one is read", async () => {
  const { thread, called } = stuckThread();
  using reader = new DocumentReader({ ...PATIENT, start: threads(thread) });
  const abort = new AbortController();
  const stuck = reader.read(question(text("stuck"), "a.txt"), abort.signal);
  const waiting = reader.read(question(text("waiting"), "b.txt"), abort.signal);
  const next = reader.read(question(text("next"), "c.txt"));
  await called;
  abort.abort(new Error("cancelled"));
  await assert.rejects(stuck, /cancelled/);
  await assert.rejects(waiting, /cancelled/);
  assert.deepEqual((await next).texts, ["next"]);
});
