/** The stub's control plane, for the harness's control listener to mount: never on the gRPC port. */
import {
  bodyOf,
  type ControlCall,
  type ControlRoute,
  controlRoutes,
  done,
  Problem,
  waitOf,
} from "../local_http/mod.ts";
import { loadModule, NONCE_HEADER } from "../service/mod.ts";
import { loadRulesFile } from "./late.ts";
import type { Policy } from "./policy.ts";

/** Where the control plane lives. */
export const CONTROL_PREFIX = "/__policy/";

type Call = ControlCall<Policy>;

const ROUTES: readonly ControlRoute<Policy>[] = [
  { method: "PUT", path: "scripts/:nonce", run: putScript },
  { method: "DELETE", path: "scripts/:nonce", run: deleteScript },
  { method: "GET", path: "checks/:nonce", run: getChecks },
  { method: "POST", path: "barriers/:nonce/:name/release", run: releaseBarrier },
  { method: "GET", path: "barriers/:nonce/:name/arrival", run: awaitArrival },
  { method: "PUT", path: "rules", run: putRules },
  { method: "POST", path: "close", run: async ({ part }) => done(await part.close()) },
  { method: "POST", path: "reopen", run: async ({ part }) => done(await part.reopen()) },
];

/** Returns a fetch-style handler for `/__policy/*`. A stub without a script secret takes no script. */
export function policyControlHandler(policy: Policy): (request: Request) => Promise<Response> {
  return controlRoutes(CONTROL_PREFIX, ROUTES, policy);
}

/** Sets a script, as YAML or JSON, and answers with the request header that it is obeyed for. */
async function putScript({ part: policy, request, params: { nonce = "" } }: Call) {
  const header = policy.signNonce(nonce);
  if (header === undefined) {
    throw new Problem(
      409,
      "Cannot set the script: the stub was started without a script secret",
    );
  }
  const text = await bodyOf(request);
  // Loaded here: most runs read no YAML.
  const [{ parseData }, { SCRIPT_FILE }] = await Promise.all([
    loadModule<typeof import("../data_files/mod.ts")>("data_files/mod.ts"),
    loadRulesFile(),
  ]);
  const answers = parseData(SCRIPT_FILE, text, "script");
  policy.scripts.set(nonce, answers);
  return Response.json({ header: { [NONCE_HEADER]: header }, answers: answers.length });
}

function deleteScript({ part: policy, params: { nonce = "" } }: Call): Response {
  if (policy.scripts.delete(nonce)) return done();
  throw new Problem(404, `No script "${nonce}"`);
}

function getChecks({ part: policy, params }: Call): Response {
  return Response.json(policy.journal.entries().filter(({ nonce }) => nonce === params["nonce"]));
}

function releaseBarrier({ part: policy, params: { nonce, name } }: Call): Response {
  policy.barriers.release(`${nonce}/${name}`);
  return done();
}

async function awaitArrival({ part: policy, request, query, params: { nonce, name } }: Call) {
  const { signal } = request;
  await policy.barriers.arrival(`${nonce}/${name}`, { deadlineMs: waitOf(query), signal });
  return done();
}

async function putRules({ part: policy, request }: Call): Promise<Response> {
  await policy.reload(await bodyOf(request));
  return Response.json({ version: policy.version });
}
