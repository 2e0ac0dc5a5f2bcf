/** Packs an Envoy executable into a binary. */
import type { BuildInfo } from "../../cli/mod.ts";
import { findEnvoy, type Platform } from "../../envoy/mod.ts";
import { pack, sha256 } from "./self_extracting.ts";
import type { Target } from "./targets.ts";

/** An Envoy executable, packed, and what the program must know of it. */
export interface PackedEnvoy {
  readonly gzip: Uint8Array;
  readonly info: NonNullable<BuildInfo["envoy"]>;
}

/**
 * Gets the Envoy that a target's binary carries, verified as `llmgate envoy fetch` verifies it, and packs it.
 *
 * @throws {Error} for Windows, which Envoy is not built for
 */
export async function envoyToEmbed(
  target: Target,
  options: { path?: string },
): Promise<PackedEnvoy> {
  const { path, version } = await findEnvoy({
    ...(options.path === undefined ? {} : { path: options.path }),
    fetchOnly: true,
    platform: platformOf(target),
    env: (name) => Deno.env.get(name),
  });
  const executable = await Deno.readFile(path);
  const gzip = await pack(executable);
  return { gzip, info: { version, sha256: sha256(executable), gzip_bytes: gzip.length } };
}

function platformOf({ os, arch }: Target): Platform {
  if (os === "windows") throw new Error("Cannot carry Envoy on Windows: it is not built for it");
  return `${os}/${arch === "x86_64" ? "amd64" : "arm64"}`;
}
