/** The stub's control plane, for the harness's control listener to mount: never on the gRPC port. */
import {
  loadModule,
  messageOf,
  NONCE_HEADER,
  UnavailableError,
  UsageError,
} from "../service/mod.ts";
import type { Policy } from "./policy.ts";

/** Where the control plane lives. */
export const CONTROL_PREFIX = "/__policy/";

/** Longest wait that one call may ask for. */
const MAX_WAIT_MS = 120_000;

interface Call {
  readonly policy: Policy;
  readonly request: Request;
  readonly parts: readonly string[];
}

interface Route {
  readonly method: string;
  /** Path segments after the prefix; `:name` takes one. */
  readonly path: string;
  readonly run: (call: Call) => Response | Promise<Response>;
}

const ROUTES: readonly Route[] = [
  { method: "PUT", path: "scripts/:nonce", run: putScript },
  { method: "DELETE", path: "scripts/:nonce", run: deleteScript },
  { method: "GET", path: "checks/:nonce", run: getChecks },
  { method: "POST", path: "barriers/:nonce/:name/release", run: releaseBarrier },
  { method: "GET", path: "barriers/:nonce/:name/arrival", run: awaitArrival },
  { method: "PUT", path: "rules", run: putRules },
  { method: "POST", path: "close", run: async ({ policy }) => done(await policy.close()) },
  { method: "POST", path: "reopen", run: async ({ policy }) => done(await policy.reopen()) },
];

/** Returns a fetch-style handler for `/__policy/*`. A stub without a script secret takes no script. */
export function policyControlHandler(policy: Policy): (request: Request) => Promise<Response> {
  return async (request) => {
    const { pathname } = new URL(request.url);
    if (!pathname.startsWith(CONTROL_PREFIX)) return problem(404, "Not a control path");
    const parts = pathname.slice(CONTROL_PREFIX.length).split("/").map(decodeURIComponent);
    const found = ROUTES.filter(({ path }) => fits(path, parts));
    const route = found.find(({ method }) => method === request.method);
    if (route === undefined) {
      if (found.length === 0) return problem(404, `Unknown control path "${pathname}"`);
      return problem(
        405,
        `Method not allowed: use ${found.map(({ method }) => method).join(", ")}`,
      );
    }
    try {
      return await route.run({ policy, request, parts });
    } catch (error) {
      if (error instanceof UnavailableError) return problem(504, error.message);
      const known = error instanceof UsageError || error instanceof RangeError;
      return problem(known ? 400 : 500, messageOf(error));
    }
  };
}

function fits(path: string, parts: readonly string[]): boolean {
  const segments = path.split("/");
  return segments.length === parts.length &&
    segments.every((segment, i) => segment.startsWith(":") || segment === parts[i]);
}

/** Sets a script, as YAML or JSON, and answers with the request header that it is obeyed for. */
async function putScript({ policy, request, parts }: Call): Promise<Response> {
  const nonce = parts[1] ?? "";
  const header = policy.signNonce(nonce);
  if (header === undefined) {
    return problem(409, "Cannot set the script: the stub was started without a script secret");
  }
  const text = await request.text();
  // Loaded here: most runs read no YAML.
  const [{ parseData }, { SCRIPT_FILE }] = await Promise.all([
    loadModule<typeof import("../data_files/mod.ts")>("data_files/mod.ts"),
    import("./rules_file.ts"),
  ]);
  const answers = parseData(SCRIPT_FILE, text, "script");
  policy.scripts.set(nonce, answers);
  return Response.json({ header: { [NONCE_HEADER]: header }, answers: answers.length });
}

function deleteScript({ policy, parts }: Call): Response {
  policy.scripts.delete(parts[1] ?? "");
  return done();
}

function getChecks({ policy, parts }: Call): Response {
  return Response.json(policy.journal.entries().filter(({ nonce }) => nonce === parts[1]));
}

function releaseBarrier({ policy, parts }: Call): Response {
  policy.barriers.release(`${parts[1]}/${parts[2]}`);
  return done();
}

async function awaitArrival({ policy, request, parts }: Call): Promise<Response> {
  const asked = Number(new URL(request.url).searchParams.get("deadline_ms") ?? 30_000);
  const deadlineMs = Math.min(Number.isFinite(asked) ? asked : 0, MAX_WAIT_MS);
  await policy.barriers.arrival(`${parts[1]}/${parts[2]}`, { deadlineMs, signal: request.signal });
  return done();
}

async function putRules({ policy, request }: Call): Promise<Response> {
  await policy.reload(await request.text());
  return Response.json({ version: policy.version });
}

function done(_nothing?: void): Response {
  return new Response(null, { status: 204 });
}

function problem(status: number, message: string): Response {
  const error = { message, type: "invalid_request_error", param: null, code: null };
  return Response.json({ error }, { status });
}
