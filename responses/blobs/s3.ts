/** Blobs in an S3 bucket. */
import type { AwsClient } from "aws4fetch";
import { messageOf, UnavailableError } from "../../service/mod.ts";
import { blobKey, type Blobs, limited } from "./blobs.ts";

/** Credentials of the gateway. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Where the bucket is, and who asks. */
export interface S3Options extends S3Credentials {
  readonly bucket: string;
  readonly region: string;
  /** Base URL of an S3-compatible server, which is asked in path style; Amazon's own when left out. */
  readonly endpoint?: string;
  /** Put before each key, for example `files/`. */
  readonly prefix?: string;
  /** Bytes of one part of a large upload, and the most that an upload holds in memory; 8 MiB when left out. */
  readonly partBytes?: number;
}

/** Parts of a multipart upload are at least 5 MiB (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html). */
const PART_BYTES = 8 * 1024 * 1024;

/** How often a busy server is asked again, with growing pauses. */
const RETRIES = 3;

/**
 * Keeps blobs as objects of a bucket. What fits into one part is put at once, more goes up part by part as it arrives;
 * an object is there as a whole or not at all.
 *
 * @throws {UnavailableError} when the bucket cannot be reached, does not exist, or refuses the credentials
 */
export async function openS3(options: S3Options): Promise<Blobs> {
  const { bucket, region, endpoint, prefix = "", partBytes = PART_BYTES } = options;
  const { AwsClient } = await import("aws4fetch");
  const client = new AwsClient({ ...options, service: "s3", retries: RETRIES });
  const base = endpoint === undefined
    ? `https://${bucket}.s3.${region}.amazonaws.com`
    : `${endpoint.replace(/\/$/, "")}/${bucket}`;
  await assertBucket(client, base, bucket);
  const urlOf = (key: string) =>
    `${base}/${`${prefix}${blobKey(key)}`.split("/").map(encodeURIComponent).join("/")}`;
  return {
    async put(key, body, limit) {
      let bytes = 0;
      const parts = inParts(body.pipeThrough(limited(limit, (total) => bytes = total)), partBytes);
      const first = await parts.next();
      if (first.done) await put(client, urlOf(key), new Uint8Array(0));
      else if (first.value.length < partBytes) await put(client, urlOf(key), first.value);
      else await putParts(client, urlOf(key), first.value, parts);
      return bytes;
    },
    async get(key) {
      const response = await client.fetch(urlOf(key));
      if (response.status === 404) {
        await response.body?.cancel();
        return undefined;
      }
      await assertOk(response, "read");
      return response.body ?? new Blob([]).stream();
    },
    async delete(key) {
      await done(await client.fetch(urlOf(key), { method: "DELETE" }), "delete");
      const query = new URLSearchParams({ uploads: "", prefix: `${prefix}${key}` });
      const listed = await text(await client.fetch(`${base}/?${query}`), "list uploads to");
      for (const [, id = ""] of listed.matchAll(/<UploadId>([^<]+)<\/UploadId>/g)) {
        await abort(client, urlOf(key), id);
      }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function assertBucket(client: AwsClient, base: string, bucket: string): Promise<void> {
  const where = `the bucket "${bucket}" at ${new URL(base).origin}`;
  const problem = await client.fetch(base, { method: "HEAD" }).then(
    ({ ok, status }) => ok ? undefined : REASONS[status] ?? `it answers with status ${status}`,
    messageOf,
  );
  if (problem !== undefined) {
    throw new UnavailableError(`Cannot keep files in ${where}: ${problem}`);
  }
}

const REASONS: Readonly<Record<number, string>> = {
  301: "it is in another region: set the bucket's own",
  403: "the credentials are refused: check the access key and what it may do",
  404: "there is no such bucket: make it first",
};

async function put(client: AwsClient, url: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
  await done(await client.fetch(url, { method: "PUT", body }), "write");
}

async function putParts(
  client: AwsClient,
  url: string,
  first: Uint8Array<ArrayBuffer>,
  rest: AsyncGenerator<Uint8Array<ArrayBuffer>>,
): Promise<void> {
  const started = await text(await client.fetch(`${url}?uploads=`, { method: "POST" }), "write");
  const id = /<UploadId>([^<]+)<\/UploadId>/.exec(started)?.[1];
  if (id === undefined) throw new Error("Cannot write a blob: the server named no upload");
  const upload = `uploadId=${encodeURIComponent(id)}`;
  try {
    const tags: string[] = [];
    const send = async (body: Uint8Array<ArrayBuffer>) => {
      const part = `${url}?partNumber=${tags.length + 1}&${upload}`;
      const response = await client.fetch(part, { method: "PUT", body });
      await done(response, "write");
      tags.push(response.headers.get("etag") ?? "");
    };
    await send(first);
    for await (const part of rest) await send(part);
    const list = tags.map((tag, index) =>
      `<Part><PartNumber>${index + 1}</PartNumber><ETag>${
        tag.replaceAll('"', "&quot;")
      }</ETag></Part>`
    );
    const body =
      `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${list.join("")}` +
      "</CompleteMultipartUpload>";
    const answer = await text(
      await client.fetch(`${url}?${upload}`, { method: "POST", body }),
      "write",
    );
    // It may fail after its status was sent (API reference, "CompleteMultipartUpload").
    if (/<Error>/.test(answer)) throw new Error(`Cannot write a blob: ${messageIn(answer)}`);
  } catch (error) {
    await abort(client, url, id);
    throw error;
  }
}

async function abort(client: AwsClient, url: string, id: string): Promise<void> {
  const upload = `${url}?uploadId=${encodeURIComponent(id)}`;
  await done(await client.fetch(upload, { method: "DELETE" }), "delete");
}

/** Cuts a stream into parts of exactly this size, the last one smaller or of the same size. */
async function* inParts(
  body: ReadableStream<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let part = new Uint8Array(size);
  let filled = 0;
  for await (const chunk of body) {
    for (let at = 0; at < chunk.length;) {
      const piece = chunk.subarray(at, at + size - filled);
      part.set(piece, filled);
      filled += piece.length;
      at += piece.length;
      if (filled === size) {
        yield part;
        part = new Uint8Array(size);
        filled = 0;
      }
    }
  }
  if (filled > 0) yield part.slice(0, filled);
}

async function done(response: Response, what: string): Promise<void> {
  await assertOk(response, what);
  await response.body?.cancel();
}

async function text(response: Response, what: string): Promise<string> {
  await assertOk(response, what);
  return await response.text();
}

async function assertOk(response: Response, what: string): Promise<void> {
  if (response.ok) return;
  const said = messageIn(await response.text());
  throw new Error(`Cannot ${what} a blob: the server answers ${response.status}: ${said}`);
}

function messageIn(xml: string): string {
  return /<Message>([^<]*)<\/Message>/.exec(xml)?.[1] ?? xml.slice(0, 200);
}
