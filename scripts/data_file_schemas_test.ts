import assert from "node:assert/strict";
import { SCHEMAS, schemaText } from "./data_file_schemas.ts";

for (const [path, kind] of Object.entries(SCHEMAS)) {
  Deno.test(`${path} is the schema that such files are checked by`, async () => {
    const published = await Deno.readTextFile(new URL(`../${path}`, import.meta.url));
    assert.deepEqual(JSON.parse(published), JSON.parse(schemaText(kind)));
  });
}
