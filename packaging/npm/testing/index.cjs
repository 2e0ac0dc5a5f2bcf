// Starts parts of llmgate for tests, each on free ports, steers them, and tells what they saw.
"use strict";
const process = require("node:process");
const { startProgram } = require("./program.cjs");
const { UpstreamHandle } = require("./upstream.cjs");

/** Starts the mock model server. It answers as fast as it can, unless `pace` says otherwise. */
async function startUpstream(options = {}) {
  const { scenarios, strict, pace = "0", models = [] } = options;
  const program = await startProgram([
    "upstream",
    ...["--port", "0", "--control-port", "0", "--json", "--quiet", "--bodies", "--pace", pace],
    ...(scenarios === undefined ? [] : ["--scenarios", scenarios]),
    ...(strict ? ["--strict"] : []),
    ...models.flatMap((model) => ["--model", model]),
  ], options);
  const { upstream, control } = program.ready;
  return new UpstreamHandle(program, { url: upstream, control });
}

/** Starts the policy stub, an ext_authz engine over gRPC. */
async function startPolicy(options = {}) {
  const program = await startProgram([
    ...["policy", "--port", "0", "--json", "--quiet"],
    ...(options.rules === undefined ? [] : ["--rules", options.rules]),
  ], options);
  return Object.assign(running(program), { address: program.ready.policy });
}

/** Starts policy, mock upstream and a real Envoy. The first start on a machine downloads Envoy (37 MB). */
async function startGateway(options = {}) {
  const { rules, scenarios, policy, upstream, envoyPath } = options;
  const given = Object.entries({
    "--rules": rules,
    "--scenarios": scenarios,
    "--policy": policy,
    "--upstream": upstream,
    "--envoy-path": envoyPath ?? process.env.ENVOY_PATH,
  }).filter(([, value]) => value !== undefined).flat();
  const ports = ["--port", "--admin-port", "--policy-port", "--upstream-port", "--control-port"]
    .flatMap((flag) => [flag, "0"]);
  const program = await startProgram(["dev", "--json", ...ports, ...given], options);
  const { ingress, control, upstream: url } = program.ready;
  const handle = running(program);
  return Object.assign(handle, {
    url: ingress,
    baseURL: `${ingress}/v1`,
    upstream: upstream === undefined ? new UpstreamHandle(program, { url, control }) : undefined,
  });
}

function running(program) {
  return {
    /** What the program printed when it was ready. */
    ready: program.ready,
    close: () => program.close(),
    [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]: () => program.close(),
  };
}

module.exports = { startUpstream, startPolicy, startGateway };
