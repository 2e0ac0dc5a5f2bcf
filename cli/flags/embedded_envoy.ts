/** The Envoy inside of a binary, as a source of Envoy. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { EnvoySource } from "../../envoy/mod.ts";
import { moduleUrl, UnavailableError } from "../../service/mod.ts";
import type { Host } from "../host.ts";
import { buildInfo, EMBEDDED_ENVOY } from "../version.ts";

/**
 * The Envoy that this binary carries (`deno task compile --with-envoy`), as a source like the others: asked before
 * them, and offline too. Undefined in a binary without one, and from source. Unpacking takes about a second, once.
 */
export function embeddedEnvoy(host: Host): EnvoySource | undefined {
  const info = buildInfo()?.envoy;
  if (info === undefined) return undefined;
  return {
    name: "this binary",
    local: true,
    async fetch({ version, scratch, onProgress }) {
      if (version !== info.version) throw new UnavailableError(`carries ${info.version} only`);
      const packed = await openPacked(host, info.gzip_bytes);
      const file = join(scratch, "envoy");
      const digest = createHash("sha256");
      await using target = await Deno.open(file, { write: true, createNew: true });
      let receivedBytes = 0;
      const started = performance.now();
      for await (const chunk of packed.pipeThrough(new DecompressionStream("gzip"))) {
        digest.update(chunk);
        for (let rest = chunk; rest.length > 0;) rest = rest.subarray(await target.write(rest));
        receivedBytes += chunk.length;
      }
      const found = digest.digest("hex");
      if (found !== info.sha256) {
        throw new UnavailableError(
          `carries a damaged Envoy: its SHA-256 is ${found}, expected ${info.sha256}`,
        );
      }
      const seconds = Math.max(performance.now() - started, 1) / 1_000;
      onProgress?.({
        source: "this binary",
        receivedBytes,
        totalBytes: receivedBytes,
        bytesPerSecond: Math.round(receivedBytes / seconds),
        done: true,
      });
      return file;
    },
  };
}

/** Inside of a compiled program it is a file beside the entry; of a self-extracting one, its last bytes. */
async function openPacked(
  host: Host,
  bytes: number,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  if (host.runtime.kind === "compiled") {
    const file = await Deno.open(new URL(moduleUrl(EMBEDDED_ENVOY)));
    return file.readable;
  }
  const program = await Deno.open(host.runtime.execPath);
  await program.seek(-bytes, Deno.SeekMode.End);
  return program.readable;
}
