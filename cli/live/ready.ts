/** The ready line of `dev`. */
import type { Gateway } from "../../gateway/mod.ts";

/** The fields of the ready line, in the contract's words. */
export interface ReadyFields {
  readonly ready: true;
  readonly profile: string;
  readonly ingress: string;
  /** The same over TLS, where the profile has it. */
  readonly ingress_tls?: string;
  readonly admin: string;
  /** HOST:PORT */
  readonly policy: string;
  readonly upstream: string;
  readonly control: string;
  /** The page of requests. */
  readonly console: string;
  /** Addresses of each further service, by its name; empty in the base profile. */
  readonly services: Readonly<Record<string, unknown>>;
  readonly run_dir: string;
  readonly envoy: {
    readonly version: string;
    readonly path: string;
    readonly config: string;
    readonly config_sha256: string;
    readonly launched_sha256: string;
    readonly pid: number;
  };
}

/** Returns what a running gateway says of itself when it is ready. */
export function readyFields(gateway: Gateway): ReadyFields {
  const { envoy } = gateway;
  return {
    ready: true,
    profile: gateway.profile,
    ingress: gateway.url,
    ...(gateway.tlsUrl === undefined ? {} : { ingress_tls: gateway.tlsUrl }),
    admin: envoy.admin.url,
    policy: gateway.policyAddress,
    upstream: gateway.part.upstreamUrl,
    control: gateway.control.url,
    console: `${gateway.control.url}/`,
    services: gateway.part.services,
    run_dir: gateway.runDir,
    envoy: {
      version: envoy.version,
      path: envoy.path,
      config: envoy.configName,
      config_sha256: envoy.configSha256,
      launched_sha256: envoy.launchedSha256,
      pid: envoy.pid,
    },
  };
}
