/** Helpers of the journeys: a real Envoy, and a gateway on free ports. */
import {
  bundledConfig,
  type EnvoyConfigFile,
  findEnvoy,
  parseEnvoyConfig,
} from "../../envoy/mod.ts";
import {
  FREE_PORTS,
  type Gateway,
  type GatewayOptions,
  type Part,
  type Profile,
  type SinglePart,
  singleUpstream,
  startGateway,
} from "../../gateway/mod.ts";

/** The version beside the default that every journey of the contract is run on, too. */
export const OLDER_ENVOY = "1.36.4";

/** Where the runs of tests stand. */
export const RUN_PARENTS: readonly string[] = [
  `${Deno.env.get("TMPDIR") ?? "/tmp"}/llmgate-tests`,
];

const found = new Map<string | undefined, Promise<string>>();

/** Returns the path of a real Envoy, got once and kept in the user's cache. */
export function envoyPath(version?: string): Promise<string> {
  let path = found.get(version);
  if (path === undefined) {
    const env = (name: string) => Deno.env.get(name);
    const wanted = version === undefined ? {} : { version };
    path = findEnvoy({ env, ...wanted }).then((envoy) => envoy.path);
    found.set(version, path);
  }
  return path;
}

const patience = new Map<string, Promise<EnvoyConfigFile>>();

/**
 * A bundled configuration with time to connect and to decide: client, policy, router and model server of a journey are
 * one thread, which has much to do where bodies are large or the machine is busy, and 2 s are soon over then. The
 * conformance suite and `tests/envoy/` run the bundled files as they are.
 */
export async function patient(profile: string): Promise<EnvoyConfigFile> {
  let config = patience.get(profile);
  if (config === undefined) {
    const { text } = bundledConfig(profile);
    const changed = text.replaceAll("connect_timeout: 1s", "connect_timeout: 30s")
      .replaceAll(" timeout: 2s", " timeout: 60s")
      .replaceAll("message_timeout: 2s", "message_timeout: 60s");
    config = parseEnvoyConfig(changed, `patient/${profile}.yaml`);
    patience.set(profile, config);
  }
  return structuredClone(await config);
}

/** Options of `startTestGateway`; `profile` says which gateway, the base profile's when left out. */
export type TestGatewayOptions<P extends Part = SinglePart> = Partial<GatewayOptions<P>> & {
  readonly envoyVersion?: string;
};

/** Starts a gateway on free ports, its files among the temporary ones; without `config`, a {@linkcode patient} one. */
export async function startTestGateway<P extends Part>(
  options: TestGatewayOptions<P> & { readonly profile: Profile<P> },
): Promise<Gateway<P>>;
export async function startTestGateway(options?: TestGatewayOptions): Promise<Gateway<SinglePart>>;
export async function startTestGateway(
  { envoyVersion, ...options }: TestGatewayOptions<Part> = {},
): Promise<Gateway> {
  const profile = options.profile ?? singleUpstream();
  return await startGateway<Part>({
    ports: FREE_PORTS,
    config: await patient(profile.name),
    envoyPath: await envoyPath(envoyVersion),
    runParents: RUN_PARENTS,
    graceMs: 0,
    concurrency: 1,
    ...options,
    profile,
  });
}

/** Sends a chat request with the demo key. */
export function chat(
  gateway: Pick<Gateway, "url">,
  options: { key?: string; stream?: boolean; headers?: Record<string, string> } = {},
): Promise<Response> {
  const key = options.key ?? "demo-key";
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(key === "" ? {} : { "x-api-key": key }),
      ...options.headers,
    },
    body: JSON.stringify({
      model: "gpt-4o-mini",
      stream: options.stream ?? false,
      messages: [{ role: "user", content: "Hello" }],
    }),
  });
}
