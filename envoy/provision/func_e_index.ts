/** func-e's index of Envoy builds as a source. */
import { join } from "node:path";
import { deadlineSignal, messageOf, UnavailableError } from "../../service/mod.ts";
import { assertSha256 } from "./checksum.ts";
import { isExecutable } from "./cache.ts";
import { ProgressMeter } from "./progress.ts";
import { ANSWER_MS, type EnvoySource, type FetchRequest, STALL_MS } from "./source.ts";

/** func-e's public index of Envoy builds; `ENVOY_VERSIONS_URL` points elsewhere. */
export const FUNC_E_INDEX_URL = "https://archive.tetratelabs.io/envoy/envoy-versions.json";

/** func-e's index: JSON that names an archive and its SHA-256 for each version and platform. */
export function funcEIndex(
  url: string,
  limits: { answerMs?: number; stallMs?: number } = {},
): EnvoySource {
  const { answerMs = ANSWER_MS, stallMs = STALL_MS } = limits;
  return {
    name: `func-e's index (${url})`,
    async fetch(request) {
      const { archive, sum } = await lookUp(url, request, answerMs);
      const file = join(request.scratch, "envoy.tar.xz");
      await download(archive, { to: file, request, answerMs, stallMs });
      await assertSha256(file, sum, archive);
      return await unpack(file, request.scratch);
    },
  };
}

async function lookUp(
  url: string,
  request: FetchRequest,
  answerMs: number,
): Promise<{ archive: string; sum: string }> {
  const response = await answer(url, answerMs, request.signal);
  let json: unknown;
  try {
    json = await response.json();
  } catch (error) {
    throw new UnavailableError(`not an index: ${messageOf(error)}`);
  }
  // Loaded here: who has an Envoy starts without it.
  const { z } = await import("zod");
  // The part of the index that is read (func-e's release versions schema).
  const index = z.object({
    versions: z.record(z.string(), z.object({ tarballs: z.record(z.string(), z.url()) })),
    sha256sums: z.record(z.string(), z.string().regex(/^[0-9a-fA-F]{64}$/)),
  }).safeParse(json);
  if (!index.success) {
    throw new UnavailableError(`not an index: ${z.prettifyError(index.error)}`);
  }
  const { version, platform } = request;
  const archive = index.data.versions[version]?.tarballs[platform];
  if (archive === undefined) throw new UnavailableError(`has no ${version} for ${platform}`);
  const sum = index.data.sha256sums[archive.slice(archive.lastIndexOf("/") + 1)];
  if (sum === undefined) throw new UnavailableError(`has no SHA-256 for ${archive}`);
  return { archive, sum };
}

/** The deadline bounds the wait for the head and for a small body; not for an archive. */
async function answer(url: string, ms: number, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { signal: deadlineSignal(ms, signal) });
  } catch (error) {
    signal?.throwIfAborted();
    const timedOut = error instanceof DOMException && error.name === "TimeoutError";
    throw new UnavailableError(timedOut ? `no answer within ${ms} ms` : networkReason(error));
  }
  if (response.ok) return response;
  await response.body?.cancel();
  throw new UnavailableError(`${url} answered ${response.status}`);
}

/** fetch says "fetch failed" and keeps the reason in the cause. */
function networkReason(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? messageOf(error) : `${messageOf(error)}: ${messageOf(cause)}`;
}

interface Download {
  readonly to: string;
  readonly request: FetchRequest;
  readonly answerMs: number;
  readonly stallMs: number;
}

/** Downloads a file; gives up when it stands still. */
async function download(url: string, options: Download): Promise<void> {
  const { request, stallMs } = options;
  const stalled = new AbortController();
  let timer = setTimeout(() => stalled.abort(), options.answerMs);
  const signal = request.signal === undefined
    ? stalled.signal
    : AbortSignal.any([stalled.signal, request.signal]);
  const meter = new ProgressMeter(`Envoy ${request.version} from ${url}`, request.onProgress);
  let received = 0;
  try {
    const response = await fetch(url, { signal });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new UnavailableError(`${url} answered ${response.status}`);
    }
    const length = Number(response.headers.get("content-length"));
    if (length > 0) meter.totalBytes = length;
    using file = await Deno.open(options.to, { write: true, create: true, truncate: true });
    for await (const chunk of response.body) {
      clearTimeout(timer);
      timer = setTimeout(() => stalled.abort(), stallMs);
      for (let at = 0; at < chunk.length;) at += await file.write(chunk.subarray(at));
      meter.update(received += chunk.length);
    }
    meter.finish();
  } catch (error) {
    request.signal?.throwIfAborted();
    if (!stalled.signal.aborted) throw new UnavailableError(networkReason(error));
    throw new UnavailableError(`${url} stood still after ${received} bytes`);
  } finally {
    clearTimeout(timer);
  }
}

/** The archive holds `envoy-v1.40.0-linux-amd64/bin/envoy`, and nothing else that matters. */
async function unpack(archive: string, scratch: string): Promise<string> {
  const folder = join(scratch, "unpacked");
  await Deno.mkdir(folder);
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command("tar", { args: ["-xf", archive, "-C", folder] }).output();
  } catch (error) {
    throw new UnavailableError(`cannot run "tar" to unpack it: ${messageOf(error)}`);
  }
  if (!output.success) {
    const said = new TextDecoder().decode(output.stderr).trim();
    throw new UnavailableError(`"tar" cannot unpack it (is xz installed?): ${said}`);
  }
  for await (const entry of Deno.readDir(folder)) {
    const path = join(folder, entry.name, "bin", "envoy");
    if (await isExecutable(path)) return path;
  }
  throw new UnavailableError(`the archive has no bin/envoy`);
}
