import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { extractZipMember } from "./zip.ts";

interface Member {
  readonly name: string;
  readonly content: Uint8Array;
  readonly deflate: boolean;
}

/** Writes a ZIP archive as the format's description says; what Python's wheels look like. */
function zipOf(members: readonly Member[], comment = ""): Uint8Array {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, deflate } of members) {
    const packed = deflate ? deflateRawSync(content) : Buffer.from(content);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(4, 28);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(deflate ? 8 : 0, 10);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt32LE(content.length, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    const piece = Buffer.concat([local, Buffer.from(name), Buffer.alloc(4), packed]);
    locals.push(piece);
    directory.push(entry, Buffer.from(name));
    offset += piece.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt32LE(directory.reduce((sum, part) => sum + part.length, 0), 12);
  end.writeUInt32LE(offset, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...locals, ...directory, end, Buffer.from(comment)]);
}

const BIG = new Uint8Array(3_000_000).map((_, index) => index % 251);
const MEMBERS: Member[] = [
  { name: "a/first", content: new TextEncoder().encode("first"), deflate: true },
  { name: "a/big", content: BIG, deflate: true },
  { name: "a/stored", content: new TextEncoder().encode("as it is"), deflate: false },
];

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("extractZipMember() takes deflated and stored members out", () =>
  inFolder(async (folder) => {
    const zip = join(folder, "a.zip");
    await Deno.writeFile(zip, zipOf(MEMBERS, "a comment at the end"));
    for (const { name, content } of MEMBERS) {
      const to = join(folder, "out");
      await extractZipMember(zip, { member: name, to });
      assert.deepEqual(await Deno.readFile(to), new Uint8Array(content));
    }
  }));

Deno.test("extractZipMember() says what an archive lacks", () =>
  inFolder(async (folder) => {
    const zip = join(folder, "a.zip");
    const to = join(folder, "out");
    await Deno.writeFile(zip, zipOf(MEMBERS));
    await assert.rejects(extractZipMember(zip, { member: "b", to }), /it has no "b"/);
    await Deno.writeTextFile(zip, "no archive at all, only text");
    await assert.rejects(extractZipMember(zip, { member: "b", to }), /it has no directory/);
  }));
