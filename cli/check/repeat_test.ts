import assert from "node:assert/strict";
import { repetitionOf } from "./repeat.ts";

Deno.test("repetitionOf() repeats the target's flags, and not what belongs to one run", () => {
  const { command, caseCommand } = repetitionOf([
    ...["--envoy-config", "my envoy.yaml", "--time-scale=3", "--case", "fc.*", "--seed", "7"],
    ...["--report", "a.html", "--report=b.json", "--json", "--skip=sse.*"],
  ]);
  assert.equal(
    command,
    "llmgate check --envoy-config 'my envoy.yaml' --time-scale=3 --case 'fc.*' '--skip=sse.*'",
  );
  assert.equal(caseCommand, "llmgate check --envoy-config 'my envoy.yaml' --time-scale=3");
});

Deno.test("repetitionOf() names credentials by variables, however they were given", () => {
  const { command } = repetitionOf([
    ...["--gateway", "https://gw.test", "--allow-header", "x-api-key: s3cret"],
    ...["--deny-header=authorization: Bearer wr0ng", "--control", "both"],
  ]);
  assert.equal(
    command,
    'llmgate check --gateway https://gw.test --allow-header "x-api-key: $ALLOW" ' +
      '--deny-header="authorization: $DENY" --control both',
  );
  assert.ok(!/s3cret|wr0ng/.test(command));
});

Deno.test("repetitionOf() of nothing is the bare command", () => {
  assert.deepEqual(repetitionOf([]), { command: "llmgate check", caseCommand: "llmgate check" });
});
