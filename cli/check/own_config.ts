/** Somebody's Envoy configuration as the target of `check`, launched between our parts. */
import { basename } from "node:path";
import {
  type Credentials,
  type EnvoyEvidence,
  type Expectations,
  probeTarget,
  type Target,
} from "../../conformance/mod.ts";
import { type AdoptedConfig, adoptEnvoyConfig, readEnvoyConfig } from "../../envoy/mod.ts";
import { FREE_PORTS } from "../../gateway/mod.ts";
import { profileKind } from "../../gateway/profiles/mod.ts";
import { UnavailableError } from "../../service/mod.ts";
import {
  FOREIGN_EXPECTATIONS,
  headersOf,
  type HeadersOfFile,
  promisesOf,
  ROUTES_ALL_EXEMPT,
  startOwnTarget,
  withDeclared,
} from "../../targets/mod.ts";
import type { Context } from "../command.ts";
import { gatewayFromOptions } from "../flags/gateway.ts";
import { declaredOf, startDeclaredParts } from "./declared.ts";
import { type StandInTokens, startStandIns } from "./stand_in.ts";
import {
  type CheckTarget,
  type CheckTargetOptions,
  credentialsOf,
  NOT_FOUND,
} from "./target_options.ts";

/** Somebody's Envoy configuration between our parts, addresses set as the overlay's table allows. */
export async function ownConfig(
  path: string,
  options: CheckTargetOptions,
  context: Context<unknown, unknown>,
): Promise<CheckTarget> {
  const judge = await profileKind(options.profile).judge();
  const declared = await declaredOf(options, judge.cases);
  const { listener } = options;
  const adopted = adoptEnvoyConfig(await readEnvoyConfig(path), {
    ...(listener !== undefined && { listener }),
    keepLimits: declared.features?.includes("rate_limit") ?? false,
  });
  const { file, adjustments, listener: judgedListener, policyCluster, upstreamCluster } = adopted;
  const names = { listener: judgedListener, policyCluster, upstreamCluster };
  for (const adjustment of adjustments) context.log(`Adjusted: ${adjustment}`);
  await using stack = new AsyncDisposableStack();
  const parts = await startDeclaredParts(judge, options, stack);
  const standIns = stack.use(
    await startStandIns(adopted, {
      wanted: options.standIn,
      given: parts?.ports ?? {},
      log: context.log,
    }),
  );
  // A profile whose parts are declared has those alone: the file may do without the others.
  const { profile, ...others } = options;
  const described = await gatewayFromOptions({
    ...others,
    ...(judge.declare === undefined && { profile }),
    ports: FREE_PORTS,
  }, context);
  const own = stack.use(
    await startOwnTarget({
      ...described,
      config: file,
      names,
      isCold: true,
      name: `Envoy configuration ${basename(file.name)}`,
    }),
  );
  const { gateway } = own;
  const { policy, envoy, gateway: _, ...rest } = own;
  const dump = await gateway.envoy.admin.configDump();
  const promises = promisesOf(dump, names);
  if (policy !== undefined) standIns.httpEngine?.join(policy.address);
  const isAsked = policy !== undefined &&
    (names.policyCluster !== undefined || standIns.httpEngine !== undefined);
  const expect = withHeaders({ ...FOREIGN_EXPECTATIONS, ...promises }, headersOf(dump, names));
  const target: Target = withDeclared({
    ...rest,
    ...(isAsked && { policy }),
    credentials: credentialsOf(options) ?? shownTo(adopted, own.credentials, context.log),
    expect,
    unmeasured: standIns.unmeasured,
  }, { ...declared, ...(parts && { particulars: parts.describe(expect) }) });
  const { tokens } = standIns;
  const { protocols, control, notes, requestIds, marksPath, routesAll, status } = await probeTarget(
    tokens === undefined ? target : withToken(target, tokens),
    {
      onWait: (what) => context.log(`Probe: ${what}`),
      signal: context.signal,
      // Parts that nobody stands in for will not come.
      ...(standIns.needed !== undefined && { patienceMs: NEEDED_MS }),
    },
  );
  if (status === 404) context.log(NOT_FOUND);
  for (const note of notes) context.log(`Probe: ${note}`);
  const logged = await isLogged(envoy?.accessLog, requestIds);
  const judged: Target = {
    ...target,
    protocols,
    control,
    ...(marksPath && { marksPath }),
    exempt: {
      ...standIns.exempt,
      ...(routesAll && ROUTES_ALL_EXEMPT),
      ...(adopted.asksAgain && ASKED_AGAIN_EXEMPT),
    },
    // A gateway that waits for somebody else shows nothing of itself, refusals included.
    ...(standIns.needed !== undefined && !isPassed(status) && {
      unmeasured: { "*": standIns.needed },
    }),
    // A log of another format is no witness; the statistics still are.
    ...(envoy && { envoy: logged ? envoy : silent(envoy) }),
    facts: { ...own.facts, adjustments: adjustments.join("; ") },
  };
  const owned = stack.move();
  return {
    target: tokens === undefined ? judged : withToken(judged, tokens),
    cases: judge.cases,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Our policy's key in a header that the file shows to policy: the usual one, or `authorization`. */
function shownTo(
  { showsPolicy }: AdoptedConfig,
  usual: Credentials,
  log: (line: string) => void,
): Credentials {
  const all = [...usual.allow, ...usual.deny ?? []];
  if (all.every(([name]) => showsPolicy(name)) || !showsPolicy("authorization")) return usual;
  log("Probe: policy is shown authorization and not x-api-key: the key goes there");
  const bearer = (headers: Credentials["allow"]) =>
    headers.map(([, value]): [string, string] => ["authorization", `Bearer ${value}`]);
  return { allow: bearer(usual.allow), ...(usual.deny && { deny: bearer(usual.deny) }) };
}

/** Headers that the file sets on purpose are declared by it. */
function withHeaders(expect: Expectations, set: HeadersOfFile): Expectations {
  return {
    ...expect,
    requestHeadersAdded: [...expect.requestHeadersAdded, ...set.requestHeadersAdded],
    requestHeadersChanged: [...expect.requestHeadersChanged, ...set.requestHeadersChanged],
    responseHeadersAdded: [...expect.responseHeadersAdded, ...set.responseHeadersAdded],
    responseHeadersReplaced: [
      ...expect.responseHeadersReplaced ?? [],
      ...set.responseHeadersReplaced,
    ],
  };
}

function isPassed(status: number | undefined): boolean {
  return status !== undefined && status >= 200 && status < 300;
}

/** A gateway that wants a token with every request, but for the cases about tokens, which bring their own. */
function withToken(target: Target, { header, feature }: StandInTokens): Target {
  const about = { ...target, jwt: feature, features: [...target.features, "jwt"] };
  return {
    ...target,
    wayIn: { ...target.wayIn, headers: [...target.wayIn?.headers ?? [], header] },
    variants: {
      ...target.variants,
      jwt: () => Promise.resolve({ ...about, [Symbol.asyncDispose]: () => Promise.resolve() }),
    },
  };
}

const ASKED_AGAIN = "Several filters ask policy about each request: ours answers all of them";

/** Cases that count the questions about one request, or hold one of them. */
const ASKED_AGAIN_EXEMPT: Readonly<Record<string, string>> = {
  "contract.check-once": ASKED_AGAIN,
  "contract.check-before-upstream": ASKED_AGAIN,
  "contract.non-utf8-header": ASKED_AGAIN,
  "allow.independent-decisions": ASKED_AGAIN,
};

/** How long is waited for a gateway that a missing part keeps closed, milliseconds: it has found policy by then. */
const NEEDED_MS = 3_000;

/** How long a line may take to be written: Envoy flushes its files every 10 s unless told otherwise, our launch every 50 ms. */
const LINE_MS = 2_000;

/** Whether the access log has lines that can be joined: they name the ids of requests. */
async function isLogged(log: EnvoyEvidence["accessLog"], ids: readonly string[]): Promise<boolean> {
  if (log === undefined || ids.length === 0) return false;
  try {
    await log.waitFor(({ requestId }) => ids.includes(requestId), { deadlineMs: LINE_MS });
    return true;
  } catch (error) {
    if (error instanceof UnavailableError) return false;
    throw error;
  }
}

/** Envoy's evidence without its access log. */
function silent({ accessLog: _, ...rest }: EnvoyEvidence): EnvoyEvidence {
  return rest;
}
