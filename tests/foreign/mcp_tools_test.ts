/** Lists of MCP tools by a policy engine that is not ours: OPA in a Go program, with rules in Rego. */
import assert from "node:assert/strict";
import { bundledConfig } from "../../envoy/mod.ts";
import { FREE_PORTS, singleUpstream, startGateway, withAddOns } from "../../gateway/mod.ts";
import { addOnsOf } from "../../gateway/profiles/mod.ts";
import { canBuildTwins, findTwins } from "../../scripts/bench/twins.ts";
import { envoyPath, RUN_PARENTS } from "../testing/stack.ts";

const present = await canBuildTwins();
const missing = present ? "" : " (skipped: no Go, or no peers beside the checkout)";

const REGO = `package envoy.authz

mcp := object.get(input.attributes, ["metadataContext", "filterMetadata", "envoy.filters.http.mcp"], {})

deletes if {
	mcp.method == "tools/call"
	startswith(object.get(mcp, ["params", "name"], ""), "delete_")
}

default allow := false

allow if {
	startswith(input.attributes.request.http.headers.authorization, "Bearer ")
	not deletes
}

result["allowed"] := allow

result["headers"] := {"x-tenant": "acme"} if allow
`;

Deno.test({
  name: `mcp_tools: a list holds what an OPA engine lets the same client call${missing}`,
  ignore: !present,
  async fn() {
    await using stack = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir({ prefix: "llmgate-opa-" });
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    await Deno.writeTextFile(`${folder}/policy.rego`, REGO);
    const twins = stack.use(
      await findTwins({ only: ["opa-authz"], rego: `${folder}/policy.rego` }),
    );
    const engine = twins.opaAuthz ?? "";
    const [host = "", port] = engine.split(":");
    await Deno.writeTextFile(
      `${folder}/transform.yaml`,
      `version: 1\nsteps: [{ mcp_tools: { policy: "${engine}" } }]\n`,
    );
    const addOns = await addOnsOf({ transform: `${folder}/transform.yaml` }, {
      env: () => undefined,
      upstream: undefined,
    });
    const gateway = stack.use(
      await startGateway({
        profile: withAddOns(
          { ...singleUpstream(), config: () => bundledConfig("check/mcp") },
          addOns,
        ),
        ports: FREE_PORTS,
        policy: { host, port: Number(port) },
        envoyPath: await envoyPath(),
        runParents: RUN_PARENTS,
        graceMs: 0,
        concurrency: 1,
      }),
    );
    const rpc = { jsonrpc: "2.0", id: 1 };
    const tools = ["read_file", "delete_file", "write_file"].map((name) => ({ name }));
    gateway.part.mock?.scripts.set("listed", {
      steps: [
        { headers: { headers: { "content-type": "application/json" } } },
        { write: JSON.stringify({ ...rpc, result: { tools } }) },
      ],
    });
    const ask = async (body: object) => {
      const response = await fetch(`${gateway.url}/mcp`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          authorization: "Bearer any",
          "x-mock-script": "listed",
        },
        body: JSON.stringify({ ...rpc, ...body }),
      });
      const text = await response.text();
      return { status: response.status, text };
    };
    const list = await ask({ method: "tools/list" });
    const seen = JSON.parse(list.text).result.tools.map(({ name }: { name: string }) => name);
    assert.deepEqual(seen, ["read_file", "write_file"]);
    const call = (name: string) => ask({ method: "tools/call", params: { name } });
    assert.equal((await call("read_file")).status, 200);
    assert.equal((await call("delete_file")).status, 401);
  },
});
