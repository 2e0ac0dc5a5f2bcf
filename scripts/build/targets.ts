/** A platform that a binary can be made for. */
export interface Target {
  /** As `deno compile --target` names it. */
  readonly triple: string;
  readonly os: "linux" | "darwin" | "windows";
  readonly arch: "x86_64" | "aarch64";
  /** Tag of the PyPI wheels of Deno for it; where a foreign self-extracting program's executable comes from. */
  readonly wheelTag: string;
}

/** The contract's platforms. */
export const TARGETS: readonly Target[] = [
  {
    triple: "x86_64-unknown-linux-gnu",
    os: "linux",
    arch: "x86_64",
    wheelTag: "manylinux_2_27_x86_64",
  },
  {
    triple: "aarch64-unknown-linux-gnu",
    os: "linux",
    arch: "aarch64",
    wheelTag: "manylinux_2_27_aarch64",
  },
  {
    triple: "x86_64-apple-darwin",
    os: "darwin",
    arch: "x86_64",
    wheelTag: "macosx_10_12_x86_64",
  },
  {
    triple: "aarch64-apple-darwin",
    os: "darwin",
    arch: "aarch64",
    wheelTag: "macosx_11_0_arm64",
  },
  {
    triple: "x86_64-pc-windows-msvc",
    os: "windows",
    arch: "x86_64",
    wheelTag: "win_amd64",
  },
];

/** The target of the machine we run on, or undefined when it is none of ours. */
export function hostTarget(): Target | undefined {
  return TARGETS.find((target) => target.os === Deno.build.os && target.arch === Deno.build.arch);
}
