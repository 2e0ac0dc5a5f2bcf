import assert from "node:assert/strict";
import { absentExports } from "./bundle.ts";

const FILES = {
  "main.js": `async function a() {
  const { one, two: other } = await import("./chunk/x.js");
  const { default: whole, parse } = await import("./chunk/commonjs.js");
}`,
  "chunk/x.js": `var two = 2;\nexport {\n  first as one,\n  two\n};\n`,
  "chunk/commonjs.js": `export default require_x();\n`,
};

Deno.test("a name that a late module does not export is found before a binary is made", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/chunk`);
    for (const [name, text] of Object.entries(FILES)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    assert.deepEqual(await absentExports(folder, Object.keys(FILES)), [
      "parse of chunk/commonjs.js (in main.js)",
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
