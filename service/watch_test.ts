import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { watchFile, watchFolder } from "./watch.ts";

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

Deno.test("watchFolder() sees what comes, changes and goes, of the names that it is to look for", async () => {
  const folder = await Deno.makeTempDir();
  try {
    let changed = Promise.withResolvers<void>();
    await using _watch = watchFolder(
      folder,
      () => changed.resolve(),
      (name) => name.endsWith(".yaml"),
    );
    const next = async (change: () => Promise<void>) => {
      await change();
      await changed.promise;
      changed = Promise.withResolvers<void>();
    };
    await Deno.writeTextFile(`${folder}/notes.txt`, "x");
    await next(() => Deno.writeTextFile(`${folder}/a.yaml`, "1"));
    await next(() => Deno.writeTextFile(`${folder}/a.yaml`, "2"));
    await next(() => Deno.remove(`${folder}/a.yaml`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a database beside a watched file keeps its lock, whatever is written there", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/limits.yaml`, "1");
    const path = `${folder}/limits.sqlite`;
    const own = new DatabaseSync(path);
    own.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; CREATE TABLE t (n)");
    let changed = Promise.withResolvers<void>();
    await using _file = watchFile(`${folder}/limits.yaml`, () => changed.resolve());
    await using _folder = watchFolder(folder, () => {}, (name) => name.endsWith(".yaml"));
    for (const content of ["2", "3"]) {
      own.exec("INSERT INTO t VALUES (1); PRAGMA wal_checkpoint(FULL)");
      await Deno.writeTextFile(`${folder}/limits.yaml`, content);
      await changed.promise;
      changed = Promise.withResolvers<void>();
    }
    // Another process is who a lock keeps out; within one, SQLite itself does.
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        'new (await import("node:sqlite")).DatabaseSync(Deno.args[0]).exec("INSERT INTO t VALUES (2)")',
        path,
      ],
    }).output();
    assert.match(new TextDecoder().decode(stderr), /database is locked/);
    assert.equal(code, 1);
    own.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  name: "watchFile() opens no pipe: nothing would run until somebody wrote into it",
  ignore: Deno.build.os === "windows",
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const made = await new Deno.Command("mkfifo", { args: [`${folder}/rules.yaml`] }).output();
      assert.equal(made.code, 0);
      await using _watch = watchFile(`${folder}/rules.yaml`, () => {});
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
