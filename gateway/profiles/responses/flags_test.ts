/** Flags of the Responses gateway, and what the profile makes of them. */
import assert from "node:assert/strict";
import { RESPONSES } from "./kind.ts";

const SURROUNDINGS = { env: () => undefined, upstream: undefined };

async function fileOf(text: string): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  await Deno.writeTextFile(file, text);
  return file;
}

Deno.test("the file says which ports, flags win over it, and the mock stands in without a model server", async () => {
  const config = await fileOf(
    "http: { port: 9 }\nextproc: { port: 8 }\nengine: { model_endpoint: http://a.test/v1 }\n",
  );
  const read = await RESPONSES.bind({ config }, SURROUNDINGS);
  assert.deepEqual(read.ports, { responses: 9, extproc: 8 });
  assert.deepEqual(read.profile.ports.map(({ name }) => name), ["responses", "extproc"]);
  const moved = await RESPONSES.bind({ config, responsesPort: 0 }, SURROUNDINGS);
  assert.deepEqual(moved.ports, { responses: 0, extproc: 8 });
  const mock = await RESPONSES.bind({}, SURROUNDINGS);
  assert.deepEqual(mock.profile.ports.map(({ name }) => name), [
    "responses",
    "extproc",
    "upstream",
  ]);
  await Deno.remove(config);
});

Deno.test("a file that names no model server keeps the mock", async () => {
  const config = await fileOf("engine: { max_tool_rounds: 3 }\n");
  const names = async (flags: { modelEndpoint?: string }) =>
    (await RESPONSES.bind({ config, ...flags }, SURROUNDINGS)).profile.ports.map(({ name }) =>
      name
    );
  assert.ok((await names({})).includes("upstream"));
  assert.ok(!(await names({ modelEndpoint: "http://a.test/v1" })).includes("upstream"));
  await Deno.remove(config);
});

Deno.test("--connectors-allow needs no file, keeps the mock, and takes hosts alone", async () => {
  const bind = (...connectorsAllow: string[]) => RESPONSES.bind({ connectorsAllow }, SURROUNDINGS);
  const { profile, ports } = await bind("127.0.0.1", "10.0.0.0/8", "*.internal:8080");
  assert.ok(profile.ports.some(({ name }) => name === "upstream"));
  assert.deepEqual(ports, {});
  await assert.rejects(() => bind("http://127.0.0.1/mcp"), {
    name: "UsageError",
    message: /^Cannot use --connectors-allow: expected a host/,
  });
});
