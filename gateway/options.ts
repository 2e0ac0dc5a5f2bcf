/** Options of a gateway, and the ports that every gateway has. */
import type { EnvoyConfigFile, TlsFiles } from "../envoy/mod.ts";
import type { Policy, PolicyOptions } from "../policy/mod.ts";
import { DEFAULT_PORTS, type Log, type RequestRecord } from "../service/mod.ts";
import type { ConsoleAbilities } from "./console_part.ts";
import type { Part, PartNames, Ports, PortSpec, Profile } from "./profile.ts";

/** Ports that every gateway has, whatever its profile. */
export const GATEWAY_PORTS: readonly PortSpec[] = [
  { name: "ingress", what: "the ingress", default: DEFAULT_PORTS.ingress, flag: "--port" },
  {
    name: "admin",
    what: "Envoy's admin interface",
    default: DEFAULT_PORTS.admin,
    flag: "--admin-port",
  },
  { name: "policy", what: "the policy stub", default: DEFAULT_PORTS.policy, flag: "--policy-port" },
  {
    name: "control",
    what: "the control listener",
    default: DEFAULT_PORTS.control,
    flag: "--control-port",
  },
];

/** Every port picked by the system: for checks and tests. */
export const FREE_PORTS: Ports = {};

/** Starts the policy stub, or an implementation of it that runs elsewhere. */
export type StartPolicy = (options: PolicyOptions) => Promise<Policy>;

/** A gateway to start. Whatever is left out is the bundled part. */
export interface GatewayOptions<P extends Part = Part> {
  /** The profile; policy in front of the mock upstream when left out. */
  readonly profile?: Profile<P>;
  /** Interface of the ingress; 127.0.0.1 when left out. Everything else stays on loopback. */
  readonly host?: string;
  readonly ports: Ports;
  /** Path of the Envoy executable. */
  readonly envoyPath: string;
  /** A configuration in place of the profile's. */
  readonly config?: EnvoyConfigFile;
  /** A configuration in place of the bundled one, into which the profile puts its settings. */
  readonly ownConfig?: EnvoyConfigFile;
  /** Whether routes, clusters, endpoints and filters can be changed while it runs. */
  readonly live?: boolean;
  /** Names of the parts in that configuration; the profile's names when left out. */
  readonly names?: PartNames;
  /** A foreign ext_authz engine in place of the stub. */
  readonly policy?: { readonly host: string; readonly port: number; readonly tls?: TlsFiles };
  /** How the stub is started; in this thread when left out. */
  readonly startPolicy?: StartPolicy;
  /** Rules of the stub; the bundled ones when left out. */
  readonly rulesFile?: string;
  /** The provider's key, that the stub sets in place of the client's credential. */
  readonly providerKey?: string;
  /** Folder of the mock's scenario files. */
  readonly scenarios?: string;
  /** Lets the stub obey scripts for nonces signed with it, for the suite. */
  readonly scriptSecret?: string;
  /** Secret by which Envoy proves itself to the parts behind it; a fresh one when left out. */
  readonly peerSecret?: string;
  /** Entries that each journal keeps; the suite needs more than a person. 1,000 when left out. */
  readonly journalLimit?: number;
  /** Sends no request of its own at the start: the configuration is somebody's, and may want other requests than ours. */
  readonly isCold?: boolean;
  /** The folder of the run, kept; a fresh one in `runParents` when left out. */
  readonly runDir?: string;
  readonly runParents: readonly string[];
  /** Called for each finished request, the gateway's own warm-up left out. */
  readonly onRequest?: (record: RequestRecord) => void;
  /** Things that the console can do beside showing. */
  readonly console?: ConsoleAbilities;
  readonly concurrency?: number;
  /** Milliseconds that running streams get at the end; 5,000 when left out. */
  readonly graceMs?: number;
  readonly log?: Log;
  readonly signal?: AbortSignal;
  /** Ends the grace at once when it aborts. */
  readonly forced?: AbortSignal;
}
