/** Other people's gRPC clients at our servers: grpcio, grpc-go (grpcurl, grpc-health-probe) and grpc-js. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type GrpcServer, startGrpcServer } from "../../grpc/mod.ts";
import { startPolicy } from "../../policy/mod.ts";
import { goProgram, hasGo } from "../testing/go_program.ts";
import { pythonOf } from "./python_venv.ts";

const SERVICE = "test.Clients";

function startEcho(): Promise<GrpcServer> {
  return startGrpcServer({
    services: [{
      name: SERVICE,
      methods: {
        Same: { unary: (message) => message },
        Never: { unary: () => new Promise(() => {}) },
        Stream: {
          async bidi(call) {
            for await (const message of call.messages) await call.write(message);
          },
        },
      },
    }],
  });
}

async function run(program: string, args: readonly string[]) {
  const { code, stdout, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

Deno.test("grpcio calls, compresses with gzip, streams, and keeps its deadline", async () => {
  await using server = await startEcho();
  const script = fileURLToPath(import.meta.resolve("./grpc_client.py"));
  const { stdout, stderr } = await run(await pythonOf("grpc"), [
    script,
    server.address,
    `/${SERVICE}`,
  ]);
  assert.deepEqual(JSON.parse(stdout || JSON.stringify(stderr)), {
    plain: { code: "OK", same: true },
    gzip: { code: "OK", same: true },
    deflate: { code: "UNIMPLEMENTED", details: 'unknown grpc-encoding "deflate"' },
    unknown: { code: "UNIMPLEMENTED", details: `unknown method /${SERVICE}/Nowhere` },
    stream: [1, 200_000],
    late: "DEADLINE_EXCEEDED",
  });
});

const missing = hasGo ? "" : " (skipped: no Go)";

Deno.test({
  name: `grpcurl lists, describes and calls the policy stub by reflection${missing}`,
  ignore: !hasGo,
  async fn() {
    await using policy = await startPolicy({ port: 0 });
    const grpcurl = await goProgram("grpcurl");
    const listed = await run(grpcurl, ["-plaintext", policy.address, "list"]);
    assert.match(listed.stdout, /^envoy\.service\.auth\.v3\.Authorization$/m, listed.stderr);
    const request = "envoy.service.auth.v3.CheckRequest";
    const described = await run(grpcurl, ["-plaintext", policy.address, "describe", request]);
    assert.match(described.stdout, /AttributeContext attributes = 1;/, described.stderr);
    const asked = JSON.stringify({
      attributes: { request: { http: { method: "GET", path: "/v1/models" } } },
    });
    const method = "envoy.service.auth.v3.Authorization/Check";
    const called = await run(grpcurl, ["-plaintext", "-d", asked, policy.address, method]);
    assert.match(called.stdout, /"code": "Unauthorized"/, called.stderr);
  },
});

Deno.test({
  name: `grpc-health-probe sees the policy stub serving${missing}`,
  ignore: !hasGo,
  async fn() {
    await using policy = await startPolicy({ port: 0 });
    const probe = await goProgram("grpc-health-probe");
    const { code, stderr } = await run(probe, ["-addr", policy.address]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /status: SERVING/);
  },
});
