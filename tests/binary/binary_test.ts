/**
 * The binaries, used as on a machine that has nothing else: from an empty folder with a space in its name, without
 * Deno, Node, source or environment, and with only the few programs on PATH that the self-extracting kind names.
 *
 * The self-extracting kind is made by the test. The compiled kind needs a runtime that is downloaded: it is tested
 * where LLMGATE_COMPILER names a program to call in place of `deno compile`.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { OpenAI, type Wire } from "../../openai/testing/sdk.ts";
import { bundledConfig, DEFAULT_ENVOY_VERSION } from "../../envoy/mod.ts";
import { connectGrpc } from "../../grpc/mod.ts";
import { messageCodec } from "../../grpc/messages/mod.ts";
import { findPostgres, startPostgres } from "../../responses/testing/postgres_server.ts";
import { FREE_PORT_FLAGS, stillAccepts, untilGone } from "../testing/program.ts";
import { sha256 } from "../../scripts/build/self_extracting.ts";
import { hostTarget } from "../../scripts/build/targets.ts";
import { chat, envoyPath } from "../testing/stack.ts";
import { binary, compile, KINDS, type Machine, machine } from "./machine.ts";

const POSTGRES = await findPostgres();
const NO_POSTGRES = "reason" in POSTGRES ? ` (skipped: ${POSTGRES.reason})` : "";

/** A folder that not even root can make. */
const UNWRITABLE = Deno.build.os === "linux" ? "/proc/llmgate" : "/System/llmgate";

const DEV = ["dev", "--json", "--offline", ...FREE_PORT_FLAGS];

