import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type Blobs, openDisk, openS3, type S3Options } from "../../responses/mod.ts";
import { UnavailableError } from "../../service/mod.ts";
import { type Moto, startMoto } from "../clients/moto.ts";

/** The least that S3 takes as a part of a large upload. */
const PART = 5 * 1024 * 1024;

/** A blob store that is empty, and what only its own kind can tell. */
interface Opened extends AsyncDisposable {
  readonly blobs: Blobs;
  /** Everything that is kept, half-written blobs included. */
  leftovers(): Promise<string[]>;
}

let moto: Promise<Moto> | undefined;
let buckets = 0;

/** One server for all tests, a bucket for each. */
function sharedMoto(): Promise<Moto> {
  return moto ??= startMoto();
}

Deno.test.afterAll(async () => {
  await (await moto)?.[Symbol.asyncDispose]();
});

/** The server outlives the test that first needs it. */
const SHARING = { sanitizeOps: false, sanitizeResources: false };

const KINDS: Readonly<Record<string, () => Promise<Opened>>> = { disk: onDisk, S3: onS3 };

for (const [kind, open] of Object.entries(KINDS)) {
  const test = (name: string, run: (opened: Opened) => Promise<void>) =>
    Deno.test({
      name: `blobs in ${kind}: ${name}`,
      async fn() {
        await using opened = await open();
        await run(opened);
      },
      ...SHARING,
    });

  test("bytes come back exactly, whatever their number and pieces", async ({ blobs }) => {
    for (const size of [0, 1, PART - 1, PART, 2 * PART + 7]) {
      const bytes = pattern(size);
      const key = `file_${size}`;
      assert.equal(await blobs.put(key, inPieces(bytes, 100_003), 1e9), size);
      assert.ok(equal(await read(blobs, key), bytes), `${size} bytes`);
    }
  });

  test("a deleted blob is gone, and one that never was is none", async (opened) => {
    const { blobs } = opened;
    assert.equal(await blobs.get("file_none"), undefined);
    await blobs.delete("file_none");
    await blobs.put("file_a", inPieces(pattern(10), 3), 10);
    await blobs.delete("file_a");
    assert.equal(await blobs.get("file_a"), undefined);
    assert.deepEqual(await opened.leftovers(), []);
  });

  test("a stream that fails or is too long leaves nothing", async (opened) => {
    const { blobs } = opened;
    for (const size of [10, 2 * PART + 10]) {
      await assert.rejects(blobs.put("file_a", breaking(pattern(size)), 1e9), /the client left/);
      await assert.rejects(
        blobs.put("file_a", inPieces(pattern(size), 100_003), size - 1),
        { name: "BlobTooLarge" },
      );
      assert.equal(await blobs.get("file_a"), undefined);
      assert.deepEqual(await opened.leftovers(), []);
    }
  });

  test("a reader that stops early is no fault", async ({ blobs }) => {
    await blobs.put("file_a", inPieces(pattern(3 * PART), 100_003), 1e9);
    const body = await blobs.get("file_a");
    await body?.cancel();
  });

  test("a key can name nothing outside", async ({ blobs }) => {
    for (const key of ["", "../a", "a/b", "a b"]) await assert.rejects(blobs.get(key), TypeError);
  });
}

Deno.test("blobs in S3: what an interrupted process left goes with the blob", SHARING, async () => {
  await using opened = await onS3();
  // As a process leaves it that dies between the first part and the last.
  const started = await fetch(`${opened.bucket}/some/files/file_a?uploads=`, { method: "POST" });
  await started.body?.cancel();
  assert.deepEqual(await opened.leftovers(), ["some/files/file_a"]);
  await opened.blobs.delete("file_a");
  assert.deepEqual(await opened.leftovers(), []);
});

Deno.test("blobs in S3: a bucket that is not there, or a server, is named", SHARING, async () => {
  const options = optionsFor((await sharedMoto()).url, "missing");
  await assert.rejects(
    openS3(options),
    (error) => error instanceof UnavailableError && /no such bucket/.test(error.message),
  );
  await assert.rejects(openS3({ ...options, endpoint: "http://127.0.0.1:1" }), UnavailableError);
});

async function onDisk(): Promise<Opened> {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-blobs-" });
  return {
    blobs: await openDisk(folder),
    async leftovers() {
      const names: string[] = [];
      for await (const { name } of Deno.readDir(folder)) {
        for await (const file of Deno.readDir(`${folder}/${name}`)) names.push(file.name);
      }
      return names;
    },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

async function onS3(): Promise<Opened & { readonly bucket: string }> {
  const moto = await sharedMoto();
  const options = optionsFor(moto.url, `bucket-${++buckets}`);
  const bucket = `${moto.url}/${options.bucket}`;
  const list = async (query: string) => {
    const xml = await (await fetch(`${bucket}?${query}`)).text();
    return [...xml.matchAll(/<Key>([^<]+)<\/Key>/g)].map(([, key = ""]) => key);
  };
  await (await fetch(bucket, { method: "PUT" })).body?.cancel();
  const blobs = await openS3(options);
  return {
    blobs,
    bucket,
    leftovers: async () => [...await list("list-type=2"), ...await list("uploads")],
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function optionsFor(endpoint: string, bucket: string): S3Options {
  return {
    endpoint,
    bucket,
    region: "us-east-1",
    prefix: "some/files/",
    accessKeyId: "test",
    secretAccessKey: "test",
    partBytes: PART,
  };
}

function pattern(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at++) bytes[at] = at * 7 + (at >> 9);
  return bytes;
}

function inPieces(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  return ReadableStream.from((function* () {
    for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
  })());
}

function breaking(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return ReadableStream.from((function* () {
    yield* [bytes];
    throw new Error("the client left");
  })());
}

async function read(blobs: Blobs, key: string): Promise<Uint8Array> {
  return await new Response(await blobs.get(key)).bytes();
}

/** deepEqual() of megabytes takes seconds. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
