/** Attacks on ports behind Envoy: whoever reaches one by himself answers no request, tells no host and is no tenant. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Gateway, type Part, singleUpstream, withAddOns } from "../../gateway/mod.ts";
import {
  addOnsOf,
  type ResponsesPart,
  responsesProfile,
  routerProfile,
} from "../../gateway/profiles/mod.ts";
import { connectGrpc, GRPC_STATUS, GrpcError } from "../../grpc/mod.ts";
import { makePeerSecret, PEER_HEADER } from "../../service/mod.ts";
import { startProgram } from "../testing/program.ts";
import { chat, OLDER_ENVOY, startTestGateway } from "../testing/stack.ts";

const PROCESS = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
const ENDPOINTS = "/envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints";
const ACCESS_LOGS = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs";
const INFO = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/** The status of a call that says this much of itself. */
async function statusOf(
  address: string,
  path: string,
  metadata: Record<string, string> = {},
): Promise<number> {
  using client = connectGrpc({ address });
  const call = client.bidi(path, { metadata, deadlineMs: 60_000 });
  call.end();
  try {
    await Array.fromAsync(call.messages);
    return GRPC_STATUS.OK;
  } catch (error) {
    return error instanceof GrpcError ? error.code : -1;
  }
}

/** Asks as a stranger, as one who guesses, and as Envoy. */
async function assertOnlyEnvoy(address: string, paths: readonly string[], secret: string) {
  const guesses = ["", "-", `${secret}0`, secret.slice(1), `${secret},${secret}`, makePeerSecret()];
  for (const path of paths) {
    assert.equal(await statusOf(address, path), GRPC_STATUS.UNAUTHENTICATED, path);
    for (const guess of guesses) {
      const status = await statusOf(address, path, { [PEER_HEADER]: guess });
      assert.equal(status, GRPC_STATUS.UNAUTHENTICATED, `${path} "${guess}"`);
    }
    assert.equal(await statusOf(address, path, { [PEER_HEADER]: secret }), GRPC_STATUS.OK, path);
  }
  assert.equal(await statusOf(address, INFO), GRPC_STATUS.OK, "reflection is for everybody");
}

/** The secret is in Envoy's process and nowhere else. */
async function assertUnwritten(gateway: Gateway<Part>, secret: string) {
  for await (const { name, isFile } of Deno.readDir(gateway.runDir)) {
    if (!isFile) continue;
    const text = await Deno.readTextFile(join(gateway.runDir, name));
    assert.equal(text.includes(secret), false, name);
  }
  const { admin } = gateway.envoy;
  const dump = await (await fetch(`${admin.url}/config_dump`)).text();
  assert.ok(dump.includes("%ENVIRONMENT(LLMGATE_PEER_SECRET)%"));
  assert.equal(dump.includes(secret), false);
}

for (const envoyVersion of [undefined, OLDER_ENVOY]) {
  const on = envoyVersion === undefined ? "" : ` (Envoy ${envoyVersion})`;
  const version = envoyVersion === undefined ? {} : { envoyVersion };

  Deno.test(`the router answers its own Envoy, and nobody else${on}`, async () => {
    const peerSecret = makePeerSecret();
    await using gateway = await startTestGateway({
      profile: routerProfile(),
      peerSecret,
      ...version,
    });
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "x-api-key": "demo-key", "content-type": "application/json" },
      body: JSON.stringify({
        model: gateway.part.router.routes.models[0],
        messages: [{ role: "user", content: "hi" }],
      }),
    });
    await response.body?.cancel();
    assert.equal(response.status, 200);
    const { address } = gateway.part.router;
    await assertOnlyEnvoy(address, [PROCESS, ENDPOINTS, ACCESS_LOGS], peerSecret);
    await assertUnwritten(gateway, peerSecret);
  });

  Deno.test(`the Responses gateway answers its own Envoy, and nobody else${on}`, async () => {
    const peerSecret = makePeerSecret();
    const profile = responsesProfile();
    await using gateway = await startTestGateway<ResponsesPart>({
      profile,
      peerSecret,
      ...version,
    });
    const { extproc, http } = gateway.part.responses;
    await assertOnlyEnvoy(extproc.address, [PROCESS], peerSecret);
    await assertUnwritten(gateway, peerSecret);
    const asTenant = { "x-api-key": "demo-key", "x-tenant": "demo" };
    const own = await fetch(`${gateway.url}/v1/files`, { headers: asTenant });
    assert.equal(own.status, 200);
    await own.body?.cancel();
    const strangers: Record<string, string>[] = [{}, { [PEER_HEADER]: "" }, {
      [PEER_HEADER]: makePeerSecret(),
    }];
    for (const path of ["/v1/files", "/v1/responses/resp_0", "/v1//files", "/health/../v1/files"]) {
      for (const stranger of strangers) {
        const response = await fetch(`${http.url}${path}`, {
          headers: { ...asTenant, ...stranger },
        });
        const { error } = await response.json();
        assert.deepEqual([response.status, error.code], [403, "not_through_envoy"], path);
      }
    }
    // A client of the ingress may send what it likes: Envoy writes over it.
    const forged = await fetch(`${gateway.url}/v1/files`, {
      headers: { ...asTenant, [PEER_HEADER]: "forged" },
    });
    await forged.body?.cancel();
    assert.equal(forged.status, 200);
    const health = await fetch(`${http.url}/health`);
    await health.body?.cancel();
    assert.equal(health.status, 200);
  });
}

