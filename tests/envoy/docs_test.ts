import assert from "node:assert/strict";
import {
  CHECK_CONFIGS,
  DEFAULT_ENVOY_VERSION,
  fetchableVersions,
  OLDEST_ENVOY,
  OVERLAY_TABLE,
} from "../../envoy/mod.ts";
import { TRUSTED_NAMES } from "../../lint/mod.ts";

const PAGE = await Deno.readTextFile(new URL("../../docs/envoy.md", import.meta.url));

/** Cells of the tables' first column. */
const CELLS = PAGE.split("\n").flatMap((line) => /^\| ([^|]*?) *\|/.exec(line)?.[1] ?? []);

Deno.test("docs/envoy.md lists every field that is set at launch, and no other", () => {
  const start = CELLS.indexOf("field");
  const fields = CELLS.slice(start + 1).filter((cell) => !/^-+$/.test(cell));
  assert.deepEqual(fields, [...new Set(OVERLAY_TABLE.map(({ what }) => what))]);
});

Deno.test("docs/envoy.md names the versions that there are", () => {
  const versions = CELLS.slice(0, CELLS.indexOf("field")).join(" ").match(/\d+\.\d+\.\d+/g) ?? [];
  assert.deepEqual(versions.toSorted(), fetchableVersions().toSorted());
  assert.ok(PAGE.includes(`| ${DEFAULT_ENVOY_VERSION} `));
  assert.ok(PAGE.includes(`older than ${OLDEST_ENVOY}`));
});

Deno.test("docs/envoy.md names every check-only configuration", () => {
  for (const name of Object.values(CHECK_CONFIGS)) {
    assert.ok(PAGE.includes(`\`${name.replace("check/", "")}\``), name);
  }
});

Deno.test("docs/envoy.md names every header that only policy may set", () => {
  for (const name of TRUSTED_NAMES) assert.ok(PAGE.includes(`\`${name}\``), name);
});
