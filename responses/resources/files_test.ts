import assert from "node:assert/strict";
import { FILE_PURPOSES } from "../api/objects.ts";
import { formOf, startTestApp, type TestApp } from "../testing/app.ts";
import { T0 } from "../testing/objects.ts";

const FILES = "/v1/files";

/** How many files lie in the blob store, half-written ones included. */
async function blobsIn({ folder }: TestApp): Promise<number> {
  let count = 0;
  for await (const sub of Deno.readDir(folder)) {
    for await (const _ of Deno.readDir(`${folder}/${sub.name}`)) count++;
  }
  return count;
}

async function content(app: TestApp, id: string): Promise<Response> {
  return await app.fetch(new Request(`http://gateway${FILES}/${id}/content`));
}

Deno.test("a file is uploaded, read, listed and deleted; its bytes are exact", async () => {
  await using app = await startTestApp();
  const bytes = Uint8Array.from(
    { length: 300_000 },
    (_, index) => (index * 7 + (index >> 8)) % 256,
  );
  const form = formOf(bytes, { purpose: "assistants" }, {
    filename: "Übung 'eins'.bin",
    type: "application/octet-stream",
  });
  const { status, body } = await app.call("POST", FILES, form);
  assert.equal(status, 200);
  assert.match(body.id, /^file_[0-9a-f]{32}$/);
  assert.deepEqual(body, {
    id: body.id,
    object: "file",
    bytes: bytes.length,
    created_at: T0,
    expires_at: null,
    filename: "Übung 'eins'.bin",
    purpose: "assistants",
    status: "uploaded",
    status_details: null,
    mime_type: "application/octet-stream",
  });
  const read = await content(app, body.id);
  assert.equal(read.headers.get("content-length"), `${bytes.length}`);
  assert.deepEqual(new Uint8Array(await read.arrayBuffer()), bytes);
  assert.deepEqual((await app.call("GET", `${FILES}/${body.id}`)).body, body);
  assert.deepEqual((await app.call("GET", FILES)).body.data, [body]);
  assert.deepEqual((await app.call("DELETE", `${FILES}/${body.id}`)).body, {
    id: body.id,
    object: "file",
    deleted: true,
  });
  for (const path of [`/${body.id}`, `/${body.id}/content`]) {
    const gone = await app.call("GET", FILES + path);
    assert.deepEqual([gone.status, gone.body.error.type], [404, "file_not_found"]);
  }
});

Deno.test("bytes that look like the form's own boundary, and none at all, arrive too", async () => {
  await using app = await startTestApp();
  for (const text of ["", "\r\n--", "\r\n--boundary--\r\n", "--boundary\r\n", "\u0000\r\n\r\n"]) {
    const id = await app.upload(text);
    assert.equal(await (await content(app, id)).text(), text);
  }
});

Deno.test("files are filtered by purpose; every purpose of the API is taken", async () => {
  await using app = await startTestApp();
  for (const purpose of FILE_PURPOSES) await app.upload(purpose, { purpose });
  for (const purpose of FILE_PURPOSES) {
    const { data } = (await app.call("GET", `${FILES}?purpose=${purpose}`)).body;
    assert.deepEqual(data.map((file: { purpose: string }) => file.purpose), [purpose]);
  }
  assert.equal((await app.call("GET", FILES)).body.data.length, FILE_PURPOSES.length);
});

Deno.test("a file expires when it is told to, and a batch file after thirty days", async () => {
  await using app = await startTestApp();
  const expiry = async (fields: Record<string, string>) =>
    (await app.call("POST", FILES, formOf("x", fields))).body.expires_at;
  const anchor = { "expires_after[anchor]": "created_at" };
  assert.equal(
    await expiry({ purpose: "vision", ...anchor, "expires_after[seconds]": "3600" }),
    T0 + 3600,
  );
  assert.equal(await expiry({ purpose: "batch" }), T0 + 30 * 86_400);
});

Deno.test("an upload that is refused leaves no bytes behind", async () => {
  await using app = await startTestApp({ maxFileBytes: 100_000 });
  const seconds = (value: string) => ({
    purpose: "vision",
    "expires_after[anchor]": "created_at",
    "expires_after[seconds]": value,
  });
  const refused: [FormData, number, string][] = [
    [formOf("x", {}), 400, "purpose"],
    [formOf("x", { purpose: "nonsense" }), 400, "purpose"],
    [formOf("x", seconds("3599")), 400, "expires_after[seconds]"],
    [formOf("x", seconds("soon")), 400, "expires_after[seconds]"],
    [formOf("x", { purpose: "vision", "expires_after[seconds]": "3600" }), 400, "expires_after"],
    [formOf(new Uint8Array(100_001), { purpose: "vision" }), 413, "file"],
  ];
  const empty = new FormData();
  empty.append("purpose", "assistants");
  refused.push([empty, 400, "file"]);
  for (const [form, status, param] of refused) {
    const answer = await app.call("POST", FILES, form);
    assert.deepEqual([answer.status, answer.body.error.param], [status, param]);
  }
  assert.equal((await app.call("POST", FILES, { purpose: "assistants" })).status, 400);
  assert.equal(await blobsIn(app), 0);
  assert.deepEqual(await app.store.files.garbage(T0 + 10_000, 10), []);
  await app.upload("x".repeat(100_000));
  assert.equal(await blobsIn(app), 1);
});

Deno.test("an upload that ends in the middle is refused, and leaves no bytes behind", async () => {
  await using app = await startTestApp();
  const head = `--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nassistants\r\n` +
    `--b\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\n`;
  const whole = `${head}some text\r\n--b--\r\n`;
  const post = (body: string) =>
    app.fetch(
      new Request(`http://gateway${FILES}`, {
        method: "POST",
        headers: { "content-type": "multipart/form-data; boundary=b" },
        body,
      }),
    );
  for (const cut of [10, head.length, head.length + 4, whole.length - 8]) {
    const response = await post(whole.slice(0, cut));
    assert.equal(response.status, 400, `cut at ${cut}: ${await response.text()}`);
  }
  assert.equal(await blobsIn(app), 0);
  const response = await post(whole);
  assert.equal(response.status, 200);
  assert.equal((await response.json()).bytes, "some text".length);
});
