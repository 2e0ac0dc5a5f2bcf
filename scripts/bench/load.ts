/** Runs the load generators. */
import { messageCodec } from "../../grpc/messages/mod.ts";

/** The subset that our own server speaks; a plain server needs no reflection then. */
const PROTOS = new URL("../../grpc/messages/protos", import.meta.url).pathname;

/** A load generator that is missing, and how to get it. */
export class MissingToolError extends Error {
  override readonly name = "MissingToolError";
}

/** Requests per second, and latencies in milliseconds. */
export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers that were not what was asked for. */
  readonly errors: number;
}

/**
 * Drives HTTP/1.1 requests with wrk over `connections` for `seconds`.
 *
 * @throws {MissingToolError} without wrk
 */
export async function wrk(
  options: {
    url: string;
    connections: number;
    seconds: number;
    headers: Record<string, string>;
    /** Sends POST requests with this body instead of GET. */
    body?: string;
  },
): Promise<LoadResult> {
  await using script = await postScript(options.body);
  const text = await output("wrk", [
    "--threads=1",
    `--connections=${options.connections}`,
    `--duration=${options.seconds}s`,
    "--latency",
    ...(script.path === undefined ? [] : ["--script", script.path]),
    ...Object.entries(options.headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]),
    options.url,
  ], "apt-get install wrk");
  return parseWrk(text);
}

/** wrk takes a method and a body from a Lua script only. */
async function postScript(body?: string): Promise<AsyncDisposable & { path?: string }> {
  if (body === undefined) return { [Symbol.asyncDispose]: () => Promise.resolve() };
  const path = await Deno.makeTempFile({ suffix: ".lua" });
  // A JSON string is a Lua string, too, as long as it holds ASCII only.
  await Deno.writeTextFile(path, `wrk.method = "POST"\nwrk.body = ${JSON.stringify(body)}\n`);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path) };
}

/** Reads what `wrk --latency` prints. */
export function parseWrk(text: string): LoadResult {
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]);
  const at = (percent: number) => {
    const match = new RegExp(`^\\s+${percent}%\\s+([\\d.]+)(us|ms|s)`, "m").exec(text);
    const scale = { us: 1 / 1_000, ms: 1, s: 1_000 }[match?.[2] ?? ""] ?? Number.NaN;
    return Number(match?.[1]) * scale;
  };
  const bad = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0);
  const socket = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text);
  const broken = (socket?.slice(1) ?? []).reduce((sum, count) => sum + Number(count), 0);
  return { perSecond, p50Ms: at(50), p99Ms: at(99), errors: bad + broken };
}

/**
 * Drives ext_authz Check calls with ghz over one connection.
 *
 * @throws {MissingToolError} without ghz
 */
export async function ghz(
  options: {
    address: string;
    calls: number;
    concurrency: number;
    headers: Record<string, string>;
  },
): Promise<LoadResult> {
  const request = checkRequest(options.headers);
  const text = await output("ghz", [
    "--insecure",
    "--call=envoy.service.auth.v3.Authorization/Check",
    `--total=${options.calls}`,
    `--concurrency=${options.concurrency}`,
    "--connections=1",
    "--format=json",
    `--data=${JSON.stringify(request)}`,
    `--proto=${PROTOS}/ext_authz.proto`,
    `--import-paths=${PROTOS}`,
    options.address,
  ], "go install github.com/bojand/ghz/cmd/ghz@latest");
  return parseGhz(text);
}

/** A Check as Envoy would send it for a chat request with these headers. */
function checkRequest(headers: Record<string, string>) {
  return {
    attributes: {
      request: {
        http: {
          id: "1",
          method: "POST",
          path: "/v1/chat/completions",
          host: "127.0.0.1:8080",
          scheme: "http",
          protocol: "HTTP/1.1",
          headers: {
            ":method": "POST",
            ":path": "/v1/chat/completions",
            ":authority": "127.0.0.1:8080",
            "content-type": "application/json",
            "user-agent": "bench",
            "x-request-id": "0b1c9b7e-5f0a-4a5e-9e53-0d6ba0a0a001",
            ...headers,
          },
        },
      },
    },
  };
}

/**
 * Drives the same Check calls with h2load, which does not decode the answers: what is measured is
 * the server, where ghz is busier with a long answer than the server is with making it.
 *
 * @throws {MissingToolError} without h2load
 */
export async function h2load(options: Parameters<typeof ghz>[0]): Promise<LoadResult> {
  const message = messageCodec("envoy.service.auth.v3.CheckRequest")
    .encode(checkRequest(options.headers));
  const body = new Uint8Array(5 + message.length);
  new DataView(body.buffer).setUint32(1, message.length);
  body.set(message, 5);
  const folder = await Deno.makeTempDir({ prefix: "llmgate-h2load-" });
  try {
    await Deno.writeFile(`${folder}/body`, body);
    const text = await output("h2load", [
      `--requests=${options.calls}`,
      "--clients=1",
      `--max-concurrent-streams=${options.concurrency}`,
      "--header=content-type: application/grpc",
      "--header=te: trailers",
      `--data=${folder}/body`,
      `--log-file=${folder}/log`,
      `http://${options.address}/envoy.service.auth.v3.Authorization/Check`,
    ], "apt-get install nghttp2-client");
    return parseH2load(text, await Deno.readTextFile(`${folder}/log`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Reads what h2load prints and its log: a line per request of start (us), status, duration (us). */
export function parseH2load(text: string, log: string): LoadResult {
  const perSecond = Number(/finished in [^,]+, ([\d.]+) req\/s/.exec(text)?.[1]);
  const requests = log.trim().split("\n").map((line) => line.split("\t"));
  const errors = requests.filter(([, status]) => status !== "200").length;
  const durations = requests.map(([, , us]) => Number(us) / 1000).sort((a, b) => a - b);
  const at = (share: number) =>
    durations[Math.min(durations.length - 1, Math.floor(durations.length * share))] ?? Number.NaN;
  return { perSecond, p50Ms: at(0.5), p99Ms: at(0.99), errors };
}

/** Reads what `ghz --format json` prints; its durations are nanoseconds. */
export function parseGhz(text: string): LoadResult {
  const report = JSON.parse(text) as {
    rps: number;
    latencyDistribution: { percentage: number; latency: number }[];
    statusCodeDistribution: Record<string, number>;
    count: number;
  };
  const at = (percentage: number) =>
    (report.latencyDistribution.find((entry) => entry.percentage === percentage)?.latency ??
      Number.NaN) / 1e6;
  const errors = report.count - (report.statusCodeDistribution["OK"] ?? 0);
  return { perSecond: report.rps, p50Ms: at(50), p99Ms: at(99), errors };
}

async function output(command: string, args: string[], remedy: string): Promise<string> {
  try {
    const result = await new Deno.Command(command, { args, stdout: "piped", stderr: "piped" })
      .output();
    if (!result.success) {
      throw new Error(
        `Cannot drive load with "${command}": ${new TextDecoder().decode(result.stderr).trim()}`,
      );
    }
    return new TextDecoder().decode(result.stdout);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new MissingToolError(`Cannot find "${command}": get it with: ${remedy}`);
  }
}
