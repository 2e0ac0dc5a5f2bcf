import assert from "node:assert/strict";
import { watchFile } from "./watch.ts";

Deno.test("watchFile() sees a write and a replacement by rename, and no other file", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/rules.yaml`, "1");
    let changed = Promise.withResolvers<void>();
    let count = 0;
    await using _watch = watchFile(`${folder}/rules.yaml`, () => {
      count++;
      changed.resolve();
    });
    await Deno.writeTextFile(`${folder}/other.yaml`, "x");
    await Deno.writeTextFile(`${folder}/rules.yaml`, "2");
    await changed.promise;
    assert.equal(count, 1);
    changed = Promise.withResolvers<void>();
    await Deno.writeTextFile(`${folder}/rules.yaml.new`, "3");
    await Deno.rename(`${folder}/rules.yaml.new`, `${folder}/rules.yaml`);
    await changed.promise;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("watchFile() sees a ConfigMap change, which replaces a link on the way to the file", async () => {
  const folder = await Deno.makeTempDir();
  const publish = async (version: string) => {
    await Deno.mkdir(`${folder}/..${version}`);
    await Deno.writeTextFile(`${folder}/..${version}/routes.json`, version);
    await Deno.symlink(`..${version}`, `${folder}/..data_tmp`);
    await Deno.rename(`${folder}/..data_tmp`, `${folder}/..data`);
  };
  try {
    await publish("1");
    await Deno.symlink("..data/routes.json", `${folder}/routes.json`);
    const changed = Promise.withResolvers<void>();
    await using _watch = watchFile(`${folder}/routes.json`, () => changed.resolve());
    await publish("2");
    await changed.promise;
    assert.equal(await Deno.readTextFile(`${folder}/routes.json`), "2");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
