/** A journey: somebody else's model router, judged from outside, with only our parts around it. */
import assert from "node:assert/strict";
import { CASES, ROUTER_CASES, runSuite } from "../../conformance/mod.ts";
import { type Gateway } from "../../gateway/mod.ts";
import { parseHosts } from "../../router/mod.ts";
import { foreignTarget } from "../../targets/mod.ts";
import { profileKind } from "../../gateway/profiles/mod.ts";
import { startRouterGateway } from "../testing/router_stack.ts";

/** Backends that fail are asked again at once: the cases let them fail on purpose. */
const UNWATCHED = { limits: { failures: Infinity, ejectMs: 0, returnMs: 0 } };

Deno.test("a router that is not ours to look into is judged by its clients and its backends", async () => {
  await using stack = new AsyncDisposableStack();
  let gateway: Gateway | undefined;
  await using target = await foreignTarget({
    // It is started once the addresses that it must use are known.
    get url() {
      return gateway?.url ?? "";
    },
    control: "both",
    credentials: { allow: [["x-api-key", "demo-key"]], deny: [["x-api-key", "wrong-key"]] },
    policyPort: 0,
    upstreamPort: 0,
    shape: (await profileKind("router").judge()).foreign({ logic: "least_outstanding_requests" }),
    async onReady({ policy = "", upstream = "" }) {
      const [host = "", port] = policy.split(":");
      gateway = stack.use(
        await startRouterGateway({
          policy: { host, port: Number(port) },
          router: {
            hosts: parseHosts(upstream.replaceAll("http://", "")),
            logic: "least_outstanding_requests",
            health: UNWATCHED,
          },
        }),
      );
    },
  });
  assert.deepEqual(target.features, ["router", "router_least_outstanding"]);
  const report = await runSuite(target, {
    cases: [...ROUTER_CASES, ...CASES],
    case: ["router.*", "allow.*", "deny.*", "sse.lockstep", "cancel.*"],
  });
  const wrong = report.cases.filter(({ status }) => status === "fail");
  assert.deepEqual(wrong.map(({ id, reason, checks }) => ({ id, reason, checks })), []);
  const statuses = new Map(report.cases.map(({ id, status }) => [id, status]));
  for (const { id, feature } of ROUTER_CASES) {
    const judged = feature === "router" || feature === "router_least_outstanding";
    // How long a body may be, what each host serves, and more names, nobody has said of it.
    const unsaid: Record<string, string> = {
      "router.body-limit": "unsupported",
      "router.rewrite-only-model": "unsupported",
      "router.form-model": "unsupported",
      "router.host-serves-model": "unsupported",
    };
    const expected = judged ? unsaid[id] ?? "pass" : "unsupported";
    assert.equal(statuses.get(id), expected, id);
  }
});
