/** The console of a gateway: loaded with the first request for it, so that no start pays for it. */
import type { ConfigShown, Console, ConsoleFacts, ConsoleOptions } from "../console/mod.ts";
import type { RunningEnvoy } from "../envoy/mod.ts";
import type { Policy } from "../policy/mod.ts";
import { loadModule } from "../service/mod.ts";
import type { Part } from "./profile.ts";
import type { RequestFeed } from "./requests.ts";

/** Things that a console can do where the command line lets it. */
export interface ConsoleAbilities extends Pick<ConsoleOptions, "isWritable" | "startCheck"> {
  /** Returns what is wrong with an Envoy configuration. */
  lint?(text: string, name: string): Promise<ConfigShown["findings"]>;
}

/** A console that is made when it is asked for. */
export interface ConsolePart extends AsyncDisposable {
  /** Returns the console; the first call makes it. */
  open(): Promise<Console>;
  /** Names the Envoy that runs; nothing is known of it before. */
  attach(envoy: RunningEnvoy, ingress: string): void;
}

/** Facts of an Envoy that is not up yet. */
const NO_ENVOY = { version: "", config: "", config_sha256: "", launched_sha256: "" };

/** Returns the console of a gateway. */
export function consolePart(
  watched: {
    readonly profile: string;
    readonly policy: Policy | undefined;
    readonly part: Part;
    readonly feed: RequestFeed;
  },
  abilities: ConsoleAbilities = {},
): ConsolePart {
  const { profile, policy, part, feed } = watched;
  let running: { envoy: RunningEnvoy; ingress: string } | undefined;
  let opened: Promise<Console> | undefined;
  const facts = (): ConsoleFacts => ({
    profile,
    ingress: running?.ingress ?? "",
    services: part.services,
    envoy: running === undefined ? NO_ENVOY : {
      version: running.envoy.version,
      config: running.envoy.configName,
      config_sha256: running.envoy.configSha256,
      launched_sha256: running.envoy.launchedSha256,
    },
  });
  const { lint, ...given } = abilities;
  const make = async () => {
    const { createConsole } = await loadModule<typeof import("../console/mod.ts")>(
      "console/mod.ts",
    );
    return createConsole({
      ...given,
      policy,
      mocks: part.mocks,
      ...part.shows,
      recent: () => feed.recent(),
      isOwn: (requestId) => feed.isOwn(requestId),
      onRequest: (listener) => feed.onRequest(listener),
      facts,
      hosts: async () => await running?.envoy.admin.hosts() ?? [],
      config: async () => {
        if (running === undefined) throw new TypeError("Cannot tell: Envoy is not up yet");
        return await configOf(running.envoy, lint);
      },
    });
  };
  return {
    open: () => opened ??= make(),
    attach: (envoy, ingress) => running = { envoy, ingress },
    async [Symbol.asyncDispose]() {
      await (await opened)?.[Symbol.asyncDispose]();
    },
  };
}

/** A value as text, without the key by which this gateway alone steers its Envoy. */
function shown(value: unknown): string {
  return JSON.stringify(value).replace(/key=[^"&]+/g, "key=[redacted]");
}

async function configOf(
  envoy: RunningEnvoy,
  lint: ConsoleAbilities["lint"],
): Promise<ConfigShown> {
  const { launched, configName: name } = envoy;
  return {
    name,
    text: envoy.configText,
    sha256: envoy.configSha256,
    launched_sha256: envoy.launchedSha256,
    overlay: launched.changes.map(({ what, path, from, to }) => ({
      what,
      path,
      before: from === undefined ? "" : shown(from),
      after: to === undefined ? "" : shown(to),
    })),
    findings: await lint?.(envoy.configText, name) ?? [],
  };
}