Deno.test("the transform processor answers its own Envoy, and nobody else", async () => {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, "version: 1\nsteps:\n  - redact: { detect: [email] }\n");
    const peerSecret = makePeerSecret();
    const addOns = await addOnsOf(
      { transform: file },
      { env: () => undefined, upstream: undefined },
    );
    const profile = withAddOns(singleUpstream(), addOns);
    await using gateway = await startTestGateway({
      profile,
      config: profile.config(),
      peerSecret,
    });
    const response = await chat(gateway);
    await response.body?.cancel();
    assert.equal(response.status, 200);
    await assertOnlyEnvoy(String(gateway.part.services.transform), [PROCESS], peerSecret);
    await assertUnwritten(gateway, peerSecret);
  } finally {
    await Deno.remove(file);
  }
});

/** Commands that would take whoever reaches them for Envoy. */
const OPEN: Readonly<Record<string, readonly string[]>> = {
  "the model router": ["router", "--host", "0.0.0.0", "--port", "0", "--static-hosts", "a:1"],
  "the transform processor": ["transform", "--host", "::", "--port", "0", "--config", "t.yaml"],
  "the Responses processor": ["responses", "--config", "grpc.yaml", "--data-dir", "data"],
  "the Responses gateway's HTTP server": [
    ...["responses", "--config", "http.yaml", "--data-dir", "data"],
  ],
};
const FILES: Readonly<Record<string, string>> = {
  "t.yaml": "version: 1\nsteps:\n  - redact: { detect: [email] }\n",
  "grpc.yaml": 'extproc: { host: "0.0.0.0", port: 0 }\nhttp: { port: 0 }\n',
  "http.yaml": 'extproc: { port: 0 }\nhttp: { host: "0.0.0.0", port: 0 }\n',
};

Deno.test("the tap hears its own Envoy, and nobody else", async () => {
  const peerSecret = makePeerSecret();
  const addOns = await addOnsOf({ tap: true }, { env: () => undefined, upstream: undefined });
  const profile = withAddOns(singleUpstream(), addOns);
  await using gateway = await startTestGateway({ profile, config: profile.config(), peerSecret });
  const response = await chat(gateway);
  await response.body?.cancel();
  assert.equal(response.status, 200);
  await assertOnlyEnvoy(String(gateway.part.services.tap), [PROCESS], peerSecret);
  await assertUnwritten(gateway, peerSecret);
});

Deno.test("a port that others reach is not opened without a secret, and with one it is", async () => {
  const cwd = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(FILES)) {
      await Deno.writeTextFile(join(cwd, name), text);
    }
    for (const [what, words] of Object.entries(OPEN)) {
      await using refused = startProgram(words, { cwd });
      const { code, stderr } = await refused.ended;
      assert.equal(code, 2, what);
      assert.ok(stderr.includes(`Cannot let ${what} listen on`), stderr);
      assert.match(stderr, /LLMGATE_PEER_SECRET/);
    }
    const short = startProgram(OPEN["the model router"] ?? [], {
      cwd,
      env: { LLMGATE_PEER_SECRET: "short" },
    });
    const { code, stderr } = await short.ended;
    assert.equal(code, 2);
    assert.match(stderr, /must have 32 to 256/);
    const secret = makePeerSecret();
    await Deno.writeTextFile(join(cwd, "secret"), `${secret}\n`, { mode: 0o600 });
    await using opened = startProgram(
      [...(OPEN["the transform processor"] ?? []).map((word) => word === "::" ? "0.0.0.0" : word)],
      { cwd, env: { LLMGATE_PEER_SECRET_FILE: join(cwd, "secret"), LLMGATE_HOME: cwd } },
    );
    const port = /:(\d+) /.exec(await opened.line())?.[1];
    await assertOnlyEnvoy(`127.0.0.1:${port}`, [PROCESS], secret);
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
});
