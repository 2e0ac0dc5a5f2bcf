/** Tests of a store with prompts, connectors and files. */
import assert from "node:assert/strict";
import { aConnector, aFile, aPrompt, T0 } from "../objects.ts";
import { idsOf, NEWEST, type StoreTest } from "./harness.ts";

export const RESOURCE_TESTS: readonly StoreTest[] = [
  {
    name: "of two who add the same version of a prompt one succeeds",
    async run({ prompts }) {
      const prompt = aPrompt();
      await prompts.create("a", prompt);
      const added = await Promise.all(
        ["left", "right"].map((template) =>
          prompts.addVersion("a", { ...prompt, version: 2, template })
        ),
      );
      assert.deepEqual(added.toSorted(), [false, true]);
      assert.equal(await prompts.addVersion("a", { ...prompt, version: 4 }), false);
      assert.deepEqual((await prompts.versions("a", prompt.id)).map((one) => one.version), [1, 2]);
    },
  },
  {
    name: "exactly one version of a prompt is the default",
    async run({ prompts }) {
      const prompt = aPrompt();
      await prompts.create("a", prompt);
      await prompts.addVersion("a", { ...prompt, version: 2 });
      await prompts.addVersion("a", { ...prompt, version: 3, is_default: false });
      const defaults = async () =>
        (await prompts.versions("a", prompt.id)).map(({ is_default }) => is_default);
      assert.deepEqual(await defaults(), [false, true, false]);
      assert.equal(await prompts.setDefault("a", prompt.id, 4), false);
      assert.equal(await prompts.setDefault("a", prompt.id, 0), false);
      assert.equal(await prompts.setDefault("a", prompt.id, 3), true);
      assert.deepEqual(await defaults(), [false, false, true]);
      assert.equal((await prompts.get("a", prompt.id))?.version, 3);
      assert.equal((await prompts.get("a", prompt.id, 1))?.is_default, false);
      assert.equal(await prompts.get("a", prompt.id, 4), undefined);
      const { data } = await prompts.list("a", NEWEST);
      assert.deepEqual(data.map(({ version, is_default }) => [version, is_default]), [[3, true]]);
      assert.equal(await prompts.delete("a", prompt.id), true);
      assert.deepEqual(await prompts.versions("a", prompt.id), []);
      assert.equal(await prompts.get("a", prompt.id, 1), undefined);
    },
  },
  {
    name: "a connector that is put again is replaced, and each tenant has its own",
    async run({ connectors }) {
      const connector = aConnector({ connector_id: "search" });
      await connectors.put("a", connector);
      await connectors.put("a", aConnector());
      const again = { ...connector, url: "http://127.0.0.1:2/mcp" };
      await connectors.put("a", again);
      assert.equal(await connectors.get("b", "search"), undefined);
      await connectors.put("b", connector);
      assert.deepEqual(await connectors.get("a", "search"), again);
      assert.deepEqual(await connectors.get("b", "search"), connector);
      const { data } = await connectors.list("a", NEWEST);
      assert.deepEqual([data.length, data[0]?.connector_id], [2, "search"]);
      assert.equal(await connectors.delete("b", "search"), true);
      assert.equal(await connectors.delete("b", "search"), false);
      assert.deepEqual(await connectors.get("a", "search"), again);
    },
  },
  {
    name: "bytes that no file names are garbage: given up before, and deleted after",
    async run({ files }, clock) {
      const file = aFile();
      await files.reserve("one", clock.now + 60);
      await files.reserve("two", clock.now + 60);
      assert.equal(await files.create("a", { file, blob: "one" }), true);
      assert.deepEqual(await files.garbage(clock.now, 10), []);
      clock.now += 60;
      assert.deepEqual(await files.garbage(clock.now, 10), ["two"]);
      assert.equal(await files.create("a", { file: aFile(), blob: "two" }), false);
      assert.deepEqual(await files.get("a", file.id), { file, blob: "one" });
      assert.equal(await files.delete("b", file.id), false);
      assert.equal(await files.delete("a", file.id), true);
      assert.equal(await files.delete("a", file.id), false);
      await files.forget("two");
      assert.deepEqual(await files.garbage(clock.now, 10), ["one"]);
    },
  },
  {
    name: "files are listed by purpose and found when they expire",
    async run({ files }, clock) {
      const made = [
        aFile({ purpose: "batch", expires_at: T0 + 10 }),
        aFile({ expires_at: T0 + 20 }),
        aFile(),
      ];
      for (const [index, file] of made.entries()) {
        await files.reserve(`${index}`, clock.now + 60);
        await files.create("a", { file, blob: `${index}` });
      }
      assert.deepEqual(idsOf(await files.list("a", NEWEST, { purpose: "batch" })), [made[0]?.id]);
      assert.equal((await files.list("a", NEWEST)).data.length, 3);
      assert.deepEqual(await files.expired(T0 + 9, 10), []);
      assert.deepEqual(await files.expired(T0 + 20, 10), [
        { tenant: "a", entry: made[0] },
        { tenant: "a", entry: made[1] },
      ]);
    },
  },
];
