/** The code of the .proto subsets is what protoc makes of them. */
import assert from "node:assert/strict";
import { generate, generated } from "../../scripts/protos.ts";

Deno.test("grpc/messages/protos/gen/ is what protoc makes of the subsets (deno task protos)", async () => {
  assert.deepEqual(await generated(), await generate());
});
