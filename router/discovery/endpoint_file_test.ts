import assert from "node:assert/strict";
import { UnavailableError } from "../../service/mod.ts";
import { parseHosts } from "../hosts.ts";
import { ASSIGNMENT_TYPE, assignmentOf } from "./assignment.ts";
import { EndpointFile } from "./endpoint_file.ts";

Deno.test("EndpointFile replaces the file, and leaves nothing beside it", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/endpoints.json`;
  const file = new EndpointFile(path, "backends", { settleMs: 0 });
  const read = async () => JSON.parse(await Deno.readTextFile(path));
  await file.publish(parseHosts("10.0.0.1:1"));
  assert.deepEqual(await read(), {
    version_info: "1",
    resources: [{
      "@type": ASSIGNMENT_TYPE,
      ...assignmentOf("backends", parseHosts("10.0.0.1:1")),
    }],
  });
  await file.publish([]);
  assert.deepEqual((await read()).resources[0].endpoints, [{ lb_endpoints: [] }]);
  assert.deepEqual((await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name), [
    "endpoints.json",
  ]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("EndpointFile names the file that it cannot write", async () => {
  const file = new EndpointFile("/nowhere/endpoints.json", "backends");
  await assert.rejects(
    file.publish([]),
    (error) =>
      error instanceof UnavailableError &&
      error.message.startsWith('Cannot write the endpoints to "/nowhere/endpoints.json": '),
  );
});
