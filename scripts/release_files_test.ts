import assert from "node:assert/strict";
import { join } from "node:path";
import { cycloneDx } from "./build/sbom.ts";
import { checksums, homebrewFormula } from "./release_files.ts";

Deno.test("checksums() lists the binaries of a folder by name, and nothing else", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(folder, "llmgate-b"), "hello\n");
    await Deno.writeTextFile(join(folder, "llmgate-a"), "");
    await Deno.writeTextFile(join(folder, "SHA256SUMS"), "old");
    assert.deepEqual([...await checksums(folder)], [
      ["llmgate-a", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
      ["llmgate-b", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"],
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("homebrewFormula() names version and checksum of every platform, and leaves no field open", () => {
  const targets = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]
    .concat(["x86_64-apple-darwin", "aarch64-apple-darwin"]);
  const sums = new Map(targets.map((target, i) => [`llmgate-${target}`, `${i}`.repeat(64)]));
  const text = homebrewFormula("1.2.3", sums);
  assert.match(text, /download\/v1\.2\.3\/llmgate-aarch64-apple-darwin"\n\s+sha256 "3{64}"/);
  assert.doesNotMatch(text, /@[A-Z]/);
});

Deno.test("homebrewFormula() refuses a release that lacks a platform", () => {
  assert.throws(() => homebrewFormula("1.2.3", new Map()), /is missing/);
});

Deno.test("cycloneDx() lists each package once, with purl and the lock's checksum", () => {
  const bom = cycloneDx(
    {
      npmPackages: {
        "a": { name: "@grpc/grpc-js", version: "1.0.0" },
        "b": { name: "@grpc/grpc-js", version: "1.0.0" },
      },
    },
    { npm: { "@grpc/grpc-js@1.0.0": { integrity: "sha512-AAEC" } } },
    { version: "0.1.0", deno: "2.9.6", envoy: "1.40.0", timestamp: new Date(0) },
  ) as { components: { purl?: string; hashes?: unknown }[] };
  const npm = bom.components.filter((component) => component.purl !== undefined);
  assert.deepEqual(npm.map(({ purl, hashes }) => [purl, hashes]), [
    ["pkg:npm/%40grpc/grpc-js@1.0.0", [{ alg: "SHA-512", content: "000102" }]],
  ]);
});