for (const kind of KINDS) {
  const test = (name: string, body: (machine: Machine) => Promise<void>, ignore = false) =>
    Deno.test({
      name: `${kind.name} binary: ${name}`,
      ignore,
      async fn() {
        await using empty = await machine(await binary(kind));
        await body(empty);
      },
    });

  test("version --json says kind, commit and versions; --help lists the commands", async (own) => {
    const { code, out } = await own.run(["version", "--json"]);
    assert.equal(code, 0);
    const facts = JSON.parse(out);
    assert.equal(facts.kind, kind.name);
    assert.match(facts.commit, /^[0-9a-f]{40}$/);
    assert.match(facts.lock_sha256, /^[0-9a-f]{64}$/);
    assert.equal(facts.envoy, DEFAULT_ENVOY_VERSION);
    assert.match((await own.run(["--help"])).out, /llmgate <command>/);
  });

  test("commands that keep no permission load the others before they give it up", async (own) => {
    for (const words of [["help", "--man"], ["help", "dev"], ["completions", "bash"]]) {
      const { code, out, err } = await own.run(words);
      assert.deepEqual([code, err], [0, ""], words.join(" "));
      assert.match(out, /dev/);
    }
  });

  if (kind.name === "compiled") {
    test("made twice from the same source, it is the same file", async (own) => {
      const again = await compile(join(own.folder, "again"), kind.flags);
      const [one, two] = await Promise.all([own.binary, again].map((path) => Deno.readFile(path)));
      assert.ok(one !== undefined && two !== undefined && Buffer.compare(one, two) === 0);
    });
  }

  test("install.sh puts it into place, verified, and it runs from there", async (own) => {
    const name = `llmgate-${hostTarget()?.triple}`;
    const bytes = await Deno.readFile(own.binary);
    const files = new Map<string, BodyInit>([
      ["/latest/download/SHA256SUMS", `${sha256(bytes)}  ${name}\n`],
      [`/latest/download/${name}`, bytes],
    ]);
    await using releases = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {} },
      (request) => new Response(files.get(new URL(request.url).pathname) ?? null),
    );
    const installer = fileURLToPath(import.meta.resolve("../../packaging/install.sh"));
    const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
      args: [installer],
      cwd: own.folder,
      clearEnv: true,
      env: {
        HOME: own.home,
        PATH: "/usr/bin:/bin",
        LLMGATE_RELEASES: `http://127.0.0.1:${releases.addr.port}`,
      },
    }).output();
    const decoder = new TextDecoder();
    assert.equal(code, 0, decoder.decode(stderr));
    assert.match(decoder.decode(stdout), /^installed .*\.local\/bin\/llmgate \(llmgate /);
  });

  test("without an Envoy, offline, dev lists what it tried and exits 3", async (own) => {
    const { code, err } = await own.run(DEV);
    assert.equal(code, 3);
    assert.match(err, /Three ways out/);
  });

  test("dev serves, streams and denies; SIGTERM leaves nothing behind", async (own) => {
    await own.fillCache();
    await using program = own.start(DEV);
    const ready = JSON.parse(await program.line());
    const streamed = await chat({ url: ready.ingress }, { stream: true });
    assert.match(await streamed.text(), /data: \[DONE\]\n\n$/);
    const denied = await chat({ url: ready.ingress }, { key: "wrong" });
    assert.equal(denied.status, 403);
    await denied.body?.cancel();
    program.kill("SIGTERM");
    assert.deepEqual(await program.ended, { code: 143, stderr: "" });
    await untilGone(ready.envoy.pid);
    assert.equal(await stillAccepts(ready.ingress, [ready.envoy.pid]), false);
  });

  test("SIGKILL of dev leaves no Envoy behind", async (own) => {
    await own.fillCache();
    await using program = own.start(DEV);
    const ready = JSON.parse(await program.line());
    program.kill("SIGKILL");
    await program.ended;
    await untilGone(ready.envoy.pid);
    assert.equal(await stillAccepts(ready.ingress, [ready.envoy.pid]), false);
  });

  test("two run side by side", async (own) => {
    await own.fillCache();
    await using one = own.start(DEV);
    await using two = own.start(DEV);
    const ready = (await Promise.all([one.line(), two.line()])).map((line) => JSON.parse(line));
    for (const { ingress } of ready) {
      const response = await chat({ url: ingress });
      assert.equal(response.status, 200);
      await response.body?.cancel();
    }
    assert.notEqual(ready[0].ingress, ready[1].ingress);
  });

  test("demo shows all three and exits 0", async (own) => {
    await own.fillCache();
    const { code, out, err } = await own.run(["demo", "--fresh", "--offline"]);
    assert.equal(code, 0, `${out}${err}`);
  });

  test("check judges its own stack and writes a report", async (own) => {
    await own.fillCache();
    const report = join(own.folder, "report.json");
    const { code, out, err } = await own.run(
      [
        ...["check", "--offline", "--report", report],
        ...["--case", "allow.*", "--case", "deny.*", "--case", "jwt.*", "--case", "http.h3"],
      ],
    );
    assert.equal(code, 0, `${out}${err}`);
    const { cases, summary } = JSON.parse(await Deno.readTextFile(report));
    // QUIC is behind a flag of Deno's: each kind of binary must have it.
    const http3 = cases.find(({ id }: { id: string }) => id === "http.h3");
    assert.equal(http3?.status, "pass", http3?.reason);
    assert.ok(summary.passed > 0);
    assert.equal(summary.failed, 0);
  });

  test("an adapter loads its provider: nobody answers there, which is 502", async (own) => {
    const words = ["adapter", "gemini", "--base-url", "http://127.0.0.1:1/v1beta", "--port", "0"];
    await using program = own.start([...words, "--json"]);
    const { adapter } = JSON.parse(await program.line());
    const response = await chat({ url: adapter });
    const { error } = await response.json();
    assert.deepEqual([response.status, error.code], [401, "missing_credentials"]);
    const asked = await fetch(`${adapter}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: "Bearer key" },
      body: '{"model":"m","messages":[{"role":"user","content":"Hi"}]}',
    });
    assert.deepEqual([asked.status, (await asked.json()).error.code], [
      502,
      "upstream_unavailable",
    ]);
  });

  test("an Envoy file of one's own is read: lint, envoy validate and check --envoy-config", async (own) => {
    await own.fillCache();
    const file = join(own.folder, "envoy.yaml");
    await Deno.writeTextFile(file, bundledConfig("base").text);
    const lint = await own.run(["lint", file]);
    assert.deepEqual([lint.code, lint.err], [0, ""], lint.out);
    assert.match(lint.out, /envoy\.yaml: 0 errors/);
    const valid = await own.run(["envoy", "validate", file, "--offline"]);
    assert.equal(valid.code, 0, `${valid.out}${valid.err}`);
    const check = await own.run(
      ["check", "--offline", "--envoy-config", file, "--case", "deny.no-credential"],
    );
    assert.equal(check.code, 0, `${check.out}${check.err}`);
    const typo = join(own.folder, "typo.yaml");
    await Deno.writeTextFile(
      typo,
      bundledConfig("base").text.replace("failure_mode_allow:", "failure_mode_alow:"),
    );
    const explained = await own.run(["envoy", "validate", typo, "--offline"]);
    assert.equal(explained.code, 1);
    assert.match(explained.out, /typo\.yaml:\d+:\d+: ExtAuthz has no field "failure_mode_alow"/);
    const broken = join(own.folder, "broken.yaml");
    await Deno.writeTextFile(broken, "static_resources: [\n");
    const refused = await own.run(["lint", broken]);
    assert.notEqual(refused.code, 0);
    assert.match(`${refused.out}${refused.err}`, /broken\.yaml/);
    assert.doesNotMatch(refused.err, /fault of llmgate/);
  });

  test("policy runs alone, and health and reflection answer", async (own) => {
    await using program = own.start(["policy", "--port", "0", "--json"]);
    const { policy } = JSON.parse(await program.line());
    assert.deepEqual(await healthAndServices(policy), {
      health: "SERVING",
      services: [
        "envoy.service.auth.v3.Authorization",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
      ],
    });
    program.kill("SIGINT");
    assert.deepEqual(await program.ended, { code: 130, stderr: "" });
  });

  test("policy runs on grpc-js, where the runtime's HTTP/2 carries it", async (own) => {
    const words = ["policy", "--port", "0", "--grpc-server", "grpc-js", "--json"];
    const { deno } = JSON.parse((await own.run(["version", "--json"])).out);
    if (deno.startsWith("2.6.")) {
      const { code, err } = await own.run(words);
      assert.equal(code, 3);
      assert.match(err, /Cannot serve gRPC with grpc-js on Deno 2\.6\./);
      return;
    }
    await using program = own.start(words);
    const { policy } = JSON.parse(await program.line());
    assert.equal((await healthAndServices(policy)).health, "SERVING");
    program.kill("SIGINT");
    assert.deepEqual(await program.ended, { code: 130, stderr: "" });
  });

  test("upstream runs alone and answers", async (own) => {
    await using program = own.start(["upstream", "--port", "0", "--json"]);
    const { upstream } = JSON.parse(await program.line());
    const response = await fetch(`${upstream}/v1/models`);
    assert.equal(response.status, 200);
    assert.ok((await response.json()).data.length > 0);
    program.kill("SIGINT");
    assert.deepEqual(await program.ended, { code: 130, stderr: "" });
  });

  test("upstream answers from several threads, where the runtime can share a port", async (own) => {
    const words = ["upstream", "--port", "0", "--threads", "2", "--json"];
    const { deno } = JSON.parse((await own.run(["version", "--json"])).out);
    if (deno.startsWith("2.6.")) {
      const { code, err } = await own.run(words);
      assert.equal(code, 3);
      assert.match(err, /Cannot share 127\.0\.0\.1:\d+ among threads/);
      return;
    }
    await using program = own.start(words);
    const { upstream, threads } = JSON.parse(await program.line());
    assert.equal(threads, 2);
    const response = await fetch(`${upstream}/v1/models`);
    assert.equal(response.status, 200);
    await response.body?.cancel();
    assert.equal(JSON.parse(await program.line()).status, 200);
    program.kill("SIGINT");
    assert.deepEqual(await program.ended, { code: 130, stderr: "" });
  });

  test("responses runs alone: a PDF is stored, read, indexed and found on threads of its own", async (own) => {
    const config = join(own.folder, "extproc-config.yaml");
    await Deno.writeTextFile(
      config,
      "extproc: {port: 0}\nhttp: {port: 0}\nsearch: {embedding_model: none}\n",
    );
    await using program = own.start(
      ["responses", "--config", config, "--data-dir", join(own.folder, "data"), "--json"],
    );
    const { http } = JSON.parse(await program.line());
    assert.deepEqual(await foundInPdf(http, "largest animal"), [
      "The blue whale is the largest animal.\n\nIt lives in every ocean.",
    ]);
    program.kill("SIGINT");
    assert.deepEqual(await program.ended, { code: 130, stderr: "" });
  });

  test(`responses runs on PostgreSQL${NO_POSTGRES}`, async (own) => {
    if ("reason" in POSTGRES) throw new Error(POSTGRES.reason);
    await using database = await startPostgres(POSTGRES);
    const config = join(own.folder, "extproc-config.yaml");
    await Deno.writeTextFile(
      config,
      `extproc: {port: 0}\nhttp: {port: 0}\nstore: {postgres: "${database.url}"}\n`,
    );
    await using program = own.start(
      ["responses", "--config", config, "--data-dir", join(own.folder, "data"), "--json"],
    );
    const { http } = JSON.parse(await program.line());
    const made = await fetch(`${http}/v1/conversations`, { method: "POST", body: "{}" });
    const { id } = await made.json();
    const read = await fetch(`${http}/v1/conversations/${id}`);
    assert.equal((await read.json()).id, id);
    program.kill("SIGINT");
    assert.deepEqual(await program.ended, { code: 130, stderr: "" });
  }, "reason" in POSTGRES);

  test("envoy fetch --offline finds the cache, and says so when it is empty", async (own) => {
    assert.equal((await own.run(["envoy", "fetch", "--offline"])).code, 3);
    await own.fillCache();
    const { code, out } = await own.run(["envoy", "fetch", "--offline"]);
    assert.equal(code, 0);
    assert.ok(out.startsWith(own.home), out);
  });

  test("a home that cannot be written: demo runs an Envoy that is named", async (own) => {
    const ended = await own.run(
      ["demo", "--fresh", "--offline", "--envoy-path", await envoyPath()],
      { HOME: UNWRITABLE, TMPDIR: own.folder },
    );
    assert.equal(ended.code, 0, `${ended.out}${ended.err}`);
  });

  test("nobody reads the output: the program ends quietly", async (own) => {
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      args: ["-c", '("$0" --help; echo "$?" >&2) | head -n 1', own.binary],
      env: own.env,
      clearEnv: true,
    }).output();
    assert.equal(code, 0);
    assert.match(new TextDecoder().decode(stdout), /^A real Envoy.*\n$/);
    assert.equal(new TextDecoder().decode(stderr), "0\n");
  });

  Deno.test(`${kind.name} binary with Envoy: demo runs without network or cache`, async () => {
    const envoy = ["--with-envoy", "--envoy-path", await envoyPath()];
    await using own = await machine(await binary(kind, envoy));
    const { embedded_envoy } = JSON.parse((await own.run(["version", "--json"])).out);
    assert.equal(embedded_envoy, DEFAULT_ENVOY_VERSION);
    const results = await Promise.all(
      [1, 2, 3].map(() => own.run(["demo", "--fresh", "--offline"])),
    );
    for (const { code, out, err } of results) assert.equal(code, 0, `${out}${err}`);
    const found = await own.run(["envoy", "path", "--json"]);
    assert.equal(JSON.parse(found.out).source, "cache");
  });
}

/** Uploads a PDF into a vector store, waits until it is indexed, and returns the texts that a search finds. */
async function foundInPdf(url: string, query: string): Promise<string[]> {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none" });
  const pdf = await Deno.readFile(new URL("../testdata/whale.pdf", import.meta.url));
  const store = await client.vectorStores.create({});
  const indexed = await client.vectorStores.files.uploadAndPoll(
    store.id,
    new File([pdf], "whale.pdf", { type: "application/pdf" }),
    { pollIntervalMs: 50 },
  );
  assert.deepEqual([indexed.status, indexed.last_error], ["completed", null]);
  const { data } = await client.vectorStores.search(store.id, { query });
  return data.flatMap(({ content }: Wire) => content.map(({ text }: Wire) => text));
}

/** Reads reflection and health of a gRPC server: both need descriptors that a binary must hold. */
async function healthAndServices(
  address: string,
): Promise<{ health: unknown; services: string[] }> {
  using client = connectGrpc({ address });
  const check = messageCodec("grpc.health.v1.HealthCheckResponse");
  const answer = await client.unary("/grpc.health.v1.Health/Check", new Uint8Array(0));
  const request = messageCodec("grpc.reflection.v1.ServerReflectionRequest");
  const response = messageCodec("grpc.reflection.v1.ServerReflectionResponse");
  const stream = client.bidi("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");
  stream.write(request.encode({ list_services: "" }));
  stream.end();
  const services: string[] = [];
  for await (const message of stream.messages) {
    const list = response.decode(message)["list_services_response"] as {
      service: { name: string }[];
    };
    services.push(...list.service.map(({ name }) => name));
  }
  return { health: check.decode(answer)["status"], services };
}
