/** Makes a binary that unpacks itself. */
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import header from "./self_extracting.sh" with { type: "text" };
import { ENTRY } from "./bundle.ts";
import { HEAP_FLAG, PERMISSION_FLAGS, UNSTABLE_FLAGS } from "./permissions.ts";
import type { Target } from "./targets.ts";

/** A module of the program. */
export interface ProgramFile {
  /** Path within the program's folder, with slashes. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Contents of a self-extracting program. */
export interface Parts {
  readonly version: string;
  readonly target: Target;
  /** Version of the Deno executable. */
  readonly denoVersion: string;
  readonly deno: Uint8Array;
  readonly program: readonly ProgramFile[];
  /** Already packed by gzip; the last bytes of the program, where it reads them by itself. */
  readonly envoyGzip?: Uint8Array;
}

/** Nothing outside of the program's own files is looked at: no configuration, lock file, registry or network. */
export const RUN_FLAGS: readonly string[] = [
  "--quiet",
  "--no-prompt",
  "--no-config",
  "--no-lock",
  "--no-remote",
  "--no-npm",
  "--no-check",
];

/**
 * Makes one file that is a shell script followed by its packed parts. The same parts make the same bytes. Packing a
 * Deno executable takes some seconds.
 */
export async function selfExtracting(parts: Parts): Promise<Uint8Array> {
  const modules = new Uint8Array(
    await new Blob(parts.program.map(({ bytes }) => bytes) as BlobPart[]).arrayBuffer(),
  );
  const list = parts.program.map(({ name, bytes }) => `${bytes.length} ${name}`).join(" ");
  const [program, deno] = await Promise.all([pack(modules), pack(parts.deno)]);
  const programHash = sha256(modules);
  const fields = {
    VERSION: parts.version,
    TARGET: parts.target.triple,
    DENO: parts.denoVersion,
    DATA_HOME: parts.target.os === "darwin"
      ? '"${HOME:-/nonexistent}/Library/Application Support/llmgate"'
      : '"${XDG_DATA_HOME:-${HOME:-/nonexistent}/.local/share}/llmgate"',
    ID: sha256(new TextEncoder().encode(programHash + list)).slice(0, 16) +
      sha256(parts.deno).slice(0, 16),
    ENTRY,
    FILES: list,
    PROGRAM_LENGTH: String(program.length),
    PROGRAM_SHA256: programHash,
    DENO_LENGTH: String(deno.length),
    DENO_SHA256: sha256(parts.deno),
    FLAGS: [...RUN_FLAGS, HEAP_FLAG, ...UNSTABLE_FLAGS, ...PERMISSION_FLAGS].join(" "),
  };
  const script = layOut(fields, program.length);
  const blobs = [new TextEncoder().encode(script), program, deno];
  if (parts.envoyGzip !== undefined) blobs.push(parts.envoyGzip);
  return new Uint8Array(await new Blob(blobs as BlobPart[]).arrayBuffer());
}

/** Fills the header in. Offsets are part of the text that they measure, so they get a fixed width. */
function layOut(fields: Record<string, string>, programLength: number): string {
  const width = 10;
  const fill = (programAt: number, denoAt: number) =>
    Object.entries({
      ...fields,
      PROGRAM_AT: String(programAt).padStart(width, "0"),
      DENO_AT: String(denoAt).padStart(width, "0"),
    }).reduce((text, [name, value]) => text.replaceAll(`@${name}@`, () => value), header);
  const length = new TextEncoder().encode(fill(0, 0)).length;
  // `tail -c +N` counts from 1.
  return fill(length + 1, length + 1 + programLength);
}

/** gzip, because every Unix can unpack it; level 9 is paid once, by the one who builds. */
export function pack(bytes: Uint8Array): Promise<Uint8Array> {
  return promisify<Uint8Array, { level: number }, Uint8Array>(gzip)(bytes, { level: 9 });
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
