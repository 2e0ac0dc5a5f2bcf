/** Several gateways on one PostgreSQL and one bucket: any of them answers for all. */
import assert from "node:assert/strict";
import { OpenAI } from "../../openai/testing/sdk.ts";
import { findPostgres, startPostgres } from "../../responses/testing/postgres_server.ts";
import { startUpstream } from "../../upstream/mod.ts";
import { startMoto } from "../clients/moto.ts";
import { type Program, startProgram } from "../testing/program.ts";

const postgres = await findPostgres();
const skipped = "reason" in postgres ? ` (skipped: ${postgres.reason})` : "";

/** A process of the gateway, and a client of it. */
interface Replica {
  readonly program: Program;
  readonly client: OpenAI;
}

Deno.test({
  name: `two processes on one PostgreSQL and one bucket serve each other's objects${skipped}`,
  ignore: skipped !== "",
  async fn() {
    if ("reason" in postgres) throw new Error(postgres.reason);
    await using stack = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir({ prefix: "llmgate-replicas-" });
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    const database = stack.use(await startPostgres(postgres));
    const moto = stack.use(await startMoto());
    const upstream = stack.use(await startUpstream({ pace: "none", models: ["m"] }));
    await (await fetch(`${moto.url}/llmgate`, { method: "PUT" })).body?.cancel();
    const config = `${folder}/config.yaml`;
    await Deno.writeTextFile(
      config,
      `http: {port: 0}
extproc: {port: 0}
engine: {model_endpoint: "${upstream.url}/v1"}
store: {postgres_env: STORE_URL}
files: {s3: {bucket: llmgate, endpoint: "${moto.url}"}}
`,
    );
    const start = async (): Promise<Replica> => {
      const program = stack.use(
        startProgram(["responses", "--json", "--config", config, "--data-dir", folder], {
          env: {
            STORE_URL: database.url,
            AWS_ACCESS_KEY_ID: "test",
            AWS_SECRET_ACCESS_KEY: "test",
          },
        }),
      );
      const { http } = JSON.parse(await program.line());
      const client = new OpenAI({ baseURL: `${http}/v1`, apiKey: "unused", maxRetries: 0 });
      return { program, client };
    };
    const [left, right] = await Promise.all([start(), start()]);
    await objectsAreShared(left, right);
    await aDeadOneTakesNothingAlong(left, right);
  },
});

async function objectsAreShared(left: Replica, right: Replica): Promise<void> {
  const file = await left.client.files.create({
    file: new File(["shared"], "a.txt"),
    purpose: "assistants",
  });
  assert.equal(await (await right.client.files.content(file.id)).text(), "shared");
  const first = await left.client.responses.create({ model: "m", input: "Say one" });
  const second = await right.client.responses.create({
    model: "m",
    input: "Say two",
    previous_response_id: first.id,
  });
  assert.equal((await left.client.responses.retrieve(second.id)).status, "completed");
  await left.client.files.delete(file.id);
  await assert.rejects(right.client.files.retrieve(file.id), OpenAI.NotFoundError);
}

async function aDeadOneTakesNothingAlong(left: Replica, right: Replica): Promise<void> {
  const made = await left.client.conversations.create({ metadata: { from: "left" } });
  left.program.kill("SIGKILL");
  await left.program.ended;
  const read = await right.client.conversations.retrieve(made.id);
  assert.deepEqual(read.metadata, { from: "left" });
  const answer = await right.client.responses.create({
    model: "m",
    input: "Say three",
    conversation: made.id,
  });
  assert.equal(answer.status, "completed");
}
