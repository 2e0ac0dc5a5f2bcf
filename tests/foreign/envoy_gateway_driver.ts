/** Asks a running Envoy Gateway, with every part behind it in this program, and prints what came as JSON. */
import { startPolicy } from "../../policy/mod.ts";
import { silent } from "../../service/mod.ts";
import { startTransform } from "../../transform/mod.ts";

const GATEWAY = "http://127.0.0.1:8080/v1/chat/completions";
const STEPS = `version: 1
steps:
  - prompt: { system: { prepend: Be brief. } }
`;

const asked = { first: 0, second: 0 };

/** A model server: the first has no answer but for what the client did wrong. */
function modelServer(name: "first" | "second", port: number) {
  return Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, async (request) => {
    asked[name]++;
    const { model, messages } = await request.json();
    const [{ content: system = "" } = {}] = messages;
    const status = model === "wrong" ? 400 : name === "first" ? 503 : 200;
    return Response.json({ upstream: name, host: request.headers.get("host"), system }, { status });
  });
}

async function ask(model = "m", key = "demo-key") {
  const response = await fetch(GATEWAY, {
    method: "POST",
    headers: { "x-api-key": key, "content-type": "application/json" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "hello" }] }),
  });
  const text = await response.text();
  const { error, ...told } = text.startsWith("{") ? JSON.parse(text) : { error: { code: text } };
  return { status: response.status, ...(error ? { code: error.code } : told) };
}

const folder = await Deno.makeTempDir({ prefix: "llmgate-eg-driver-" });
await Deno.writeTextFile(`${folder}/transform.yaml`, STEPS);
await using policy = await startPolicy({ port: 9002 });
const transform = await startTransform({
  host: "127.0.0.1",
  port: 9005,
  file: `${folder}/transform.yaml`,
  storePath: `${folder}/transform.sqlite`,
  env: () => undefined,
  log: silent,
});
const servers = [modelServer("first", 9000), modelServer("second", 9001)];

const allowed = await ask();
const tries = { ...asked };
const before = asked.first;
const refused = await ask("m", "wrong-key");
const refusedByPolicy = { ...refused, asked: asked.first - before };
const { status, upstream } = await ask("wrong");
await transform[Symbol.asyncDispose]();
const processorDown = await ask();
await policy.close();
const policyDown = await ask();
const seen = {
  allowed,
  tries,
  refusedByPolicy,
  clientError: { status, upstream },
  processorDown,
  policyDown,
};
await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(seen)}\n`));
await Promise.all(servers.map((server) => server.shutdown()));
await Deno.remove(folder, { recursive: true });
