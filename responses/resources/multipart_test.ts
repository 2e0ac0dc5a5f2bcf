import assert from "node:assert/strict";
import fc from "fast-check";
import { ApiError } from "../api/errors.ts";
import { boundaryOf, readParts } from "./multipart.ts";

/** A body that arrives in pieces of these sizes, over and over. */
function arriving(bytes: Uint8Array, sizes: readonly number[]): ReadableStream<Uint8Array> {
  return ReadableStream.from((function* () {
    let at = 0;
    for (let turn = 0; at < bytes.length; turn++) {
      const size = sizes[turn % sizes.length] ?? 1;
      yield bytes.slice(at, at + size);
      at += size;
    }
  })());
}

async function read(body: ReadableStream<Uint8Array>, boundary = "b") {
  const parts: { name: string; filename: string | undefined; type: string; text: string }[] = [];
  for await (const { name, filename, mimeType, body: content } of readParts(body, boundary)) {
    const text = await new Response(ReadableStream.from(content)).text();
    parts.push({ name, filename, type: mimeType, text });
  }
  return parts;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

const PART = `--b\r\ncontent-disposition: form-data; name="f"\r\n\r\n`;

Deno.test("boundaryOf() reads the boundary, quoted or not", () => {
  assert.equal(boundaryOf("multipart/form-data; boundary=abc"), "abc");
  assert.equal(boundaryOf('Multipart/Form-Data; charset=utf-8; boundary="a b"'), "a b");
  for (const other of [null, "", "multipart/form-data", "multipart/mixed; boundary=b"]) {
    assert.equal(boundaryOf(other), undefined);
  }
});

Deno.test("a form is read alike however its bytes are cut", async () => {
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    // What looks like a boundary, almost.
    fc.array(fc.constantFrom("\r", "\n", "-", "--", "b", "\r\n--", "\r\n--c", "x"), {
      maxLength: 30,
    })
      .map((pieces) => bytesOf(pieces.join(""))),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(content, { minLength: 1, maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
      async (contents, sizes) => {
        const form = new FormData();
        contents.forEach((bytes, index) => {
          form.append(`part${index}`, new File([Uint8Array.from(bytes)], `${index}.bin`));
        });
        const response = new Response(form);
        const boundary = boundaryOf(response.headers.get("content-type")) ?? "";
        const whole = new Uint8Array(await response.arrayBuffer());
        const seen: Uint8Array[] = [];
        for await (const { body } of readParts(arriving(whole, sizes), boundary)) {
          seen.push(await new Response(ReadableStream.from(body)).bytes());
        }
        assert.deepEqual(seen.map((bytes) => [...bytes]), contents.map((bytes) => [...bytes]));
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("a body that ends early is an error wherever it is cut", async () => {
  const whole = bytesOf(`${PART}content\r\n--b--\r\n`);
  for (let cut = 0; cut < whole.length - 3; cut++) {
    await assert.rejects(
      read(arriving(whole.slice(0, cut), [7])),
      (error) => error instanceof ApiError && error.status === 400,
      `cut at ${cut}`,
    );
  }
  assert.equal((await read(arriving(whole, [7]))).length, 1);
});

Deno.test("names are read as clients write them, and lose their folders", async () => {
  const named = async (disposition: string) => {
    const text = `preamble\r\n--b\r\nContent-Disposition: ${disposition}\r\n\r\nx\r\n--b--`;
    const [part] = await read(arriving(bytesOf(text), [64]));
    return [part?.name, part?.filename];
  };
  assert.deepEqual(await named('form-data; name="a"'), ["a", undefined]);
  assert.deepEqual(await named("form-data; name=a; filename=b.txt"), ["a", "b.txt"]);
  assert.deepEqual(await named('form-data; name="a"; filename=""'), ["a", ""]);
  assert.deepEqual(await named('form-data; name="a"; filename="q\\"; x=y.txt"'), [
    "a",
    'q"; x=y.txt',
  ]);
  assert.deepEqual(await named('form-data; name="a"; filename="%22ü%0A.txt"'), ["a", '"ü\n.txt']);
  assert.deepEqual(await named('form-data; name="a"; filename="/etc/passwd"'), ["a", "passwd"]);
  assert.deepEqual(await named('form-data; name="a"; filename="C:\\temp\\b.txt"'), ["a", "b.txt"]);
  assert.deepEqual(
    await named(`form-data; name="a"; filename="x"; filename*=UTF-8''%E2%82%AC.txt`),
    ["a", "€.txt"],
  );
  await assert.rejects(named("form-data"), ApiError);
  await assert.rejects(named(`form-data; name="a"; filename*=UTF-8''%E2`), ApiError);
});

Deno.test("a part that is not read is skipped, and a reader that stops ends the body", async () => {
  const whole = bytesOf(`${PART}one\r\n${PART}two\r\n--b--\r\n`);
  const names: string[] = [];
  for await (const { name } of readParts(arriving(whole, [5]), "b")) names.push(name);
  assert.deepEqual(names, ["f", "f"]);
  const cancelled = Promise.withResolvers<void>();
  const endless = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(bytesOf(`${PART}endless`)),
    cancel: () => cancelled.resolve(),
  });
  for await (const _ of readParts(endless, "b")) break;
  await cancelled.promise;
});

Deno.test("a head without an end is refused", async () => {
  const endless = bytesOf(`--b\r\nx: ${"y".repeat(20_000)}`);
  await assert.rejects(read(arriving(endless, [4096])), /no head/);
});
