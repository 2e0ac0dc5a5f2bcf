import assert from "node:assert/strict";
import { canBuildTwins, findTwins } from "../../scripts/bench/twins.ts";
import { startProgram } from "../testing/program.ts";
import { chat, envoyPath, OLDER_ENVOY, startTestGateway } from "../testing/stack.ts";

const present = await canBuildTwins();
const missing = present ? "" : " (skipped: no Go, or no peers beside the checkout)";

for (const envoyVersion of [undefined, OLDER_ENVOY]) {
  Deno.test({
    name: `a Go ext_authz server in place of the stub, same hashes, on Envoy ${
      envoyVersion ?? "(default)"
    }${missing}`,
    ignore: !present,
    async fn() {
      const version = envoyVersion === undefined ? {} : { envoyVersion };
      await using twins = await findTwins({ only: ["go-authz"] });
      const [host = "", port] = (twins.goAuthz ?? "").split(":");
      await using own = await startTestGateway(version);
      await using foreign = await startTestGateway({
        ...version,
        policy: { host, port: Number(port) },
      });
      assert.equal(foreign.envoy.configSha256, own.envoy.configSha256);
      assert.equal(foreign.envoy.launchedSha256, own.envoy.launchedSha256);
      // The twin allows any bearer token, says so with a tenant, and denies in plain text.
      const bearer = { headers: { authorization: "Bearer anything" }, key: "" };
      const allowed = await chat(foreign, { ...bearer, stream: true });
      assert.match(await allowed.text(), /data: \[DONE\]\n\n$/);
      const seen = foreign.part.mock?.journal.entries().at(-1)?.headers;
      assert.deepEqual(seen?.filter(([name]) => name === "x-tenant"), [["x-tenant", "acme"]]);
      const denied = await chat(foreign, { key: "" });
      assert.equal(denied.status, 401);
      assert.equal(await denied.text(), "no");
    },
  });
}

for (
  const [name, title] of [["go-authz", "a Go engine"], ["opa-authz", "an OPA engine"]] as const
) {
  Deno.test({
    name: `check --policy judges ${title} alone and behind Envoy${missing}`,
    ignore: !present,
    async fn() {
      await using twins = await findTwins({ only: [name] });
      const address = name === "go-authz" ? twins.goAuthz : twins.opaAuthz;
      // Both twins allow any bearer token, so there is no credential that they would refuse.
      const credentials = [
        "--allow-header",
        "authorization: Bearer x",
        "--deny-header",
        "x-none: 1",
      ];
      await using program = startProgram([
        ...["check", "--json", "--policy", address ?? "", ...credentials],
        ...["--envoy-path", await envoyPath()],
      ]);
      const report = JSON.parse(await program.line());
      assert.equal((await program.ended).code, 0);
      assert.equal(report.summary.failed, 0);
      assert.ok(report.summary.passed > 100, JSON.stringify(report.summary));
      const alone = report.cases.filter(({ id }: { id: string }) => id.startsWith("engine."));
      assert.ok(alone.some(({ status }: { status: string }) => status === "pass"));
    },
  });
}
