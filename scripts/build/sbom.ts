/** Writes the list of the parts of a build (CycloneDX). */
import type { ModuleGraph } from "./graph.ts";

/** The npm part of deno.lock. */
export interface LockFile {
  readonly npm?: Readonly<Record<string, { readonly integrity?: string }>>;
}

/** Subject of the list. */
export interface Subject {
  readonly version: string;
  /** Versions of what a binary holds beside the program. */
  readonly deno: string;
  readonly envoy: string;
  /** Seconds since 1970; the commit's, so that the same commit makes the same list. */
  readonly timestamp: Date;
}

/**
 * The software bill of materials, in the CycloneDX 1.6 JSON format (https://cyclonedx.org/docs/1.6/json/): the packages
 * that the program imports (not those of its tests), with the checksums of the lock file.
 */
export function cycloneDx(
  graph: Pick<ModuleGraph, "npmPackages">,
  lock: LockFile,
  subject: Subject,
): object {
  const packages = new Map(
    Object.values(graph.npmPackages).map((
      { name, version },
    ) => [`${name}@${version}`, { name, version }]),
  );
  const npm = [...packages].sort(([a], [b]) => a < b ? -1 : 1).map(([id, { name, version }]) => ({
    type: "library",
    "bom-ref": purl(name, version),
    name,
    version,
    purl: purl(name, version),
    ...hashes(lock.npm?.[id]?.integrity),
  }));
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      timestamp: subject.timestamp.toISOString(),
      component: {
        type: "application",
        "bom-ref": "llmgate",
        name: "llmgate",
        version: subject.version,
        licenses: [{ license: { id: "Apache-2.0" } }],
      },
    },
    components: [
      { type: "platform", "bom-ref": "deno", name: "deno", version: subject.deno },
      {
        type: "application",
        "bom-ref": "envoy",
        name: "envoy",
        version: subject.envoy,
        scope: "optional",
      },
      ...npm,
    ],
    dependencies: [{ ref: "llmgate", dependsOn: ["deno", ...npm.map((one) => one["bom-ref"])] }],
  };
}

/** https://github.com/package-url/purl-spec: the scope's at sign is percent-encoded. */
function purl(name: string, version: string): string {
  return `pkg:npm/${name.replace(/^@/, "%40")}@${version}`;
}

function hashes(integrity: string | undefined) {
  const [, digest] = /^sha512-(.+)$/.exec(integrity ?? "") ?? [];
  if (digest === undefined) return {};
  return { hashes: [{ alg: "SHA-512", content: Uint8Array.fromBase64(digest).toHex() }] };
}
